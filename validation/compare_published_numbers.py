"""Compare every number of the published reports with those at a git ref.

    python validation/compare_published_numbers.py v0.1.0
    python validation/compare_published_numbers.py v0.1.0 --reports /tmp/rendered

The words may differ, the numbers may not. Table cells are compared by section, row and column;
numbers in prose by how often each occurs in a section, without their signs. Notations are
normalised first: `98.53 ± 0.32` is `98.53 [98.21, 98.85]`, `0.98 (0.95–1.01)` is
`0.98 [0.95, 1.01]`, `21.3k` is 21,300. Sections are matched by heading, or by position if headings
were reworded. Prints the differences; exit code 1 if there are any.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PUBLISHED = "reports/published"
FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?"
NUMBER = re.compile(rf"(?<![\w.,])([+−-]?)({UNSIGNED})(?:([kMG])(?!\w))?")
PLUS_MINUS = re.compile(rf"({UNSIGNED}) ± ({UNSIGNED})")
NO_NUMBERS = re.compile(  # link targets, paths, commands, identifiers of cells and commits
    r"\]\([^)]*\)|\S*(?:results|reports|figures|studies)/\S*|\b[0-9a-f]{7,40}\b|<br>"
)


@dataclass(frozen=True)
class Number:
    """A number; `slack` is what rounding may have moved an end that was computed from a ±."""

    value: float
    slack: float = 0.0

    def agrees(self, other: "Number") -> bool:
        slack = max(self.slack, other.slack) + 1e-9 * abs(self.value)
        return abs(self.value - other.value) <= slack

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass
class Section:
    """A part of a report under one heading; a cell's key is its table, row and column."""

    heading: str
    cells: dict[tuple[int, int, int], tuple[str, list[Number]]] = field(default_factory=dict)
    prose: list[Number] = field(default_factory=list)


def read_numbers(text: str) -> list[Number]:
    """Return the numbers of a text in order, intervals written as ± among them."""
    numbers, end = [], 0
    text = NO_NUMBERS.sub(" ", text)
    for match in PLUS_MINUS.finditer(text):
        numbers += _plain(text[end : match.start()])
        centre, half = (float(part.replace(",", "")) for part in match.groups())
        slack = 1.01 * 10.0 ** -len(match[1].partition(".")[2])
        numbers += [Number(centre), Number(centre - half, slack), Number(centre + half, slack)]
        end = match.end()
    return numbers + _plain(text[end:])


def _plain(text: str) -> list[Number]:
    return [
        Number((-1 if sign in ("−", "-") else 1) * float(digits.replace(",", "")) * FACTORS[prefix])
        for sign, digits, prefix in NUMBER.findall(text)
    ]


def read_sections(report: str) -> list[Section]:
    """Split a report in markdown into its sections."""
    sections = [Section("")]
    table, row = 0, -1
    for line in report.splitlines():
        section = sections[-1]
        if line.startswith("#"):
            sections.append(Section(line.strip("# ")))
            table, row = 0, -1
        elif line.startswith("|"):
            row += 1
            for column, cell in enumerate(re.split(r"(?<!\\)\|", line.strip("|"))):
                section.cells[table, row, column] = (cell.strip(), read_numbers(cell))
        else:
            table, row = (table + 1, -1) if row >= 0 else (table, row)
            section.prose += [Number(abs(n.value), n.slack) for n in read_numbers(line)]
    return sections


def differences(before: str, after: str) -> Iterator[str]:
    """Describe each number of a report that is not the same in another."""
    old, new = read_sections(before), read_sections(after)
    by_heading = {section.heading: section for section in new}
    is_reworded = len(old) == len(new)
    for position, section in enumerate(old):
        other = new[position] if is_reworded else by_heading.pop(section.heading, None)
        if other is None:
            yield f"section “{section.heading}” is missing"
        else:
            yield from _differing_cells(section, other)
            yield from _differing_prose(section, other)
    if not is_reworded:
        yield from (f"section “{heading}” is new" for heading in by_heading)


def _differing_cells(old: Section, new: Section) -> Iterator[str]:
    for key in sorted(old.cells.keys() | new.cells.keys()):
        (before, known), (after, found) = old.cells.get(key, ("", [])), new.cells.get(key, ("", []))
        if len(known) != len(found) or not all(map(Number.agrees, known, found)):
            table, row, column = key
            name = old.cells.get((table, row, 0), ("", []))[0]
            where = f"table {table + 1}, row {row} ({name}), column {column + 1}"
            yield f"{old.heading}, {where}: “{before}” became “{after}”"


def _differing_prose(old: Section, new: Section) -> Iterator[str]:
    missing = Counter(old.prose)
    missing.subtract(new.prose)
    added = sorted((-missing).elements(), key=lambda number: number.value)
    for number in sorted((+missing).elements(), key=lambda number: number.value):
        twin = next((other for other in added if number.agrees(other)), None)
        if twin is None:
            yield f"{old.heading}, prose: {number} is missing"
        else:
            added.remove(twin)
    yield from (f"{old.heading}, prose: {number} is new" for number in added)


def _at_ref(ref: str, *command: str) -> str:
    return subprocess.run(
        ["git", *command], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ref", help="git ref to compare with")
    parser.add_argument(
        "--reports", type=Path, help="folder of rendered reports, <study>/report.md each"
    )
    options = parser.parse_args()
    names = _at_ref(options.ref, "ls-tree", "-r", "--name-only", options.ref, PUBLISHED).split("\n")
    reports = [name for name in names if name.endswith("/report.md")]
    count = 0
    for name in reports:
        study = Path(name).parent.name
        path = options.reports / study / "report.md" if options.reports else ROOT / name
        if not path.is_file():
            found = [f"expected a report at {path}"]
        else:
            before = _at_ref(options.ref, "show", f"{options.ref}:{name}")
            found = list(differences(before, path.read_text(encoding="utf-8")))
        count += len(found)
        for difference in found:
            print(f"{study}: {difference}")
    print(f"{len(reports)} reports, {count} differences")
    sys.exit(1 if count or not reports else 0)


if __name__ == "__main__":
    main()
