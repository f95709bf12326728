"""A commented study to start from."""

from pathlib import Path

from pydantic import ValidationError

from bench.errors import StudyError
from bench.study.json_schema import schema_text
from bench.study.spec import Study
from bench.study.yaml_source import write_yaml

SCHEMA = "schema.json"  # in the study's folder, where its first line points editors to it
OTHER_NAME = "Choose another name, or another file with --out."
_STARTER = Path(__file__).with_name("starter.yaml")


def write_starter(name: str, path: Path) -> list[Path]:
    """Write a study, and its JSON Schema if missing; return the paths. Raises StudyError."""
    try:
        Study.model_validate({"name": name})
    except ValidationError as error:
        hint = "Give the name alone, such as my_study; --out sets the file."
        raise StudyError(f"name: {error.errors()[0]['msg']}", hint=hint) from None
    own_name = write_yaml({"name": name}).strip()
    _write_new(path, _STARTER.read_text(encoding="utf-8").replace("name: NAME", own_name, 1))
    schema = path.with_name(SCHEMA)
    if schema.exists():
        return [path]
    _write_new(schema, schema_text())
    return [path, schema]


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:  # the file, or one in place of a folder
        raise StudyError("already exists", where=error.filename, hint=OTHER_NAME) from None
    except OSError as error:
        message = f"cannot be written: {error.strerror}"
        raise StudyError(message, where=str(path), hint=OTHER_NAME) from None
