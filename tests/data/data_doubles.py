"""What the tests of data stand on; not in conftest.py, a name that other folders have too."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from bench.data.torchvision_sets import TorchvisionSource

REPOSITORY = Path(__file__).parents[2]


def no_progress(what: str, done: int, total: int) -> None:
    pass


@dataclass
class LocalMirror:
    """A local web server that records its requests."""

    url: str
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]]
    requested: list[str] = field(default_factory=list)

    def serve(self, name: str, content: bytes, length: int | None = None) -> None:
        """Answer with content, of which the header may promise another length."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) if length is None else length))
            handler.end_headers()
            handler.wfile.write(content)

        self.pages[name] = answer

    def redirect(self, name: str, to: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.end_headers()

        self.pages[name] = answer


@dataclass(frozen=True)
class TinySet:
    """A data set of a few images, laid out as the real ones are, served by a local mirror."""

    source: TorchvisionSource
    raw: dict[str, bytes]
    archives: dict[str, bytes]
