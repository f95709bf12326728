"""Interactive charts of the HTML page, as Vega-Lite specifications.

Each replaces the figure of the same name where scripts run, with the same colours. Grammar:
https://vega.github.io/vega-lite/docs/
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.analysis.results import Results
from bench.cell_names import named_value
from bench.records import STEP_PHASES
from bench.reporting.colours import PHASE_COLOURS
from bench.reporting.figures.axis_scales import LOG_FROM, accuracy_bars
from bench.reporting.figures.cell_styles import END, CellStyles, Rows, cell_styles_of, rows_of
from bench.reporting.figures.forest import VERDICT_STYLES, Panel, baseline_panels
from bench.reporting.figures.learning_curves import curves_of
from bench.reporting.figures.tradeoff import speed_view
from bench.reporting.figures.training_speed import MEDIANS, fastest_first, step_images

VEGA_LITE = "6.1"
Spec = dict[str, Any]

_SHAPES = {"o": "circle", "s": "square", "^": "triangle-up", "v": "triangle-down", "D": "diamond"}
_ROW_PX = 26
_Y_CELLS: Spec = {"field": "cell", "type": "nominal", "sort": None, "title": None}
_ACCURACY: Spec = {"type": "quantitative", "title": "test accuracy (%)"}
_SELECTED = "selected"  # a click on the legend dims the other entries
_DIMMED: Spec = {"condition": {"param": _SELECTED, "value": 1}, "value": 0.15}


def interactive(results: Results) -> dict[str, Sequence[Spec]]:
    """Return the charts of a study, by the stem of the figure that they replace."""
    return {stem: specs for stem, draw in CHARTS.items() if (specs := draw(results))}


def _against_baseline(results: Results) -> Sequence[Spec]:
    changes = results.ordered_changes
    names = {cell_id: change.name for cell_id, change in changes.items()}
    names = names or dict(cell_styles_of(results).labels)
    return [_forest(panel, names) for panel in baseline_panels(results)]


def _forest(panel: Panel, names: Mapping[str, str]) -> Spec:
    values = panel.values.sort_values("value", ascending=not panel.is_accuracy).reset_index()
    shown = rows_of(values, names)
    reference = "difference to" if panel.is_accuracy else "over"
    tooltip = [("cell", ""), *((f, ".3f") for f in ("value", "low", "high")), ("verdict", "")]
    rows = [
        {
            "cell": names[str(row["cell_id"])],
            **{name: _number(row[name]) for name in ("value", "low", "high")},
            "from": _number(panel.no_difference - row["floor"]),
            "to": _number(panel.no_difference + row["floor"]),
            "verdict": panel.verdict_words[row["verdict"]],
            "n": int(row["n"]),
        }
        for row in shown.cells.to_dict("records")
    ]
    title = f"{panel.name.capitalize()}, {reference} the baseline cell's; the band is noise"
    encoding = {
        # Without padding, the bands of the noise floor form one area.
        "y": {**_Y_CELLS, "scale": {"type": "band", "padding": 0}},
        "tooltip": _tooltip([*tooltip, ("n", "")]),
    }
    height = _ROW_PX * len(shown.cells)
    return _chart(title + _ends(shown), height, rows, encoding, layer=_forest_layers(panel, shown))


def _forest_layers(panel: Panel, shown: Rows) -> list[Spec]:
    """Return the layers: noise floor, line of no difference, intervals, points."""
    styles = {
        panel.verdict_words[verdict]: style
        for verdict, style in VERDICT_STYLES.items()
        if (shown.cells["verdict"] == verdict).any()
    }
    colour = _nominal("verdict", {word: style.colour for word, style in styles.items()})
    shape = _nominal("verdict", {word: _SHAPES[style.marker] for word, style in styles.items()})
    unit = "percentage points" if panel.is_accuracy else "ratio"
    x: Spec = {"type": "quantitative", "title": unit, "scale": {"zero": False}}
    band = {"type": "bar", "height": {"band": 1}, "color": "#9aa5b1", "opacity": 0.25}
    line = {"type": "rule", "color": "#888888"}
    layers = [
        _layer(band, {"x": {**x, "field": "from"}, "x2": {"field": "to"}}),
        _layer(line, {"x": {"datum": panel.no_difference}, "y": None}),
    ]
    styled = {"color": colour, "opacity": _DIMMED}
    if shown.cells["low"].notna().any():  # Vega can't scale a field without any value
        ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
        layers.append(_layer({"type": "rule", "strokeWidth": 2}, ends | styled))
    value = {"x": {**x, "field": "value"}, "shape": shape}
    mark = {"type": "point", "filled": True, "size": 90}
    return [*layers, _layer(mark, value | styled, select="verdict")]


def _accuracy_over_speed(results: Results) -> Sequence[Spec]:
    view = speed_view(results)
    if view is None:
        return ()
    styles, x, y = cell_styles_of(results), view.x, view.percents
    low, high = accuracy_bars(view.cells)
    columns = {"speed": x, "slowest": x - view.bars[0], "fastest": x + view.bars[1]}
    columns |= {"accuracy": y, "lowest": y - low, "highest": y + high}
    rows = [
        {**_cell(styles, cell), **{name: _number(column[i]) for name, column in columns.items()}}
        for i, cell in enumerate(view.cells.to_dict("records"))
    ]
    is_log = x.max() / x.min() > LOG_FROM
    scale = {"type": "log", "nice": False} if is_log else {"zero": False, "padding": 12}
    across = {"type": "quantitative", "title": "images/s", "scale": scale, "axis": {"format": "~s"}}
    up = {**_ACCURACY, "scale": {"zero": False, "padding": 8}}
    tooltip = [("cell", ""), *((name, ",.0f") for name in ("speed", "slowest", "fastest"))]
    tooltip += [(name, ".2f") for name in ("accuracy", "lowest", "highest")]
    point: Spec = {"x": {**across, "field": "speed"}, "y": {**up, "field": "accuracy"}}
    x_bar = {"x": {**across, "field": "slowest"}, "x2": {"field": "fastest"}, "y": point["y"]}
    y_bar = {"x": point["x"], "y": {**up, "field": "lowest"}, "y2": {"field": "highest"}}
    shapes = {name: _SHAPES[marker] for name, marker in styles.facet_markers.items()}
    if shapes:
        point["shape"] = _nominal("group", shapes)
    bar = {"type": "rule", "strokeWidth": 1.5}
    mark = {"type": "point", "filled": True, "size": 110}
    layers = [_layer(bar, x_bar), _layer(bar, y_bar), _layer(mark, point, select="series")]
    encoding = {**_colours(styles), "opacity": _DIMMED, "tooltip": _tooltip(tooltip)}
    title = "Test accuracy over training speed, with both intervals"
    return [_chart(title, 340, rows, encoding, layer=layers)]


def _learning(results: Results) -> Sequence[Spec]:
    styles = cell_styles_of(results)
    curves = curves_of(results.epochs, styles)
    if len(curves.drop_duplicates(["cell_id", "epoch"])) < 2 or curves["epoch"].max() < 2:
        return ()
    points = curves.groupby(["cell_id", "epoch"], sort=False)["test_accuracy"].agg(
        mean="mean", lowest="min", highest="max", seeds="count"
    )
    cells = {str(cell["cell_id"]): cell for cell in styles.cells.to_dict("records")}
    statistics = ("mean", "lowest", "highest")
    rows = [
        {
            **_cell(styles, cells[point["cell_id"]]),
            "epoch": point["epoch"],
            **{name: _number(point[name]) for name in statistics},
            "seeds": point["seeds"],
        }
        for point in points.reset_index().to_dict("records")
    ]
    y = {**_ACCURACY, "scale": {"zero": False}}
    tooltip = [("cell", ""), ("epoch", ""), *((name, ".2f") for name in statistics), ("seeds", "")]
    mean: Spec = {"y": {**y, "field": "mean"}, "opacity": _DIMMED}
    if styles.facet is not None:
        mean["strokeDash"] = {"field": "group", "title": None}
    encoding = {
        "x": {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}},
        **_colours(styles),
        "detail": {"field": "cell"},
        "tooltip": _tooltip(tooltip),
    }
    seeds = {"y": {**y, "field": "lowest"}, "y2": {"field": "highest"}}
    area, line = {"type": "area", "opacity": 0.15}, {"type": "line", "point": True}
    layers = [_layer(area, seeds), _layer(line, mean, select="series")]
    title = "Test accuracy by epoch, mean and range over the seeds"
    return [_chart(title, 320, rows, encoding, layer=layers)]


def _phases(results: Results) -> Sequence[Spec]:
    styles = cell_styles_of(results)
    cells = fastest_first(styles.cells)
    if cells.empty:
        return ()
    micros = cells[MEDIANS].astype(float).mul(1e6 / step_images(cells), axis=0)
    shown = rows_of(cells.assign(**micros, total=micros.sum(axis=1)), styles.labels)
    rows = [
        {
            "cell": styles.labels[str(cell["cell_id"])],
            "phase": phase,
            "order": i,
            "time": _number(cell[f"{phase}_median"]),
            "share": _number(cell[f"{phase}_median"] / cell["total"]),
        }
        for cell in shown.cells.to_dict("records")
        for i, phase in enumerate(STEP_PHASES)
    ]
    tooltip = [("cell", ""), ("phase", ""), ("time", ",.3~g"), ("share", ".0%")]
    encoding = {
        "y": _Y_CELLS,
        "x": {"field": "time", "type": "quantitative", "title": "µs per image"},
        "color": _nominal("phase", PHASE_COLOURS),
        "order": {"field": "order"},
        "opacity": _DIMMED,
        "tooltip": _tooltip(tooltip),
    }
    title = f"Where the time of a step goes{_ends(shown)}"
    bar = {"mark": {"type": "bar"}, "params": [_selection("phase")]}
    return [_chart(title, _ROW_PX * len(shown.cells), rows, encoding, **bar)]


CHARTS: Mapping[str, Callable[[Results], Sequence[Spec]]] = {
    "against_baseline": _against_baseline,
    "learning": _learning,
    "phases": _phases,
    "accuracy_speed": _accuracy_over_speed,
}


def _chart(title: str, height: int, rows: Sequence[Spec], encoding: Spec, **more: Any) -> Spec:
    data = {"values": rows}
    return {"title": title, "height": height, "data": data, "encoding": encoding, **more}


def _layer(mark: Spec, encoding: Spec, *, select: str = "") -> Spec:
    params = {"params": [_selection(select)]} if select else {}
    return {**params, "mark": mark, "encoding": encoding}


def _cell(styles: CellStyles, cell: Mapping[Any, Any]) -> Spec:
    """Return a cell's name, the series of its colour, and the group of its marker."""
    cell_id = str(cell["cell_id"])
    series = styles.colour_names[styles.styles[cell_id].colour]
    row: Spec = {"cell": styles.labels[cell_id], "series": series}
    if styles.facet is not None:
        row["group"] = named_value(styles.facet, cell[styles.facet])
    return row


def _colours(styles: CellStyles) -> Spec:
    if len(styles.cells) == 1:
        return {}
    return {"color": _nominal("series", {name: c for c, name in styles.colour_names.items()})}


def _ends(shown: Rows) -> str:
    total = len(shown.cells) + shown.omitted
    return f"; the first and the last {END} of {total:,}" if shown.omitted else ""


def _nominal(field: str, values: Mapping[str, str]) -> Spec:
    scale = {"domain": list(values), "range": list(values.values())}
    return {"field": field, "type": "nominal", "title": None, "scale": scale}


def _selection(field: str) -> Spec:
    return {"name": _SELECTED, "select": {"type": "point", "fields": [field]}, "bind": "legend"}


def _tooltip(fields: Sequence[tuple[str, str]]) -> list[Spec]:
    return [{"field": field, **({"format": form} if form else {})} for field, form in fields]


def _number(value: Any) -> float | None:
    """Return a number with the digits that a screen shows, None for NaN."""
    return float(f"{float(value):.6g}") if np.isfinite(float(value)) else None
