"""Commands print whatever the locale is, and end quietly when their reader does."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
PUBLISHED = ROOT / "results/published/amd-epyc-2c/reference"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["list"], "convnet"),
        (["plan", ROOT / "studies/baseline.yaml"], "baseline - ConvNet and LeNet-5"),
        (["compare", PUBLISHED, PUBLISHED], "1.000 ["),
        (["report", PUBLISHED], "reports/reference/report.md"),
        (["--help"], "bench run"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_every_command_prints_where_the_locale_has_no_unicode(
    bench: Callable, arguments: list[object], expected: str
) -> None:
    done = bench(*arguments, alone=True, **C_LOCALE)
    assert "Error" not in done.stderr
    assert done.returncode in (0, 1, 3)
    assert expected in done.stdout
    assert done.stdout.isascii()


def test_json_lines_keep_their_characters_where_the_locale_has_no_unicode(
    bench: Callable, tmp_path: Path
) -> None:
    text = (
        "{name: x, base: {dataset: digits, epochs: 0, batch_size: 30000, model: mlp}, timing: off}"
    )
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    axes = "axes.lr=[0.1,0.2]"
    done = bench("run", "x.yaml", "--json", "--no-report", "--set", axes, "--executor", "inline",
                 "--reports", "größer", alone=True, **C_LOCALE)  # fmt: skip
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"lr 0.1", "lr 0.2"} == {event["cell"] for event in events if "cell" in event}


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["plan", str(ROOT / "studies/baseline.yaml")], ["schema"], ["--help"]],
    ids=lambda value: value[0],
)
def test_a_reader_that_goes_ends_a_command_quietly(
    arguments: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "bench", *arguments], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()


def test_an_answer_keeps_its_exit_code_where_nobody_reads_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    other = PUBLISHED.with_name("precision")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "compare", str(other), str(other)],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 3
    process.stderr.close()
