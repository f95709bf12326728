"""The change that the last session could detect is shown before the next one."""

from pathlib import Path

import pytest

from bench.store import Store

HEADER = "cell_id,measure,session_mde,n\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("b,step,0.07,8\nc,step,0.09,6\nd,step,0.07,8\nb,forward,0.01,8\n", (0.07, 8)),
        ("b,step,,3\n", None),
        ("", None),
        ("b,step,much,8\n", None),
    ],
)
def test_it_is_that_of_the_session(
    tmp_path: Path, rows: str, expected: tuple[float, int] | None
) -> None:
    (tmp_path / "comparisons.csv").write_text(HEADER + rows, encoding="utf-8")
    assert Store(tmp_path).last_detectable_change() == expected


def test_a_folder_without_comparisons_has_none(tmp_path: Path) -> None:
    assert Store(tmp_path).last_detectable_change() is None
    (tmp_path / "comparisons.csv").write_bytes(b"\xff\x00nothing")
    assert Store(tmp_path).last_detectable_change() is None
