"""`package.module:Name` is imported when it is loaded, and errors pass through."""

from collections.abc import Callable

import pytest

from bench.registry import load

DistinctText = Callable[[str, str], str]


def test_a_target_is_what_its_module_has_by_that_name(written: DistinctText) -> None:
    module = written("nets.py", "class Net:\n    made = 5")
    assert load(f"{module}:Net").made == 5


@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("Nett", "class Net: ...", AttributeError),
        ("Net", "import no_such_library", ModuleNotFoundError),
        ("Net", "1 / 0", ZeroDivisionError),
    ],
)
def test_what_goes_wrong_in_it_passes_through(
    written: DistinctText, name: str, source: str, error: type[Exception]
) -> None:
    module = written("nets.py", source)
    with pytest.raises(error):
        load(f"{module}:{name}")
