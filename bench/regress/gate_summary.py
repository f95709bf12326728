"""What a gate found, in words and as a markdown page fit for a pull request's comment."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.analysis.comparisons import ACCURACY, Comparison
from bench.cell_names import is_blank
from bench.csv_text import as_text
from bench.formatting import format_ratio, format_share, plural
from bench.records import columns_of
from bench.regress.benchmark_names import printable, short_names
from bench.regress.benchmark_samples import Observation
from bench.regress.benchmark_verdicts import FAILURES, Judged
from bench.regress.gate import Gated
from bench.reporting.markdown_text import escape, table
from bench.stats.estimates import Estimate
from bench.store import write_atomic

# Worst first.
ORDER = (
    "REGRESSED", "FAILED", "MISSING", "INCOMPARABLE",
    "INCONCLUSIVE", "IMPROVED", "EQUIVALENT", "NEW",
)  # fmt: skip
WORDS: Mapping[str, tuple[str, str]] = {  # of one, of several
    "REGRESSED": ("regressed", "regressed"),
    "FAILED": ("fails on head", "fail on head"),
    "MISSING": ("is missing on head", "are missing on head"),
    "INCOMPARABLE": ("can't be compared", "can't be compared"),
    "IMPROVED": ("improved", "improved"),
    "EQUIVALENT": ("is the same", "are the same"),
    "NEW": ("is new", "are new"),
}
BLANK = "–"
COLUMNS = ("benchmark", "measure", "head / base", "verdict", "detects", "floor", "pairs", "")
NUMBERS = frozenset({"detects", "floor", "pairs"})
VERDICT = COLUMNS.index("verdict")
HOW_TO_READ = """\
Head and base were measured in fresh processes, interleaved and in shuffled order, on one machine.
*head / base* is the ratio of times (above 1 is slower) or of accuracies (above 1 is better), with
its 95% interval, paired. *floor* is what no change at all looked like meanwhile: base against
itself. *detects* is the least change that this measurement would find four times in five.
*REGRESSED* lies beyond the floor with its whole interval, and a fresh re-run was worse again."""


def headline(gated: Gated) -> str:
    """Say in one line what was found."""
    said = [f"{len(of)} {WORDS[v][len(of) > 1]}" for v in WORDS if (of := _with(gated, v))]
    undecided = _with(gated, "INCONCLUSIVE")
    still_open = sum(row.is_open(gated.detect) for row in undecided)
    ruled_out = len(undecided) - still_open
    if ruled_out:
        verb = "is" if ruled_out == 1 else "are"
        said.append(f"{ruled_out} {verb} not worse by {gated.detect:.0%} or more")
    if still_open:
        said.append(f"{still_open} can't be told")
    return ", ".join(said) or "nothing was measured"


def trade_offs(rows: Sequence[Judged]) -> Iterator[str]:
    """Name what is faster but less accurate, or the other way round."""
    verdicts = {(row.benchmark, row.measure == ACCURACY): row.verdict for row in rows}
    words = {("IMPROVED", "REGRESSED"): "faster, but less accurate"}
    words["REGRESSED", "IMPROVED"] = "slower, but more accurate"
    for benchmark, name in names_of(rows).items():
        pair = verdicts.get((benchmark, False), ""), verdicts.get((benchmark, True), "")
        if pair in words:
            yield f"{name} is {words[pair]}"


def in_order(rows: Sequence[Judged]) -> list[Judged]:
    """Put what needs a look first."""
    return sorted(rows, key=lambda row: ORDER.index(row.verdict))


def names_of(rows: Sequence[Judged]) -> dict[str, str]:
    """Map the benchmarks of these rows to short names, each unique."""
    return short_names(row.benchmark for row in rows)


def cells(row: Judged, names: Mapping[str, str]) -> list[str]:
    """Write a row as texts, one a column."""
    c = row.comparison
    return [
        names[row.benchmark],
        "accuracy" if row.measure == ACCURACY else row.measure,
        BLANK if row.ratio is None else _told(row.ratio),
        row.verdict,
        BLANK if c is None or c.mde is None else format_share(c.mde),
        BLANK if c is None else format_share(c.floor),
        BLANK if c is None else str(c.n),
        "; ".join(_reasons(row)),
    ]


def _told(estimate: Estimate) -> str:
    return format_ratio(estimate.value, estimate.low, estimate.high)


def _reasons(row: Judged) -> Iterator[str]:
    """Say what stands behind a verdict beside its numbers."""
    if row.why:
        yield _last_line(row.why)
    if row.again is not None:
        yield f"re-run {_told(row.again)}"
    if row.comparison is not None and row.comparison.left_out:
        yield f"{plural(row.comparison.left_out, 'disturbed pair')} left out"


def markdown(gated: Gated) -> str:
    """Write the page: what was found, what needs a look, and the rest folded away."""
    rows = in_order(gated.rows)
    calm = [
        row for row in rows if row.verdict in ("EQUIVALENT", "NEW") or _is_ruled_out(row, gated)
    ]
    names = names_of(rows)
    loud = [row for row in rows if row not in calm]
    lines = [f"### bench gate: {escape(headline(gated))}", ""]
    lines += [f"{escape(gated.head)} against {escape(gated.base)}.", ""]
    for said in (*gated.differences, *trade_offs(gated.rows), *gated.remarks):
        lines.append(f"- {escape(said)}")
    lines += [""] if lines[-1] else []
    if loud:
        lines += [*_table(loud, names), ""]
    if calm:
        lines += ["<details>", f"<summary>{len(calm)} without a finding</summary>", ""]
        lines += [*_table(calm, names), "", "</details>", ""]
    lines += ["<details>", "<summary>How to read this</summary>", "", HOW_TO_READ, "", "</details>"]
    return "\n".join(lines) + "\n"


def records(gated: Gated) -> list[dict[str, Any]]:
    """Give one object a row for scripts, blanks as null."""
    return [_record(row) for row in in_order(gated.rows)]


def keep(gated: Gated, folder: Path) -> None:
    """Write summary.md, verdicts.json and pairs.csv; raises StoreError where that can't be done."""
    write_atomic(folder / "summary.md", markdown(gated))
    write_atomic(folder / "verdicts.json", json.dumps(records(gated), indent=1) + "\n")
    write_atomic(folder / "pairs.csv", _csv(gated.observations))


def _last_line(why: str) -> str:
    """Give a failure's own words: of what pytest shows of it, the last line marked E."""
    lines = why.strip().splitlines()
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return (errors or lines or [""])[-1]


def _with(gated: Gated, verdict: str) -> list[Judged]:
    return [row for row in gated.rows if row.verdict == verdict]


def _is_ruled_out(row: Judged, gated: Gated) -> bool:
    return row.verdict == "INCONCLUSIVE" and not row.is_open(gated.detect)


def _table(rows: Sequence[Judged], names: Mapping[str, str]) -> list[str]:
    def marked(row: Judged) -> list[str]:
        texts = [escape(text) for text in cells(row, names)]
        texts[VERDICT] = f"**{row.verdict}**" if row.verdict in FAILURES else row.verdict
        return texts

    return table(COLUMNS, map(marked, rows), right=NUMBERS)


def _record(row: Judged) -> dict[str, Any]:
    c, again = row.comparison, row.again
    told = asdict(c) if c is not None else dict.fromkeys(columns_of(Comparison))
    told.pop("cell_id")
    told = {key: None if is_blank(value) else value for key, value in told.items()}
    record = {"benchmark": row.benchmark, **told, "measure": row.measure, "verdict": row.verdict}
    record["why"] = row.why
    for limit in ("value", "low", "high"):
        label = f"again_{'ratio' if limit == 'value' else limit}"
        record[label] = None if again is None else getattr(again, limit)
    return record


def _csv(observations: Sequence[Observation]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns_of(Observation))
    for o in observations:
        name = as_text(printable(o.benchmark))
        writer.writerow([name, o.measure, o.pair, o.turn, o.role, o.value, o.disturbed])
    return text.getvalue()
