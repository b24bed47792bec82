"""Reads JSON. The line of a value is found by walking the text, and only when it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from strategies.document_sources.source import DocumentPath, Source, SourceInvalid

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def read(text: str) -> Source:
    """
    Read one JSON document.

    Raises:
        SourceInvalid: If the text is not JSON.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise SourceInvalid(f"not valid JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise SourceInvalid("the JSON is nested too deeply for a strategy") from error
    except ValueError as error:
        raise SourceInvalid(f"not valid JSON: {error}") from error
    return Source(document, lambda path, _: line_of(text, path))


def line_of(text: str, path: DocumentPath) -> int:
    """
    Find the line of a value in a JSON document.

    Args:
        text: One valid JSON document.
        path: Keys and indices from the outermost value inwards.

    Returns:
        The value's first line, from 1; that of the innermost value on the path where the rest does not exist.
    """
    at = _skip_space(text, 0)
    for part in path:
        found = next((start for key, start in _members(text, at) if key == part), None)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _members(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Give key or index and start of each value inside the object or list that starts at a place."""
    if text[at] not in "{[":
        return
    is_object = text[at] == "{"
    at = _skip_space(text, at + 1)
    index = 0
    while text[at] not in "}]":
        key: str | int = index
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip_space(text, _skip_space(text, at) + 1)
        yield key, at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip_space(text, at)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
        index += 1


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
