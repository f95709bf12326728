import gzip
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from data_doubles import REPOSITORY, LocalMirror, TinySet, no_progress

from bench.data.dataset_files import IdxFile, IdxSource, header
from bench.data.embedded_sets import DIGITS, SHAPES
from bench.data.torchvision_sets import FASHION_MNIST, KMNIST, MNIST, TorchvisionSource


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds `digits`; not to be written to."""
    folder = tmp_path_factory.mktemp("digits")
    DIGITS.fetch(folder, no_progress)
    return folder


@pytest.fixture
def own_digits(digits_dir: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage; its files are in digits/v1."""
    return shutil.copytree(digits_dir, tmp_path / "own")


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The data folder with the real MNIST in it; not to be written to."""
    folder = Path(os.environ.get("BENCH_DATA_DIR", REPOSITORY.parent / "shared" / "data"))
    if MNIST.missing(folder) is not None:
        pytest.skip(f"no MNIST in {folder}")
    return folder


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalMirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    local = LocalMirror(url="", pages={})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            local.requested.append(name)
            if name in local.pages:
                local.pages[name](self)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    local.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield local
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tiny(mirror: LocalMirror) -> TinySet:
    rng = np.random.default_rng(0)
    shapes = {
        "train-images-idx3-ubyte": (6, 28, 28),
        "train-labels-idx1-ubyte": (6,),
        "t10k-images-idx3-ubyte": (2, 28, 28),
        "t10k-labels-idx1-ubyte": (2,),
    }
    raw = {
        name: header(shape) + rng.integers(0, 10, shape, np.uint8).tobytes()
        for name, shape in shapes.items()
    }
    archives = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in raw.items()}
    for name, content in archives.items():
        mirror.serve(name, content)
    files = tuple(
        IdxFile(name, shape, hashlib.md5(archives[f"{name}.gz"]).hexdigest())
        for name, shape in shapes.items()
    )
    source = TorchvisionSource(
        name="tiny",
        folder="Tiny",
        mean=(0.5,),
        std=(0.25,),
        mirrors=(mirror.url,),
        files=files,
        schemes=frozenset({"http"}),
    )
    return TinySet(source, raw, archives)


@pytest.fixture(
    params=[MNIST, FASHION_MNIST, KMNIST, DIGITS, SHAPES], ids=lambda source: source.name
)
def source(request: pytest.FixtureRequest) -> IdxSource:
    return request.param  # type: ignore[no-any-return]
