"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[
    Path, typer.Argument(metavar="STUDY.yaml", help="The study file.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a field of the study; may be repeated. "
        "For example --set base.epochs=1 --set 'axes.batch_size=[64,512]'.",
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results/<study>/ goes.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="BENCH_DATA_DIR",
        help="Where the data sets lie, in torchvision's layout; your cache folder by default.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", envvar="BENCH_OFFLINE", help="Download nothing."),
]


def data_folder(chosen: Path | None) -> Path:
    """Give the data folder: the chosen one, or the user's cache folder."""
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_cache_dir("bench")) / "data"
