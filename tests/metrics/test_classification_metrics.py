"""The built-in metrics, against those of scikit-learn."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from bench.errors import BenchError
from bench.metrics import METRICS
from bench.registry import load

CLASSES = 8


def drawn(
    seed: int, images: int = 200, labelled: int = CLASSES
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outputs that are often right, and labels of the first `labelled` classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(labelled, (images,), generator=generator)
    output = torch.randn(images, CLASSES, generator=generator)
    return output + torch.nn.functional.one_hot(labels, CLASSES), labels


def by_scikit_learn(name: str, output: torch.Tensor, labels: torch.Tensor) -> float:
    scores, true = output.numpy(), labels.numpy()
    predicted = scores.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of predicted classes that no label has
        match name:
            case "top_5":
                return float(top_k_accuracy_score(true, scores, k=5, labels=np.arange(CLASSES)))
            case "balanced_accuracy":
                return float(balanced_accuracy_score(true, predicted))
            case "macro_f1":
                return float(f1_score(true, predicted, average="macro"))
    raise AssertionError(f"{name} has no counterpart")


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("labelled", [CLASSES, 5, 1])
@pytest.mark.parametrize("seed", range(3))
def test_a_metric_is_that_of_scikit_learn(name: str, labelled: int, seed: int) -> None:
    metric: Callable[..., float] = load(METRICS[name].target)
    output, labels = drawn(seed, labelled=labelled)
    assert metric(output, labels) == pytest.approx(by_scikit_learn(name, output, labels))


@pytest.mark.parametrize("name", METRICS)
def test_a_flawless_network_has_one(name: str) -> None:
    labels = torch.arange(CLASSES).repeat(3)
    assert load(METRICS[name].target)(torch.eye(CLASSES)[labels], labels) == 1.0


def test_the_five_best_of_five_classes_are_no_metric() -> None:
    with pytest.raises(BenchError, match="needs more than five classes, these data have 5"):
        load(METRICS["top_5"].target)(torch.eye(5), torch.arange(5))
