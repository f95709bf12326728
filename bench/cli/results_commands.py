"""Commands on a results folder: `bench report`, `compare`, `certify`, `verify` and `export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as opt
from bench.cli.completion import complete_results
from bench.cli.exit_codes import ExitCode
from bench.cli.options import argument, option
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.analysis.results import Results
    from bench.reporting.metric_texts import Target

TO_HELP = (
    "parquet: a typed file per table. mlflow: a run per trial, nested in a run per cell; existing "
    "runs are not logged again. github-action-benchmark: a JSON file for each of its tools "
    "customSmallerIsBetter and customBiggerIsBetter."
)
EXPORT_OUT_HELP = (
    "Folder for files, by default exports/<study>; for mlflow the tracking URI, by default "
    "MLFLOW_TRACKING_URI or MLflow's own."
)


def report(
    results: opt.Results,
    reports: opt.Reports = Path("reports"),
    html: Annotated[
        bool, option("--html", "Also write report.html, a self-contained page.")
    ] = False,
) -> None:
    """Render the report of a results folder from its tables, without training.

    Example: bench report results/baseline --html
    """
    from bench.cli.terminal import console
    from bench.reporting.render import render

    console().print(str(render(results, reports / results.resolve().name, html=html)), markup=False)


def compare(
    before: Annotated[Path, argument("DIR_A", "Results folder to compare with.", complete_results)],
    after: Annotated[Path, argument("DIR_B", "Results folder to judge.", complete_results)],
    every_measure: Annotated[
        bool, option("--all", "Every phase, not only the training step and the accuracy.")
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Compare two results folders, with a verdict for every cell in both.

    Exit code 0: no regression; 1: a regression; 3: inconclusive;
    4: another machine, other software or another timing protocol.

    Example: bench compare results/before results/after
    """
    from bench.analysis.folder_comparison import compare_folders
    from bench.cli.terminal import console
    from bench.cli.verdict_table import as_records, print_verdicts

    compared = compare_folders(before, after, every_measure=every_measure)
    if as_json:
        typer.echo(json.dumps(as_records(compared), indent=1))
    else:
        print_verdicts(console(), compared)
    if compared.differences:
        raise typer.Exit(ExitCode.INCOMPARABLE)
    verdicts = set(compared.rows["verdict"])
    if "REGRESSED" in verdicts:
        raise typer.Exit(ExitCode.FAILED)
    if "INCONCLUSIVE" in verdicts or compared.missing:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


def certify(
    results: opt.Results,
    accuracy: Annotated[
        str | None,
        option("--accuracy FRACTION", "Mean test accuracy to reach, e.g. 98.96% or 0.9896."),
    ] = None,
    metric: Annotated[
        str | None, option("--metric NAME", "Another metric of the study, with --at-least.")
    ] = None,
    at_least: Annotated[
        float | None, option("--at-least VALUE", "The mean of --metric to reach, in its own unit.")
    ] = None,
    only: Annotated[
        list[str] | None, option("--only CELL", "Only this cell, by its name or id; repeatable.")
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Certify that the mean accuracy of each cell, or another metric, reaches a target.

    Exit code 0: every cell does; 1: a cell is below it; 3: inconclusive.

    Example: bench certify results/speedrun --accuracy 98.96%
    """
    from bench.analysis.certificates import certificates
    from bench.analysis.configurations import configurations
    from bench.analysis.results import read_results
    from bench.cell_names import name_cells
    from bench.cli.certificate_table import certificate_records, print_certificates
    from bench.cli.terminal import console

    study = read_results(results)
    target, trials = _target(accuracy, metric, at_least, study), study.trials
    names = name_cells(configurations(trials))
    for name in only or ():
        opt.check_name(name, {*names, *names.values()}, "--only: no such cell")
    wanted = {cell_id for cell_id, name in names.items() if not only or {cell_id, name} & {*only}}
    every = certificates(trials, target.value, target.values(study))
    certified = [each for each in every if each.cell_id in wanted]
    if as_json:
        typer.echo(json.dumps(certificate_records(certified, names), indent=1))
    else:
        print_certificates(console(), certified, names, target)
    verdicts = {each.verdict for each in certified}
    if "BELOW" in verdicts:
        raise typer.Exit(ExitCode.FAILED)
    if verdicts != {"CERTIFIED"}:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


def _target(
    accuracy: str | None, metric: str | None, at_least: float | None, study: "Results"
) -> "Target":
    """Return the target that the options of `bench certify` name."""
    from bench.analysis.accuracy_comparisons import metrics_of
    from bench.reporting.metric_texts import Target

    if accuracy is not None and metric is None and at_least is None:
        return Target(opt.parse_fraction(accuracy, "--accuracy"))
    if accuracy is not None or metric is None or at_least is None:
        message = "expected a target: --accuracy, or --metric with --at-least"
        raise BenchError(message, hint="For example --accuracy 98.96%.")
    known = {each.name: each for each in metrics_of(study.metrics)}
    opt.check_name(metric, set(known), "--metric: the study has no such metric")
    if known[metric].is_lower_better:
        raise BenchError(f"--metric {metric}: a target needs a metric of which more is better")
    return Target(at_least, metric)


def verify(
    results: opt.Results,
    sample: Annotated[int, option("--sample N", "Number of trials to repeat.", min=1)] = 3,
    data_dir: opt.DataDir = None,
) -> None:
    """Train some of a study's trials again, and check that every loss is bit-identical.

    Exit code 0: all identical; 1: a difference; 4: other machine,
    software or code.

    Example: bench verify results/baseline --sample 5
    """
    from rich.markup import escape

    from bench.cli.terminal import console
    from bench.execute import EXECUTORS
    from bench.formatting import plural
    from bench.verify import VerifiedTrial
    from bench.verify import verify as repeat

    target = console()

    def show(verified: VerifiedTrial) -> None:
        word = "[red]different[/]" if verified.difference else "[green]identical[/]"
        target.print(f"{word}  {verified.run.run_id}  {escape(verified.difference)}".rstrip())

    folder = opt.data_folder(data_dir)
    done = repeat(results, folder, EXECUTORS["local"](), sample=sample, on_trial=show)
    if not done.verified:
        target.print(f"no trial can be repeated here: {escape('; '.join(done.not_comparable))}")
        raise typer.Exit(ExitCode.INCOMPARABLE)
    different = sum(bool(verified.difference) for verified in done.verified)
    result = f"{different} different" if different else "all identical"
    target.print(f"{plural(len(done.verified), 'trial')} of {done.trials} repeated: {result}")
    if different:
        raise typer.Exit(ExitCode.FAILED)


def export(
    results: opt.Results,
    to: Annotated[str, option("--to parquet|mlflow|github-action-benchmark", TO_HELP)],
    out: Annotated[str | None, option("--out PATH", EXPORT_OUT_HELP)] = None,
) -> None:
    """Export a results folder to another tool; the folder is not changed.

    Example: bench export results/baseline --to mlflow --out sqlite:///mlflow.db
    """
    from bench.cli.terminal import console
    from bench.export import EXPORTERS

    opt.check_name(to, EXPORTERS, "--to: unknown format")
    done = EXPORTERS[to](results, out)
    console().print(f"{done.what}: {done.where}", markup=False)
