"""Layer C3 of the 1998 network connects what the paper's Table I connects, and only that."""

import pytest
import torch

from bench.models.lenet5_1998 import TABLE_I, LeNet51998, TableConv2d

# Table I read down its columns: which maps of S2 feed each of the sixteen maps of C3.
COLUMNS = [
    *({0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {4, 5, 0}, {5, 0, 1}),
    *({0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 0}, {4, 5, 0, 1}, {5, 0, 1, 2}),
    *({0, 1, 3, 4}, {1, 2, 4, 5}, {0, 2, 3, 5}),
    {0, 1, 2, 3, 4, 5},
]


def test_the_table_is_the_paper_s() -> None:
    drawn = [{i for i, row in enumerate(TABLE_I) if row[o] == "X"} for o in range(16)]
    assert drawn == COLUMNS


@pytest.mark.parametrize("source", range(6))
def test_a_map_reaches_only_the_maps_that_the_table_connects_it_to(source: int) -> None:
    torch.manual_seed(0)
    c3 = LeNet51998().c3
    quiet = torch.zeros(1, 6, 14, 14)
    loud = quiet.clone()
    loud[0, source] = torch.randn(14, 14)
    reached = (c3(loud) != c3(quiet)).flatten(2).any(2)[0]
    assert reached.tolist() == [source in column for column in COLUMNS]


def test_every_connection_has_a_kernel_of_its_own_and_is_trained() -> None:
    torch.manual_seed(0)
    c3 = LeNet51998().c3
    c3(torch.randn(2, 6, 14, 14)).square().sum().backward()
    assert c3.weight.shape == (60, 5, 5)
    assert c3.weight.grad is not None
    assert (c3.weight.grad.abs().flatten(1).sum(1) > 0).all()


def test_the_convolution_sums_the_connected_maps() -> None:
    layer = TableConv2d(["X.", "XX"], kernel=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([10.0, 100.0, 1000.0]).view(3, 1, 1))
        layer.bias.copy_(torch.tensor([0.5, 0.25]))
    output = layer(torch.tensor([2.0, 3.0]).view(1, 2, 1, 1))
    assert output.flatten().tolist() == [2 * 10 + 3 * 100 + 0.5, 3 * 1000 + 0.25]
