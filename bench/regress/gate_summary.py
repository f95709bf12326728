"""The result of a gate as table rows, JSON records, CSV, and markdown for a pull request."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.analysis.comparison_table import ACCURACY, Comparison
from bench.cell_names import is_blank
from bench.csv_text import as_text, csv_of
from bench.formatting import (
    ACCURACY_VERDICTS,
    TIME_VERDICTS,
    format_ratio,
    format_share,
    plural,
)
from bench.records import columns_of
from bench.regress.benchmark_names import printable, short_names
from bench.regress.benchmark_samples import Observation
from bench.regress.benchmark_verdicts import FAILURES, BenchmarkVerdict
from bench.regress.gate import GateResult
from bench.reporting.markdown_text import escape, table
from bench.store import write_atomic

# Worst first.
ORDER = (
    "REGRESSED", "FAILED", "MISSING", "INCOMPARABLE",
    "INCONCLUSIVE", "IMPROVED", "EQUIVALENT", "NEW",
)  # fmt: skip
BLANK = "–"
COLUMNS = ("benchmark", "measure", "head / base", "verdict", "detects", "floor", "pairs", "")
NUMBERS = frozenset({"detects", "floor", "pairs"})
VERDICT = COLUMNS.index("verdict")
TRADE_OFFS = {  # verdicts on time and accuracy
    ("IMPROVED", "REGRESSED"): "faster, but less accurate",
    ("REGRESSED", "IMPROVED"): "slower, but more accurate",
}
HOW_TO_READ = """\
Head and base were measured in fresh processes that took turns, on one machine.
*head / base* is the ratio of times (above 1 is slower) or of accuracies (above 1 is better), with
its 95% interval. *floor* is the ratio of times to expect without any change, from measuring base
against itself. *detects* is the smallest change detected in 80% of cases. *slower*: the interval
lies beyond the floor, *worse*: below 1, and a fresh re-run confirmed it."""


def headline(result: GateResult) -> str:
    """Return one line that counts the verdicts, worst first."""
    counts: Counter[str] = Counter()
    for row in in_order(result.rows):
        if _is_ruled_out(row, result):
            counts[f"not worse by {result.detect:.0%} or more"] += 1
        else:
            counts[_word(row)] += 1
    return ", ".join(f"{n} {word}" for word, n in counts.items()) or "nothing was measured"


def trade_offs(rows: Sequence[BenchmarkVerdict]) -> Iterator[str]:
    """Yield the benchmarks that are faster but less accurate, or slower but more accurate."""
    verdicts = {(row.benchmark, row.measure == ACCURACY): row.verdict for row in rows}
    for benchmark, name in names_of(rows).items():
        pair = verdicts.get((benchmark, False), ""), verdicts.get((benchmark, True), "")
        if pair in TRADE_OFFS:
            yield f"{name} is {TRADE_OFFS[pair]}"


def in_order(rows: Sequence[BenchmarkVerdict]) -> list[BenchmarkVerdict]:
    """Sort rows by verdict, worst first."""
    return sorted(rows, key=lambda row: ORDER.index(row.verdict))


def names_of(rows: Sequence[BenchmarkVerdict]) -> dict[str, str]:
    """Map the benchmarks of these rows to short unique names."""
    return short_names(row.benchmark for row in rows)


def cells(row: BenchmarkVerdict, names: Mapping[str, str]) -> list[str]:
    """Return a row as texts, one per column."""
    c = row.comparison
    return [
        names[row.benchmark],
        "accuracy" if row.measure == ACCURACY else row.measure,
        BLANK if c is None else format_ratio(c.ratio, c.low, c.high),
        _word(row),
        BLANK if c is None or c.mde is None else format_share(c.mde),
        BLANK if c is None or not c.floor else format_share(c.floor),
        BLANK if c is None else str(c.n),
        "; ".join(_notes(row)),
    ]


def markdown(result: GateResult) -> str:
    """Return a page: headline, remarks, findings, and the other rows folded away."""
    names = names_of(result.rows)
    findings: list[BenchmarkVerdict] = []
    others: list[BenchmarkVerdict] = []
    for row in in_order(result.rows):
        is_other = row.verdict in ("EQUIVALENT", "NEW") or _is_ruled_out(row, result)
        (others if is_other else findings).append(row)
    lines = [f"### bench gate: {escape(headline(result))}", ""]
    lines += [f"{escape(result.head)} compared with {escape(result.base)}.", ""]
    remarks = [*result.differences, *trade_offs(result.rows), *result.remarks]
    lines += [*(f"- {escape(remark)}" for remark in remarks), *[""] * bool(remarks)]
    if findings:
        lines += [*_table(findings, names), ""]
    if others:
        lines += ["<details>", f"<summary>{len(others)} without a finding</summary>", ""]
        lines += [*_table(others, names), "", "</details>", ""]
    lines += ["<details>", "<summary>How to read this</summary>", "", HOW_TO_READ, "", "</details>"]
    return "\n".join(lines) + "\n"


def records(result: GateResult) -> list[dict[str, Any]]:
    """Return one object per row for scripts, blanks as null."""
    return [_record(row) for row in in_order(result.rows)]


def write_gate(result: GateResult, folder: Path) -> None:
    """Write summary.md, verdicts.json and pairs.csv; raises StoreError if that fails."""
    write_atomic(folder / "summary.md", markdown(result))
    write_atomic(folder / "verdicts.json", json.dumps(records(result), indent=1) + "\n")
    rows = (
        {**asdict(o), "benchmark": as_text(printable(o.benchmark))} for o in result.observations
    )
    write_atomic(folder / "pairs.csv", csv_of(columns_of(Observation), rows))


def _word(row: BenchmarkVerdict) -> str:
    words = ACCURACY_VERDICTS if row.measure == ACCURACY else TIME_VERDICTS
    return words.get(row.verdict, row.verdict.lower())


def _notes(row: BenchmarkVerdict) -> Iterator[str]:
    if row.reason:
        yield _error_line(row.reason)
    if row.rerun is not None:
        yield f"re-run {format_ratio(row.rerun.value, row.rerun.low, row.rerun.high)}"
    if row.comparison is not None and row.comparison.left_out:
        yield f"{plural(row.comparison.left_out, 'disturbed pair')} left out"


def _error_line(reason: str) -> str:
    """Return the last line that pytest marks E, or else the last line."""
    lines = reason.strip().splitlines()
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return (errors or lines or [""])[-1]


def _is_ruled_out(row: BenchmarkVerdict, result: GateResult) -> bool:
    return row.verdict == "INCONCLUSIVE" and row.rules_out(result.detect)


def _table(rows: Sequence[BenchmarkVerdict], names: Mapping[str, str]) -> list[str]:
    table_rows = []
    for row in rows:
        texts = [escape(text) for text in cells(row, names)]
        if row.verdict in FAILURES:
            texts[VERDICT] = f"**{texts[VERDICT]}**"
        table_rows.append(texts)
    return table(COLUMNS, table_rows, right=NUMBERS)


def _record(row: BenchmarkVerdict) -> dict[str, Any]:
    c, rerun = row.comparison, row.rerun
    values = asdict(c) if c is not None else dict.fromkeys(columns_of(Comparison))
    values.pop("cell_id")
    values = {key: None if is_blank(value) else value for key, value in values.items()}
    return {
        "benchmark": row.benchmark,
        **values,
        "measure": row.measure,
        "verdict": row.verdict,
        "why": row.reason,
        "again_ratio": None if rerun is None else rerun.value,
        "again_low": None if rerun is None else rerun.low,
        "again_high": None if rerun is None else rerun.high,
    }
