"""Charts that answer to pointer and keyboard, as Vega-Lite specifications.

Each stands for a figure of the same name, which serves where scripts don't run; cells have the
same colours in both. Source of the grammar: https://vega.github.io/vega-lite/docs/
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.records import STEP_PHASES
from bench.reporting.figure_style import PHASE_COLOURS
from bench.reporting.figures.axis_scales import LOG_FROM, accuracy_errors
from bench.reporting.figures.baseline_forest import panels_of
from bench.reporting.figures.cell_rows import END, Rows, rows_of
from bench.reporting.figures.cell_styles import CellStyles, cell_styles_of
from bench.reporting.figures.cost_views import speed_view, trained_cells
from bench.reporting.figures.forest import VERDICT_LOOKS, Panel
from bench.reporting.figures.learning_curves import curves_of
from bench.reporting.figures.step_phases import MEDIANS, quickest_first

VEGA_LITE = "6.1"
Spec = dict[str, Any]
Interactive = Callable[[Results], Sequence[Spec]]

_SHAPES = {"o": "circle", "s": "square", "^": "triangle-up", "v": "triangle-down", "D": "diamond"}
SPREAD = {"mean": "mean", "lowest": "min", "highest": "max"}
_ROW_PX = 26
_PICK = "pick"  # a click on the legend dims what was not clicked


def interactive(tables: Results) -> dict[str, Sequence[Spec]]:
    """Make the charts of a study, by the stem of the figure that they stand for."""
    made = {stem: draw(tables) for stem, draw in CHARTS.items()}
    return {stem: specs for stem, specs in made.items() if specs}


def against_baseline(tables: Results) -> Sequence[Spec]:
    """Draw what each cell's time and accuracy are over the baseline's, the floor behind them."""
    changes = tables.ordered_changes
    names = {cell_id: change.name for cell_id, change in changes.items()}
    return [_forest(panel, names or cell_styles_of(tables).labels) for panel in panels_of(tables)]


def _forest(panel: Panel, names: Mapping[str, str]) -> Spec:
    is_time = panel.border == 1.0
    values = panel.values.sort_values("value", ascending=is_time).reset_index()
    shown = rows_of(values, names)
    unit = "over the baseline cell's" if is_time else "difference to the baseline cell's"
    # Bands without gaps, so that what is noise is one area.
    y: Spec = {"field": "cell", "type": "nominal", "sort": None, "title": None}
    y["scale"] = {"type": "band", "padding": 0}
    told = [("cell", ""), ("value", ".3f"), ("low", ".3f"), ("high", ".3f"), ("verdict", "")]
    return {
        "title": f"{panel.name.capitalize()}, {unit}; the band is noise{_ends(shown)}",
        "height": _ROW_PX * len(shown.cells),
        "data": {"values": [_forest_row(panel, row, names) for row in _records(shown)]},
        "encoding": {"y": y, "tooltip": _tooltips([*told, ("n", "")])},
        "layer": _forest_layers(panel, shown, "ratio" if is_time else "percentage points"),
    }


def _forest_row(panel: Panel, row: Mapping[Any, Any], names: Mapping[str, str]) -> Spec:
    return {
        "cell": names[str(row["cell_id"])],
        "value": _plain(row["value"]),
        "low": _plain(row["low"]),
        "high": _plain(row["high"]),
        "from": _plain(panel.border - row["floor"]),
        "to": _plain(panel.border + row["floor"]),
        "verdict": panel.words[row["verdict"]],
        "n": int(row["n"]),
    }


def _forest_layers(panel: Panel, shown: Rows, unit: str) -> list[Spec]:
    """Lay the floor, the border, the intervals and the points over each other."""
    given = {panel.words[verdict] for verdict in shown.cells["verdict"]}
    styles = {w: look for v, look in VERDICT_LOOKS.items() if (w := panel.words[v]) in given}
    colour = _scaled("verdict", {w: look.colour for w, look in styles.items()})
    x: Spec = {"type": "quantitative", "title": unit, "scale": {"zero": False}}
    floor: Spec = {
        "mark": {"type": "bar", "height": {"band": 1}, "color": "#9aa5b1", "opacity": 0.25},
        "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}},
    }
    border: Spec = {
        "mark": {"type": "rule", "color": "#888888"},
        "encoding": {"x": {"datum": panel.border}, "y": None},
    }
    intervals: Spec = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "x": {**x, "field": "low"},
            "x2": {"field": "high"},
            "color": colour,
            "opacity": _dimmed(),
        },
    }
    points: Spec = {
        "params": [_picked("verdict")],
        "mark": {"type": "point", "filled": True, "size": 90},
        "encoding": {
            "x": {**x, "field": "value"},
            "color": colour,
            "shape": _scaled("verdict", {w: _SHAPES[k.marker] for w, k in styles.items()}),
            "opacity": _dimmed(),
        },
    }
    known = shown.cells["low"].notna().any()  # Vega can't scale what has no value at all
    return [floor, border, *([intervals] if known else []), points]


def _ends(shown: Rows) -> str:
    """Say for a title that only both ends of many rows are drawn."""
    if not shown.omitted:
        return ""
    return f"; the first and the last {END} of {len(shown.cells) + shown.omitted:,}"


def _records(shown: Rows) -> list[dict[Any, Any]]:
    return shown.cells.to_dict("records")


def accuracy_over_speed(tables: Results) -> Sequence[Spec]:
    """Draw accuracy over speed, a point a cell with both its intervals."""
    view = speed_view(trained_cells(tables))
    if view is None:
        return ()
    styles, bars = cell_styles_of(tables), accuracy_errors(view.cells)
    rows = []
    for i, cell in enumerate(view.cells.to_dict("records")):
        x, y = float(view.x[i]), float(view.percents[i])
        told = {"speed": x, "slowest": x - view.bars[0, i], "fastest": x + view.bars[1, i]}
        told |= {"accuracy": y, "lowest": y - bars[0, i], "highest": y + bars[1, i]}
        rows.append({**_look(styles, cell), **{k: _plain(v) for k, v in told.items()}})
    is_far = view.x.max() / view.x.min() > LOG_FROM
    scale = {"type": "log", "nice": False} if is_far else {"zero": False, "padding": 12}
    x_axis = {"type": "quantitative", "title": "images/s", "scale": scale, "axis": {"format": "~s"}}
    y_axis = {
        "type": "quantitative",
        "title": "test accuracy (%)",
        "scale": {"zero": False, "padding": 8},
    }
    formats = [("cell", ""), *((name, ",.0f") for name in ("speed", "slowest", "fastest"))]
    formats += [(name, ".2f") for name in ("accuracy", "lowest", "highest")]
    shared = {**_colours(styles), "opacity": _dimmed(), "tooltip": _tooltips(formats)}
    return [
        {
            "title": "Test accuracy over training speed, with both intervals",
            "height": 340,
            "data": {"values": rows},
            "encoding": shared,
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5},
                    "encoding": {
                        "x": {**x_axis, "field": "slowest"},
                        "x2": {"field": "fastest"},
                        "y": {**y_axis, "field": "accuracy"},
                    },
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5},
                    "encoding": {
                        "x": {**x_axis, "field": "speed"},
                        "y": {**y_axis, "field": "lowest"},
                        "y2": {"field": "highest"},
                    },
                },
                {
                    "params": [_picked("series")],
                    "mark": {"type": "point", "filled": True, "size": 110},
                    "encoding": {
                        "x": {**x_axis, "field": "speed"},
                        "y": {**y_axis, "field": "accuracy"},
                        **_shapes(styles),
                    },
                },
            ],
        }
    ]


def learning(tables: Results) -> Sequence[Spec]:
    """Draw test accuracy by epoch: the mean over seeds, and their range."""
    styles = cell_styles_of(tables)
    curves = curves_of(tables.epochs, styles)
    if len(curves.drop_duplicates(["cell_id", "epoch"])) < 2 or curves["epoch"].max() < 2:
        return ()
    seeds = curves.groupby(["cell_id", "epoch"], sort=False)["test_accuracy"]
    cells = {str(cell["cell_id"]): cell for cell in styles.cells.to_dict("records")}
    rows = [
        {
            **_look(styles, cells[point["cell_id"]]),
            "epoch": point["epoch"],
            **{name: _plain(point[part]) for name, part in SPREAD.items()},
            "seeds": point["count"],
        }
        for point in seeds.agg(["mean", "min", "max", "count"]).reset_index().to_dict("records")
    ]
    x = {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"type": "quantitative", "title": "test accuracy (%)", "scale": {"zero": False}}
    told = [("cell", ""), ("epoch", ""), *((n, ".2f") for n in ("mean", "lowest", "highest"))]
    dashes = {} if styles.facet is None else {"strokeDash": {"field": "group", "title": None}}
    return [
        {
            "title": "Test accuracy by epoch, mean and range over the seeds",
            "height": 320,
            "data": {"values": rows},
            "encoding": {
                "x": x,
                **_colours(styles),
                "detail": {"field": "cell"},
                "tooltip": _tooltips([*told, ("seeds", "")]),
            },
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.15},
                    "encoding": {"y": {**y, "field": "lowest"}, "y2": {"field": "highest"}},
                },
                {
                    "params": [_picked("series")],
                    "mark": {"type": "line", "point": True},
                    "encoding": {"y": {**y, "field": "mean"}, "opacity": _dimmed(), **dashes},
                },
            ],
        }
    ]


def phases(tables: Results) -> Sequence[Spec]:
    """Draw the time of an image in each phase of a step, the quickest cell first."""
    styles = cell_styles_of(tables)
    cells = quickest_first(styles.cells)
    if cells.empty:
        return ()
    images = cells["step_images"].astype("Float64").astype(float)
    micros = cells[MEDIANS].astype(float).mul(1e6 / images, axis=0)
    shown = rows_of(cells.assign(**micros, total=micros.sum(axis=1)), styles.labels)
    rows = [
        {
            "cell": styles.labels[str(cell["cell_id"])],
            "phase": phase,
            "order": i,
            "time": _plain(cell[f"{phase}_median"]),
            "share": _plain(cell[f"{phase}_median"] / cell["total"]),
        }
        for cell in _records(shown)
        for i, phase in enumerate(STEP_PHASES)
    ]
    told = [("cell", ""), ("phase", ""), ("time", ",.3~g"), ("share", ".0%")]
    return [
        {
            "title": f"Where the time of a step goes{_ends(shown)}",
            "height": _ROW_PX * len(shown.cells),
            "data": {"values": rows},
            "params": [_picked("phase")],
            "mark": {"type": "bar"},
            "encoding": {
                "y": {"field": "cell", "type": "nominal", "sort": None, "title": None},
                "x": {"field": "time", "type": "quantitative", "title": "µs an image"},
                "color": _scaled("phase", PHASE_COLOURS),
                "order": {"field": "order"},
                "opacity": _dimmed(),
                "tooltip": _tooltips(told),
            },
        }
    ]


CHARTS: Mapping[str, Interactive] = {
    "against_baseline": against_baseline,
    "learning": learning,
    "phases": phases,
    "accuracy_speed": accuracy_over_speed,
}


def _look(styles: CellStyles, cell: Mapping[Any, Any]) -> Spec:
    """Name a cell, and say of which colour and of which shape it is."""
    cell_id = str(cell["cell_id"])
    look = styles.styles[cell_id]
    told: Spec = {"cell": styles.labels[cell_id], "series": styles.colour_names[look.colour]}
    return (
        told
        if styles.facet is None
        else {**told, "group": named_value(styles.facet, cell[styles.facet])}
    )


def _colours(styles: CellStyles) -> Spec:
    if len(styles.cells) == 1:
        return {}
    return {"color": _scaled("series", {name: c for c, name in styles.colour_names.items()})}


def _shapes(styles: CellStyles) -> Spec:
    if styles.facet is None:
        return {}
    markers: dict[str, str] = {}
    for cell in styles.cells.to_dict("records"):
        look = styles.styles[str(cell["cell_id"])]
        markers[named_value(styles.facet, cell[styles.facet])] = _SHAPES[look.marker]
    return {"shape": _scaled("group", markers)}


def _scaled(field: str, values: Mapping[str, str]) -> Spec:
    scale = {"domain": list(values), "range": list(values.values())}
    return {"field": field, "type": "nominal", "title": None, "scale": scale}


def _picked(field: str) -> Spec:
    return {"name": _PICK, "select": {"type": "point", "fields": [field]}, "bind": "legend"}


def _dimmed() -> Spec:
    return {"condition": {"param": _PICK, "value": 1}, "value": 0.15}


def _tooltips(fields: Sequence[tuple[str, str]]) -> list[Spec]:
    return [{"field": f, **({"format": form} if form else {})} for f, form in fields]


def _plain(value: Any) -> float | None:
    """Give a number as JSON knows it, with the digits that a screen shows; None for a blank."""
    number = float(value)
    return float(f"{number:.6g}") if np.isfinite(number) else None
