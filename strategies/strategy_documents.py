"""
Strategies in files: JSON or YAML, with conditions as the visual builder's objects or as text.

The engine names a fault by node id and field; a person with the file open in an editor wants the line, and for the
text of a condition a caret under the place. A file that ends in ``.yaml`` or ``.yml`` is YAML, any other JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strategies.document_sources import json_source, yaml_source
from strategies.document_sources.source import DocumentPath, Source, SourceInvalid
from strategies.engine.condition_parser import excerpt
from strategies.engine.errors import EngineError, GraphFault, GraphInvalid
from strategies.engine.graph import StrategyGraph, parse_strategy

YAML_SUFFIXES = (".yaml", ".yml")

_PATH_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MOST_FAULTS_LISTED = 20


class StrategyFileInvalid(EngineError):
    """A strategy file is refused; the message names file, line, fault and every further fault on a line of its own."""


def load_strategy_document(path: Path) -> dict[str, Any]:
    """
    Read a strategy's document and check it.

    Returns:
        The document as the file has it: plain values, valid as a strategy.

    Raises:
        StrategyFileInvalid: If the file cannot be read, is neither JSON nor YAML, or its graph is invalid.
    """
    return _load(path)[0]


def load_strategy_graph(path: Path) -> StrategyGraph:
    """
    Read a strategy and check it.

    Raises:
        StrategyFileInvalid: If the file cannot be read, is neither JSON nor YAML, or its graph is invalid.
    """
    return _load(path)[1]


def is_yaml(path: Path) -> bool:
    """Return whether a file is YAML by its name."""
    return path.suffix.lower() in YAML_SUFFIXES


def yaml_text(document: Mapping[str, Any]) -> str:
    """Write a document as YAML."""
    return yaml_source.write(document)


def json_text(document: Mapping[str, Any]) -> str:
    """Write a document as JSON, two spaces a level."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _load(path: Path) -> tuple[dict[str, Any], StrategyGraph]:
    kind = "a YAML mapping" if is_yaml(path) else "a JSON object"
    text = _read_text(path, kind)
    try:
        source = (yaml_source if is_yaml(path) else json_source).read(text)
    except SourceInvalid as error:
        place = "" if error.line is None else f", line {error.line}"
        raise StrategyFileInvalid(f"{path}{place}: {_sentence(error.message)}") from error
    document = source.document
    if not isinstance(document, dict):
        raise StrategyFileInvalid(f"{path}, line 1: a strategy is {kind} with nodes and edges.")
    try:
        return document, parse_strategy(document)
    except GraphInvalid as error:
        raise StrategyFileInvalid(_describe(path, source, error.faults)) from error


def _read_text(path: Path, kind: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StrategyFileInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StrategyFileInvalid(f"{path}, line {line}: the text is not UTF-8; save it as UTF-8.") from error
    if not text.strip():
        raise StrategyFileInvalid(f"{path}, line 1: the file is empty; a strategy is {kind}.")
    return text


def _describe(path: Path, source: Source, faults: Sequence[GraphFault]) -> str:
    places = [(_path_of(source.document, fault), fault) for fault in faults]
    lines: list[str] = []
    for place, fault in places[:_MOST_FAULTS_LISTED]:
        line = source.line_of(place, fault.text_line)
        lines.append(f"{path}, line {line}: {_sentence(str(fault))}{_caret(source.document, place, fault)}")
    if len(places) > _MOST_FAULTS_LISTED:
        lines.append(f"... and {len(places) - _MOST_FAULTS_LISTED} more faults.")
    return "\n".join(lines)


def _caret(document: object, path: DocumentPath, fault: GraphFault) -> str:
    """Return the text with a caret under the fault, on two lines; nothing for a fault that is in no text."""
    if fault.column is None:
        return ""
    value: Any = document
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return ""
    return "\n" + excerpt(value, line=fault.text_line or 1, column=fault.column) if isinstance(value, str) else ""


def _path_of(document: Mapping[str, Any], fault: GraphFault) -> list[str | int]:
    inside: list[str | int] = [int(index) if index else key for key, index in _PATH_PART.findall(fault.field)]
    nodes = document.get("nodes")
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if fault.node_id and isinstance(node, dict) and node.get("id") == fault.node_id:
            return ["nodes", index, *inside]
    return inside


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
