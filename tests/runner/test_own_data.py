"""Studies on data of any small shape: run, resumed, and stale where their images changed."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from runner_doubles import Ask, FakeExecutor, Silent

from bench.analysis.results import read_results
from bench.cli.plan_table import print_plan
from bench.errors import DataError, StudyError
from bench.execute import EXECUTORS
from bench.planning import plan_study
from bench.reporting.figures.test_images import pictured_images
from bench.runner import FinishedStudy, run_study
from bench.verify import verify

Run = Callable[..., FinishedStudy]
LEARNING = "epochs: 2, batch_size: 16, optimizer: {name: adam, lr: 0.01}, device: cpu"


def colours(path: Path, count: int, seed: int, side: int) -> None:
    """Write pictures of two classes, reddish and bluish ones."""
    draw = np.random.default_rng(seed)
    for channel, name in ((0, "red"), (2, "blue")):
        (path / name).mkdir(parents=True)
        for i in range(count):
            pixels = draw.integers(0, 160, (side, side, 3))
            pixels[:, :, channel] += 90
            Image.fromarray(pixels.astype(np.uint8)).save(path / name / f"{i}.png")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Return a folder with two image folders, `small` and `large`."""
    for name, side in (("small", 12), ("large", 14)):
        colours(tmp_path / name / "train", 24, 1, side)
        colours(tmp_path / name / "test", 8, 2, side)
    for path in tmp_path.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    return tmp_path


def study(folders: Path, model: str = "cnn_bn", learning: str = LEARNING, **base: str) -> str:
    data = ", ".join(
        f"{{name: image_folder, path: '{folders / name}'}}" for name in ("small", "large")
    )
    more = "".join(f", {key}: {value}" for key, value in base.items())
    return (
        f"name: own_data\nbase: {{model: {model}, {learning}{more}}}\n"
        f"axes: {{dataset: [{data}]}}\ntiming: off\n"
    )


def states(ask: Ask, text: str, data_dir: Path) -> dict[str, set[str]]:
    """Return the states of the runs on each data set, with their reasons."""
    found: dict[str, set[str]] = {}
    for planned in plan_study(ask(text, data_dir=data_dir)).runs:
        name = Path(planned.run.cell.dataset.parameters["path"]).name
        found.setdefault(name, set()).add(f"{planned.state} {planned.reason}".strip())
    return found


@pytest.mark.parametrize("loader", ["resident", "dataloader"])
def test_a_network_learns_colours_from_an_image_folder(
    ask: Ask, folders: Path, loader: str
) -> None:
    request = ask(study(folders, loader=loader), data_dir=folders / "data")
    trials = run_study(request, Silent(), EXECUTORS["inline"]()).results.trials
    assert trials["test_accuracy"].tolist() == [1.0, 1.0]
    assert trials["model.in_channels"].tolist() == [3, 3]
    assert trials["model.classes"].tolist() == [2, 2]
    assert trials["model.image_size"].tolist() == [12, 14]
    assert [Path(path).name for path in trials["dataset.path"]] == ["small", "large"]


def test_trials_on_an_image_folder_can_be_verified(ask: Ask, folders: Path) -> None:
    data_dir, executor = folders / "data", EXECUTORS["inline"]()
    finished = run_study(ask(study(folders, "mlp"), data_dir=data_dir), Silent(), executor)
    for where in (data_dir, folders / "elsewhere"):  # where it was not decoded yet
        verified = verify(finished.folder, where, executor, sample=2, on_trial=lambda trial: None)
        assert [trial.difference for trial in verified.verified] == ["", ""]


def test_a_plan_knows_no_ids_before_the_data_were_read(ask: Ask, folders: Path) -> None:
    request = ask(study(folders), data_dir=folders / "data")
    console = Console(record=True, width=200)
    print_plan(console, plan_study(request))
    shown = console.export_text()
    assert shown.count("has not been read yet: `bench run` reads it first") == 2
    assert "cnn_bn-b16" not in shown
    run_study(request, Silent(), FakeExecutor())
    print_plan(console, plan_study(request))
    shown = console.export_text()
    assert "has not been read yet" not in shown
    assert "cnn_bn-b16" in shown


def test_pictures_of_misclassified_images_are_in_colour(ask: Ask, folders: Path) -> None:
    request = ask(
        study(folders, "mlp", "epochs: 1, optimizer: {name: sgd, lr: 1e-9}, device: cpu"),
        data_dir=folders / "data",
    )
    results = run_study(request, Silent(), EXECUTORS["inline"]()).results
    assert {picture.shape for picture in results.pictures.values()} == {(12, 12, 3)}


def test_classes_have_their_names_in_results_and_report(ask: Ask, folders: Path) -> None:
    text = study(folders, "mlp", "epochs: 1, optimizer: {name: sgd, lr: 1e-9}, device: cpu")
    finished = run_study(ask(text, data_dir=folders / "data"), Silent(), EXECUTORS["inline"]())
    stored = read_results(finished.folder)
    for results in (finished.results, stored):
        assert results.class_names == ("blue", "red")
        assert [results.class_name(label) for label in (0, 1, 2)] == ["blue", "red", "2"]
    (chart,) = pictured_images(stored)
    assert re.search(r"confusion among .* is (blue as red|red as blue)", chart.caption)


def test_an_edited_image_makes_the_runs_on_its_folder_stale(ask: Ask, folders: Path) -> None:
    text, data_dir = study(folders), folders / "data"
    run_study(ask(text, data_dir=data_dir), Silent(), FakeExecutor())
    assert states(ask, text, data_dir) == {"small": {"cached"}, "large": {"cached"}}
    edited = folders / "large" / "train" / "red" / "3.png"
    Image.open(edited).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(edited)
    assert states(ask, text, data_dir) == {"small": {"cached"}, "large": {"stale data changed"}}
    executor = FakeExecutor()
    run_study(ask(text, data_dir=data_dir), Silent(), executor)
    assert {Path(run.cell.dataset.parameters["path"]).name for run in executor.runs} == {"large"}
    assert states(ask, text, data_dir) == {"small": {"cached"}, "large": {"cached"}}


def test_the_digest_and_the_names_of_classes_are_kept(ask: Ask, folders: Path) -> None:
    finished = run_study(ask(study(folders), data_dir=folders / "data"), Silent(), FakeExecutor())
    environment = json.loads((finished.folder / "environment.json").read_text())
    assert len(set(environment["datasets"].values())) == 2
    assert list(environment["class_names"].values()) == [["blue", "red"]] * 2
    results = read_results(finished.folder)
    by_set = dict(zip(results.trials["dataset.path"], results.trials["data_digest"], strict=True))
    assert len(by_set) == 2
    for path, digest in by_set.items():
        (name,) = (label for label in environment["datasets"] if path in label)
        assert digest == environment["datasets"][name]


def test_a_network_that_needs_larger_images_names_their_least_size(ask: Ask, folders: Path) -> None:
    request = ask(study(folders, "{name: lenet5, padding: 0}"), data_dir=folders / "data")
    with pytest.raises(StudyError, match="takes images of 16×16 and more, not of 12×12") as caught:
        run_study(request, Silent(), EXECUTORS["inline"]())
    assert "not of 14×14" in str(caught.value)


def test_a_folder_that_went_missing_stops_plan_and_run(ask: Ask, folders: Path) -> None:
    text, data_dir = study(folders), folders / "data"
    run_study(ask(text, data_dir=data_dir), Silent(), FakeExecutor())
    shutil.rmtree(folders / "small")
    with pytest.raises(DataError, match="is not there"):
        plan_study(ask(text, data_dir=data_dir))
    with pytest.raises(DataError, match="is not there"):
        run_study(ask(text, data_dir=data_dir), Silent(), FakeExecutor())


MINE = """
import numpy as np

def load(count: int = 40):
    draw = np.random.default_rng(0)
    labels = np.arange(count) % 4
    images = draw.integers(0, 100, (count, 2, 9, 11), dtype=np.uint8)
    images[np.arange(count), labels // 2] += 120
    return images, labels
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a module of the user's own that loads images of two channels, not square."""
    path = tmp_path / f"mine_{tmp_path.name}.py"
    path.write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return path


def imported(module: Path, **parameters: Any) -> str:
    given = "".join(f", {key}: {value}" for key, value in parameters.items())
    return (
        f"name: imported\nbase: {{model: mlp, {LEARNING}, "
        f'dataset: {{import: "{module.stem}:load"{given}}}}}\ntiming: off\n'
    )


def test_an_imported_data_set_is_trained_on_and_stale_when_its_arrays_change(
    ask: Ask, module: Path, tmp_path: Path
) -> None:
    request = ask(imported(module), data_dir=tmp_path / "data")
    finished = run_study(request, Silent(), EXECUTORS["inline"]())
    trial = finished.results.trials.iloc[0]
    assert (trial["dataset"], trial["status"]) == (f"{module.stem}:load", "ok")
    assert (trial["model.in_channels"], trial["model.image_size"]) == (2, "[9, 11]")
    assert {p.state for p in plan_study(request).runs} == {"cached"}
    module.write_text(MINE.replace("120", "130"), encoding="utf-8")
    planned = plan_study(request).runs
    assert {(p.state, Path(p.reason.partition(".")[0]).name) for p in planned} == {
        ("stale", module.stem)
    }
    executor = FakeExecutor()
    run_study(request, Silent(), executor)
    assert executor.runs


def test_a_load_that_fails_stops_the_study_and_keeps_the_results(
    ask: Ask, module: Path, tmp_path: Path
) -> None:
    request = ask(imported(module), data_dir=tmp_path / "data")
    finished = run_study(request, Silent(), FakeExecutor())
    before = (finished.folder / "trials.csv").read_bytes()
    module.write_text(MINE + "\nraise RuntimeError('no disk')\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"no disk \({module.name}, line 11\)"):
        run_study(request, Silent(), FakeExecutor())
    assert (finished.folder / "trials.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{import: 'nowhere.at_all:load', coun: 3}", ""),
        ("{name: image_folder}", "base.dataset.path: is missing"),
        ("{name: image_folder, path: x, size: 0}", "base.dataset.size: expected a value greater"),
        ("{name: image_folder, path: x, sizes: 3}", "has no parameter 'sizes'. Did you mean 'siz"),
        ("{name: npz, path: x, fallback: npz}", "base.dataset.fallback: unknown dataset 'npz'"),
        ("'torchvision:CIFAR11'", "unknown dataset 'torchvision:CIFAR11'. Did you mean"),
        ("{name: 'torchvision:EMNIST', split: leters}", "base.dataset.split: unknown value"),
    ],
)
def test_a_mistake_is_named_before_anything_is_read(ask: Ask, text: str, message: str) -> None:
    request = ask(f"name: x\nbase:\n  dataset: {text}\n")
    if not message:  # the module is imported when the study runs
        assert plan_study(request).runs
        return
    with pytest.raises(StudyError) as caught:
        plan_study(request)
    assert message in str(caught.value)
