import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from data_doubles import LocalMirror, no_progress

from bench.data import download as module
from bench.data.download import download
from bench.data.source import Progress
from bench.errors import DataError

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()
LONG_S, SHORT_S = 60.0, 0.2


def fetch(
    path: Path,
    *mirrors: str,
    give_up_s: float = LONG_S,
    scheme: str = "http",
    progress: Progress = no_progress,
) -> str:
    return download(
        path,
        mirrors,
        MD5,
        progress,
        hint="hint it so",
        schemes=frozenset({scheme}),
        give_up_s=give_up_s,
    )


def assert_fails(path: Path, *mirrors: str, give_up_s: float = LONG_S, scheme: str = "http") -> str:
    """Return what the message; nothing may be left behind."""
    with pytest.raises(DataError) as caught:
        fetch(path, *mirrors, give_up_s=give_up_s, scheme=scheme)
    assert list(path.parent.iterdir()) == []
    assert caught.value.where == str(path)
    assert caught.value.hint == "hint it so"
    for mirror in mirrors:
        assert mirror in caught.value.what
    return caught.value.what


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.gz"


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that lets itself be called and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_file_arrives_complete_and_reports_its_progress(path: Path, mirror: LocalMirror) -> None:
    mirror.serve("file.gz", CONTENT)
    calls: list[tuple[str, int, int]] = []
    served = fetch(path, mirror.url, progress=lambda *call: calls.append(call))
    assert served == mirror.url
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    done = [call[1] for call in calls]
    assert done[0] == 0
    assert done[-1] == len(CONTENT)
    assert done == sorted(done)
    assert {(what, total) for what, _, total in calls} == {("file.gz", len(CONTENT))}


def test_a_file_with_another_digest_is_refused(path: Path, mirror: LocalMirror) -> None:
    mirror.serve("file.gz", CONTENT[:-1] + b"!")
    assert MD5 in assert_fails(path, mirror.url)


def test_a_file_that_breaks_off_is_refused(path: Path, mirror: LocalMirror) -> None:
    mirror.serve("file.gz", CONTENT[:1000], length=len(CONTENT))
    assert "broke off" in assert_fails(path, mirror.url)


def test_a_file_that_the_mirror_lacks_is_reported(path: Path, mirror: LocalMirror) -> None:
    assert "404" in assert_fails(path, mirror.url)


def test_a_mirror_by_http_is_refused_without_asking_it(path: Path, mirror: LocalMirror) -> None:
    mirror.serve("file.gz", CONTENT)
    assert "refused: expected https" in assert_fails(path, mirror.url, scheme="https")
    assert mirror.requested == []


def test_a_redirect_to_another_scheme_is_refused(path: Path, mirror: LocalMirror) -> None:
    mirror.redirect("file.gz", "ftp://127.0.0.1/file.gz")
    assert "redirects to ftp://127.0.0.1/file.gz" in assert_fails(path, mirror.url)


def test_a_redirect_to_an_allowed_scheme_is_followed(path: Path, mirror: LocalMirror) -> None:
    mirror.redirect("file.gz", mirror.url + "elsewhere")
    mirror.serve("elsewhere", CONTENT)
    fetch(path, mirror.url)
    assert path.read_bytes() == CONTENT


def test_the_next_mirror_serves_where_the_first_cannot(path: Path, mirror: LocalMirror) -> None:
    mirror.serve("broken/file.gz", b"something else")
    mirror.serve("good/file.gz", CONTENT)
    served = fetch(path, mirror.url + "absent/", mirror.url + "broken/", mirror.url + "good/")
    assert served == mirror.url + "good/"
    assert path.read_bytes() == CONTENT


def test_a_mirror_that_cannot_be_reached_is_reported(path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert "cannot be reached" in assert_fails(path, url)


def test_mirrors_that_never_answer_are_given_up(path: Path, black_hole: str) -> None:
    message = assert_fails(path, black_hole, black_hole, give_up_s=SHORT_S)
    assert message.count("doesn't answer") == 2


def test_the_mirrors_share_the_time_until_all_are_given_up(
    path: Path, black_hole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    clock = iter([0.0, 2.0, 2.0, 4.0, 4.0, 8.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    def silent(url: str, share_s: float, silence_s: float, schemes: frozenset[str]) -> None:
        shares.append(share_s)
        raise module._MirrorError("doesn't answer")

    monkeypatch.setattr(module, "_open", silent)
    assert_fails(path, *[black_hole] * 3, give_up_s=8.0)
    assert shares == [8 / 3, 6 / 2, 4 / 1]


def test_a_look_up_of_names_that_hangs_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*args: object, **kwargs: object) -> None:
        release.wait()
        raise socket.gaierror("released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    message = assert_fails(path, "http://mirror.invalid/", give_up_s=SHORT_S)
    release.set()
    assert "doesn't answer" in message


def test_a_download_that_falls_silent_is_given_up(path: Path, mirror: LocalMirror) -> None:
    release = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:1000])
        release.wait()

    mirror.pages["file.gz"] = stall
    message = assert_fails(path, mirror.url, give_up_s=1.0)  # of which the headers need little
    release.set()
    assert "broke off" in message


def test_a_slow_download_that_lives_is_not_cut_off(
    path: Path, mirror: LocalMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.serve("file.gz", CONTENT)
    now_s = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now_s))

    def an_hour_for_each_piece(what: str, done: int, total: int) -> None:
        nonlocal now_s
        now_s += 3600.0

    fetch(path, mirror.url, progress=an_hour_for_each_piece)
    assert path.read_bytes() == CONTENT


def test_a_disk_that_cannot_be_written_is_not_laid_to_the_mirror(
    tmp_path: Path, mirror: LocalMirror
) -> None:
    mirror.serve("file.gz", CONTENT)
    (tmp_path / "in the way").touch()
    with pytest.raises(DataError, match="cannot be written"):
        fetch(tmp_path / "in the way" / "file.gz", mirror.url)
