"""Figures depend neither on the user's matplotlib settings nor on the characters of names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from bench.reporting.figure_style import (
    FONT,
    canvas,
    fallbacks,
    families,
    fonts_for,
    pixels,
    styled,
    svg_bytes,
)

UNKNOWN = "模型 🙂 مرحبا"
DRAW = """
import bench.reporting.figures, hashlib, json, os
import matplotlib as mpl
from bench.reporting.figure_style import canvas, png_bytes, styled
before = dict(mpl.rcParams)
@styled
def draw():
    figure = canvas("Which?", "A note $x$", body_in=2)
    figure.subplots().plot([1, 2], label="a_b")
    return figure
digest = hashlib.sha256(png_bytes(draw())).hexdigest()
assert dict(mpl.rcParams) == before
print(json.dumps([digest, os.environ.get("MPLBACKEND"), mpl.rcParams["font.size"]]))
"""


def drawn(folder: Path, environment: dict[str, str], **more: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=folder, env={**environment, **more},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return list(json.loads(done.stdout))


def test_figures_depend_neither_on_a_backend_nor_on_a_matplotlibrc(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    digest, backend, _ = drawn(tmp_path, environment)
    assert backend is None
    inline = "module://matplotlib_inline.backend_inline"
    settings = "text.usetex: True\nfont.size: 40\nsavefig.dpi: 3\nno.such: line\n"
    (tmp_path / "matplotlibrc").write_text(settings, encoding="utf-8")
    assert drawn(tmp_path, environment, MPLBACKEND=inline) == [digest, inline, 40]


@styled
def figure_of(text: str) -> Any:
    figure = canvas(text, text, body_in=1)
    figure.subplots().set_xlabel(text)
    return figure


@pytest.mark.filterwarnings("error")
def test_characters_that_no_font_has_cause_no_warning() -> None:
    with fonts_for([UNKNOWN]):
        figure = figure_of(UNKNOWN)
        pixels(figure)
        assert UNKNOWN in svg_bytes(figure).decode()


def test_a_fallback_font_is_used_for_missing_characters() -> None:
    usual, other = (
        set(FT2Font(font_manager.findfont(name)).get_charmap()) for name in (FONT, "STIXGeneral")
    )
    lacking = next(chr(code) for code in sorted(other - usual) if chr(code).isprintable())
    (fallback,) = fallbacks(lacking)
    path = font_manager.findfont(fallback, fallback_to_default=False)
    assert ord(lacking) in FT2Font(path).get_charmap()
    with fonts_for([lacking]):
        assert families.get() == (FONT, fallback)
        assert figure_of(lacking).texts[0].get_fontfamily() == [FONT, fallback]


def test_texts_in_the_default_font_need_no_fallback() -> None:
    assert fallbacks("convnet · größer – Δ\n") == []
    assert families.get() == (FONT,)
