"""Metrics of classification, each a fraction: 1 is best."""

import torch
from torch import Tensor

from bench.errors import BenchError

TOP = 5


def top_5(output: Tensor, labels: Tensor) -> float:
    """Return the share of images whose label is among the five classes with the largest output.

    Raises BenchError for five classes or fewer, of which it would be 1.
    """
    classes = output.shape[1]
    if classes <= TOP:
        raise BenchError(f"needs more than five classes, these data have {classes}")
    largest = output.topk(TOP, dim=1).indices
    return float((largest == labels[:, None]).any(dim=1).double().mean())


def balanced_accuracy(output: Tensor, labels: Tensor) -> float:
    """Return the mean recall of the classes that occur among the labels.

    Source: Brodersen et al. (2010), The balanced accuracy and its posterior distribution, ICPR.
    """
    counts = _confusions(output, labels)
    of_class = counts.sum(dim=1)
    return float((counts.diagonal() / of_class)[of_class > 0].mean())


def macro_f1(output: Tensor, labels: Tensor) -> float:
    """Return the mean F1 score of the classes that occur among labels or predictions.

    Source: Opitz and Burst (2019), Macro F1 and Macro F1, arXiv:1911.03347, "averaged F1".
    """
    counts = _confusions(output, labels)
    labelled_or_predicted = counts.sum(dim=0) + counts.sum(dim=1)
    scores = 2 * counts.diagonal() / labelled_or_predicted
    return float(scores[labelled_or_predicted > 0].mean())


def _confusions(output: Tensor, labels: Tensor) -> Tensor:
    """Return the number of images by label (rows) and predicted class (columns)."""
    classes = output.shape[1]
    pairs = labels * classes + output.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).double()
