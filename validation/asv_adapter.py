"""How asv compares two training steps: as two commits of a generated repository."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tool_adapters import HERE, ROOT, Finding, Settings, finding, run_module

from bench.measure.git_commands import call_git

FACTOR = 1.05
ROUND_OVER_START_S = 0.7  # warm-up, samples, and half a check-out

BENCHMARK = """
import os
from pathlib import Path
from training_step import training_step

# Not in a setup method, which asv repeats before every timed step.
step = training_step(float(Path(os.environ["ASV_ENV_DIR"], "project", "dose").read_text()))

def time_step():
    step()
"""


def compare_by_asv(folder: Path, dose: float, settings: Settings) -> None:
    """Let asv compare a commit with the base commit."""
    project = settings.out / "asv"
    commits = _git(project / "repo", "rev-parse", "base", str(dose))
    (folder / "commits").write_text(commits, encoding="utf-8")
    command = ["continuous", "--config", _asv_config(folder, project), "--interleave-rounds"]
    command += ["--attribute", f"rounds={rounds_of(settings)}", f"--factor={FACTOR}"]
    output = _asv([*command, "--no-only-changed", *commits.split()], settings, exit_codes=(0, 1))
    if "SIGNIFICANTLY" not in output:
        sys.exit(f"asv printed no result:\n{output}")
    (folder / "output.txt").write_text(output, encoding="utf-8")


def findings_of_asv(folder: Path) -> dict[str, Finding]:
    commits = (folder / "commits").read_text(encoding="utf-8").split()
    medians_s = []
    for commit in commits:
        (file,) = (folder / "results").glob(f"*/{commit[:8]}-*.json")
        ((result, *_),) = json.loads(file.read_text(encoding="utf-8"))["results"].values()
        medians_s.append(result[0])
    output = (folder / "output.txt").read_text(encoding="utf-8")
    is_change = "BENCHMARKS HAVE CHANGED SIGNIFICANTLY" in output
    return {f"factor {FACTOR}": finding(is_change, medians_s[1] / medians_s[0])}


def rounds_of(settings: Settings) -> int:
    """Return the number of rounds; asv first starts one more process, to find benchmarks."""
    left_s = settings.seconds - settings.start_s
    return max(2, int(left_s / 2 / (settings.start_s + ROUND_OVER_START_S)))


def prepare_asv(settings: Settings, doses: Sequence[float]) -> None:
    """Create the environment, and a repository with a branch for A and one for each dose."""
    project = settings.out / "asv"
    repository = project / "repo"
    shutil.rmtree(project, ignore_errors=True)
    (project / "benchmarks").mkdir(parents=True)
    (project / "benchmarks" / "__init__.py").touch()
    (project / "benchmarks" / "steps.py").write_text(BENCHMARK, encoding="utf-8")
    _git(project, "init", "--quiet", "--initial-branch=base", str(repository))
    for branch, dose in (("base", 0.0), *((str(dose), dose) for dose in doses)):
        _git(repository, "checkout", "--quiet", "-B", branch)
        (repository / "dose").write_text(str(dose), encoding="utf-8")
        _git(repository, "add", "dose")
        _git(repository, "commit", "--quiet", "--allow-empty", "-m", branch)
    config = _asv_config(project, project)
    _asv(["machine", "--yes", "--config", config], settings)
    _asv(["setup", "--config", config], settings, exit_codes=(0, 1))  # asv 0.6.6 always ends with 1
    (packages,) = project.glob("env/*/lib/python*/site-packages")
    paths = [str(ROOT), str(HERE), *filter(None, sys.path)]
    (packages / "interpreter.pth").write_text("\n".join(paths), encoding="utf-8")


def _asv_config(folder: Path, project: Path) -> str:
    """Write the configuration of asv; return the name of its file."""
    config = {
        "version": 1,
        "project": "step",
        "repo": str(project / "repo"),
        "branches": ["base"],
        "environment_type": "virtualenv",
        "env_dir": str(project / "env"),
        "benchmark_dir": str(project / "benchmarks"),
        "results_dir": str(folder / "results"),
        "build_command": [],  # the benchmark reads the checked-out file
        "install_command": [],
        "uninstall_command": [],
    }
    file = folder / "asv.conf.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return str(file)


def _asv(arguments: Sequence[str], settings: Settings, **more: Any) -> str:
    """Run asv with its own home folder, for it writes there, and this interpreter on the path."""
    variables = {
        "HOME": str(settings.out / "asv"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    return run_module(["asv", *arguments], settings, variables=variables, **more)


def _git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=validation", "-c", "user.email=validation@localhost")
    done = call_git(*author, *arguments, at=folder)
    done.check_returncode()
    return done.stdout.decode()
