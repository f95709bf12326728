"""Count verdicts over many sessions, where the truth is known.

    python validation/count_verdicts.py same     --sessions 10
    python validation/count_verdicts.py same     --sessions 10 --busy
    python validation/count_verdicts.py between  --sessions 10
    python validation/count_verdicts.py injected --sessions 20

`same`: copies of the baseline cell; any verdict but EQUIVALENT or INCONCLUSIVE is false. `between`:
the same cells of two such sessions, compared as `bench compare` does, for every pair of sessions.
`injected`: cells with a known amount of extra work in all phases (see `extra_work.py`), and copies
of the baseline cell.

Each session is one `bench run`. Tables are kept in --out and finished sessions are not repeated, so
`--sessions` can be raised later.
"""

import argparse
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
MODEL = {
    "import": "extra_work:ExtraWork",
    "network": "lenet5",
    "phase": "step",
    "dose": 0.0,
    "copy": 0,
}


def study_of(kind: str, session: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the study of one session."""
    cells: list[dict[str, Any]] = [{"model.copy": i} for i in range(1, options.copies + 1)]
    if kind == "injected":
        cells += [{"model.dose": dose} for dose in options.doses]
    return {
        "name": f"{kind}-{session:02d}",
        "base": {
            "model": {**MODEL, "network": options.network},
            "batch_size": options.batch,
            "threads": options.threads or "auto",
            "epochs": 0,
        },
        "include": cells,
        "timing": {"budget": options.budget, "rounds": options.rounds, "epochs": 0},
    }


def main() -> None:
    options = _options()
    measured = "injected" if options.kind == "injected" else "same"
    with busy_process() if options.busy else nullcontext():
        for session in range(options.sessions):
            _run(study_of(measured, session, options), options.out)
    sessions = [options.out / f"{measured}-{i:02d}" for i in range(options.sessions)]
    print(COUNTED[options.kind](sessions))


def _run(study: Mapping[str, Any], out: Path) -> None:
    """Run a session unless its tables exist."""
    if (out / study["name"] / "comparisons.csv").is_file():
        return
    file = out / f"{study['name']}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(dict(study)), encoding="utf-8")
    command = [sys.executable, "-m", "bench", "run", str(file), "--out", str(out), "--no-report"]
    subprocess.run(
        command,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _comparisons(sessions: Sequence[Path]) -> Iterator[pd.DataFrame]:
    from bench.analysis.results import read_results

    for session in sessions:
        tables = read_results(session, recompute=True)
        cells = tables.summary.set_index("cell_id")[["model.dose", "model.phase"]]
        yield tables.comparisons.join(cells, on="cell_id").assign(session=session.name)


def _between(sessions: Sequence[Path]) -> Iterator[pd.DataFrame]:
    from bench.analysis.folder_comparison import compare_matched_cells, match_cells
    from bench.analysis.results import read_results

    tables = [read_results(session, recompute=True) for session in sessions]
    for a, b in itertools.combinations(tables, 2):
        yield compare_matched_cells(a, b, match_cells(a.trials, b.trials)).assign(
            session=f"{a.trials.study[0]} {b.trials.study[0]}"
        )


def _counted_same(sessions: Sequence[Path]) -> str:
    """Count the verdicts on identical cells of one session, one row per measure."""
    return _verdicts(pd.concat(_comparisons(sessions), ignore_index=True))


def _counted_between(sessions: Sequence[Path]) -> str:
    """Count the verdicts on identical cells of two sessions, one row per measure."""
    return _verdicts(pd.concat(_between(sessions), ignore_index=True))


def _verdicts(found: pd.DataFrame) -> str:
    times = found[found["measure"] != "test_accuracy"]
    counts = times.groupby(["measure", "verdict"]).size().unstack(fill_value=0)
    floors = times.groupby("measure")[["floor", "mde"]].median()
    off = (times["ratio"] - 1).abs().groupby(times["measure"]).quantile([0.5, 0.975]).unstack()
    off.columns = ["off by, median", "97.5%"]
    table = counts.join(floors).join(off).round(4)
    return f"{times['session'].nunique()} sessions or pairs of them\n{table.to_string()}"


def _counted_doses(sessions: Sequence[Path]) -> str:
    """Count the verdicts, one row per dose and measure.

    `estimate` is the median estimate, `error` its difference from the truth in percentage points,
    `worst` the largest such difference.
    """
    found = pd.concat(_comparisons(sessions), ignore_index=True)
    rows = []
    times = found[found["measure"].isin(["forward", "backward", "optimizer", "step"])]
    for (phase, dose, measure), group in times.groupby(["model.phase", "model.dose", "measure"]):
        truth = dose if phase in ("step", measure) else 0.0
        errors = 100 * (group["ratio"] - 1 - truth)
        is_part = phase not in ("step", measure) and measure == "step"
        rows.append(
            {
                "extra work in": phase if dose else "none",
                "dose": f"{dose:.0%}",
                "measure": measure,
                **group["verdict"].value_counts().to_dict(),
                "estimate": f"{group['ratio'].median() - 1:+.1%}",
                "error": "" if is_part else f"{errors.median():+.1f}",
                "worst": "" if is_part else f"{errors.abs().max():.1f}",
                "mde": f"{group['mde'].median():.1%}",
                "A/A mde": f"{group['session_mde'].median():.1%}",
                "not found, A/A mde < dose": int(
                    ((group["verdict"] != "REGRESSED") & (group["session_mde"] <= dose)).sum()
                ),
                "left out": int(group["left_out"].sum()),
            }
        )
    table = pd.DataFrame(rows).fillna(0)
    counts = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(counts, int))
    return f"{times['session'].nunique()} sessions\n{table.to_string(index=False)}"


COUNTED = {"same": _counted_same, "between": _counted_between, "injected": _counted_doses}


@contextmanager
def busy_process() -> Iterator[None]:
    """Keep one core busy, at most for as long as this process lives."""
    busy = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"
    process = subprocess.Popen([sys.executable, "-c", busy])
    try:
        yield
    finally:
        process.kill()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=list(COUNTED))
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("results/validation"))
    parser.add_argument("--network", default="lenet5", choices=["lenet5", "convnet"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, help="all cores by default")
    parser.add_argument("--copies", type=int, default=10, help="of the baseline cell")
    parser.add_argument("--doses", type=float, nargs="+", default=[0.03, 0.05])
    parser.add_argument("--budget", default="2m", help="of the timing sets of a session")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", action="store_true", help="keep one core busy meanwhile")
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    main()
