"""Which test images two cells classify differently, and what that says beyond these images.

Seeds and test images are two sources of variance. The interval over seeds says what other trainings
of the same networks would reach on this test set; that over images, what these trained networks
would reach on other images of the same kind. Source: Bouthillier et al. (2021), Accounting for
variance in machine learning benchmarks, arXiv:2103.03098.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bench.misclassified import unpack_misclassified
from bench.stats.estimates import CONFIDENCE, Estimate

MOST = 0.5  # of the seeds: an image that more of them misclassify is one that the cell gets wrong


@dataclass(frozen=True)
class ImageComparison:
    """How the test images of one cell compare with those of another, on average over its seeds.

    `difference` is in mean accuracy, after − before, with its 95% interval over the test images.
    `only_before` and `only_after` count the images that most seeds of one cell alone misclassify.
    `confusions` has a row for each pair of label and predicted class, with the number of images
    that a seed confuses on average, before and after.
    """

    cell_id: str
    images: int
    difference: Estimate
    only_before: int
    only_after: int
    confusions: pd.DataFrame

    def classes(self) -> pd.DataFrame:
        """Return by label how many of its images a seed misclassifies, before and after."""
        return self.confusions.groupby("label")[["before", "after"]].sum()


def misclassified_images(misclassified: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each image that a trial got wrong, from the rows of misclassified.csv.

    Columns: cell_id, seed, image (index in the test set), label, predicted.
    """
    rows = [
        (cell_id, seed, *image)
        for cell_id, seed, wrong in zip(
            misclassified["cell_id"], misclassified["seed"], misclassified["wrong"], strict=True
        )
        for image in unpack_misclassified(str(wrong))
    ]
    return pd.DataFrame(rows, columns=["cell_id", "seed", "image", "label", "predicted"])


def compare_images(before: pd.DataFrame, after: pd.DataFrame) -> ImageComparison | None:
    """Compare two cells by their rows of misclassified.csv, with the seeds that both have, if any.

    None where one has no trial, or they were not evaluated on the same number of images.
    """
    common = set(before["seed"]) & set(after["seed"])
    sides = [side[side["seed"].isin(common)] if common else side for side in (before, after)]
    sizes = {int(n) for side in sides for n in side["test_images"]}
    if any(side.empty for side in sides) or len(sizes) != 1:
        return None
    (images,) = sizes
    seeds = [side["seed"].nunique() for side in sides]
    wrong = [misclassified_images(side) for side in sides]
    rates = [
        np.bincount(rows["image"], minlength=images) / n
        for rows, n in zip(wrong, seeds, strict=True)
    ]
    gained = rates[0] - rates[1]  # in accuracy, by image
    half = float(ndtri((1 + CONFIDENCE) / 2) * gained.std(ddof=1) / images**0.5)
    value = float(gained.mean())
    only_before, only_after = (
        int(np.count_nonzero((one > MOST) & (other <= MOST))) for one, other in (rates, rates[::-1])
    )
    pairs = [rows.groupby(["label", "predicted"]).size() for rows in wrong]
    confusions = [counts / n for counts, n in zip(pairs, seeds, strict=True)]
    table = pd.concat(confusions, axis=1, keys=["before", "after"]).fillna(0.0)
    return ImageComparison(
        cell_id=str(after["cell_id"].iloc[0]),
        images=images,
        difference=Estimate(value, value - half, value + half, images),
        only_before=only_before,
        only_after=only_after,
        confusions=table.reset_index(),
    )
