"""The pages' promises: each one stands in the reference beside tests that exist and name its number."""

import re
from collections.abc import Callable

import pytest

from tests.architecture import tables_of_tests
from tests.architecture.tables_of_tests import ROOT, found_in

REFERENCE = ROOT / "docs/reference/page-requirements.md"
NUMBERS = [str(number) for number in range(1, 33)]


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Return the rows of the table of promises: number, promise, tests."""
    return tables_of_tests.rows(text, r"\d+")


def names_the_number(number: str, *, name: str, docstring: str) -> bool:
    """Tell whether a test begins with the requirement's number, alone or among others, or its docstring has it."""
    in_name = re.match(r"test_requirement_(\d+(?:_and_\d+)*)_", name)
    numbers = re.findall(r"\d+", in_name[1]) if in_name else []
    return int(number) in map(int, numbers) or bool(re.search(rf"\bRequirement {number}\b", docstring))


def faults(text: str) -> list[str]:
    """Say what is wrong with a table of promises."""
    return tables_of_tests.faults(rows(text), NUMBERS, names_the_number)


def test_every_promise_of_the_pages_has_tests_that_exist_and_name_it() -> None:
    assert faults(REFERENCE.read_text()) == []


def test_every_test_of_a_requirement_stands_beside_it() -> None:
    told = {(number, test.partition("::")[2]) for number, _, tests in rows(REFERENCE.read_text()) for test in tests}
    files = [str(path.relative_to(ROOT)) for path in ROOT.glob("tests/journeys/test_requirement*_of_*.py")]

    untold = [
        (number, name)
        for file in files
        for name, docstring in found_in(file).items()
        for number in NUMBERS
        if names_the_number(number, name=name, docstring=docstring) and (number, name) not in told
    ]

    assert untold == []


@pytest.mark.parametrize(
    ("number", "spoil", "fault"),
    [
        ("9", lambda row: "", "9 has no row"),
        ("9", lambda row: re.sub(r"`[^`]*`(<br>)?", "", row), "9 has no test"),
        ("13", lambda row: row.replace("a_hundred_seeks", "a_thousand_seeks"), "13: there is no tests/"),
        ("13", lambda row: row.replace("_of_replay.py", "_of_nothing.py"), "13: there is no tests/"),
        ("9", lambda row: row.replace("| 9 |", "| 10 |"), "10: tests/"),
    ],
)
def test_a_promise_without_its_row_or_its_tests_is_seen(number: str, spoil: Callable[[str], str], fault: str) -> None:
    lines = REFERENCE.read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith(f"| {number} |"))

    lines[place] = spoil(lines[place])

    assert any(told.startswith(fault) for told in faults("\n".join(lines))), faults("\n".join(lines))
