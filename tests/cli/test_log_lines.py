"""With -v a training prints the reference document's own log lines."""

from collections.abc import Callable

STUDY = """
name: loud
base: {dataset: digits, epochs: 1, threads: 1, model: {name: mlp, depth: 1, hidden: 64}}
timing: off
"""


def test_log_lines_equal_those_of_the_example_script(bench: Callable, study: Callable) -> None:
    done = bench("run", study(STUDY), "-v", "--no-report")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    train = [line for line in lines if line.startswith("Train Epoch")]
    assert [line.partition("\t")[0] for line in train] == [
        "Train Epoch: 1 [14848/60000 (25%)]",
        "Train Epoch: 1 [30208/60000 (50%)]",
        "Train Epoch: 1 [45568/60000 (75%)]",
    ]
    assert all(float(line.partition("Loss: ")[2]) > 0 for line in train)
    (test,) = [line for line in lines if line.startswith("Test set")]
    assert test.startswith("Test set: Average loss: 0.")
    assert "/10000 (" in test
