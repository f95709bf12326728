"""Check that `bench plan` refuses thousands of damaged study files with one message, in time.

    python validation/damaged_studies.py --files 10000 --data-dir ../shared/data

Each is a study of this repository, damaged at random: bytes changed, cut or duplicated, values of
wrong types, aliases, deep nesting, other encodings. Files that are still valid studies are not
counted. Prints the totals, and the seed of every file that was handled wrongly.
"""

import argparse
import copy
import io
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from bench.cli import main as bench

ROOT = Path(__file__).parents[1]
SLOW_S = 2.0
VALUES: list[Any] = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), -0.5, 10**40, "", " ", "off", "NaN",
    "1e999", "../../x", "a/b", "=1+1", "\x00", "\ud7ff", "é" * 5000, "x" * 100_000, [], {}, [[]],
    [{}], {"": ""}, {"name": "nobody"}, {"import": "os:system"}, {"import": "a b:c"},
    {"name": "adam", "lr": "fast"}, [1, 1], ["adam", "adam"], list(range(3000)),
    {"a": {"b": {"c": {}}}}, b"\x00\xff", {1: 2}, {None: 1}, {"model": ["convnet"] * 2},
    "convnet", ["convnet", 5], [float("nan")], {"blocks": -1},
]  # fmt: skip
KEYS = ["model", "axes", "base", "seeds", "tune", "over", "design", "nobody", "", "name", "timing"]


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Return every node of a document as its container and key."""
    if isinstance(value, dict):
        return [(value, k) for k in value] + [n for v in value.values() for n in nodes(v)]
    if isinstance(value, list):
        return [(value, i) for i in range(len(value))] + [n for v in value for n in nodes(v)]
    return []


def replace_values(text: str, chance: random.Random) -> bytes:
    document = copy.deepcopy(yaml.safe_load(text))
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(nodes(document))
        container[key] = copy.deepcopy(chance.choice(VALUES))
    return yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")


def add_key(text: str, chance: random.Random) -> bytes:
    document = copy.deepcopy(yaml.safe_load(text))
    places = [c for c, _ in nodes(document) if isinstance(c, dict)]
    chance.choice(places)[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
    return yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")


def change_bytes(text: str, chance: random.Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def cut_bytes(text: str, chance: random.Random) -> bytes:
    data = text.encode()
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def duplicate_line(text: str, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return "".join([*lines[:at], lines[at], *lines[at:]]).encode()


def alias_bomb(text: str, chance: random.Random) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return ("\n".join(lines) + f"\n{text}").encode()


def nest_deeply(text: str, chance: random.Random) -> bytes:
    depth = chance.choice([50, 2000, 100_000])
    opened, closed = chance.choice([("[", "]"), ("{a: ", "}")])
    return f"{text}\nbase: {opened * depth}1{closed * depth}\n".encode()


def encode_otherwise(text: str, chance: random.Random) -> bytes:
    return text.encode(chance.choice(["utf-16", "utf-32", "utf-7"])) + b"\xff"


def random_bytes(text: str, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 10, 1000, 100_000]))


def huge_grid(text: str, chance: random.Random) -> bytes:
    fields = ("batch_size", "epochs", "model.hidden", "optimizer.lr", "threads")
    axes = "".join(f"  {f}: {list(range(1, chance.choice([60, 400])))}\n" for f in fields)
    return f"name: huge\naxes:\n{axes}".encode()


DAMAGES: list[Callable[[str, random.Random], bytes]] = [
    *[replace_values] * 6, *[add_key] * 3, *[change_bytes] * 4, *[cut_bytes] * 3, duplicate_line,
    alias_bomb, nest_deeply, encode_otherwise, random_bytes, huge_grid,
]  # fmt: skip


def outcome(path: Path, data: Path) -> str:
    """Return "refused", "valid", or what `bench plan` did wrong with a file."""
    sys.argv = ["bench", "plan", str(path), "--offline", "--data-dir", str(data)]
    stderr = io.StringIO()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(stderr):
            bench()
    except SystemExit as end:
        message = stderr.getvalue()
        if end.code in (0, None):
            return "valid"
        is_explained = message.startswith("bench: ") and "Traceback" not in message
        return "refused" if end.code == 2 and is_explained else f"exit {end.code}: {message[:200]}"
    except BaseException:
        return traceback.format_exc()
    return "valid"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000, help="number of invalid files")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--data-dir", type=Path, required=True, help="data folder with MNIST")
    arguments = parser.parse_args()
    data = arguments.data_dir.resolve()
    studies = sorted((ROOT / "studies").glob("*.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in studies]
    counts: Counter[str] = Counter()
    slowest_s, bad = 0.0, []
    seed = arguments.first
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        assert [outcome(study, data) for study in studies] == ["valid"] * len(studies)
        path = Path("study.yaml")
        while sum(counts.values()) - counts["valid"] < arguments.files:
            chance = random.Random(seed)
            path.write_bytes(chance.choice(DAMAGES)(chance.choice(texts), chance))
            started_s = time.perf_counter()
            result = outcome(path, data)
            elapsed_s = time.perf_counter() - started_s
            slowest_s = max(slowest_s, elapsed_s)
            counts[result if result in ("valid", "refused") else "wrong"] += 1
            if result not in ("valid", "refused") or elapsed_s > SLOW_S:
                bad.append(seed)
                print(f"seed {seed}: {result} after {elapsed_s:.2f} s", flush=True)
            seed += 1
    print(f"{dict(counts)}; the slowest took {slowest_s:.2f} s; wrong or slow: {bad}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
