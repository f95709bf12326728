"""Training and evaluation on a network small enough to compute by hand."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import DivergedError
from bench.models import MODELS
from bench.registry import load
from bench.train import Arithmetic, Precision, StepLog, Training, evaluate, train_epoch


class Ticking:
    """A clock that moves by one second whenever it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def now_s(self) -> float:
        self.reads += 1
        return float(self.reads)


def batches(n: int, size: int = 8) -> Iterator[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(0)
    for _ in range(n):
        yield (
            torch.rand(size, 1, 28, 28, generator=draw),
            torch.randint(0, 10, (size,), generator=draw),
        )


def training(lr: float = 0.1) -> Training:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    return Training(model, torch.optim.SGD(model.parameters(), lr=lr), None)


def test_an_epoch_reports_the_mean_loss_over_images_and_its_own_clock() -> None:
    ours, theirs = training(), training()
    result = train_epoch(ours, batches(5), Ticking())
    losses = [theirs.step(*batch).item() for batch in batches(5)]
    assert result.train_loss == pytest.approx(sum(losses) / 5, rel=1e-6)
    assert result.images == 40
    assert result.train_s == 1.0  # two reads of the clock, one second apart


def test_the_log_is_called_every_thirty_steps() -> None:
    seen: list[StepLog] = []
    train_epoch(training(), batches(65), Ticking(), seen.append)
    assert [log.step for log in seen] == [30, 60]


def test_a_loss_that_is_not_finite_ends_the_epoch_as_diverged() -> None:
    with pytest.raises(DivergedError, match="loss became"):
        train_epoch(training(lr=1e38), batches(30), Ticking())


def test_an_epoch_without_batches_is_an_error() -> None:
    with pytest.raises(ValueError, match="without batches"):
        train_epoch(training(), iter(()), Ticking())


def test_evaluation_counts_and_averages_over_images_of_uneven_batches() -> None:
    ours = training()
    data = [*batches(2, 8), *batches(1, 3)]
    result = evaluate(ours, data, Ticking())
    images = torch.cat([b for b, _ in data])
    labels = torch.cat([t for _, t in data])
    with torch.no_grad():
        output = ours.model(images)
    assert result.images == 19
    assert result.correct == int((output.argmax(1) == labels).sum())
    assert result.loss == pytest.approx(F.cross_entropy(output, labels).item(), rel=1e-5)
    assert result.accuracy == result.correct / 19


def test_evaluation_leaves_the_network_as_it_was() -> None:
    ours = training()
    before = [p.clone() for p in ours.model.parameters()]
    evaluate(ours, batches(3), Ticking())
    assert all(torch.equal(a, b) for a, b in zip(before, ours.model.parameters(), strict=True))
    assert all(p.grad is None for p in ours.model.parameters())


def test_a_network_brings_its_own_loss() -> None:
    ours = training()
    ours.model.loss = lambda output, target: output.sum() * 0 + 7.0  # type: ignore[assignment]
    brought = Training(ours.model, ours.optimizer, None)
    assert train_epoch(brought, batches(2), Ticking()).train_loss == pytest.approx(7.0)


def test_bf16_runs_the_network_under_autocast() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    half = Training(model, optimizer, None, Arithmetic("bf16"))
    images, labels = next(batches(1))
    output, loss = half.evaluator()(images, labels)
    assert (output.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
    assert half.step(images, labels).isfinite()
    assert next(model.parameters()).dtype == torch.float32


def test_channels_last_reaches_the_network() -> None:
    seen: list[bool] = []

    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.is_contiguous(memory_format=torch.channels_last))
            output: Tensor = self.linear(x.reshape(len(x), -1))
            return output

    model = Looking()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    arithmetic = Arithmetic(memory_format=torch.channels_last)
    Training(model, optimizer, None, arithmetic).step(*next(batches(1)))
    assert seen == [True]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_label_smoothing_trains_by_smoothed_and_evaluates_by_plain_cross_entropy(
    name: str, precision: Precision
) -> None:
    torch.manual_seed(0)
    model = load(MODELS[name].target)()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    arithmetic = Arithmetic(precision)
    smoothed = Training(model, optimizer, None, arithmetic, label_smoothing=0.1)
    images, labels = torch.randn(4, 1, 28, 28), torch.tensor([1, 2, 3, 4])
    evaluated = smoothed.evaluator()
    plain = evaluated(images, labels)[1]
    tolerance = 1e-5 if precision == "fp32" else 2e-3
    even = sum(evaluated(images, torch.full((4,), digit))[1].item() for digit in range(10)) / 10
    expected = 0.9 * plain.item() + 0.1 * even
    assert smoothed.loss(images, labels).item() == pytest.approx(expected, rel=tolerance)
    assert expected != pytest.approx(plain.item(), rel=1e-5)


def test_gradients_are_scaled_down_to_the_norm_that_a_study_gives() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    weights = [p.detach().clone() for p in model.parameters()]
    clipped = Training(model, torch.optim.SGD(model.parameters(), lr=1.0), None, clip_norm=0.01)
    clipped.step(*next(batches(1)))
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights, model.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_shorter_gradients_stay_as_they_are() -> None:
    results = []
    for clip_norm in (None, 1e6):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        ours = Training(
            model, torch.optim.SGD(model.parameters(), lr=0.1), None, clip_norm=clip_norm
        )
        ours.step(torch.ones(2, 1, 28, 28), torch.tensor([1, 2]))
        results.append(model[1].weight.detach().clone())
    assert torch.equal(*results)
