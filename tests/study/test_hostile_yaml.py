"""A file that is made to hang or break a reader gets an answer like any other."""

from collections.abc import Callable

import pytest

from bench.study.yaml_source import DEEPEST, LARGEST_BYTES, read_value

Refusal = Callable[..., str]


def bomb(levels: int) -> str:
    """Ten aliases of ten aliases of …: 10**levels values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_aliases_of_aliases_are_counted_and_refused(refusal: Refusal) -> None:
    assert refusal(bomb(20)).endswith("has more than 100,000 values with aliases expanded")


def test_a_few_aliases_are_expanded() -> None:
    read = read_value("a: &x {lr: 0.1}\nb: [*x, *x]", "here")
    assert read == {"a": {"lr": 0.1}, "b": [{"lr": 0.1}, {"lr": 0.1}]}
    assert read["b"][0] is not read["b"][1], "changing one must not change the other"


@pytest.mark.parametrize(
    "text", ["name: &a [*a]", "name: &a {x: *a}", "&a [*a, *a, *a]", "&a {x: [*a, *a]}"]
)
def test_an_alias_of_itself_is_nested_without_end(refusal: Refusal, text: str) -> None:
    assert refusal(text) == f"study.yaml:1: is nested more than {DEEPEST} levels deep"


@pytest.mark.parametrize(
    "text",
    ["[" * 3_000, "{" * 3_000, "- " * 3_000, "? " * 3_000, "a: [" + "[" * 60 + "]" * 61],
    ids=["lists", "mappings", "dashes", "keys", "just too deep"],
)
def test_deep_nesting_is_refused(refusal: Refusal, text: str) -> None:
    assert f"is nested more than {DEEPEST} levels deep" in refusal(text)


def test_nesting_as_deep_as_allowed_is_read() -> None:
    value = read_value("[" * DEEPEST + "x" + "]" * DEEPEST, "here")
    for _ in range(DEEPEST):
        (value,) = value
    assert value == "x"


def test_a_huge_file_is_refused_before_it_is_parsed(refusal: Refusal) -> None:
    large = f"is larger than {LARGEST_BYTES:,} bytes"
    assert refusal("[" * (LARGEST_BYTES + 1)) == f"study.yaml: {large}"
    assert refusal(b"\xff" * (LARGEST_BYTES + 1)) == f"study.yaml: {large}"
    assert refusal("name: x", f"description={'x' * LARGEST_BYTES} ").endswith(large)


def test_a_file_of_the_largest_size_is_read(refusal: Refusal) -> None:
    text = "nam: x\n#"
    assert refusal(text + "." * (LARGEST_BYTES - len(text))).startswith("study.yaml:1: nam: ")


@pytest.mark.parametrize("content", [b"name: x\n\xff\xfe", b"name: x\n\x89PNG\r\n", b"#\n\xc3"])
def test_invalid_utf8_is_reported_with_its_line(refusal: Refusal, content: bytes) -> None:
    assert refusal(content) == "study.yaml:2: is not a UTF-8 text file"


def test_a_file_in_utf16_is_not_utf8(refusal: Refusal) -> None:
    assert refusal("name: x".encode("utf-16")) == "study.yaml:1: is not a UTF-8 text file"


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f"])
def test_a_control_character_is_reported_with_its_line(refusal: Refusal, character: str) -> None:
    assert refusal(f"name: x\n\ndescription: a{character}b") == (
        f"study.yaml:3: contains the character U+{ord(character):04X}, invalid in YAML"
    )


def test_a_byte_order_mark_is_ignored(loaded: Callable[..., tuple]) -> None:
    assert loaded(b"\xef\xbb\xbfname: x").name == "x"


@pytest.mark.parametrize(
    "text", [r'a: "\UFFFFFFFF"', r'a: "\U00110000"', f"%YAML 1.{'1' * 5000}\n--- a"]
)
def test_numbers_in_the_syntax_that_are_out_of_range_are_refused(
    refusal: Refusal, text: str
) -> None:
    assert refusal(text) == (
        "study.yaml: is not valid YAML: an escape or a version is out of range"
    )


@pytest.mark.parametrize("text", ['a:\n  "\\ud800": 1', 'a:\n  b: "\\udfff"'])
def test_a_lone_surrogate_is_refused(refusal: Refusal, text: str) -> None:
    assert refusal(text) == (
        "study.yaml:2: invalid escape: half of a surrogate pair (\\ud800 to \\udfff)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nbase: [1", "study.yaml:2: is not valid YAML: expected ',' or ']'"),
        ("name: x\n\tbase: 1", "study.yaml:2: is not valid YAML: found character '\\t'"),
        ("name: a: b", "study.yaml:1: is not valid YAML: mapping values are not allowed here"),
        ("name: *x", "study.yaml:1: is not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", "study.yaml:2: is not valid YAML: but found another document"),
        ("a: 'b", "study.yaml:1: is not valid YAML: found unexpected end of stream"),
    ],
)
def test_invalid_yaml_is_reported_with_its_line(refusal: Refusal, text: str, message: str) -> None:
    assert refusal(text).startswith(message)
