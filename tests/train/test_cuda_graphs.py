"""A network behind CUDA graphs trains as it does without them."""

import pytest
import torch

from bench.models import MODELS
from bench.registry import load
from bench.train import Arithmetic, Precision, Training

SIZES = (32, 32, 32, 7)  # an epoch's last batch has a shape of its own
EPOCHS = 2


def losses(name: str, *, precision: Precision, cuda_graphs: bool) -> tuple[list[float], float]:
    torch.manual_seed(0)
    model = load(MODELS[name].target)().to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    training = Training(model, optimizer, None, Arithmetic(precision, cuda_graphs=cuda_graphs))
    batches = [
        (torch.randn(n, 1, 28, 28).to("cuda"), torch.randint(10, (n,)).to("cuda")) for n in SIZES
    ]
    trained = [training.step(*batch).item() for _ in range(EPOCHS) for batch in batches]
    tested = training.evaluator()(*batches[0])[1].item()
    return trained, tested


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["convnet", "cnn_bn"])
def test_losses_are_those_without_graphs(name: str, precision: Precision) -> None:
    plain, plain_test = losses(name, precision=precision, cuda_graphs=False)
    graphed, graphed_test = losses(name, precision=precision, cuda_graphs=True)
    tolerance = 1e-4 if precision == "fp32" else 2e-2
    assert graphed == pytest.approx(plain, rel=tolerance)
    assert graphed_test == pytest.approx(plain_test, rel=tolerance)
    assert len(set(graphed)) == len(graphed)  # each step's own loss, not the first one's again
