"""Download of a file from the first mirror that has it, with a limit on waiting in all.

torchvision's downloader waits without a limit and falls back from https to http. pooch and
requests limit each connection attempt, but not name look-up or all attempts together.
"""

import hashlib
import queue
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bench.data.source import Progress, atomic_file
from bench.errors import DataError

CHUNK_BYTES = 1 << 16


class _MirrorError(Exception):
    """Reason why one mirror failed; the next one is tried."""


def download(
    path: Path,
    mirrors: Sequence[str],
    md5: str,
    progress: Progress,
    *,
    hint: str,
    schemes: frozenset[str],
    give_up_s: float,
) -> str:
    """Download `mirror + path.name` to `path` and return the mirror that served it.

    The file appears only if its MD5 is correct. Waiting for an answer takes at most `give_up_s`
    for all mirrors together; later, a mirror is given up when it sends nothing for as long.
    Raises DataError with the reason for each mirror, also for one of another scheme.
    """
    left_s = give_up_s
    reasons = []
    for index, mirror in enumerate(mirrors):
        try:
            if urlsplit(mirror).scheme not in schemes:
                raise _MirrorError(f"is refused: expected {' or '.join(sorted(schemes))}")
            share_s = left_s / (len(mirrors) - index)
            began_s = time.monotonic()
            try:
                response = _open(mirror + path.name, share_s, give_up_s, schemes)
            finally:
                left_s = max(0.0, left_s - (time.monotonic() - began_s))
            with response:
                _receive(response, path, md5, progress)
        except _MirrorError as reason:
            reasons.append(f"{mirror} {reason}")
        else:
            return mirror
    raise DataError(f"cannot be downloaded: {'; '.join(reasons)}", where=str(path), hint=hint)


def _open(url: str, share_s: float, silence_s: float, schemes: frozenset[str]) -> HTTPResponse:
    """Connect and read the response's headers within `share_s`."""
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    given_up = threading.Event()
    opener = build_opener(_Redirects(schemes))
    request = Request(url, headers={"User-Agent": "small-vision-bench"})

    def connect() -> None:
        try:
            response = opener.open(request, timeout=silence_s)
        except Exception as error:
            answers.put(error)
            return
        answers.put(response)
        if given_up.is_set():
            response.close()

    # A thread, because timeouts don't cover name look-up and start again for each address; a
    # daemon, because a hanging one must not keep the program alive.
    threading.Thread(target=connect, daemon=True).start()
    try:
        result = answers.get(timeout=share_s)
    except queue.Empty:
        given_up.set()
        raise _MirrorError(f"doesn't answer (waited {share_s:.1f} s)") from None
    if isinstance(result, HTTPError):
        result.close()
        raise _MirrorError(f"answers {result.code} {result.reason}")
    if isinstance(result, OSError | HTTPException | ValueError):
        raise _MirrorError(f"cannot be reached: {_reason(result)}")
    if isinstance(result, Exception):
        raise result
    return result


def _receive(response: HTTPResponse, path: Path, md5: str, progress: Progress) -> None:
    """Write the body to `path` if its MD5 is correct."""
    total = response.length or 0
    done = 0
    found = hashlib.md5(usedforsecurity=False)
    with atomic_file(path) as file:
        progress(path.name, done, total)
        while chunk := _read(response):
            file.write(chunk)
            found.update(chunk)
            done += len(chunk)
            progress(path.name, done, total)
        if found.hexdigest() != md5:
            state = "broke off early" if done < total else "sent another file"
            raise _MirrorError(
                f"{state}: expected MD5 {md5}, got {found.hexdigest()} ({done} bytes)"
            )


def _read(response: HTTPResponse) -> bytes:
    try:
        # read1 returns what has arrived, so that slow downloads show progress and aren't aborted.
        return response.read1(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise _MirrorError(f"broke off: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return str(cause) or type(cause).__name__


class _Redirects(HTTPRedirectHandler):
    """Follows redirects only to allowed schemes."""

    def __init__(self, schemes: frozenset[str]) -> None:
        self._schemes = schemes

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in self._schemes:
            raise URLError(
                f"it redirects to {newurl}, which is not {' or '.join(sorted(self._schemes))}"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)
