"""Decode a data set in a process of its own, check it, and write its arrays.

The process gets its request as JSON on standard input and answers with lines of JSON: progress,
then the facts for a record or an error. What the decoding code prints goes to a file, whose end is
shown if it fails.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.data.decoded_set import DecodedSet, checked, statistics
from bench.data.source import Progress
from bench.errors import BenchError, DataError, last_line
from bench.import_graph import users_line
from bench.registry import load

if TYPE_CHECKING:
    import numpy as np

COMMAND = ("-m", "bench.data.decoding")
PRINTED_BYTES = 2_000  # shown of what failing code printed


class Decoder(Protocol):
    """A source as the decoding process builds it."""

    def decode(self, data_dir: Path, progress: Progress) -> DecodedSet:
        """Return the whole data set."""


def decode_in_process(
    request: Mapping[str, Any], data_dir: Path, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Write a data set's arrays into `folder`; return the facts for its record.

    Raises DataError for a data set that can't be decoded or used.
    """
    full = {**request, "data_dir": str(data_dir), "folder": str(folder), "path": sys.path}
    with tempfile.TemporaryFile() as printed:
        child = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            with suppress(BrokenPipeError), child.stdin as stdin:  # it may have died at once
                stdin.write(json.dumps(full))
            for line in child.stdout:
                message = json.loads(line)
                if "facts" in message:
                    return dict(message["facts"])
                if "error" in message:
                    error = message["error"]
                    what = error["what"] + (_end(printed) if error.pop("is_foreign") else "")
                    raise DataError(
                        what, where=error["where"] or str(request["name"]), hint=error["hint"]
                    )
                progress(*message["progress"])
        finally:
            child.kill()
            child.wait()
        raise DataError(
            f"the process that decodes it ended with status {child.returncode}{_end(printed)}",
            where=str(request["name"]),
        )


def _end(printed: Any) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - PRINTED_BYTES))
    text = printed.read().decode("utf-8", "replace").strip()
    return f"\nprinted meanwhile:\n{text}" if text else ""


def main() -> None:
    """Decode the data set that standard input requests."""
    request = json.loads(sys.stdin.read())
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def send(**message: Any) -> None:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

        try:
            facts = _decode(request, lambda *done: send(progress=done))
        except BenchError as error:
            described = {"what": error.what, "where": error.where, "hint": error.hint}
            send(error={**described, "is_foreign": False})
        except (Exception, SystemExit) as error:
            what = f"{last_line(error)}{users_line(error)}"
            send(error={"what": what, "where": "", "hint": "", "is_foreign": True})
        else:
            send(facts=facts)


def _decode(request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    sys.path[:] = request["path"]
    source: Decoder = load(request["target"])(name=request["name"], **request["parameters"])
    decoded = checked(source.decode(Path(request["data_dir"]), progress))
    mean, std = statistics(decoded.train_images)
    return {
        "arrays": _write(decoded, Path(request["folder"])),
        "mean": mean,
        "std": std,
        # A folder's name may hold bytes that are no text.
        "class_names": [name.encode(errors="replace").decode() for name in decoded.class_names],
        "shape": vars(decoded.shape),
    }


def _write(decoded: DecodedSet, folder: Path) -> str:
    """Write the arrays; return a digest of them and the names of the classes."""
    import numpy as np

    digest = hashlib.sha256(json.dumps(list(decoded.class_names)).encode())
    for name, array in decoded.arrays().items():
        whole: np.ndarray = np.ascontiguousarray(array)
        digest.update(f"{name} {whole.dtype} {whole.shape}\n".encode())
        digest.update(whole.data)
        np.save(folder / f"{name}.npy", whole)
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    main()
