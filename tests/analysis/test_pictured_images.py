"""The images that a report pictures are those that most seeds, or one cell alone, get wrong."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analysis.pictured_images import (
    FILE,
    PicturedImage,
    PictureRow,
    picture_rows,
    pictures_of,
    read_pictures,
    write_pictures,
)
from bench.errors import StoreError
from bench.misclassified import Wrong, pack_misclassified

IMAGES = 40


def seeds_of(cell_id: str, *seeds: list[Wrong], dataset: str = "mnist") -> pd.DataFrame:
    """Make rows of misclassified.csv, one a seed."""
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "dataset": dataset,
            "seed": range(len(seeds)),
            "test_images": IMAGES,
            "wrong": [pack_misclassified(each) for each in seeds],
        }
    )


def rows_of(*cells: pd.DataFrame) -> list[PictureRow]:
    return picture_rows(pd.concat(cells), "a")


HARD = (5, 4, 9)


def test_images_are_those_that_all_get_wrong_and_those_that_one_cell_does() -> None:
    a = seeds_of("a", [HARD, (7, 3, 5)], [HARD, (7, 3, 5)])
    b = seeds_of("b", [HARD, (20, 2, 7)], [(5, 4, 1), (20, 2, 7)])
    hardest, lost, gained = rows_of(a, b)
    assert hardest.cell_id is None
    assert hardest.images[0] == PicturedImage(5, label=4, predicted=9, before=1.0, after=1.0)
    assert [each.image for each in hardest.images[1:]] == [7, 20]  # half of all seeds each
    assert lost == PictureRow("b", False, (PicturedImage(20, 2, 7, before=0.0, after=1.0),))
    assert gained == PictureRow("b", True, (PicturedImage(7, 3, 5, before=1.0, after=0.0),))


def test_an_image_that_half_of_the_seeds_change_is_no_difference() -> None:
    a, b = seeds_of("a", [HARD], [HARD]), seeds_of("b", [HARD], [HARD, (6, 1, 2)])
    assert [row.cell_id for row in rows_of(a, b)] == [None]


def test_cells_that_differ_most_have_rows_in_the_order_of_the_study() -> None:
    def changing(cell_id: str, images: int) -> pd.DataFrame:
        return seeds_of(cell_id, [(i, 0, 1) for i in range(images)])

    changes = {"b": 3, "c": 1, "d": 4, "e": 2}
    cells = [seeds_of("a", []), *(changing(name, n) for name, n in changes.items())]
    assert [row.cell_id for row in rows_of(*cells)] == [None, "b", "d", "e"]


def test_another_data_set_has_other_images() -> None:
    other = seeds_of("b", [(20, 2, 7)], dataset="digits")
    assert [row.cell_id for row in rows_of(seeds_of("a", [HARD]), other)] == [None]


@pytest.mark.parametrize("cells", [[seeds_of("a", [])], [seeds_of("b", [HARD])]], ids=["0", "b"])
def test_there_is_nothing_to_picture_without_mistakes_or_baseline(
    cells: list[pd.DataFrame],
) -> None:
    assert rows_of(*cells) == []


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 30)], ids=str)
def test_pixels_come_back_as_they_were(tmp_path: Path, shape: tuple[int, ...]) -> None:
    test_images = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    rows = rows_of(seeds_of("a", [(3, 0, 1), (30, 0, 1)]))
    pictures = pictures_of(rows, test_images)
    write_pictures(pictures, tmp_path / FILE)
    first = (tmp_path / FILE).read_bytes()
    found = read_pictures(tmp_path)
    assert sorted(found) == [3, 30]
    for index, pixels in found.items():
        picture = test_images[index].transpose(1, 2, 0)  # (H, W, C), or (H, W) in grey
        np.testing.assert_array_equal(pixels, picture if shape[0] == 3 else picture[:, :, 0])
    write_pictures(found, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == first


def npy() -> bytes:
    """Return an array in NumPy's other format."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4", b"no numbers", npy()], ids=len)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError, match="not readable") as raised:
        read_pictures(tmp_path)
    assert raised.value.where == str(tmp_path / FILE)
    assert raised.value.hint and raised.value.hint.startswith("Delete it")


def test_a_folder_without_the_file_has_no_pixels(tmp_path: Path) -> None:
    assert read_pictures(tmp_path) == {}
