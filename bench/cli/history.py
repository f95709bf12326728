"""`bench history`: how stored benchmarks moved, and where."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Reports


def history(
    storage: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where pytest-benchmark stores its runs.")
    ] = Path(".benchmarks"),
    reports: Reports = Path("reports"),
) -> None:
    """Follow every benchmark over its stored runs, find steps, and write reports/history.

    Example: pytest tests/benchmarks --benchmark-only --benchmark-autosave && bench history
    """
    from rich.markup import escape

    from bench.cli.terminal import console, table
    from bench.formatting import plural
    from bench.regress.benchmark_names import printable
    from bench.regress.history import trends
    from bench.regress.history_report import render, told
    from bench.regress.stored_benchmarks import read_sessions

    stored = read_sessions(storage)
    for problem in stored.problems:
        typer.echo(f"bench: left out: {printable(problem)}", err=True)
    sessions = stored.sessions
    followed = trends(sessions)
    dirty = sum(session.is_dirty for session in sessions)
    reporter = console()
    shown = table(reporter, "benchmark", "sessions", "last median", "steps", right={"sessions"})
    for trend in followed:
        steps = "; ".join(map(told, trend.steps))
        median = f"{1e3 * trend.measured[-1].median_s:,.3f} ms"
        shown.add_row(escape(trend.name), str(len(trend.sessions)), median, escape(steps))
    reporter.print(shown)
    machines = len({trend.fingerprint for trend in followed})
    left_out = f", {dirty} of a dirty tree left out" if dirty else ""
    where = f" of {machines} kinds of machine, kept apart" if machines > 1 else ""
    reporter.print(f"{plural(len(sessions), 'session')}{where}{left_out}")
    reporter.print(f"report: {render(followed, dirty, reports / 'history')}", markup=False)
