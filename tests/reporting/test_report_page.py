import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import StoreError
from bench.reporting.render import render

Page = Callable[[str], Path]
Results = Callable[..., Path]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def change(results: Path, table: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = results / f"{table}.csv"
    edit(pd.read_csv(path)).to_csv(path, index=False)


def rows_of_results(text: str) -> list[list[str]]:
    section = text.split("## Results")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


def test_every_study_has_a_page_with_its_sections_in_order(case: str, page_of: Page) -> None:
    headings = re.findall(r"^#+ .*$", read(page_of(case)), flags=re.MULTILINE)
    expected = [f"# {case}", "## Results", "## How to read this report", "## Conditions"]
    assert [h for h in headings if h in expected] == expected
    assert headings[-1] == "## Reproduce"
    assert ("## Runs that did not finish" in headings) == (case in ("baseline", "all-failed"))


def test_every_figure_of_the_page_exists_and_has_an_alt_text(case: str, page_of: Page) -> None:
    page = page_of(case)
    images = re.findall(r"!\[(.*?)\]\((.*?)\)", read(page))
    assert ("## Figures" in read(page)) == bool(images)
    for alt, name in images:
        content = (page.parent / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 10_000
        assert alt
    pictures = {f"figures/{path.name}" for path in (page.parent / "figures").glob("*.png")}
    assert {name for _, name in images} == pictures


def test_svg_figures_keep_their_text_as_text(results_of: Results, tmp_path: Path) -> None:
    page = render(results_of("one-cell"), tmp_path)
    drawn = (page.parent / "figures/throughput.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<?xml")
    assert "images/s" in re.sub(r"<[^>]+>", "", drawn)


def test_no_blank_of_the_tables_leaks_into_the_page(case: str, page_of: Page) -> None:
    assert not re.search(r"\b(nan|None|NaT|inf)\b|<NA>", read(page_of(case)))


def test_the_result_table_has_a_row_a_cell(case: str, page_of: Page, results_of: Results) -> None:
    rows = rows_of_results(read(page_of(case)))
    cells = pd.read_csv(results_of(case) / "trials.csv")["cell_id"].nunique()
    assert len(rows) == cells + 2
    assert len({len(row) for row in rows}) == 1


def test_cells_that_did_not_run_keep_their_row_and_their_reason(page_of: Page) -> None:
    text = read(page_of("baseline"))
    skipped = [row for row in rows_of_results(text) if row[-1].strip() == "skipped"]
    assert len(skipped) == 8
    assert all(row[4].strip() == "–" for row in skipped)
    assert (
        "- **skipped**: no CUDA device on this machine "
        "(24 trials and 48 timing sets: the 8 cells with cuda)"
    ) in text
    assert "8 of 16 cells finished; 8 skipped" in text


def test_equal_reasons_are_one_line(page_of: Page) -> None:
    text = read(page_of("all-failed"))
    assert text.count("RuntimeError") == 1
    assert r"RuntimeError: shapes \| differ \`x\` (24 trials and 48 timing sets: all 8" in text


def test_numbers_have_intervals_or_are_exploratory(page_of: Page) -> None:
    measured = rows_of_results(read(page_of("baseline")))[2]
    assert re.fullmatch(r" \d\d\.\d\d \[\d\d\.\d\d, \d\d\.\d\d\] ", measured[4])
    assert re.fullmatch(r" [\d,]+ \[[\d,]+, [\d,]+\] ", measured[5])
    heading = rows_of_results(read(page_of("reference")))[0]
    assert "images/s<br>3 timing sets, exploratory" in heading[2]
    single = rows_of_results(read(page_of("one-cell")))
    assert "1 seed, exploratory" in single[0][1]
    assert "±" not in single[2][1] and "[" not in single[2][1]


def test_the_target_shows_k_of_n_seeds(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("reference")
    times = [12.0, 14.5, float("inf"), 13.0, float("inf")]
    change(results, "trials", lambda frame: frame.assign(time_to_target_s=times))
    text = read(render(results, tmp_path / "report"))
    assert "14.5 (3 of 5)" in text
    assert "**Target of 98.96%:** reached by 3 of 5 trials" in text
    change(results, "trials", lambda frame: frame.assign(time_to_target_s=float("inf")))
    assert "missed (0 of 5)" in read(render(results, tmp_path / "report"))


def test_a_study_without_a_target_does_not_mention_one(page_of: Page) -> None:
    assert "target" not in read(page_of("sixteen")).lower()


def test_a_fallback_data_set_is_a_warning_at_the_top(
    fresh_results: Results, tmp_path: Path
) -> None:
    data = {"requested": "mnist", "used": "digits", "why": "no connection"}
    results = fresh_results("one-cell", {"data": data})
    text = read(render(results, tmp_path / "report"))
    assert text.startswith("> [!WARNING]\n> **These numbers are from digits, not from mnist")
    assert "no connection" in text.split("# one-cell")[0]


def test_the_requested_data_set_needs_no_warning(page_of: Page) -> None:
    assert read(page_of("baseline")).startswith("# baseline\n")


def test_a_page_needs_no_environment(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("one-cell", environment=None)
    (results / "study.yaml").unlink()
    text = read(render(results, tmp_path / "report"))
    assert text.startswith("# one-cell\n")
    assert "machine and software are unknown" in text


def test_the_conditions_are_listed(page_of: Page) -> None:
    text = read(page_of("baseline"))
    assert "| CPU | Example CPU \\| 2.4 GHz |" in text
    assert "| memory | 16.0 GB |" in text
    assert "| GPU | none |" in text
    assert "| torch | 2.6.0 |" in text
    assert "The same in every cell: dataset mnist, precision fp32" in text
    assert "bench run studies/baseline.yaml" in text


@pytest.mark.parametrize("content", ["{", "[1, 2]"])
def test_a_broken_environment_is_named(
    fresh_results: Results, tmp_path: Path, content: str
) -> None:
    results = fresh_results("one-cell")
    (results / "environment.json").write_text(content)
    with pytest.raises(StoreError) as caught:
        render(results, tmp_path / "report")
    assert caught.value.where == str(results / "environment.json")


def test_a_study_without_any_run_is_refused(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("one-cell")
    for table in ("trials", "timings"):
        change(results, table, lambda frame: frame.iloc[:0])
    with pytest.raises(StoreError, match="expected finished runs"):
        render(results, tmp_path / "report")


def test_a_path_that_cannot_be_written_is_an_error(results_of: Results, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file is in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        render(results_of("all-failed"), tmp_path / "report")


def test_names_from_users_cannot_break_the_page(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("no-epochs")
    name = "a|b <script>*x*</script> `c`\n# d"
    for table in ("trials", "timings"):
        change(results, table, lambda f: f.assign(model=f["model"].replace("convnet", name)))
    text = read(render(results, tmp_path / "report"))
    code = r"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)"
    assert "<script>" not in re.sub(code, "", text)  # within code it is only text
    assert not re.search(r"^# d", text, flags=re.MULTILINE)
    rows = rows_of_results(text)
    assert len({len(row) for row in rows}) == 1
    named = r'"a\|b &lt;script&gt;\*x\*&lt;/script&gt; \`c\`\\n\# d"'
    assert rows[2][0].strip() == named


def test_rendering_twice_gives_the_same_bytes(results_of: Results, tmp_path: Path) -> None:
    report = tmp_path / "report"

    def everything() -> dict[str, bytes]:
        render(results_of("one-cell"), report)
        return {str(p): p.read_bytes() for p in sorted(report.rglob("*")) if p.is_file()}

    first = everything()
    assert len(first) == 5
    assert everything() == first


def test_figures_of_an_earlier_rendering_are_removed(results_of: Results, tmp_path: Path) -> None:
    report = tmp_path / "report"
    render(results_of("no-epochs"), report)
    assert (report / "figures" / "by_model.png").is_file()
    render(results_of("one-cell"), report)
    left = sorted(path.name for path in (report / "figures").iterdir())
    assert left == ["phases.png", "phases.svg", "throughput.png", "throughput.svg"]


def test_phases_that_do_not_add_up_are_marked(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("no-epochs")

    def slower_forward(frame: pd.DataFrame) -> pd.DataFrame:
        chosen = (frame["phase"] == "forward") & (frame["model"] == "lenet5")
        return frame.assign(seconds=frame["seconds"].where(~chosen, 2 * frame["seconds"]))

    change(results, "timings", slower_forward)
    text = read(render(results, tmp_path / "report"))
    marked = [row for row in rows_of_results(text) if any("†" in field for field in row)]
    assert [row[0].strip() for row in marked] == ["lenet5"]
    assert "† phase times don't add up to the step within 5%" in text


def test_a_long_table_is_folded(page_of: Page) -> None:
    assert "<summary>All 72 rows</summary>" in read(page_of("wide"))
    assert "<summary>All" not in read(page_of("sixteen"))


def test_a_claim_to_be_best_counts_its_rivals(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("no-epochs")
    accuracies = [0.90, 0.92, 0.94, 0.91, 0.93, 0.94]
    change(results, "trials", lambda frame: frame.assign(test_accuracy=accuracies))
    text = read(render(results, tmp_path / "report"))
    assert "**Most accurate:** lenet5" in text
    assert "1 other cell overlaps its interval" in text


def test_a_rival_needs_no_interval_of_its_own(fresh_results: Results, tmp_path: Path) -> None:
    results = fresh_results("no-epochs")

    def one_seed_of_convnet(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame[(frame["model"] == "lenet5") | (frame["seed"] == 0)]
        return frame.assign(test_accuracy=[0.93, 0.90, 0.94, 0.98])

    change(results, "trials", one_seed_of_convnet)
    text = read(render(results, tmp_path / "report"))
    assert "**Most accurate:** lenet5" in text
    assert "1 other cell overlaps its interval" in text


def test_every_cell_is_compared_with_the_baseline_with_a_verdict(page_of: Page) -> None:
    section = read(page_of("sixteen")).split("## Against the baseline cell")[1].split("\n## ")[0]
    table = section.split("<details>")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 15
    words = r"(\*\*(faster|slower|equivalent)\*\*|inconclusive( \(\d+ more (block|set)s?\))?)"
    ratio = r"\d\.\d+ \[\d\.\d+, \d\.\d+\]"
    assert all(re.search(rf"\| {ratio} \| {words} \| \d+\.\d% \|$", r) for r in rows)
    heading = next(line for line in table.splitlines() if line.startswith("|"))
    assert re.search(r"\| verdict<br>noise floor \d+\.\d% \| detects \|", heading)


def test_a_noise_floor_that_differs_by_cell_has_a_column(page_of: Page) -> None:
    section = read(page_of("disturbed")).split("## Against the baseline cell")[1]
    heading = next(line for line in section.splitlines() if line.startswith("|"))
    assert "| verdict | noise floor | detects |" in heading


def test_a_rank_test_that_cannot_be_significant_is_not_shown(page_of: Page) -> None:
    heading = next(
        line
        for line in read(page_of("sixteen")).split("## Against the baseline cell")[1].splitlines()
        if line.startswith("|")
    )
    # Of three against three seeds, p is 0.1 at the least; of six sets in 15 rows, it is 0.47.
    assert "p (Holm)" not in heading


def test_cells_without_measurements_come_last(page_of: Page) -> None:
    section = read(page_of("baseline")).split("## Results")[1].split("\n## ")[0]
    statuses = [line.split(" | ")[-1] for line in section.splitlines() if line.startswith("| ")]
    assert statuses[2:] == ["ok |"] * 8 + ["skipped |"] * 8


def test_fields_that_vary_only_in_unmeasured_cells_are_not_in_names(page_of: Page) -> None:
    text = read(page_of("baseline"))
    findings = text.split("## Results")[0]
    assert "adam" in findings and "cpu" not in findings
    assert "--only 'convnet · batch 64 · adam · cpu'" in text  # by which the cell is found


def test_a_study_of_one_cell_compares_nothing(page_of: Page) -> None:
    assert "## Against the baseline cell" not in read(page_of("one-cell"))


def test_a_disturbed_session_is_reported(page_of: Page) -> None:
    text = read(page_of("disturbed"))
    assert "**Machine disturbances:**" in text
    assert "pairs left out" in text
    assert "**Machine disturbances:**" not in read(page_of("sixteen"))


def test_costs_name_the_bottleneck_and_its_rule(page_of: Page) -> None:
    section = read(page_of("sixteen")).split("## What a step costs")[1].split("\n## ")[0]
    assert re.search(r"(data|launch|memory|compute) bound", section)
    assert "The bottleneck is the largest of four times" in section


def test_the_report_counts_sets_and_rounds_and_says_that_processes_take_turns(
    page_of: Page,
) -> None:
    text = read(page_of("sixteen"))
    (line,) = re.findall(r"^- \*\*Timing protocol:\*\* .*$", text, flags=re.MULTILINE)
    assert "6 timing sets of 17 rounds for every cell" in line
    assert "take turns" in line


def test_times_of_the_earlier_protocol_are_marked_as_such(page_of: Page) -> None:
    text = read(page_of("reference"))
    (line,) = re.findall(r"^- \*\*Timing protocol:\*\* .*$", text, flags=re.MULTILINE)
    assert "timed by the earlier protocol" in line


def test_a_report_without_times_has_no_timing_protocol(page_of: Page) -> None:
    assert "Timing protocol" not in read(page_of("timing-off"))


def test_a_comparison_without_times_does_not_explain_them(page_of: Page) -> None:
    section = read(page_of("timing-off")).split("## Against the baseline cell")[1]
    section = section.split("\n## ")[0]
    assert "within 0.2 points of 0" in section
    assert "slower" not in section and "timing set" not in section
