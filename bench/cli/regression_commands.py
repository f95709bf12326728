"""Commands on pytest-benchmark suites: `bench gate` and `bench history`."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as opt
from bench.cli.exit_codes import ExitCode
from bench.cli.options import argument, option
from bench.regress.benchmark_samples import Statistic

if TYPE_CHECKING:
    from bench.regress.gate import GateResult


def gate(
    base: Annotated[str, option("--base REF", "Git ref to compare with.")],
    head: Annotated[
        str | None, option("--head REF", "Git ref to judge; by default the working tree.")
    ] = None,
    suite: Annotated[
        Path, option("--suite PATH", "pytest-benchmark suite, or a study file.")
    ] = Path("tests/benchmarks"),
    select: Annotated[str, option("-k EXPRESSION", "Only these benchmarks, as in pytest.")] = "",
    statistic: Annotated[
        Statistic, option("--statistic", "How to summarise the rounds of a benchmark.")
    ] = "min",
    detect: Annotated[str, option("--detect FRACTION", "Smallest change to detect.")] = "5%",
    pairs: Annotated[
        int | None,
        option("--pairs K", "Pairs to measure; by default planned from the noise.", min=1),
    ] = None,
    budget: Annotated[
        str, option("--budget TIME", "Time limit, after the first six pairs.")
    ] = "30m",
    accuracy: Annotated[bool, option("--accuracy", "Also compare mean accuracies.")] = False,
    base_python: Annotated[
        str | None, option("--base-python PYTHON", "Interpreter with the packages of the base.")
    ] = None,
    out: Annotated[
        Path | None, option("--out DIR", "Write summary.md, verdicts.json and pairs.csv here.")
    ] = None,
    as_json: opt.AsJson = False,
    data_dir: opt.DataDir = None,
    offline: opt.Offline = False,
) -> None:
    """Compare the code with a git ref, interleaved, with a verdict for every benchmark.

    Exit code 0: nothing is slower by --detect or more; 1: a regression,
    or a failing or missing benchmark; 3: inconclusive; 4: another machine
    or other software.

    Example: bench gate --base main -k step
    """
    from bench.cli.gate_reporter import TerminalGateReporter
    from bench.regress.gate import GateRequest, run_gate
    from bench.regress.gate_summary import records, write_gate

    request = GateRequest(
        base,
        head,
        Path(os.path.relpath(suite)),
        select,
        statistic,
        opt.parse_fraction(detect, "--detect"),
        pairs,
        opt.parse_duration(budget, "--budget"),
        accuracy=accuracy,
        base_python=base_python,
        data_dir=data_dir,
        offline=offline,
    )
    try:
        with TerminalGateReporter(errors=as_json) as reporter:
            gated = run_gate(request, reporter)
    except KeyboardInterrupt:
        typer.echo("bench: interrupted; the worktrees are removed.", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(records(gated), indent=1))
    else:
        reporter.finished(gated)
    if out is not None:
        write_gate(gated, out)
    raise typer.Exit(_exit_code(gated))


def _exit_code(gated: "GateResult") -> ExitCode:
    if gated.differences:
        return ExitCode.INCOMPARABLE
    if gated.has_failed:
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if gated.is_inconclusive else ExitCode.OK


def history(
    storage: Annotated[Path, argument("DIR", "Storage folder of pytest-benchmark.")] = Path(
        ".benchmarks"
    ),
    reports: opt.Reports = Path("reports"),
) -> None:
    """Detect steps in stored benchmark results, and write a report to reports/history.

    Example: pytest tests/benchmarks --benchmark-only --benchmark-autosave && bench history
    """
    from rich.markup import escape

    from bench.cli.terminal import console, table
    from bench.formatting import plural
    from bench.regress.benchmark_names import printable
    from bench.regress.history import describe_step, find_trends, with_machines, write_history
    from bench.regress.stored_benchmarks import read_sessions

    stored = read_sessions(storage)
    for problem in stored.problems:
        typer.echo(f"bench: ignored: {printable(problem)}", err=True)
    trends = find_trends(stored.sessions)
    dirty = sum(session.is_dirty for session in stored.sessions)
    target = console()
    rows = table(target, "benchmark", "sessions", "last median", "steps", right={"sessions"})
    for trend in with_machines(trends):
        steps = "; ".join(map(describe_step, trend.steps))
        median = f"{1e3 * trend.measured[-1].median_s:,.3f} ms"
        rows.add_row(escape(trend.name), str(len(trend.sessions)), median, escape(steps))
    target.print(rows)
    machines = len({trend.fingerprint for trend in trends})
    where = f" on {machines} kinds of machine, analysed separately" if machines > 1 else ""
    ignored = f", {dirty} with uncommitted changes ignored" if dirty else ""
    target.print(f"{plural(len(stored.sessions), 'session')}{where}{ignored}")
    target.print(f"report: {write_history(trends, dirty, reports / 'history')}", markup=False)
