"""Every colour of figures and of the page, in light and dark."""

from collections.abc import Mapping

# Hues that people with any common colour blindness can distinguish, after Okabe and Ito
# (https://jfly.uni-koeln.de/color/), in the shades of seaborn's palette "colorblind". Grey is
# left out, because it marks the other cells, and so are yellow and light pink, which vanish on
# white. The order keeps the two oranges and the brown apart.
CELL_COLOURS = (
    *("#0173b2", "#de8f05", "#029e73", "#cc78bc"),
    *("#56b4e9", "#d55e00", "#333333", "#ca9161"),
)
OTHER_CELLS = "#b5b5b5"
PHASE_COLOURS: Mapping[str, str] = {
    "data": "#9a9a9a",
    "forward": "#8fc1e3",
    "backward": "#2f6f9f",
    "optimizer": "#e8b04b",
}
# Blue and red are distinct for the colour-blind too.
VERDICT_COLOURS: Mapping[str, str] = {
    "IMPROVED": "#2166ac",
    "REGRESSED": "#b2182b",
    "EQUIVALENT": "#1a1a1a",
    "INCONCLUSIVE": "#8a8a8a",
}
INK = "#222222"
SOFT_INK = "#5a5a5a"
EDGE = "#c4c4c4"
GRID = "#e6e6e6"
NOISE_FLOOR = "#e9e9e9"

# Colours of the charts that are too dark for a dark page, and what replaces them there.
ON_DARK: Mapping[str, str] = {
    "#333333": "#e0e0e0",
    "#1a1a1a": "#e0e0e0",
    "#2166ac": "#6db1f2",
    "#b2182b": "#f27272",
    "#2f6f9f": "#4d94c8",
    "#8a8a8a": "#a5a5a5",
}
_PAGE: Mapping[str, tuple[str, str]] = {  # light, dark
    "page": ("#ffffff", "#14171a"),
    "ink": ("#1c2024", "#e6e9ec"),
    "soft": ("#545c66", "#a7b0ba"),
    "line": ("#d8dde3", "#363d45"),
    "tint": ("#f4f6f8", "#1e2328"),
    "accent": ("#1b5f9e", "#7db8ee"),
    "warn": ("#fff4d6", "#3a2f10"),
    "warn-line": ("#b98900", "#d9a820"),
}


def css_variables() -> str:
    """Return the page's colours as CSS custom properties, light and dark."""
    verdicts = {v.lower(): (colour, ON_DARK[colour]) for v, colour in VERDICT_COLOURS.items()}
    pairs = {**_PAGE, **verdicts}.items()
    light, dark = (
        f"{{ {' '.join(f'--{name}: {colours[i]};' for name, colours in pairs)} }}" for i in (0, 1)
    )
    by_system = f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {dark} }}'
    return f':root {light}\n{by_system}\n:root[data-theme="dark"] {dark}'
