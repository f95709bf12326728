"""`bench gate`: a verdict on what a change did to every benchmark."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import DataDir, Offline, fraction, seconds
from bench.regress.benchmark_samples import Statistic

if TYPE_CHECKING:
    from bench.regress.gate import Gated

REGRESSED, INCONCLUSIVE, INCOMPARABLE, INTERRUPTED = 1, 3, 4, 130


def gate(
    base: Annotated[
        str, typer.Option(metavar="REF", help="The commit to hold against.", show_default=False)
    ],
    head: Annotated[
        str | None,
        typer.Option(metavar="REF", help="What to judge; the working tree by default."),
    ] = None,
    suite: Annotated[
        Path, typer.Option(metavar="PATH", help="Benchmarks of pytest-benchmark, or a study file.")
    ] = Path("tests/benchmarks"),
    select: Annotated[
        str, typer.Option("-k", metavar="EXPRESSION", help="Only these benchmarks, as in pytest.")
    ] = "",
    statistic: Annotated[
        Statistic,
        typer.Option(help="Which of a benchmark's rounds: the fastest, or the median."),
    ] = "min",
    detect: Annotated[
        str, typer.Option(metavar="SHARE", help="The change that the gate has to find.")
    ] = "10%",
    pairs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="Pairs to measure; planned from the noise by default."
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="How long to measure, beyond the first six pairs.")
    ] = "30m",
    accuracy: Annotated[
        bool,
        typer.Option("--accuracy", help="Hold accuracies, too, paired by seed."),
    ] = False,
    base_python: Annotated[
        str | None,
        typer.Option(metavar="PYTHON", help="An interpreter with base's own packages."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep summary.md, verdicts.json and pairs.csv there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects.")] = False,
    data_dir: DataDir = None,
    offline: Offline = False,
) -> None:
    """Measure a commit and what you have now, interleaved: a verdict for every benchmark.

    Exit code 0: nothing is slower by as much as --detect; 1: something
    regressed, fails or is missing; 3: noise may hide it; 4: other machine
    or software.

    Example: bench gate --base main -k step
    """
    from bench.cli.gate_reporter import TerminalGateReporter
    from bench.regress.gate import GateRequest, run_gate
    from bench.regress.gate_summary import keep, records

    request = GateRequest(
        base,
        head,
        Path(os.path.relpath(suite)),
        select,
        statistic,
        fraction(detect, "--detect"),
        pairs,
        seconds(budget, "--budget"),
        accuracy=accuracy,
        base_python=base_python,
        data_dir=data_dir,
        offline=offline,
    )
    try:
        with TerminalGateReporter(errors=as_json) as reporter:
            gated = run_gate(request, reporter)
    except KeyboardInterrupt:
        typer.echo("bench: interrupted; the worktrees are gone.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(records(gated), indent=1))
    else:
        reporter.finished(gated)
    if out is not None:
        keep(gated, out)
    raise typer.Exit(_code(gated))


def _code(gated: "Gated") -> int:
    if gated.differences:
        return INCOMPARABLE
    if gated.has_failed:
        return REGRESSED
    return INCONCLUSIVE if gated.is_open else 0
