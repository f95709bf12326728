"""Downloading one file from the first of several mirrors that has it.

torchvision's own downloader waits without a limit, and tries again by plain http where https
failed; hence this one, which does neither.
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

from bench.data.images import Progress
from bench.data.whole import atomic_file
from bench.errors import DataError

CHUNK_BYTES = 1 << 16


class _MirrorError(Exception):
    """Why one mirror didn't serve the file; the next one is tried."""


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
    """Fetch `mirror + path.name` into `path` and return the mirror that had it.

    The file is there only once its MD5 is right. Mirrors of other schemes are refused. A mirror
    that doesn't answer costs at most its share of `give_up_s`, which all of them have together;
    one that answered may fall silent for as long, and is then given up. Raises DataError with
    the reason for each mirror.
    """
    left_s = give_up_s
    reasons = []
    for index, mirror in enumerate(mirrors):
        try:
            _refuse_scheme(mirror, schemes)
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
    """Connect and read the answer's headers within `share_s`."""
    answer: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    given_up = threading.Event()
    opener = build_opener(_Redirects(schemes))
    request = Request(url, headers={"User-Agent": "small-vision-bench"})

    def connect() -> None:
        try:
            response = opener.open(request, timeout=silence_s)
        except Exception as error:
            answer.put(error)
            return
        answer.put(response)
        if given_up.is_set():
            response.close()

    # A thread, because no timeout reaches into a look-up of names, and a socket's own counts
    # anew for each address; a daemon, because one that hangs must not keep the program alive.
    threading.Thread(target=connect, daemon=True).start()
    try:
        result = answer.get(timeout=share_s)
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
    """Write the body to `path` if its MD5 is right."""
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
            raise _MirrorError(f"{state}: {done} bytes with MD5 {found.hexdigest()}, not {md5}")


def _read(response: HTTPResponse) -> bytes:
    try:
        # What has come so far, so that a slow download shows its progress and isn't cut off.
        return response.read1(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise _MirrorError(f"broke off: {_reason(error)}") from error


def _refuse_scheme(url: str, schemes: frozenset[str]) -> None:
    if urlsplit(url).scheme not in schemes:
        raise _MirrorError(f"is refused: not {' or '.join(sorted(schemes))}")


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return str(cause) or type(cause).__name__


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect only where the scheme stays an allowed one."""

    def __init__(self, schemes: frozenset[str]) -> None:
        self._schemes = schemes

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in self._schemes:
            raise URLError(f"it redirects to {newurl}, not by {' or '.join(sorted(self._schemes))}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
