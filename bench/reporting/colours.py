"""Every colour of figures and of the page, in light and dark."""

from collections.abc import Mapping

# Hues that people with any common colour blindness can distinguish, after Okabe and Ito
# (https://jfly.uni-koeln.de/color/), in the shades of seaborn's palette "colorblind". Grey is
# left out, because it marks the other cells, and so are yellow and light pink, which vanish on
# white. The order keeps the two oranges and the brown apart.
CELL_COLOURS = (
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#cc78bc",
    "#56b4e9",
    "#d55e00",
    "#333333",
    "#ca9161",
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
_PAGE_LIGHT: Mapping[str, str] = {
    "page": "#ffffff",
    "ink": "#1c2024",
    "soft": "#545c66",
    "line": "#d8dde3",
    "tint": "#f4f6f8",
    "accent": "#1b5f9e",
    "warn": "#fff4d6",
    "warn-line": "#b98900",
}
_PAGE_DARK: Mapping[str, str] = {
    "page": "#14171a",
    "ink": "#e6e9ec",
    "soft": "#a7b0ba",
    "line": "#363d45",
    "tint": "#1e2328",
    "accent": "#7db8ee",
    "warn": "#3a2f10",
    "warn-line": "#d9a820",
}


def css_variables() -> str:
    """Return the page's colours as CSS custom properties, light and dark."""
    verdicts = {verdict.lower(): colour for verdict, colour in VERDICT_COLOURS.items()}
    dark_verdicts = {name: ON_DARK[colour] for name, colour in verdicts.items()}
    light, dark = (
        _declarations({**_PAGE_LIGHT, **verdicts}),
        _declarations({**_PAGE_DARK, **dark_verdicts}),
    )
    by_system = f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {dark} }}'
    return f':root {light}\n{by_system}\n:root[data-theme="dark"] {dark}'


def _declarations(colours: Mapping[str, str]) -> str:
    return f"{{ {' '.join(f'--{name}: {colour};' for name, colour in colours.items())} }}"
