"""A result is reused while its code, its data and its environment are the same, and not longer."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Plan = Callable[..., str]

STUDY = """
name: own
base:
  model: {import: "proj.nets.net:Net"}
  dataset: fashion_mnist
  epochs: 0
  batch_size: 10000
axes: {model: [{import: "proj.nets.net:Net"}, {import: "other:Plain"}]}
timing: off
"""
FILES = {
    "proj/nets/net.py": "from proj.layers.blocks import Block\nfrom ..late import chosen\n"
    "class Net(Block):\n    def __init__(self):\n        super().__init__()\n        chosen()\n",
    "proj/layers/blocks.py": "from torch import nn\nclass Block(nn.Module):\n"
    "    def __init__(self):\n        super().__init__()\n"
    "        self.fc = nn.Linear(784, 10)\n"
    "    def forward(self, x):\n        return self.fc(x.flatten(1))\n",
    "proj/late.py": "import importlib\n"
    "def chosen():\n    return importlib.import_module('proj.' + 'named_when_it_runs')\n",
    "proj/named_when_it_runs.py": "import pathlib, sys\n"
    "sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'far'))\n"
    "from own_far import FAR\n",
    "far/own_far.py": "FAR = 4\n",
    "proj/unused.py": "WIDTH = 4\n",
    "other.py": "from proj.layers.blocks import Block as Plain\n",
}


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, digits_dir: Path, run_bench: Callable
) -> Path:
    """Return a folder with a study that was run, on data without published digests."""
    folder = tmp_path_factory.mktemp("stale")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    raw = folder / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (digits_dir / "digits" / "v1").glob("*ubyte"):
        shutil.copy(path, raw / path.name.replace("test-", "t10k-"))
    done = run_bench(folder, "run", "study.yaml", "--data-dir", "data", "--no-report")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def plan(measured: Path, run_bench: Callable) -> Iterator[Plan]:
    """Plan the study once more; afterwards every file is what it was."""

    def of(**variables: str) -> str:
        arguments = ("plan", "study.yaml", "--data-dir", "data")
        done = run_bench(measured, *arguments, **{"COLUMNS": "200", **variables})
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    yield of
    for name, text in FILES.items():
        (measured / name).write_text(text, encoding="utf-8")


def states(text: str, cell: str) -> set[str]:
    """List the states of a cell's runs, each with its reason."""
    lines = [line for line in text.splitlines() if line.startswith(cell)]
    assert lines, text
    return {state for state in ("cached", "stale", "new") for line in lines if f" {state} " in line}


def test_nothing_changed_and_everything_is_cached(plan: Plan) -> None:
    text = plan()
    assert states(text, "Net") | states(text, "Plain") == {"cached"}


@pytest.mark.parametrize("file", ["proj/late.py", "far/own_far.py", "proj/nets/net.py"])
def test_a_changed_module_makes_the_cells_that_load_it_stale_and_is_named(
    plan: Plan, measured: Path, file: str
) -> None:
    (measured / file).write_text(FILES[file] + "CHANGED = 1\n", encoding="utf-8")
    text = plan()
    assert states(text, "Net") == {"stale"}
    assert states(text, "Plain") == {"cached"}
    assert f"{file} changed" in text


def test_a_module_that_both_cells_load_makes_both_stale(plan: Plan, measured: Path) -> None:
    file = "proj/layers/blocks.py"
    (measured / file).write_text(FILES[file] + "CHANGED = 1\n", encoding="utf-8")
    text = plan()
    assert states(text, "Net") | states(text, "Plain") == {"stale"}
    assert f"{file} changed" in text


def test_a_module_that_is_gone_is_named(plan: Plan, measured: Path) -> None:
    (measured / "proj/named_when_it_runs.py").unlink()
    text = plan()
    assert states(text, "Net") == {"stale"}
    assert "proj.named_when_it_runs was removed" in text


@pytest.mark.parametrize("file", ["proj/unused.py", "proj/late.py"])
def test_what_is_not_loaded_and_comments_change_nothing(
    plan: Plan, measured: Path, file: str
) -> None:
    more = "\n# a comment\n" if file == "proj/late.py" else "CHANGED = 1\n"
    (measured / file).write_text(FILES[file] + more, encoding="utf-8")
    text = plan()
    assert states(text, "Net") | states(text, "Plain") == {"cached"}


def test_other_content_of_the_data_set_makes_every_cell_that_uses_it_stale(
    plan: Plan, measured: Path
) -> None:
    path = measured / "data" / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([(before[-1] + 1) % 10]))
    text = plan()
    path.write_bytes(before)
    assert states(text, "Net") | states(text, "Plain") == {"stale"}
    assert "data changed" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATEN_CPU_CAPABILITY", "default"),
        ("ONEDNN_MAX_CPU_ISA", "SSE41"),
        ("OMP_NUM_THREADS", "7"),
        ("OMP_WAIT_POLICY", "passive"),
        ("MKL_CBWR", "COMPATIBLE"),
        ("OPENBLAS_CORETYPE", "Haswell"),
        ("MALLOC_ARENA_MAX", "1"),
        ("LD_PRELOAD", "/nowhere/libjemalloc.so"),
        ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"),
        ("NVIDIA_TF32_OVERRIDE", "0"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ],
)
def test_a_variable_that_changes_numbers_makes_results_stale_and_is_named(
    plan: Plan, name: str, value: str
) -> None:
    before = os.environ.get(name)
    text = plan(**{name: value})
    assert states(text, "Net") | states(text, "Plain") == {"stale"}
    shown = "unset" if before is None else f"is {before}"
    assert f"{name} is {value} ({shown} before)" in text


@pytest.mark.parametrize(
    "name", ["TORCH_HOME", "TORCH_LOGS", "CUDA_HOME", "CUDA_VERSION", "MKLROOT", "HOME", "LANG"]
)
def test_a_variable_that_changes_no_number_changes_nothing(plan: Plan, name: str) -> None:
    text = plan(**{name: "another"})
    assert states(text, "Net") | states(text, "Plain") == {"cached"}
