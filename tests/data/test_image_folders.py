"""Folders of image files: decoded once, followed file by file, and faults named."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from data_doubles import no_progress
from PIL import Image

from bench.data import image_folder
from bench.data.images import DataShape, ImageSet
from bench.data.source import Location, Source
from bench.errors import DataError
from bench.study.dataset_choice import DatasetChoice


def write(path: Path, seed: int, size: tuple[int, int] = (6, 6), mode: str = "RGB") -> None:
    """Write a picture of noise without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    os.utime(path, (1_000_000_000, 1_000_000_000 + seed))  # long ago


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for part, count in (("train", 5), ("test", 2)):
        for number, name in enumerate(("ant", "bee")):
            for i in range(count):
                write(root / part / name / f"{i}.png", seed=100 * number + 10 * count + i)
    return root


def source_of(folder: Path, **parameters: object) -> Source:
    given = {"name": "image_folder", "path": str(folder), **parameters}
    return DatasetChoice.model_validate(given).source()


def located(folder: Path, tmp_path: Path, **parameters: object) -> Location:
    source = source_of(folder, **parameters)
    source.fetch(tmp_path / "data", no_progress)
    return source.locate(tmp_path / "data")


def decoded(folder: Path, tmp_path: Path, **parameters: object) -> ImageSet:
    location = located(folder, tmp_path, **parameters)
    assert location.folder is not None
    return source_of(folder, **parameters).read(location.folder)


def refusal(folder: Path, tmp_path: Path, **parameters: object) -> DataError:
    with pytest.raises(DataError) as caught:
        located(folder, tmp_path, **parameters)
    return caught.value


def test_pixels_labels_and_names_are_those_of_the_files(folder: Path, tmp_path: Path) -> None:
    images = decoded(folder, tmp_path)
    assert images.shape == DataShape(3, 6, 6, 2)
    assert images.train_labels.tolist() == [0] * 5 + [1] * 5
    assert images.test_labels.tolist() == [0, 0, 1, 1]
    for index, path in ((0, "train/ant/0.png"), (7, "train/bee/2.png")):
        pixels = np.asarray(Image.open(folder / path)).transpose(2, 0, 1)
        np.testing.assert_array_equal(images.train_images[index], pixels)
    assert located(folder, tmp_path).class_names == ["ant", "bee"]


def test_without_test_folders_a_seeded_share_of_each_class_is_the_test_set(
    folder: Path, tmp_path: Path
) -> None:
    train = folder / "train"
    first = decoded(train, tmp_path, test=0.4)
    assert np.bincount(first.test_labels).tolist() == [2, 2]
    assert len(first.train_images) == 6
    second = decoded(train, tmp_path, test=0.4, split_seed=1)
    assert not np.array_equal(first.test_images, second.test_images)


def test_images_are_scaled_and_cropped_to_a_square(folder: Path, tmp_path: Path) -> None:
    write(folder / "train" / "ant" / "wide.png", seed=1, size=(12, 6))
    images = decoded(folder, tmp_path, size=6)
    assert images.shape.image == (3, 6, 6)
    middle = np.asarray(Image.open(folder / "train/ant/wide.png"))[:, 3:9].transpose(2, 0, 1)
    np.testing.assert_array_equal(images.train_images[5], middle)


def test_grey_pictures_have_one_channel_and_mixed_ones_three(folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*.png"):
        write(path, seed=3, mode="L")
    images = decoded(folder, tmp_path)
    assert images.shape.channels == 1
    pixels = np.asarray(Image.open(folder / "train" / "ant" / "0.png"))
    np.testing.assert_array_equal(images.train_images[0, 0], pixels)
    write(folder / "train" / "ant" / "0.png", seed=4)
    assert decoded(folder, tmp_path).shape.channels == 3
    assert decoded(folder, tmp_path, colour="grey").shape.channels == 1


def test_sixteen_bit_greys_keep_their_upper_bits(folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*.png"):
        pixels = np.full((6, 6), 0x8040, np.uint16)
        Image.fromarray(pixels).save(path)
    assert np.unique(decoded(folder, tmp_path).train_images).tolist() == [0x80]


def test_it_is_decoded_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = located(folder, tmp_path)
    monkeypatch.setattr(image_folder.ImageFolder, "_decode", pytest.fail)
    assert located(folder, tmp_path) == first


def test_a_touched_file_is_no_other_content(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = located(folder, tmp_path)
    os.utime(folder / "train" / "ant" / "0.png")
    assert source_of(folder).locate(tmp_path / "data").digest == first.digest
    monkeypatch.setattr(image_folder.ImageFolder, "_decode", pytest.fail)
    assert located(folder, tmp_path) == first


def test_an_edited_an_added_and_a_renamed_file_are_another_content(
    folder: Path, tmp_path: Path
) -> None:
    digests = [located(folder, tmp_path).digest]
    write(folder / "train" / "ant" / "0.png", seed=77)
    foreseen = source_of(folder).locate(tmp_path / "data")
    assert (foreseen.folder, foreseen.shape) == (None, DataShape(3, 6, 6, 2))
    digests.append(located(folder, tmp_path).digest)
    assert foreseen.digest == digests[-1]
    write(folder / "train" / "ant" / "9.png", seed=78)
    digests.append(located(folder, tmp_path).digest)
    (folder / "train" / "ant" / "9.png").rename(folder / "train" / "bee" / "9.png")
    digests.append(located(folder, tmp_path).digest)
    assert len(set(digests)) == 4


def test_a_data_set_is_found_again_by_another_process_wherever_it_was_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = located(folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    relative = source_of(Path("pictures")).locate(tmp_path / "data")
    assert relative.digest == first.digest


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        path = folder / "train" / "bee" / name
        path.write_bytes(path.read_bytes()[:60])
    error = refusal(folder, tmp_path)
    assert error.where == str(folder / "train" / "bee" / "1.png")
    assert error.what.startswith("is damaged: ")
    assert "(1 more is damaged)" in error.what


def test_sizes_that_differ_are_named_with_the_parameter_that_helps(
    folder: Path, tmp_path: Path
) -> None:
    write(folder / "train" / "bee" / "0.png", seed=1, size=(7, 9))
    error = refusal(folder, tmp_path)
    ant, bee = (Path("train", name, "0.png") for name in ("ant", "bee"))
    expected = f"the sizes of images differ: {ant} has 6×6 pixels and {bee} has 7×9 pixels"
    assert error.what == expected
    assert "`size: 6`" in error.hint


def test_an_empty_class_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "cow").mkdir()
    error = refusal(folder, tmp_path)
    assert (error.where, error.what) == (str(folder / "train" / "cow"), "has no images")


def test_a_test_class_that_training_lacks_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "test" / "bee").rename(folder / "test" / "beee")
    error = refusal(folder, tmp_path)
    assert error.where == str(folder / "test" / "beee")
    assert error.what == "is a class without training images"
    assert "Did you mean 'bee'?" in error.hint


@pytest.mark.parametrize("part", ["", "train"])
def test_a_folder_that_is_not_there_is_named(folder: Path, tmp_path: Path, part: str) -> None:
    shutil.rmtree(folder)
    if part:
        (folder / part).mkdir(parents=True)
        (folder / "test").mkdir()
    error = refusal(folder, tmp_path)
    assert error.where == str(folder / part)
    assert error.what == ("has no subfolders" if part else "is not there")


def test_training_without_test_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "test")
    assert refusal(folder, tmp_path).what == "has a folder train and none for test"


def test_arrays_that_were_deleted_are_decoded_again(folder: Path, tmp_path: Path) -> None:
    location = located(folder, tmp_path)
    assert location.folder is not None
    shutil.rmtree(location.folder)
    assert located(folder, tmp_path) == location


def test_a_truncated_array_is_named_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    location = located(folder, tmp_path)
    assert location.folder is not None
    path = location.folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="Delete the folder") as caught:
        source_of(folder).verify(tmp_path / "data")
    assert caught.value.where == str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_class_whose_name_is_no_text_is_decoded(folder: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (folder / part / "bee").rename(folder / part / os.fsdecode(b"b\xe9e"))
    assert located(folder, tmp_path).class_names == ["ant", "b?e"]


def test_what_a_killed_process_left_is_removed_once_it_is_old(folder: Path, tmp_path: Path) -> None:
    first = located(folder, tmp_path).folder
    assert first is not None
    old, recent = first.parent / ".old.part", first.parent / ".recent.part"
    for path in (old, recent):
        path.mkdir()
    os.utime(old, (1e9, 1e9))
    write(folder / "train" / "ant" / "5.png", seed=77)
    located(folder, tmp_path)
    assert not old.exists()
    assert recent.exists()


def test_train_and_test_may_be_written_in_any_case(folder: Path, tmp_path: Path) -> None:
    expected = decoded(folder, tmp_path / "a")
    for part in ("train", "test"):
        (folder / part).rename(folder / part.capitalize())
    found = decoded(folder, tmp_path / "b")
    np.testing.assert_array_equal(found.train_images, expected.train_images)
    np.testing.assert_array_equal(found.test_labels, expected.test_labels)


def test_classes_called_train_and_test_are_classes(folder: Path, tmp_path: Path) -> None:
    for part, name in (("train", "ant"), ("test", "bee")):
        (folder / part / name).rename(tmp_path / part)
    shutil.rmtree(folder)
    folder.mkdir()
    for name in ("train", "test"):
        (tmp_path / name).rename(folder / name)
    assert located(folder, tmp_path).class_names == ["test", "train"]


def test_test_without_training_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "train")
    assert refusal(folder, tmp_path).what == "has a folder test and none for train"


def test_a_share_for_the_test_is_refused_beside_a_folder_for_it(
    folder: Path, tmp_path: Path
) -> None:
    assert "`test: 0.3` would split off another part" in refusal(folder, tmp_path, test=0.3).what


def test_an_empty_class_of_the_test_is_named(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "test" / "bee").iterdir():
        path.unlink()
    error = refusal(folder, tmp_path)
    assert (error.what, error.where) == ("has no images", str(folder / "test" / "bee"))


def test_a_link_to_nowhere_is_named(folder: Path, tmp_path: Path) -> None:
    link = folder / "train" / "ant" / "link.png"
    link.symlink_to(tmp_path / "nowhere.png")
    error = refusal(folder, tmp_path)
    assert error.what.startswith("cannot be read: No such file")
    assert error.where == str(link)
