"""report.html is self-contained, and text from users is never markup or script in it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import vl_convert

from bench.reporting.render import render
from bench.reporting.vega_charts import VEGA_LITE, interactive

Results = Callable[..., Path]


@pytest.fixture
def page(real_page: Path) -> str:
    return real_page.read_text(encoding="utf-8")


def test_it_needs_no_other_file_and_no_network(page: str) -> None:
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert "data:image/png;base64" in markup
    assert not re.search(r"<(script|img|iframe)[^>]* src=\"(?!data:)", markup)
    assert not re.search(r"<link[^>]* href=\"(?!data:)", markup)
    assert "@import" not in markup
    assert len(page.encode()) < 2_000_000


def test_it_has_the_text_of_the_markdown(page: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    for expected in (
        "no CUDA device: this machine has no NVIDIA driver",
        "AMD EPYC",
        "Noise of the session:",
        "bench run studies/baseline.yaml",
    ):
        assert expected in text


def test_every_cell_has_the_command_that_reproduces_it(page: str) -> None:
    commands = re.findall(r"<code>(bench run [^<]* --only [^<]+ --out again)</code>", page)
    assert len(set(commands)) == 16


def test_every_chart_is_a_valid_specification(case: str, tables_of: Callable) -> None:
    for specs in interactive(tables_of(case)).values():
        for spec in specs:
            assert vl_convert.vegalite_to_vega(spec, vl_version=VEGA_LITE)["marks"]


def test_a_chart_of_many_cells_shows_both_ends(tables_of: Callable) -> None:
    charts = interactive(tables_of("wide"))
    for spec in (*charts["against_baseline"], *charts["phases"]):
        assert len({row["cell"] for row in spec["data"]["values"]}) == 20
        assert re.search(r"; the first and the last 10 of 7[12]$", spec["title"])


def test_a_value_without_an_interval_is_drawn_as_a_point(tables_of: Callable) -> None:
    tables = tables_of("baseline")
    ends = ("low", "high", "difference_low", "difference_high")
    bare = tables.comparisons.assign(**dict.fromkeys(ends, float("nan")))
    for known, layers in ((tables.comparisons, 4), (bare, 3)):
        specs = interactive(replace(tables, comparisons=known))["against_baseline"]
        assert [len(spec["layer"]) for spec in specs] == [layers] * 2


def test_text_from_users_stays_text(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("no-epochs")
    name = "</script><script>alert(1)</script>"
    for table in ("trials", "timings"):
        path = results / f"{table}.csv"
        frame = pd.read_csv(path)
        frame.assign(model=frame["model"].replace("convnet", name)).to_csv(path, index=False)
    written = render(results, tmp_path / "report", html=True).read_text(encoding="utf-8")
    assert "<script>alert" not in written
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', written)
    assert "alert(1)" in json.dumps(json.loads(data))


def test_an_existing_page_is_updated(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("one-cell")
    page = render(results, tmp_path, html=True)
    path = results / "trials.csv"
    pd.read_csv(path).assign(test_accuracy=0.4321).to_csv(path, index=False)
    assert render(results, tmp_path).name == "report.md"
    assert "43.21%" in page.read_text(encoding="utf-8")


def test_no_page_is_written_unless_requested(results_of: Results, tmp_path: Path) -> None:
    render(results_of("one-cell"), tmp_path)
    assert not (tmp_path / "report.html").exists()
