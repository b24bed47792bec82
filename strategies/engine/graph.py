"""
Reads a strategy document of the visual builder, finding every fault in one pass.

Extra keys (canvas positions, parents, children) and virtual nodes are ignored. What this engine cannot run yet is
refused by name: nothing that a strategy asks for is passed over in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strategies.engine import order_reader
from strategies.engine.candles import UNIT_SECONDS, Timeframe
from strategies.engine.condition_text import seconds_of_day
from strategies.engine.declarations import Declarations
from strategies.engine.document import Faults, Reader, is_deeper_than
from strategies.engine.errors import GraphFault, GraphInvalid, SymbolInvalid
from strategies.engine.expression_reader import ExpressionReader
from strategies.engine.indicators import ALIASES, INDICATORS, IndicatorSpec, Parameter
from strategies.engine.strategy import (
    EntryNode,
    EntrySignalNode,
    ExitNode,
    ExitSignalNode,
    InstrumentSpec,
    Node,
    ReEntrySignalNode,
    SquareOffNode,
    StartNode,
    StrategyGraph,
    TimeframeSpec,
    visiting_order,
)
from strategies.engine.symbols import Underlying, parse_symbol

__all__ = ["StrategyGraph", "parse_strategy"]

VIRTUAL_TYPES = frozenset({"strategyOverview"})
MAX_LEVELS = 100
"""How deep lists and objects may stand inside each other, the parts that are ignored included."""


def parse_strategy(document: Mapping[str, Any]) -> StrategyGraph:
    """
    Read and check a strategy document.

    Args:
        document: ``nodes`` [{id, type, data}] and ``edges`` [{source, target}], as the visual builder writes them.
            Written by hand, conditions may be texts, and nodes may list their ``children`` in place of ``edges``.

    Raises:
        GraphInvalid: With every fault, by node id and field.
    """
    if is_deeper_than(document, MAX_LEVELS):
        message = f"lists and objects stand inside each other more than {MAX_LEVELS} levels deep"
        raise GraphInvalid([GraphFault(node_id="", field="", message=message)])
    return _GraphReader(document).read()


def condition_reader(document: Mapping[str, Any]) -> ExpressionReader:
    """Return a reader of a document's conditions, which knows what the document declares; faults are not told."""
    return _GraphReader(document).expressions()


@dataclass(slots=True)
class _Links:
    """Edges that were read, by either end."""

    edges: list[tuple[str, str]] = field(default_factory=list)

    def children(self, node_id: str) -> tuple[str, ...]:
        return tuple(target for source, target in self.edges if source == node_id)


class _GraphReader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self.faults = Faults()
        self.top = Reader(document, self.faults, node_id="", path="")
        self.document = document
        self.links = _Links()
        #: Ids of all nodes, and of the virtual ones among them.
        self.known_ids: set[str] = set()
        self.virtual_ids: set[str] = set()
        #: What each node says of its children; the builder repeats the edges there.
        self.own_children: dict[str, object] = {}

    def read(self) -> StrategyGraph:
        readers = self._node_readers()
        self._read_edges(readers)
        expressions = ExpressionReader(self._declarations(readers))
        nodes = {node_id: self._node(reader, kind, expressions) for node_id, (kind, reader) in readers.items()}
        order = self._check_shape(nodes)
        strategy_id = self.top.text("strategy_id", default="strategy")
        name = self.top.text("name", default="Strategy")
        fingerprint = self._fingerprint()
        if self.faults.found:
            raise GraphInvalid(self.faults.found)
        return StrategyGraph(
            strategy_id=strategy_id,
            name=name,
            nodes=nodes,
            edges=tuple(self.links.edges),
            order=order,
            fingerprint=fingerprint,
        )

    def expressions(self) -> ExpressionReader:
        """Return a reader of the conditions of the document."""
        return ExpressionReader(self._declarations(self._node_readers()))

    def _node_readers(self) -> dict[str, tuple[str, Reader]]:
        """Return each real node's type and reader by id, in document order."""
        found: dict[str, tuple[str, Reader]] = {}
        for item in self.top.items("nodes"):
            kind = item.raw("type")
            if isinstance(kind, str) and kind in VIRTUAL_TYPES:
                self.virtual_ids.add(str(item.raw("id")))
                continue
            node_id = item.text("id")
            self.known_ids.add(node_id)
            reader = Reader(
                {"id": node_id, "type": kind, "data": item.raw("data")}, self.faults, node_id=node_id, path=""
            )
            if not node_id:
                continue
            if node_id in found:
                reader.fault("id", "is used by more than one node")
                continue
            if not isinstance(kind, str) or kind not in NODE_READERS:
                said = "is missing" if kind is None else f"{kind!r} is unknown"
                reader.fault("type", f"{said}; allowed: {', '.join(NODE_READERS)}")
                continue
            found[node_id] = (kind, reader)
            if item.has("children"):
                self.own_children[node_id] = item.raw("children")
        return found

    def _read_edges(self, readers: Mapping[str, tuple[str, Reader]]) -> None:
        if not self.top.has("edges") and self.own_children:
            self._read_children(readers)
            return
        for index, item in enumerate(self.top.items("edges")):
            source, target = item.text("source"), item.text("target")
            if {source, target} & self.virtual_ids:
                continue
            for end, node_id in (("source", source), ("target", target)):
                if node_id and node_id not in self.known_ids:
                    self.faults.add("", f"edges[{index}].{end}", f"leads to no node: there is no node {node_id!r}")
            if source in readers and target in readers and (source, target) not in self.links.edges:
                self.links.edges.append((source, target))

    def _read_children(self, readers: Mapping[str, tuple[str, Reader]]) -> None:
        """Read the edges from the nodes' own lists of children, where the document has no list of edges."""
        for source, children in self.own_children.items():
            if not isinstance(children, list):
                self.faults.add(source, "children", "expected a list of node ids")
                continue
            for index, target in enumerate(children):
                if not isinstance(target, str) or target not in self.known_ids | self.virtual_ids:
                    message = f"leads to no node: there is no node {target!r}"
                    self.faults.add(source, f"children[{index}]", message)
                elif target in readers and (source, target) not in self.links.edges:
                    self.links.edges.append((source, target))

    def _declarations(self, readers: Mapping[str, tuple[str, Reader]]) -> Declarations:
        """Collect what conditions may name. Faults inside are found when the nodes themselves are read."""
        quiet = Faults()
        roles = {"TI"}
        timeframes: set[tuple[str, str]] = set()
        display_names: dict[tuple[str, str, str], str] = {}
        outputs: dict[tuple[str, str, str], tuple[str, ...]] = {}
        variables: set[tuple[str, str]] = set()
        positions: set[str] = set()
        for node_id, (kind, reader) in readers.items():
            data = Reader(reader.raw("data"), quiet, node_id=node_id, path="data")
            if kind == "startNode":
                if data.flag("supportingInstrumentEnabled"):
                    roles.add("SI")
                for role, config in (("TI", "tradingInstrumentConfig"), ("SI", "supportingInstrumentConfig")):
                    for timeframe in data.optional_child(config).items("timeframes", required=False):
                        timeframe_id = timeframe.text("id", default="?")
                        timeframes.add((role, timeframe_id))
                        for key, indicator in timeframe.entries("indicators"):
                            display_names[role, timeframe_id, key] = _indicator(key, indicator).display_name
                            if (name := _indicator_name(indicator)) in INDICATORS:
                                outputs[role, timeframe_id, key] = INDICATORS[name].outputs
            if kind in RECORDING_TYPES:
                variables |= {(node_id, item.text("name")) for item in data.items("variables", required=False)}
            if kind == "entryNode":
                positions |= {item.text("vpi") for item in data.items("positions", required=False)}
        return Declarations(
            roles=frozenset(roles),
            timeframes=frozenset(timeframes),
            indicators=frozenset(display_names),
            variables=frozenset(variables),
            positions=frozenset(positions),
            display_names=display_names,
            outputs=outputs,
        )

    def _node(self, reader: Reader, kind: str, expressions: ExpressionReader) -> Node:
        data = (
            reader.child("data") if reader.has("data") else Reader({}, self.faults, node_id=reader.node_id, path="data")
        )
        if not reader.has("data"):
            reader.fault("data", "is missing; expected an object")
        label = data.text("label", default=reader.node_id)
        return NODE_READERS[kind](self, data, label, expressions)

    def start(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        instrument = _instrument(data.child("tradingInstrumentConfig"))
        supporting = None
        if data.flag("supportingInstrumentEnabled"):
            supporting = _instrument(data.child("supportingInstrumentConfig"))
        return StartNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            instrument=instrument, supporting=supporting,
        )  # fmt: skip

    def entry_signal(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        return EntrySignalNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            conditions=expressions.groups(data, "conditions"), variables=expressions.variables(data),
        )  # fmt: skip

    def entry(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        traded = self._traded_kind()
        positions = tuple(order_reader.position(item, traded) for item in data.items("positions"))
        if not positions and isinstance(data.raw("positions"), list):
            data.fault("positions", "is empty; an entry node opens at least one position")
        return EntryNode(id=data.node_id, label=label, children=self.links.children(data.node_id), positions=positions)

    def _traded_kind(self) -> str:
        """Return what the start node says is traded: options, futures, or the underlying itself."""
        for item in self.top.items("nodes", required=False):
            if item.raw("type") == "startNode":
                data = Reader(item.raw("data"), Faults(), node_id="", path="")
                kind = data.optional_child("tradingInstrument").raw("type")
                return kind if isinstance(kind, str) else ""
        return ""

    def exit_signal(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        re_entry = None
        # Whoever writes them as text by hand means them; the builder keeps lists that are switched off.
        if data.flag("hasReEntryExitConditions", default=isinstance(data.raw("reEntryExitConditions"), str)):
            re_entry = expressions.groups(data, "reEntryExitConditions")
        return ExitSignalNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            conditions=expressions.groups(data, "conditions"), re_entry_conditions=re_entry, target_position_ids=(),
        )  # fmt: skip

    def exit(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        settings = data.child("exitNodeData")
        order = settings.child("orderConfig")
        target = order.text("targetPositionVpi")
        if target and target not in expressions.declared.positions:
            order.fault("targetPositionVpi", f"no entry node opens a position {target!r}")
        re_entry = settings.optional_child("reEntryConfig")
        if re_entry.flag("enabled"):
            re_entry.fault("enabled", "re-entry belongs to a reEntrySignalNode behind this node; switch it off here")
        return ExitNode(
            id=data.node_id,
            label=label,
            children=self.links.children(data.node_id),
            target_position_id=target,
            quantity=order_reader.exit_quantity(order),
            limit=order_reader.limit_price(order),
            protections=order_reader.protections(settings.optional_child("postExecutionConfig")),
        )

    def re_entry_signal(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        return ReEntrySignalNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            conditions=expressions.groups(data, "conditions"), variables=expressions.variables(data),
            target_entry_node_id=data.text("targetEntryNodeId"),
            max_re_entries=data.child("retryConfig").whole("maxReEntries", least=0, most=100_000),
        )  # fmt: skip

    def square_off(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        ends = data.child("endConditions")
        at, minutes = _square_off_time(ends.optional_child("timeBasedExit"))
        performance = ends.optional_child("performanceBasedExit")
        target = loss = None
        if performance.flag("enabled"):
            target = performance.optional_number("profitTarget", above=0.0)
            loss = performance.optional_number("lossLimit", above=0.0)
            if target is None and loss is None:
                performance.fault("", "names neither profitTarget nor lossLimit; give at least one amount above zero")
        is_immediate = ends.optional_child("immediateExit").flag("enabled")
        if at is None and minutes is None and not is_immediate and not performance.flag("enabled"):
            ends.fault("", "no way to end the day is switched on; enable one, such as timeBasedExit")
        return SquareOffNode(
            id=data.node_id,
            label=label,
            children=self.links.children(data.node_id),
            at=at,
            minutes_before_close=minutes,
            is_immediate=is_immediate,
            profit_target=target,
            loss_limit=loss,
        )

    def _check_shape(self, nodes: dict[str, Node]) -> tuple[str, ...]:
        """Check what concerns several nodes, complete the exit signals, and return the visiting order."""
        starts = [node.id for node in nodes.values() if isinstance(node, StartNode)]
        if len(starts) != 1:
            said = (
                "there is no start node" if not starts else f"there are {len(starts)} start nodes: {', '.join(starts)}"
            )
            self.faults.add("", "nodes", f"{said}; a strategy has exactly one")
        self._check_positions(nodes)
        for node in list(nodes.values()):
            if isinstance(node, ReEntrySignalNode):
                target = nodes.get(node.target_entry_node_id)
                if node.target_entry_node_id and not isinstance(target, EntryNode | EntrySignalNode):
                    message = f"there is no entry node or entry signal {node.target_entry_node_id!r}"
                    self.faults.add(node.id, "data.targetEntryNodeId", message)
            if isinstance(node, ExitSignalNode):
                nodes[node.id] = _with_targets(node, nodes)
        order, cycle = visiting_order(nodes, tuple(self.links.edges))
        if cycle:
            self.faults.add(
                cycle[0], "edges", f"the nodes {', '.join(cycle)} form a cycle; only a reEntrySignalNode may lead back"
            )
        return order

    def _check_positions(self, nodes: Mapping[str, Node]) -> None:
        owners: dict[str, str] = {}
        for node in nodes.values():
            for index, position in enumerate(node.positions if isinstance(node, EntryNode) else ()):
                owner = owners.setdefault(position.position_id, node.id)
                if position.position_id and (owner != node.id or _count(node, position.position_id) > 1):
                    self.faults.add(
                        node.id, f"data.positions[{index}].vpi", f"{position.position_id!r} is used more than once"
                    )

    def _fingerprint(self) -> str:
        """Return the SHA-256 of the canonical document; text that no file could hold is a fault."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        try:
            return hashlib.sha256(text.encode()).hexdigest()
        except UnicodeEncodeError as error:
            said = ascii(text[max(error.start - 20, 0) : error.start + 1])
            self.faults.add("", "", f"holds half of a surrogate pair, which is no character, at the end of {said}")
            return ""


NODE_READERS: dict[str, Callable[[_GraphReader, Reader, str, ExpressionReader], Node]] = {
    "startNode": _GraphReader.start,
    "entrySignalNode": _GraphReader.entry_signal,
    "entryNode": _GraphReader.entry,
    "exitSignalNode": _GraphReader.exit_signal,
    "exitNode": _GraphReader.exit,
    "reEntrySignalNode": _GraphReader.re_entry_signal,
    "squareOffNode": _GraphReader.square_off,
}

RECORDING_TYPES = ("entrySignalNode", "reEntrySignalNode")
"""Nodes that record variables."""


def _count(node: Node, position_id: str) -> int:
    return sum(position.position_id == position_id for position in node.positions) if isinstance(node, EntryNode) else 0


def _with_targets(node: ExitSignalNode, nodes: Mapping[str, Node]) -> ExitSignalNode:
    exits = [nodes[child] for child in node.children]
    return ExitSignalNode(
        id=node.id, label=node.label, children=node.children,
        conditions=node.conditions, re_entry_conditions=node.re_entry_conditions,
        target_position_ids=tuple(child.target_position_id for child in exits if isinstance(child, ExitNode)),
    )  # fmt: skip


def _instrument(config: Reader) -> InstrumentSpec:
    symbol = config.text("symbol")
    if symbol:
        try:
            if not isinstance(parse_symbol(symbol), Underlying):
                config.fault("symbol", f"{symbol!r} is a contract; expected an underlying such as NIFTY")
        except SymbolInvalid as error:
            config.fault("symbol", str(error))
    timeframes = tuple(_timeframe(item) for item in config.items("timeframes"))
    ids = [spec.timeframe.id for spec in timeframes]
    for repeated in dict.fromkeys(name for name in ids if name and ids.count(name) > 1):
        config.fault("timeframes", f"the id {repeated!r} is used more than once")
    return InstrumentSpec(symbol=symbol, timeframes=timeframes)


def _timeframe(reader: Reader) -> TimeframeSpec:
    unit = reader.choice("unit", tuple(UNIT_SECONDS), "minutes")
    timeframe = Timeframe(reader.text("id"), unit, reader.whole("number", least=1, most=86_400))
    return TimeframeSpec(
        timeframe=timeframe, indicators=tuple(_indicator(key, item) for key, item in reader.entries("indicators"))
    )


def _indicator_name(reader: Reader) -> str:
    said = str(reader.raw("indicator_name") or "").lower()
    return ALIASES.get(said, said)


def _indicator(key: str, reader: Reader) -> IndicatorSpec:
    name = _indicator_name(reader)
    if name not in INDICATORS:
        found = "is missing" if not name else f"{name!r} is unknown"
        reader.fault("indicator_name", f"{found}; allowed: {', '.join(INDICATORS)}")
        name = "sma"
    kind = INDICATORS[name]
    arguments = tuple(_argument(parameter, reader) for parameter in kind.parameters)
    price_field = reader.choice("price_field", ("open", "high", "low", "close"), "close")
    parts = [f"{argument:g}" for argument in arguments] + ([price_field] if "price" in kind.inputs else [])
    return IndicatorSpec(
        key=key,
        name=name,
        arguments=arguments,
        price_field=price_field,
        display_name=reader.text("display_name", default=f"{name}({','.join(parts)})"),
    )


def _argument(parameter: Parameter, reader: Reader) -> float:
    field = next((name for name in (parameter.name, *parameter.aliases) if reader.has(name)), parameter.name)
    if parameter.is_whole:
        return reader.whole(field, least=int(parameter.least), most=int(parameter.most), default=int(parameter.default))
    value = reader.optional_number(field, above=parameter.least, most=parameter.most)
    return parameter.default if value is None else value


def _square_off_time(reader: Reader) -> tuple[int | None, int | None]:
    """Return the fixed time of day, or the minutes before the close, at which the day ends."""
    if not reader.flag("enabled"):
        return None, None
    if reader.flag("exitAtMarketClose"):
        return None, reader.whole("minutesBeforeClose", least=0, most=375, default=0)
    text = reader.text("exitTime")
    seconds = seconds_of_day(text)
    if text and seconds is None:
        reader.fault("exitTime", f"{text!r} is not a time of day; expected HH:MM or HH:MM:SS")
    return seconds or 0, None
