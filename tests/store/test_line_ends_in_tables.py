"""Line ends within a text are quoted in every CSV table, and the lines of all end in one way."""

import csv
import io

import pytest

from bench.csv_text import csv_of


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", "\r", 'a"b', "a,b"])
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    written = csv_of(("name", "value"), [{"name": text, "value": 1}])
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["name", "value"], [text, "1"]]
    assert written.startswith("name,value\n")
    assert written.endswith(",1\n")


def test_a_missing_column_is_blank_and_an_unknown_one_an_error() -> None:
    assert csv_of(("a", "b"), [{"b": 2}], with_header=False) == ",2\n"
    with pytest.raises(ValueError, match="not in fieldnames"):
        csv_of(("a",), [{"c": 3}])
