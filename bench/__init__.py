"""Benchmarks and ablation studies of small vision networks."""

# With `python -m bench` this runs while modules of the folder that one starts in would come before
# Python's own: nothing but what every Python has loaded already is imported here.
from os import PathLike

TYPE_CHECKING = False  # what typing's means to type checkers
if TYPE_CHECKING:
    from bench.analysis.results import Results

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(results: str | PathLike[str]) -> "Results":
    """Load the tables of a results folder as pandas data frames.

    Attributes, by row: `trials` (cell × seed), `epochs` (trial × epoch), `timings` (cell × block ×
    phase × round), `blocks` (cell × block), `costs` (cell), `tuning` (candidate × seed), `summary`
    (cell: each measure's median, 95% interval and n) and `comparisons` (cell × measure, against the
    study's baseline cell). Each but the last has the whole configuration in its columns, so that
    none needs a join; what was not measured is an empty frame or a blank. `tuned` names the fields
    that the study tuned.

    SI units, accuracies as fractions. Whole numbers come as Int64, numbers as float64, truth values
    as boolean, text as strings: a blank is a missing value in all of them.

    Raises `bench.errors.StoreError` for a folder without trials.csv, an unreadable table, and rows
    of different hardware. Nothing is written, and torch is not imported.

        >>> tables = bench.load("results/baseline")
        >>> tables.trials.groupby(["model", "batch_size"])["test_accuracy"].mean()
    """
    from pathlib import Path

    from bench.analysis.results import read_results

    return read_results(Path(results))
