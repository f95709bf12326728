"""The public API: run, plan, load, compare and report studies from Python.

A study is the path of a YAML file, or a mapping with the same fields. Errors that a user can fix
are raised as BenchError. torch is imported only in the processes that train; with the inline
executor that is this one.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from bench.analysis.folder_comparison import FolderComparison, compare_folders
from bench.analysis.results import Results, read_results
from bench.cli.options import data_folder, make_executor
from bench.cli.terminal_reporter import TerminalReporter
from bench.errors import BenchError, shown
from bench.planning import Plan, Request, plan_study
from bench.runner import FinishedStudy, Reporter, run_study

__all__ = [
    "BenchError",
    "FinishedStudy",
    "FolderComparison",
    "Plan",
    "Results",
    "compare",
    "load",
    "plan",
    "report",
    "run",
]

StudyLike = str | PathLike[str] | Mapping[str, Any]
Overrides = str | Sequence[str] | Mapping[str, Any]


def run(
    study: StudyLike,
    *,
    overrides: Overrides = (),
    only: str | Sequence[str] = (),
    out: str | PathLike[str] = "results",
    reports: str | PathLike[str] = "reports",
    data_dir: str | PathLike[str] | None = None,
    offline: bool = False,
    executor: str = "local",
    address: str | None = None,
    jobs: int = 1,
    fresh: bool = False,
    report: bool = True,
    progress: bool = True,
) -> FinishedStudy:
    """Run a study, reusing finished runs, as `bench run` does.

    `overrides` maps paths of fields to values, or lists PATH=VALUE texts as for `--set`; `only`
    lists names or ids of cells. Returns the results and where they were written. Raises
    BenchError for invalid arguments and KeyboardInterrupt after Ctrl-C; finished runs are kept.

        >>> finished = bench.run("studies/baseline.yaml", overrides={"base.epochs": 1})
        >>> finished.results.summary[["model", "accuracy_mean", "step_median"]]
    """
    request = replace(
        _request(study, overrides, only, out, data_dir, offline=offline),
        reports=_path("reports", reports),
        fresh=fresh,
        report=report,
    )
    chosen = make_executor(executor, jobs, address, quiet=not progress)
    with _hidden_main_module(), closing(chosen):
        if not progress:
            return run_study(request, Reporter(), chosen)
        with TerminalReporter(verbose=False) as reporter:
            finished = run_study(request, reporter, chosen)
        reporter.finished(finished)
        return finished


def plan(
    study: StudyLike,
    *,
    overrides: Overrides = (),
    only: str | Sequence[str] = (),
    out: str | PathLike[str] = "results",
    data_dir: str | PathLike[str] | None = None,
    offline: bool = False,
    executor: str = "local",
    address: str | None = None,
    jobs: int = 1,
) -> Plan:
    """Plan a study without running it, as `bench plan` does; options are those of `run`.

    >>> [(planned.run.run_id, planned.state) for planned in bench.plan(study).runs]
    """
    request = _request(study, overrides, only, out, data_dir, offline=offline)
    with closing(make_executor(executor, jobs, address, quiet=True)) as chosen:
        return plan_study(request, resources_for=chosen.resources)


def load(results: str | PathLike[str]) -> Results:
    """Load the tables of a results folder as pandas data frames.

    Attributes, by row: `trials` (cell × seed), `epochs` (trial × epoch), `timings` (cell × timing
    set × phase × round), `blocks` (cell × timing set), `costs` (cell), `tuning` (candidate × seed),
    `summary` (cell: each measure's median, 95% interval and n) and `comparisons` (cell × measure,
    with the study's baseline). All but the last have the full configuration in their columns; what
    was not measured is an empty frame or a missing value. SI units, accuracies as fractions;
    integers are Int64, numbers float64, booleans boolean, text string. `tuned` are the fields that
    were tuned.

    Raises BenchError for a folder without trials.csv, an unreadable table, and rows of different
    hardware.

        >>> results = bench.load("results/baseline")
        >>> results.trials.groupby(["model", "batch_size"])["test_accuracy"].mean()
    """
    return read_results(_path("results", results))


def compare(
    before: str | PathLike[str], after: str | PathLike[str], *, every_measure: bool = False
) -> FolderComparison:
    """Compare two results folders cell by cell, as `bench compare` does.

    The rows have a verdict per cell and measure (the step's time and the test accuracy, or with
    `every_measure` all phases). Raises BenchError where no cells correspond.

        >>> bench.compare("results/before", "results/after").rows[["cell_id", "ratio", "verdict"]]
    """
    folders = _path("before", before), _path("after", after)
    return compare_folders(*folders, every_measure=every_measure)


def report(
    results: str | PathLike[str],
    reports: str | PathLike[str] = "reports",
    *,
    html: bool = False,
) -> Path:
    """Render the report of a results folder, as `bench report` does; return its path.

    It is written to `<reports>/<study>/report.md`, with `html` also as one file, report.html.

        >>> bench.report("results/baseline", html=True)
    """
    from bench.reporting.render import render  # imports drawing libraries

    folder = _path("results", results)
    return render(folder, _path("reports", reports) / folder.resolve().name, html=html)


def _request(
    study: StudyLike,
    overrides: Overrides,
    only: str | Sequence[str],
    out: str | PathLike[str],
    data_dir: str | PathLike[str] | None,
    *,
    offline: bool,
) -> Request:
    if isinstance(overrides, Mapping):
        overrides = [_override(str(path), value) for path, value in overrides.items()]
    return Request(
        study if isinstance(study, Mapping) else _path("study", study),
        _texts("overrides", overrides),
        results=_path("out", out),
        data_dir=data_folder(None if data_dir is None else _path("data_dir", data_dir)),
        offline=offline,
        only=_texts("only", only),
    )


def _override(path: str, value: Any) -> str:
    try:
        return f"{path}={json.dumps(value, default=lambda array: array.tolist())}"  # NumPy's
    except (AttributeError, TypeError, ValueError):
        raise BenchError(f"overrides: expected plain data for {path}, got {shown(value)}") from None


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, str | PathLike):
        expected = "a path or a mapping" if name == "study" else "a path"
        raise BenchError(f"{name}: expected {expected}, got {shown(value)}")
    return Path(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise BenchError(f"{name}: expected text or a list of texts, got {shown(value)}")
    return tuple(texts)


@contextmanager
def _hidden_main_module() -> Iterator[None]:
    """Keep worker processes from importing the main module, which may call `run` again."""
    main = vars(sys.modules["__main__"])
    names = [name for name in ("__file__", "__spec__") if name in main]
    hidden: dict[str, Any] = {name: main.pop(name) for name in names}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
