"""What a shell is offered at Tab: files that are there, names that are known, and at once."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.completion import join_split_words, strip_prefix
from bench.data import NAMED_DATASETS
from bench.models import MODELS
from bench.optim import OPTIMIZERS, SCHEDULES
from bench.study.set_completion import completions, settable_fields
from bench.study.spec import Cell
from bench.study.study_file import load_study

ROOT = Path(__file__).parents[2]
Offered = Callable[..., list[str]]


@pytest.fixture
def offered(bench: Callable, tmp_path: Path) -> Offered:
    """Ask as bash does, in a folder with two studies and two results folders."""
    for file in (
        "mine.yaml",
        ".hidden.yaml",
        "notes.txt",
        "studies/other.yml",
        "more/third.yaml",
        "results/mine/trials.csv",
        "results/published/machine/other/trials.csv",
        "results/mine/outcomes/trials.csv",
        "results/empty/study.yaml",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    def ask(*words: str) -> list[str]:
        request = {"_BENCH_COMPLETE": "complete_bash", "COMP_CWORD": str(len(words))}
        done = bench(**request, COMP_WORDS="\n".join(("bench", *words)))
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return ask


@pytest.mark.parametrize("command", ["run", "plan"])
def test_study_files_here_in_studies_and_where_one_is_typing(
    offered: Offered, command: str
) -> None:
    assert offered(command, "") == ["mine.yaml", "studies/other.yml"]
    assert offered(command, "studies/") == ["studies/other.yml"]
    assert offered(command, "more/") == ["more/third.yaml"]


@pytest.mark.parametrize("words", [["report"], ["verify"], ["compare"], ["compare", "results/x"]])
def test_folders_of_results_that_hold_tables(offered: Offered, words: list[str]) -> None:
    assert offered(*words, "") == ["results/mine", "results/published/machine/other"]


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["data", "fetch"], NAMED_DATASETS),
        (["data", "verify"], NAMED_DATASETS),
        (["run", "x.yaml", "--executor"], ["local", "inline", "ray"]),
        (["run", "x.yaml", "--set", "base.dataset", "="], NAMED_DATASETS),
        (["run", "x.yaml", "--set", "base.optimizer", "="], OPTIMIZERS),
        (["plan", "--set", "base.schedule", "="], SCHEDULES),
        (["plan", "--set", "base.model", "="], [*MODELS, "torchvision:"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names_of_the_registries(offered: Offered, words: list[str], known: list[str]) -> None:
    last = [] if words[-1] == "=" else [""]
    assert offered(*words, *last) == list(known)


def test_the_lists_and_the_commands(offered: Offered) -> None:
    assert {"models", "optimizers", "axes", "figures"} <= set(offered("list", ""))
    assert offered("list", "mo") == ["models"]
    assert offered("in") == ["init"]


def test_bash_is_offered_only_the_part_that_it_replaces(offered: Offered) -> None:
    assert offered("run", "x.yaml", "--set", "base.model", "=", "co") == ["convnet"]
    words = ("--set", "base.model", "=", "torchvision", ":", "resnet10")
    assert offered("run", "x.yaml", *words) == ["resnet101"]
    assert offered("run", "--set", "=", "base.memory_f") == [
        "base.memory_format=contiguous",
        "base.memory_format=channels_last",
    ]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("", ["base.", "axes.", "timing.", "timing=", "seeds=", "limits.", "design="]),
        ("base.", [f"base.{name}=" for name in Cell.model_fields]),
        ("axes.", [f"axes.{name}=" for name in Cell.model_fields]),
        ("axes.optimizer.", ["axes.optimizer.lr=", "axes.optimizer.momentum="]),
        ("timing.", ["timing.sets=", "timing.rounds="]),
        ("timing=", ["timing=off"]),
        ("design", ["design=full", "design=one_at_a_time", "design=pairs"]),
        ("base.comp", ["base.compile=true", "base.compile=false"]),
        ("base.model=torchvision:vgg1", ["base.model=torchvision:vgg16"]),
        ("axes.model=", ["axes.model=[lenet5"]),
        ("axes.model=[convnet,le", ["axes.model=[convnet,lenet5"]),
        ("base.nothing=", []),
    ],
)
def test_paths_and_values_of_set(typed: str, named: list[str]) -> None:
    found = [text for text, _ in completions(typed)]
    assert set(named) <= set(found)
    assert bool(found) == bool(named)
    assert all(text.startswith(typed) for text in found)


def test_a_path_that_is_complete_is_never_offered_alone() -> None:
    # A shell would put a blank after it.
    assert [text for text, _ in completions("base.epo")] == ["base.epochs=", "base.epochs=20"]


def test_every_value_that_is_offered_can_be_set(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "name: x\ntune: {over: [batch_size]}\ntarget: {metric: top_5, at_least: 0.9}\n"
    )
    own = [
        path for path in settable_fields() if path.count(".") < 2 and not path.startswith("axes.")
    ]
    values = [text for path in own for text, _ in completions(f"{path}=")]
    values += [f"{text}]" for path in Cell.model_fields for text, _ in completions(f"axes.{path}=")]
    assert len(values) > 60
    for value in values:
        if not value.rstrip("]").endswith(":"):  # torchvision:, which goes on
            load_study(study, [value])


@pytest.mark.parametrize(
    ("words", "joined", "kept"),
    [
        (["bench", "run", "x"], ["bench", "run", "x"], ""),
        (["--set", "a.b", "="], ["--set", "a.b="], "a.b="),
        (["--set", "a.b", "=", "c"], ["--set", "a.b=c"], "a.b="),
        (["a", "=", "b", ":", "c"], ["a=b:c"], "a=b:"),
        (["a", "=", "b", "next", ""], ["a=b", "next", ""], ""),
        (["="], ["="], ""),
    ],
)
def test_words_that_bash_split_are_joined(words: list[str], joined: list[str], kept: str) -> None:
    assert join_split_words(words) == (joined, kept)


def test_what_bash_keeps_may_begin_with_the_option() -> None:
    assert strip_prefix("--set=base.model=", "base.model=convnet") == "convnet"
    assert strip_prefix("--set=", "base.model=") == "base.model="
    assert strip_prefix("", "run") == "run"


@pytest.mark.parametrize("words", ["report ", "run x.yaml --set base.model=", "data fetch "])
def test_an_answer_imports_neither_torch_nor_pandas(words: str, tmp_path: Path) -> None:
    script = (
        "import atexit, sys; sys.argv = ['bench']\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'pandas', 'scipy', 'matplotlib', 'sklearn'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "from bench.cli import main\n"
        "main()"
    )
    request = {"_BENCH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": f"bench {words}"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, **request, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == "[]"
    assert done.stdout.startswith("_files" if words == "report " else "_arguments")


# How to ask each shell, once it has read the script that is installed for it, what it offers.
SHELLS = {
    "bash": (
        ("bash", "--norc", "-c"),
        "COMP_WORDS=(bench plan --set base.model = le) COMP_CWORD=5\n"
        "_bench_completion bench\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n",
    ),
    "zsh": (
        ("zsh", "-f", "-c"),
        "_arguments() { print -r -- $1 }\n"
        "words=(bench plan --set base.model=le) CURRENT=4\n_bench_completion\n",
    ),
    "fish": (("fish", "--no-config", "-c"), "complete -C 'bench plan --set base.model=le'\n"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_complete_with_the_installed_script(
    shell: str, bench: Callable, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    start, ask = SHELLS[shell]
    script = bench(_BENCH_COMPLETE=f"source_{shell}").stdout
    defined = "compdef() { : }\n" if shell == "zsh" else ""  # which a prompt would have
    command = tmp_path / "bench"
    command.write_text(f"#!{sys.executable}\nfrom bench.cli import main\nmain()\n")
    command.chmod(0o755)
    done = subprocess.run(
        [*start, f"{defined}{script}\n{ask}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(r"\blenet5\w*", done.stdout) == ["lenet5", "lenet5_1998"], done.stderr
    assert "convnet" not in done.stdout
