"""
Turns a strategy document from the visual builder's form into its text form, and back.

In the text form, conditions and the expressions of variables are texts; everything else is as the builder wrote it.
Both forms become equal records, but for the ids of conditions, which text does not hold: it numbers them. What text
cannot say to the letter (a group with one member joined by OR, a name that means two things) stays an object.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.document import Faults, Reader
from strategies.engine.expression_reader import ExpressionReader
from strategies.engine.expression_writer import expression_object, group_object
from strategies.engine.expressions import Condition, ConditionGroup
from strategies.engine.graph import VIRTUAL_TYPES, StrategyGraph, condition_reader, parse_strategy

Json = dict[str, Any]

_SWITCHES = {"conditions": "", "reEntryExitConditions": "hasReEntryExitConditions"}
"""The fields that hold conditions, and the switch without which the builder's list there is not used."""


def as_text_document(document: Mapping[str, Any], *, has_line_each: bool = False) -> Json:
    """
    Write a strategy's conditions as text.

    Args:
        document: In either form, or a mixture.
        has_line_each: One condition a line, for files that are compared line by line; else each text is one line.

    Returns:
        A new document. Previews of what is text now are left out.

    Raises:
        GraphInvalid: If the document is no valid strategy.
    """
    strategy = parse_strategy(document)
    writer = _TextWriter(condition_reader(document), strategy.printer(), has_line_each)
    found: Json = copy.deepcopy(dict(document))
    for data in _node_data(found):
        writer.write(data)
    return found


def as_builder_document(document: Mapping[str, Any]) -> Json:
    """
    Write a strategy's conditions as the objects of the visual builder, with its previews, and its edges as a list.

    Raises:
        GraphInvalid: If the document is no valid strategy.
    """
    strategy = parse_strategy(document)
    reader, printer = condition_reader(document), strategy.printer()
    found: Json = copy.deepcopy(dict(document))
    for data in _node_data(found):
        _write_objects(data, reader, printer)
    if found.get("edges") is None:
        found["edges"] = _edges(strategy)
    return found


@dataclass(frozen=True, slots=True)
class _TextWriter:
    reader: ExpressionReader
    printer: ConditionPrinter
    has_line_each: bool

    def write(self, data: Json) -> None:
        """Turn the conditions and variables of one node into text."""
        for field, switch in _SWITCHES.items():
            # Text there would switch the conditions on.
            is_unused = switch and not isinstance(data.get(switch), bool) and not isinstance(data.get(field), str)
            if not is_unused and (text := self._group_text(data, field)) is not None:
                data[field] = text
                data.pop(f"{field}Preview", None)
        for item in _variables(data):
            if (text := self._variable_text(item)) is not None:
                item["expression"] = text

    def _group_text(self, data: Json, field: str) -> str | None:
        """Print a node's conditions; None where there are none, or text would not say the same."""
        group = _read_group(self.reader, data, field)
        if group is None:
            return None
        text = self.printer.group_lines(group) if self.has_line_each else self.printer.group(group)
        read = _read_group(self.reader, {field: text}, field)
        return text if read is not None and _without_ids(read) == _without_ids(group) else None

    def _variable_text(self, item: Json) -> str | None:
        faults = Faults()
        variables = self.reader.variables(_reader_of({"variables": [item]}, faults))
        if faults.found:
            return None
        text = self.printer.expression(variables[0].expression)
        read = self.reader.variables(_reader_of({"variables": [{**item, "expression": text}]}, faults))
        return text if not faults.found and read == variables else None


def _write_objects(data: Json, reader: ExpressionReader, printer: ConditionPrinter) -> None:
    """Turn the texts of one node into objects."""
    for field, switch in _SWITCHES.items():
        if isinstance(data.get(field), str) and (group := _read_group(reader, data, field)) is not None:
            data[field] = [group_object(group)]
            data[f"{field}Preview"] = printer.group(group)
            if switch and data.get(switch) is None:
                data[switch] = True
    for item in _variables(data):
        if isinstance(item.get("expression"), str):
            (variable,) = reader.variables(_reader_of({"variables": [item]}, Faults()))
            item["expression"] = expression_object(variable.expression)


def _node_data(document: Json) -> Iterator[Json]:
    """Iterate over the data of the nodes of a valid document."""
    for node in document["nodes"]:
        if node.get("type") not in VIRTUAL_TYPES and isinstance(node.get("data"), dict):
            yield node["data"]


def _variables(data: Json) -> list[Json]:
    found = data.get("variables")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _read_group(reader: ExpressionReader, data: Json, field: str) -> ConditionGroup | None:
    """Read a node's conditions; None where there are none, or they are faulty (the builder keeps unused ones)."""
    if data.get(field) is None:
        return None
    faults = Faults()
    group = reader.groups(_reader_of(data, faults), field)
    return None if faults.found else group


def _reader_of(data: Json, faults: Faults) -> Reader:
    return Reader(data, faults, node_id="", path="data")


def _without_ids(group: ConditionGroup) -> ConditionGroup:
    members: list[Condition | ConditionGroup] = [
        _without_ids(member) if isinstance(member, ConditionGroup) else replace(member, id="")
        for member in group.members
    ]
    return replace(group, members=tuple(members))


def _edges(strategy: StrategyGraph) -> list[Json]:
    return [{"id": f"e-{source}-{target}", "source": source, "target": target} for source, target in strategy.edges]
