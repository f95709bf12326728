"""Which fonts a figure's texts are drawn in: one that is always there, others for what it lacks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"  # ships with matplotlib: the same picture on every machine
PLACEHOLDERS = "Last Resort"  # fonts that have a box for every character
# Fonts with many characters, from those that read best beside DejaVu Sans.
PREFERRED = ("Noto Sans", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "Unifont")

_families: ContextVar[tuple[str, ...]] = ContextVar("families", default=(FONT,))


def families() -> list[str]:
    """Return the font families of the figures that are drawn now."""
    return list(_families.get())


@contextmanager
def fonts_for(texts: Iterable[str]) -> Iterator[None]:
    """Draw figures in fonts that have the characters of these texts, as far as any is installed."""
    token = _families.set((FONT, *fallbacks(set().union(*texts))))
    try:
        yield
    finally:
        _families.reset(token)


def fallbacks(characters: Iterable[str]) -> list[str]:
    """Return installed families that together have what FONT lacks of these characters."""
    missing = {ord(c) for c in characters if c.isprintable()}
    missing -= _codes_of(font_manager.findfont(FONT))
    found = []
    for name, path in sorted(_installed().items(), key=lambda item: _preference(item[0])):
        if not missing:
            break
        had = missing & _codes_of(path)
        if had:
            found.append(name)
            missing -= had
    return found


def _installed() -> dict[str, str]:
    """List one upright font file of each family."""
    fonts = font_manager.fontManager.ttflist
    return {
        font.name: font.fname
        for font in reversed(fonts)
        if font.style == "normal" and not font.name.startswith((PLACEHOLDERS, FONT))
    }


def _preference(name: str) -> tuple[int, str]:
    place = next((i for i, start in enumerate(PREFERRED) if name.startswith(start)), len(PREFERRED))
    return place, name


def _codes_of(path: str) -> set[int]:
    try:
        return set(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # gone, or of a kind that FreeType cannot draw
        return set()
