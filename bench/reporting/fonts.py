"""The fonts of figures: one that ships with matplotlib, and others for characters it lacks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"  # ships with matplotlib: the same picture on every machine
PLACEHOLDERS = "Last Resort"  # fonts that have a box for every character
# Fonts with many characters, those that go best with DejaVu Sans first.
PREFERRED = ("Noto Sans", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "Unifont")

_families: ContextVar[tuple[str, ...]] = ContextVar("families", default=(FONT,))


def families() -> list[str]:
    """Return the font families in the current context."""
    return list(_families.get())


@contextmanager
def fonts_for(texts: Iterable[str]) -> Iterator[None]:
    """Add installed fonts that have the characters of these texts to `families`."""
    token = _families.set((FONT, *fallbacks(set().union(*texts))))
    try:
        yield
    finally:
        _families.reset(token)


def fallbacks(characters: Iterable[str]) -> list[str]:
    """Return installed families that together cover the characters missing in FONT."""
    missing = {ord(c) for c in characters if c.isprintable()}
    missing -= _code_points(font_manager.findfont(FONT))
    upright = {
        font.name: font.fname
        for font in reversed(font_manager.fontManager.ttflist)
        if font.style == "normal" and not font.name.startswith((PLACEHOLDERS, FONT))
    }
    found = []
    for name in sorted(upright, key=_preference):
        if not missing:
            break
        covered = missing & _code_points(upright[name])
        if covered:
            found.append(name)
            missing -= covered
    return found


def _preference(name: str) -> tuple[int, str]:
    ranks = (i for i, start in enumerate(PREFERRED) if name.startswith(start))
    return next(ranks, len(PREFERRED)), name


def _code_points(path: str) -> set[int]:
    try:
        return set(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # deleted, or a format that FreeType can't read
        return set()
