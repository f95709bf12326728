from dataclasses import replace
from pathlib import Path

import pytest
from data_doubles import LocalMirror, TinySet, no_progress

from bench.errors import DataError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def flip(path: Path, place: int = -1) -> None:
    """Alter one bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def assert_named(tiny: TinySet, data_dir: Path, path: Path, message: str) -> None:
    with pytest.raises(DataError) as caught:
        tiny.source.verify(data_dir)
    assert caught.value.where == str(path)
    assert message in caught.value.what
    assert f"bench data fetch tiny --data-dir {data_dir}" in caught.value.hint


@pytest.fixture
def raw(tiny: TinySet, tmp_path: Path) -> Path:
    """The folder of a set that was fetched."""
    tiny.source.fetch(tmp_path, no_progress)
    return tmp_path / "Tiny" / "raw"


def test_a_fetched_set_is_there_right_and_readable(tiny: TinySet, tmp_path: Path) -> None:
    assert tiny.source.missing(tmp_path) is not None
    tiny.source.fetch(tmp_path, no_progress)
    assert tiny.source.missing(tmp_path) is None
    tiny.source.verify(tmp_path)
    images = tiny.source.read(tmp_path)
    assert (images.name, images.mean, images.std) == ("tiny", (0.5,), (0.25,))
    assert images.train_images.tobytes() == tiny.raw[IMAGES][16:]
    assert images.train_labels.tobytes() == tiny.raw[LABELS][8:]
    assert images.test_images.shape == (2, 1, 28, 28)
    assert images.test_labels.shape == (2,)


def test_what_is_missing_is_named_on_one_line(tiny: TinySet, raw: Path, tmp_path: Path) -> None:
    (raw / LABELS).unlink()
    message = tiny.source.missing(tmp_path)
    assert message == f"{raw} lacks {LABELS}"
    (raw / IMAGES).write_bytes(tiny.raw[IMAGES][:-100])
    damaged = tiny.source.missing(tmp_path)
    assert damaged is not None
    assert damaged.startswith(f"{raw} lacks {LABELS}; {IMAGES} is truncated: ")


def test_a_right_set_is_not_fetched_again(
    tiny: TinySet, mirror: LocalMirror, raw: Path, tmp_path: Path
) -> None:
    mirror.requested.clear()
    before = {path: path.stat().st_mtime_ns for path in raw.iterdir()}
    tiny.source.fetch(tmp_path, no_progress)
    assert mirror.requested == []
    assert {path: path.stat().st_mtime_ns for path in raw.iterdir()} == before


def test_only_what_is_missing_is_fetched_after_an_interruption(
    tiny: TinySet, mirror: LocalMirror, tmp_path: Path
) -> None:
    labels = mirror.pages.pop(f"{LABELS}.gz")
    with pytest.raises(DataError, match="404"):
        tiny.source.fetch(tmp_path, no_progress)
    mirror.pages[f"{LABELS}.gz"] = labels
    mirror.requested.clear()
    tiny.source.fetch(tmp_path, no_progress)
    tiny.source.verify(tmp_path)
    assert f"{LABELS}.gz" in mirror.requested
    assert f"{IMAGES}.gz" not in mirror.requested


def test_the_mirror_that_served_is_requested_first_for_the_next_file(
    tiny: TinySet, mirror: LocalMirror, tmp_path: Path
) -> None:
    source = replace(tiny.source, mirrors=(mirror.url + "absent/", mirror.url))
    source.fetch(tmp_path, no_progress)
    assert [name for name in mirror.requested if name.startswith("absent/")] == [
        f"absent/{IMAGES}.gz"
    ]


def test_the_progress_names_every_file(tiny: TinySet, tmp_path: Path) -> None:
    named: set[str] = set()
    tiny.source.fetch(tmp_path, lambda what, done, total: named.add(what))
    assert named == set(tiny.archives)


def test_a_truncated_file_is_named_by_verify_and_by_read(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    (raw / IMAGES).write_bytes(tiny.raw[IMAGES][:-100])
    assert_named(tiny, tmp_path, raw / IMAGES, "truncated")
    with pytest.raises(DataError, match="truncated"):
        tiny.source.read(tmp_path)


def test_an_altered_byte_is_found_by_the_digest_that_fetch_left(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    for archive in raw.glob("*.gz"):
        archive.unlink()
    flip(raw / IMAGES)
    assert_named(tiny, tmp_path, raw / IMAGES, "altered")


def test_an_altered_byte_is_found_by_the_archive_that_lies_beside(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    for record in raw.glob("*.sha256"):
        record.unlink()
    tiny.source.verify(tmp_path)
    flip(raw / IMAGES)
    assert_named(tiny, tmp_path, raw / IMAGES, "altered")


def test_an_altered_archive_is_named_where_nothing_else_vouches(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    for record in raw.glob("*.sha256"):
        record.unlink()
    flip(raw / f"{LABELS}.gz")
    assert_named(tiny, tmp_path, raw / f"{LABELS}.gz", "altered")


def test_a_published_digest_is_believed_before_any_record(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    first, *others = tiny.source.files
    published = replace(tiny.source, files=(replace(first, md5="0" * 32), *others))
    with pytest.raises(DataError, match="altered") as caught:
        published.verify(tmp_path)
    assert caught.value.where == str(raw / IMAGES)


def test_files_that_nothing_vouches_for_are_checked_for_their_structure(
    tiny: TinySet, raw: Path, tmp_path: Path
) -> None:
    for path in [*raw.glob("*.sha256"), *raw.glob("*.gz")]:
        path.unlink()
    tiny.source.verify(tmp_path)
    flip(raw / IMAGES, place=3)
    assert_named(tiny, tmp_path, raw / IMAGES, "header")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe not a digest"])
def test_a_damaged_record_does_not_pass(
    tiny: TinySet, raw: Path, tmp_path: Path, content: bytes
) -> None:
    (raw / f"{IMAGES}.sha256").write_bytes(content)
    with pytest.raises(DataError, match=IMAGES):
        tiny.source.verify(tmp_path)


def test_an_altered_file_is_restored_from_its_archive_without_a_network(
    tiny: TinySet, mirror: LocalMirror, raw: Path, tmp_path: Path
) -> None:
    flip(raw / IMAGES)
    mirror.requested.clear()
    tiny.source.fetch(tmp_path, no_progress)
    tiny.source.verify(tmp_path)
    assert mirror.requested == []
    assert (raw / IMAGES).read_bytes() == tiny.raw[IMAGES]


def test_an_altered_archive_is_fetched_again(
    tiny: TinySet, mirror: LocalMirror, raw: Path, tmp_path: Path
) -> None:
    (raw / IMAGES).unlink()
    flip(raw / f"{IMAGES}.gz")
    mirror.requested.clear()
    tiny.source.fetch(tmp_path, no_progress)
    assert mirror.requested == [f"{IMAGES}.gz"]
    assert (raw / IMAGES).read_bytes() == tiny.raw[IMAGES]


def test_a_wrong_download_leaves_no_file(
    tiny: TinySet, mirror: LocalMirror, tmp_path: Path
) -> None:
    mirror.serve(f"{IMAGES}.gz", tiny.archives[f"{LABELS}.gz"])
    with pytest.raises(DataError, match="sent another file"):
        tiny.source.fetch(tmp_path, no_progress)
    assert list((tmp_path / "Tiny" / "raw").iterdir()) == []


def test_an_interrupted_download_leaves_no_file(tiny: TinySet, tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.source.fetch(tmp_path, interrupt)
    assert list((tmp_path / "Tiny" / "raw").iterdir()) == []


def test_mirrors_by_http_are_refused_unless_it_is_requested(
    tiny: TinySet, mirror: LocalMirror, tmp_path: Path
) -> None:
    by_rule = replace(tiny.source, schemes=type(tiny.source).schemes)
    with pytest.raises(DataError, match="expected https") as caught:
        by_rule.fetch(tmp_path, no_progress)
    assert mirror.requested == []
    assert "dataset: digits" in caught.value.hint
