"""The tutorial's files and commands, taken from its page in their order, do what it says."""

import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
# What makes a study quick, before a command's own --set: an epoch without convolutions, or none
# where an axis names the networks; and nothing is timed but where the command is about timing.
QUICK = {
    "my_study.yaml": (
        *("base.dataset=digits", "base.threads=1", "seeds=[0]", "base.loader=resident"),
        *("base.epochs=1", "base.batch_size=4096"),
        *("base.model.conv1_channels=0", "base.model.conv2_channels=0"),
    ),
    "my_net.yaml": ("base.dataset=digits", "base.epochs=0", "seeds=[0]"),
}
TIMED = ("timing.sets=1", "timing.rounds=1", "timing.spares=0")
UNTIMED = ("timing=off",)
NO_REPORT = ["--no-report"]  # `bench report` draws one
UNDECIDED = (0, 1, 3)  # what bench compare may find between two quick sessions

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Block:
    """A fenced block: its info string and its text."""

    info: str
    text: str

    @property
    def file(self) -> str:
        """The name that its first line, a comment, gives it; empty for what is no file."""
        named = re.match(r"# (\w+\.(?:yaml|py))\n", self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> list[list[str]]:
        if self.info.split()[:1] != ["sh"]:
            return []
        return [shlex.split(line, comments=True) for line in self.text.splitlines()]

    @property
    def exits(self) -> int:
        """The exit code that an info string such as `sh exit=2` announces."""
        match = re.search(r"exit=(\d+)", self.info)
        return int(match[1]) if match else 0


def blocks() -> list[Block]:
    tokens = MarkdownIt().parse(PAGE.read_text(encoding="utf-8"))
    return [Block(token.info, token.content) for token in tokens if token.type == "fence"]


def made_quick(command: list[str]) -> list[str]:
    """Leave a command as it is, but for what it measures and for how long."""
    _, name, *rest = command
    if name not in ("run", "plan"):
        return [name, *rest]
    timing = TIMED if "timing." in " ".join(rest) else UNTIMED
    changes = [part for change in (*QUICK[rest[0]], *timing) for part in ("--set", change)]
    less = [*(["--budget", "1s"] if "--budget" in rest else []), *NO_REPORT[: name == "run"]]
    return [name, rest[0], *changes, *rest[1:], *less]


def walk(bench: Callable[..., Done], folder: Path) -> dict[str, Done]:
    """Write each file and run each command where the page has it; what each command gave."""
    results: dict[str, Done] = {}
    for block in blocks():
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        for command in block.commands:
            done = bench(*made_quick(command))
            expected = UNDECIDED if command[1] == "compare" else (block.exits,)
            assert done.returncode in expected, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
            results[f"{len(results)}: {shlex.join(command)}"] = done
    return results


def test_every_command_of_the_tutorial_does_what_it_states(
    bench: Callable[..., Done], tmp_path: Path
) -> None:
    results = walk(bench, tmp_path)
    runs = [
        done.stdout for command, done in results.items() if "bench run my_study.yaml" in command
    ]
    assert "new" in runs[0]
    assert "cached" not in runs[0]
    assert re.search(r"[1-9]\d* cached, [1-9]\d* new", runs[1])
    refused = [done.stderr.strip() for done in results.values() if done.returncode == 2]
    assert refused == shown_messages()
    assert (tmp_path / "reports/my_study/report.html").is_file()
    trials = pd.read_csv(tmp_path / "results/my_net/trials.csv")
    assert list(trials["status"]) == ["ok"] * 3
    assert list(trials["model.width"].dropna()) == [4, 16]


def shown_messages() -> list[str]:
    """Give what the page shows below each command that it says is refused."""
    return [after.text.strip() for block, after in pairwise(blocks()) if block.exits == 2]


def test_the_tutorial_has_a_message_for_a_wrong_shape() -> None:
    assert any("expected output shape" in message for message in shown_messages())


def test_the_tutorial_only_runs_bench() -> None:
    commands = [command for block in blocks() for command in block.commands]
    assert len(commands) > 6
    assert {command[0] for command in commands} == {"bench"}


def test_the_tutorials_links_lead_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text)
    assert links
    for path, anchor in links:
        target = PAGE.parent / path if path else PAGE
        assert target.is_file(), path
        assert not anchor or anchor in headings(target), f"{path}#{anchor}"


def headings(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
