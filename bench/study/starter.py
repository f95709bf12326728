"""A commented study to begin with."""

from pathlib import Path

from pydantic import ValidationError

from bench.errors import StudyError
from bench.study.json_schema import schema_text
from bench.study.spec import Study
from bench.study.yaml_source import write_yaml

SCHEMA = "schema.json"  # beside every study: its first line tells editors so
ELSEWHERE = "Choose another name, or another file by --out."
_STARTER = Path(__file__).with_name("starter.yaml")


def write_starter(name: str, path: Path) -> list[Path]:
    """Write a study, and beside it the schema that editors check it by where there is none.

    Returns what was written. Raises StudyError for a name that no study may have, and for a file
    that is there already or cannot be written.
    """
    _require_valid(name)
    text = _STARTER.read_text(encoding="utf-8").replace(
        "name: NAME", write_yaml({"name": name}).strip(), 1
    )
    schema = path.with_name(SCHEMA)
    _write_new(path, text)
    if schema.exists():
        return [path]
    _write_new(schema, schema_text())
    return [path, schema]


def _require_valid(name: str) -> None:
    try:
        Study.model_validate({"name": name})
    except ValidationError as error:
        hint = "Give the name alone, such as my_study; --out says which file."
        raise StudyError(str(error.errors()[0]["msg"]), where=f"'{name}'", hint=hint) from None


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, and the folders that it needs."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:  # the file, or one where a folder should be
        raise StudyError("is there already", where=error.filename, hint=ELSEWHERE) from None
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise StudyError(what, where=str(path), hint=ELSEWHERE) from None
