"""Mixed images have mixed labels, in the same shares, and shares have the papers' distribution."""

import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from bench.data import AUGMENTATIONS
from bench.data.label_mixing import beta
from bench.registry import load

CPU = torch.device("cpu")


def numbered(name: str, seed: int, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Mix ten images, each of which has its label as every pixel's value."""
    labels = torch.arange(10)
    images = labels.float().reshape(10, 1, 1, 1).expand(10, 3, 28, 20)
    generator = torch.Generator().manual_seed(seed)
    mixed: tuple[Tensor, Tensor] = load(AUGMENTATIONS[name].target)(
        images, labels, generator, 10, alpha=alpha
    )
    return mixed


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_the_mean_of_an_image_is_the_mean_of_its_labels(name: str) -> None:
    for seed in range(20):
        images, targets = numbered(name, seed)
        assert images.shape == (10, 3, 28, 20)
        torch.testing.assert_close(targets.sum(1), torch.ones(10))
        expected = targets @ torch.arange(10.0)
        torch.testing.assert_close(images.mean((1, 2, 3)), expected, atol=1e-4, rtol=1e-4)


def test_mixup_mixes_all_pixels_of_a_batch_in_one_share() -> None:
    images, targets = numbered("mixup", seed=3)
    assert torch.equal(images, images[:, :1, :1, :1].expand_as(images))
    shares = {round(share, 4) for share in targets[targets > 0].tolist()}
    assert len(shares - {1.0}) == 2  # an image may be mixed with itself
    assert sum(shares - {1.0}) == pytest.approx(1, abs=1e-3)


def test_cutmix_replaces_one_box_of_the_images_proportions() -> None:
    heights, widths = [], []
    for seed in range(200):
        images, targets = numbered("cutmix", seed)
        i = int((targets.max(1).values < 1).long().argmax())
        box = images[i, 0] != i
        if not box.any() or targets[i, i] == 1:
            continue
        rows, columns = box.any(1), box.any(0)
        assert torch.equal(box, rows[:, None] & columns)  # one box
        assert torch.equal(images[i, 0], images[i, 2])
        heights.append(int(rows.sum()))
        widths.append(int(columns.sum()))
    assert max(heights) > 20 and max(widths) > 14
    assert sum(heights) / sum(widths) == pytest.approx(28 / 20, rel=0.1)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_shares_have_the_beta_distribution(alpha: float) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = [beta(alpha, generator, CPU).item() for _ in range(3000)]
    assert scipy.stats.kstest(draws, scipy.stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    spread = math.sqrt(1 / (4 * (2 * alpha + 1)))
    assert scipy.stats.tstd(draws) == pytest.approx(spread, rel=0.05)


def test_the_smallest_alpha_gives_shares_of_all_or_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = {round(beta(1e-6, generator, CPU).item(), 3) for _ in range(20)}
    assert draws == {0.0, 1.0}
