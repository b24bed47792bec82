"""Tables of the reference that set a promise beside its tests: `| name | promise | `file::test` … |`."""

import ast
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[2]


class Names(Protocol):
    """Tells whether a test names the promise that it stands beside."""

    def __call__(self, promise: str, /, *, name: str, docstring: str) -> bool: ...


def rows(text: str, names: str) -> list[tuple[str, str, list[str]]]:
    """Return the rows of a table whose promises have names of this pattern: name, promise, tests."""
    found = re.findall(rf"^\| ({names}) \|(.*)\|([^|]*)\|$", text, re.MULTILINE)
    return [(name, promise.strip(), re.findall(r"`([^`]+)`", tests)) for name, promise, tests in found]


@cache
def found_in(file: str) -> dict[str, str]:
    """Return the tests of a file: name and docstring."""
    path = ROOT / file
    if not path.is_file():
        return {}
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def faults(table: list[tuple[str, str, list[str]]], wanted: Collection[str], is_named: Names) -> list[str]:
    """Say what is wrong with a table that is to have a row for each of the wanted promises."""
    wrong = [f"{promise} has no row" for promise in wanted if promise not in {row[0] for row in table}]
    for promise, words, tests in table:
        if promise not in wanted or not words:
            wrong.append(f"{promise} is not wanted here, or promises nothing")
        if not tests:
            wrong.append(f"{promise} has no test")
        for test in tests:
            file, _, name = test.partition("::")
            docstring = found_in(file).get(name)
            if docstring is None:
                wrong.append(f"{promise}: there is no {test}")
            elif not is_named(promise, name=name, docstring=docstring):
                wrong.append(f"{promise}: {test} does not name it")
    return wrong
