"""Studies from Python: `bench.run`, `bench.plan`, `bench.load`, `bench.compare`, `bench.report`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench

STUDY = {
    "name": "from_python",
    "base": {
        "model": {"name": "mlp", "hidden": 4},
        "dataset": "digits",
        "epochs": 0,
        "device": "cpu",
        "batch_size": 30_000,
    },
    "axes": {"model.hidden": [4, 8]},
    "timing": "off",
}


@pytest.fixture
def finished(tmp_path: Path, digits_dir: Path) -> bench.FinishedStudy:
    """Run the study once, without progress."""
    out, reports = tmp_path / "results", tmp_path / "reports"
    return bench.run(
        STUDY, out=out, reports=reports, data_dir=digits_dir, executor="inline", progress=False
    )


def test_importing_bench_imports_nothing_else() -> None:
    code = "import sys, bench; print(*(m for m in sys.modules if m.startswith('bench.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_is_there() -> None:
    assert set(bench.__all__) == set(dir(bench))
    assert all(getattr(bench, name) is not None for name in bench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Agenda'"):
        _ = bench.Agenda  # type: ignore[attr-defined]


def test_a_mapping_is_planned_like_a_file(tmp_path: Path, digits_dir: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: x\nbase: {dataset: digits}\nseeds: [0, 1]\ntiming: off\n")
    mapping = {"name": "x", "base": {"dataset": "digits"}, "seeds": [0, 1], "timing": "off"}
    plans = [bench.plan(s, out=tmp_path, data_dir=digits_dir) for s in (path, mapping)]
    ids = [[planned.run.run_id for planned in plan.runs] for plan in plans]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 3


def test_overrides_change_a_plan_and_not_the_mapping(tmp_path: Path, digits_dir: Path) -> None:
    changed = bench.plan(STUDY, overrides=["base.epochs=3"], out=tmp_path, data_dir=digits_dir)
    assert {cell.epochs for cell in changed.cells} == {3}
    assert STUDY["base"]["epochs"] == 0  # type: ignore[index]


def test_an_invalid_mapping_is_an_error_with_the_field() -> None:
    with pytest.raises(bench.BenchError, match=r"study: base\.epochz: unknown field\. Did you"):
        bench.plan({"name": "x", "base": {"epochz": 1}})


def test_a_run_gives_its_results_and_a_second_one_reuses_them(
    finished: bench.FinishedStudy, tmp_path: Path, digits_dir: Path
) -> None:
    assert list(finished.results.trials["model.hidden"]) == [4, 8]
    assert finished.report is not None and finished.report.is_file()
    assert not finished.has_failed
    again = bench.plan(STUDY, out=tmp_path / "results", data_dir=digits_dir)
    assert {planned.state for planned in again.runs} == {"cached"}


def test_progress_is_printed(
    tmp_path: Path, digits_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = {**STUDY, "axes": {}}
    bench.run(study, out=tmp_path, data_dir=digits_dir, executor="inline", report=False)
    printed = capsys.readouterr().out
    assert "from_python" in printed
    assert "2 runs" in printed


def test_results_are_loaded_compared_and_reported(
    finished: bench.FinishedStudy, tmp_path: Path, digits_dir: Path
) -> None:
    loaded = bench.load(finished.folder)
    assert loaded.summary["cell_id"].equals(finished.results.summary["cell_id"])
    page = bench.report(finished.folder, tmp_path / "pages", html=True)
    assert page == tmp_path / "pages" / "from_python" / "report.html"
    trained = {**STUDY, "base": {**STUDY["base"], "epochs": 1}, "axes": {}}  # type: ignore[dict-item]
    for name in ("before", "after"):
        bench.run(
            {**trained, "name": name}, out=tmp_path, data_dir=digits_dir, executor="inline",
            report=False, progress=False,
        )  # fmt: skip
    compared = bench.compare(tmp_path / "before", tmp_path / "after")
    (row,) = compared.rows.to_dict("records")
    assert (row["measure"], row["difference"]) == ("test_accuracy", 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"study": 5}, "study: expected a path or a mapping, got 5"),
        ({"study": {**STUDY, 5: 6}}, "study: expected names of fields, got 5"),
        ({"out": 5}, "out: expected a path, got 5"),
        ({"overrides": [5]}, r"overrides: expected text or a list of texts, got \[5\]"),
        ({"overrides": {"base.epochs": object}}, "expected plain data for base.epochs, got"),
        ({"overrides": None}, "overrides: expected text or a list of texts, got null"),
        ({"jobs": 0}, "--jobs: expected a positive integer, got 0"),
        ({"executor": "ray2"}, "--executor: unknown 'ray2'"),
    ],
)
def test_invalid_arguments_are_errors_of_the_api(
    arguments: dict[str, object], message: str
) -> None:
    given = {"study": STUDY, **arguments}
    with pytest.raises(bench.BenchError, match=message):
        bench.plan(given.pop("study"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "overrides",
    [{"base.epochs": 3}, {"base.epochs": np.int64(3)}, ["base.epochs=3"], "base.epochs=3"],
)
def test_overrides_are_a_mapping_or_texts(
    overrides: object, tmp_path: Path, digits_dir: Path
) -> None:
    plan = bench.plan(STUDY, overrides=overrides, out=tmp_path, data_dir=digits_dir)  # type: ignore[arg-type]
    assert {cell.epochs for cell in plan.cells} == {3}


def test_a_script_needs_no_main_guard(tmp_path: Path, digits_dir: Path) -> None:
    options = f"data_dir={str(digits_dir)!r}, report=False"
    script = tmp_path / "no_guard.py"
    script.write_text(f"import bench\nbench.run({STUDY!r}, {options})\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 runs in" in done.stdout
