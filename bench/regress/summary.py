"""What a gate found, in words and as a markdown page fit for a pull request's comment."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.analysis.compared import ACCURACY, Comparison
from bench.labels import is_blank
from bench.records import columns_of
from bench.regress.gate import Gated
from bench.regress.judged import Judged
from bench.regress.measured import Observation
from bench.report.text import escape, number
from bench.store import as_text, write_whole

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
HOW_TO_READ = """\
Head and base were measured in fresh processes, interleaved and in shuffled order, on one machine.
*head / base* is the ratio of times (above 1 is slower) or of accuracies (above 1 is better), with
its 95% interval, paired. *floor* is what no change at all looked like meanwhile: base against
itself. *detects* is the least change that this measurement would find four times in five.
*REGRESSED* lies beyond the floor with its whole interval, and a fresh re-run was worse again."""


def name(benchmark: str) -> str:
    """Name a benchmark without its file and the word test."""
    return benchmark.rpartition("::")[2].removeprefix("test_")


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
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        pair = verdicts.get((benchmark, False), ""), verdicts.get((benchmark, True), "")
        if pair in words:
            yield f"{name(benchmark)} is {words[pair]}"


def in_order(rows: Sequence[Judged]) -> list[Judged]:
    """Put what needs a look first."""
    return sorted(rows, key=lambda row: ORDER.index(row.verdict))


def told_ratio(row: Judged) -> str:
    """Write head over base with its interval, and that of the re-run where there was one."""
    if row.comparison is None:
        return "–"
    c = row.comparison
    if c.low is None or c.high is None:
        return f"{c.ratio:.3f} (exploratory)"
    return number(c.ratio, c.low, c.high)


def told_why(row: Judged) -> str:
    """Say what stands behind a verdict beside its numbers."""
    again = row.again
    if again is not None and again.low is not None and again.high is not None:
        rerun = f"re-run {number(again.value, again.low, again.high)}"
        return f"{row.why}: {rerun}" if row.why else rerun
    last_line = row.why.strip().splitlines()[-1] if row.why.strip() else ""
    if row.comparison is not None and row.comparison.left_out:
        left_out = f"{row.comparison.left_out} disturbed pairs left out"
        return f"{last_line}; {left_out}" if last_line else left_out
    return last_line


def markdown(gated: Gated) -> str:
    """Write the page: what was found, what needs a look, and the rest folded away."""
    rows = in_order(gated.rows)
    calm = [
        row for row in rows if row.verdict in ("EQUIVALENT", "NEW") or _is_ruled_out(row, gated)
    ]
    loud = [row for row in rows if row not in calm]
    lines = [f"### bench gate: {escape(headline(gated))}", ""]
    lines += [f"{escape(gated.head)} against {escape(gated.base)}.", ""]
    for said in (*gated.differences, *trade_offs(gated.rows), *gated.remarks):
        lines.append(f"- {escape(said)}")
    lines += [""] if lines[-1] else []
    if loud:
        lines += [*_table(loud), ""]
    if calm:
        lines += ["<details>", f"<summary>{len(calm)} without a finding</summary>", ""]
        lines += [*_table(calm), "", "</details>", ""]
    lines += ["<details>", "<summary>How to read this</summary>", "", HOW_TO_READ, "", "</details>"]
    return "\n".join(lines) + "\n"


def records(gated: Gated) -> list[dict[str, Any]]:
    """Give one object a row for scripts, blanks as null."""
    return [_record(row) for row in in_order(gated.rows)]


def keep(gated: Gated, folder: Path) -> None:
    """Write summary.md, verdicts.json and pairs.csv; raises StoreError where that can't be done."""
    write_whole(folder / "summary.md", markdown(gated))
    write_whole(folder / "verdicts.json", json.dumps(records(gated), indent=1) + "\n")
    write_whole(folder / "pairs.csv", _csv(gated.observations))


def _with(gated: Gated, verdict: str) -> list[Judged]:
    return [row for row in gated.rows if row.verdict == verdict]


def _is_ruled_out(row: Judged, gated: Gated) -> bool:
    return row.verdict == "INCONCLUSIVE" and not row.is_open(gated.detect)


def _table(rows: Sequence[Judged]) -> Iterator[str]:
    yield "| benchmark | measure | head / base | verdict | detects | floor | pairs | |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | --- |"
    for row in rows:
        c = row.comparison
        cells = (
            escape(name(row.benchmark)),
            "accuracy" if row.measure == ACCURACY else row.measure,
            told_ratio(row),
            f"**{row.verdict}**" if row.verdict in ORDER[:3] else row.verdict,
            "–" if c is None or c.mde is None else f"{c.mde:.1%}",
            "–" if c is None else f"{c.floor:.1%}",
            "–" if c is None else c.n,
            escape(told_why(row)),
        )
        yield f"| {' | '.join(map(str, cells))} |"


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
        writer.writerow(
            [as_text(o.benchmark), o.measure, o.pair, o.turn, o.role, o.value, o.disturbed]
        )
    return text.getvalue()
