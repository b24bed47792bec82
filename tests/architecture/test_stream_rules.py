"""The stream's rules: each one stands in the reference beside tests that exist and name it."""

import re
from collections.abc import Callable

import pytest

from tests.architecture import tables_of_tests
from tests.architecture.tables_of_tests import ROOT

REFERENCE = ROOT / "docs/reference/stream-protocol.md"
RULES = [f"S{number}" for number in range(1, 21)]


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Return the rows of the table of rules: rule, promise, tests."""
    return tables_of_tests.rows(text, r"S\d+")


def names_the_rule(rule: str, *, name: str, docstring: str) -> bool:
    """Tell whether a test's name ends in the rule, alone or among others, or its docstring has the rule."""
    in_name = re.search(r"((?:_s\d+)+)$", name)
    return (in_name is not None and f"_{rule.lower()}" in re.findall(r"_s\d+", in_name[1])) or bool(
        re.search(rf"\b{rule}\b", docstring)
    )


def faults(text: str) -> list[str]:
    """Say what is wrong with a table of rules."""
    return tables_of_tests.faults(rows(text), RULES, names_the_rule)


def test_every_rule_of_the_stream_has_tests_that_exist_and_name_it() -> None:
    assert faults(REFERENCE.read_text()) == []


def test_every_rule_stands_once_and_in_order() -> None:
    assert [rule for rule, _, _ in rows(REFERENCE.read_text())] == RULES


@pytest.mark.parametrize(
    ("rule", "spoil", "fault"),
    [
        ("S6", lambda row: "", "S6 has no row"),
        ("S6", lambda row: re.sub(r"`[^`]*`(<br>)?", "", row), "S6 has no test"),
        ("S13", lambda row: row.replace("no_viewer_costs", "every_viewer_costs"), "S13: there is no tests/"),
        ("S13", lambda row: row.replace("test_stream_promises.py", "test_gone.py"), "S13: there is no tests/"),
        (
            "S1",
            lambda row: row.replace("refused_s1`", "refused_s1` `tests/streaming/test_worker.py::test_x`"),
            "S1: there",
        ),
        ("S9", lambda row: row.replace("| S9 |", "| S2 |"), "S2: tests/"),
    ],
)
def test_a_rule_without_its_row_or_its_tests_is_seen(rule: str, spoil: Callable[[str], str], fault: str) -> None:
    lines = REFERENCE.read_text().splitlines()
    number = next(number for number, line in enumerate(lines) if line.startswith(f"| {rule} |"))

    lines[number] = spoil(lines[number])

    assert any(told.startswith(fault) for told in faults("\n".join(lines))), faults("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "docstring", "is_named"),
    [
        ("test_it_s1", "", True),
        ("test_it_s1_s19", "", True),
        ("test_it_s19", "", False),
        ("test_a_s1_among_words", "", False),
        ("test_it", "S1, S2: so it is.", True),
        ("test_it", "S19", False),
        ("test_it", "", False),
    ],
)
def test_a_test_names_a_rule_at_the_end_of_its_name_or_in_its_docstring(
    name: str, docstring: str, is_named: bool
) -> None:
    assert names_the_rule("S1", name=name, docstring=docstring) is is_named
