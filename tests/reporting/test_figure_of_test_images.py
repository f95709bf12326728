"""The figure of test images shows the pixels that the results folder holds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.analysis.results import Results
from bench.misclassified import Wrong, pack_misclassified
from bench.reporting.figures.test_images import pictured_images

Tables = Callable[[str], Results]


@pytest.fixture
def results(tables_of: Tables) -> Results:
    """Return a study whose first cell gets image 3 wrong, its second image 9 as well."""
    made_up = tables_of("timing-off")
    cells = list(made_up.summary["cell_id"][:2])
    wrong: dict[str, list[Wrong]] = {cells[0]: [(3, 4, 9)], cells[1]: [(3, 4, 9), (9, 1, 7)]}
    rows = [
        {
            "cell_id": cell_id,
            "dataset": "mnist",
            "seed": seed,
            "test_images": 20,
            "wrong": pack_misclassified(images),
        }
        for cell_id, images in wrong.items()
        for seed in range(3)
    ]
    pictures = {3: np.full((28, 28), 30, np.uint8), 9: np.full((28, 28), 90, np.uint8)}
    return replace(made_up, misclassified=pd.DataFrame(rows), pictures=pictures)


def test_every_image_has_its_pixels_and_shares(results: Results) -> None:
    [chart] = pictured_images(results)
    texts = [text.get_text() for text in chart.figure.texts]
    shown = [axes.images[0].get_array() for axes in chart.figure.axes]
    assert [int(pixels.mean()) for pixels in shown if pixels is not None] == [30, 90, 90]
    assert texts[-2:] == [
        f"{texts[-2].partition(':')[0]}: wrong where the baseline cell is right",
        "1 as 7\n0% → 100%",
    ]
    assert "4 as 9\n100%" in texts and "1 as 7\n50%" in texts
    assert chart.caption == "The most frequent confusion among 2 images is 4 as 9 (1)."


def test_rows_without_pixels_are_left_out(results: Results) -> None:
    assert pictured_images(replace(results, pictures={})) == ()


def test_nothing_is_cut_at_the_edge_with_a_long_name(results: Results) -> None:
    long = results.summary.assign(model="my_lab.networks:" + "VeryDeep " * 20)
    long.loc[long.index[1:], "model"] += "or not"
    [chart] = pictured_images(replace(results, summary=long))
    box = chart.figure.get_tightbbox()
    width, height = chart.figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
