"""
Read a strategy graph from a JSON file, and say where in the file a fault stands.

The engine names a fault by node id and field; a person with the file open in an editor wants the line. `line_of` finds
it by walking the text to the field, or as far as the path can be followed where the field is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from strategies.engine.errors import EngineError, GraphFault, GraphInvalid
from strategies.engine.graph import StrategyGraph, parse_strategy

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_PATH_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MOST_FAULTS_LISTED = 20


class StrategyFileInvalid(EngineError):
    """A strategy file is refused; the message names file, line, fault and every further fault on a line of its own."""


def load_strategy_file(path: Path) -> StrategyGraph:
    """
    Read and check a strategy graph.

    Raises:
        StrategyFileInvalid: If the file cannot be read, is not JSON, or its graph is invalid.
    """
    text = _read_text(path)
    document = _parse_json(path, text)
    if not isinstance(document, dict):
        raise StrategyFileInvalid(f"{path}, line 1: a strategy is a JSON object with nodes and edges.")
    try:
        return parse_strategy(document)
    except GraphInvalid as error:
        raise StrategyFileInvalid(_describe(path, text, document, error.faults)) from error


def line_of(text: str, path: Sequence[str | int]) -> int:
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


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StrategyFileInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StrategyFileInvalid(f"{path}, line {line}: the text is not UTF-8; save it as UTF-8.") from error
    if not text.strip():
        raise StrategyFileInvalid(f"{path}, line 1: the file is empty; a strategy is a JSON object.")
    return text


def _parse_json(path: Path, text: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise StrategyFileInvalid(f"{path}, line {error.lineno}: not valid JSON: {error.msg}.") from error
    except RecursionError as error:
        raise StrategyFileInvalid(f"{path}: the JSON is nested too deeply for a strategy.") from error
    except ValueError as error:
        raise StrategyFileInvalid(f"{path}: not valid JSON: {error}.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _describe(path: Path, text: str, document: Mapping[str, Any], faults: Sequence[GraphFault]) -> str:
    places = [(line_of(text, _path_of(document, fault)), fault) for fault in faults]
    sentences = [f"{path}, line {line}: {_sentence(str(fault))}" for line, fault in places[:_MOST_FAULTS_LISTED]]
    if len(places) > _MOST_FAULTS_LISTED:
        sentences.append(f"... and {len(places) - _MOST_FAULTS_LISTED} more faults.")
    return "\n".join(sentences)


def _path_of(document: Mapping[str, Any], fault: GraphFault) -> list[str | int]:
    inside: list[str | int] = [int(index) if index else key for key, index in _PATH_PART.findall(fault.field)]
    nodes = document.get("nodes")
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if fault.node_id and isinstance(node, dict) and node.get("id") == fault.node_id:
            return ["nodes", index, *inside]
    return inside


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


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
