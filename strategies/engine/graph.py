"""
Reads a strategy document of the visual builder, finding every fault in one pass.

Extra keys (canvas positions, parents, children) and virtual nodes are ignored. What this engine cannot run yet is
refused by name: nothing that a strategy asks for is passed over in silence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from strategies.engine.candles import UNIT_SECONDS, Timeframe
from strategies.engine.document import Faults, Reader, is_deeper_than
from strategies.engine.errors import GraphFault, GraphInvalid, SymbolInvalid
from strategies.engine.expression_reader import Declarations, ExpressionReader, seconds_of_day
from strategies.engine.strategy import (
    EntryNode,
    EntrySignalNode,
    ExitNode,
    ExitSignalNode,
    IndicatorSpec,
    InstrumentSpec,
    Node,
    OptionPick,
    PositionSpec,
    ReEntrySignalNode,
    SquareOffNode,
    StartNode,
    StrategyGraph,
    StrikeType,
    TimeframeSpec,
    visiting_order,
)
from strategies.engine.symbols import Underlying, parse_symbol

__all__ = ["StrategyGraph", "parse_strategy"]

VIRTUAL_TYPES = ("strategyOverview",)
MAX_LEVELS = 100
"""How deep lists and objects may stand inside each other, the parts that are ignored included."""

MARKET_CLOSE_SECONDS = 15 * 3600 + 30 * 60
"""Seconds from midnight to the close of the Indian equity and derivatives session. NSE market timings."""

_STRIKE = re.compile(r"(ITM|OTM)(1[0-5]|[1-9])")


def parse_strategy(document: Mapping[str, Any]) -> StrategyGraph:
    """
    Read and check a strategy document.

    Args:
        document: ``nodes`` [{id, type, data}] and ``edges`` [{source, target}], as the visual builder writes them.

    Raises:
        GraphInvalid: With every fault, by node id and field.
    """
    if is_deeper_than(document, MAX_LEVELS):
        message = f"lists and objects stand inside each other more than {MAX_LEVELS} levels deep"
        raise GraphInvalid([GraphFault(node_id="", field="", message=message)])
    return _GraphReader(document).read()


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

    def _node_readers(self) -> dict[str, tuple[str, Reader]]:
        """Return each real node's type and reader by id, in document order."""
        found: dict[str, tuple[str, Reader]] = {}
        for item in self.top.items("nodes"):
            kind = item.raw("type")
            if kind in VIRTUAL_TYPES:
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
        return found

    def _read_edges(self, readers: Mapping[str, tuple[str, Reader]]) -> None:
        for index, item in enumerate(self.top.items("edges")):
            source, target = item.text("source"), item.text("target")
            if {source, target} & self.virtual_ids:
                continue
            for end, node_id in (("source", source), ("target", target)):
                if node_id and node_id not in self.known_ids:
                    self.faults.add("", f"edges[{index}].{end}", f"leads to no node: there is no node {node_id!r}")
            if source in readers and target in readers and (source, target) not in self.links.edges:
                self.links.edges.append((source, target))

    def _declarations(self, readers: Mapping[str, tuple[str, Reader]]) -> Declarations:
        """Collect what conditions may name. Faults inside are found when the nodes themselves are read."""
        quiet = Faults()
        roles = {"TI"}
        timeframes: set[tuple[str, str]] = set()
        indicators: set[tuple[str, str, str]] = set()
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
                        indicators |= {(role, timeframe_id, key) for key, _ in timeframe.entries("indicators")}
            if kind in RECORDING_TYPES:
                variables |= {(node_id, item.text("name")) for item in data.items("variables", required=False)}
            if kind == "entryNode":
                positions |= {item.text("vpi") for item in data.items("positions", required=False)}
        return Declarations(
            roles=frozenset(roles),
            timeframes=frozenset(timeframes),
            indicators=frozenset(indicators),
            variables=frozenset(variables),
            positions=frozenset(positions),
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
        positions = tuple(_position(item) for item in data.items("positions"))
        if not positions and isinstance(data.raw("positions"), list):
            data.fault("positions", "is empty; an entry node opens at least one position")
        return EntryNode(id=data.node_id, label=label, children=self.links.children(data.node_id), positions=positions)

    def exit_signal(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        re_entry = None
        if data.flag("hasReEntryExitConditions"):
            re_entry = expressions.groups(data, "reEntryExitConditions")
        return ExitSignalNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            conditions=expressions.groups(data, "conditions"), re_entry_conditions=re_entry, target_position_ids=(),
        )  # fmt: skip

    def exit(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        settings = data.child("exitNodeData")
        order = settings.child("orderConfig")
        order.choice("orderType", ("market",), "market")
        if order.has("quantity"):
            order.choice("quantity", ("all",), "all")
        target = order.text("targetPositionVpi")
        if target and target not in expressions.declared.positions:
            order.fault("targetPositionVpi", f"no entry node opens a position {target!r}")
        after = settings.optional_child("postExecutionConfig")
        for name in ("stopLoss", "takeProfit", "trailingStop"):
            if after.optional_child(name).flag("enabled"):
                after.fault(f"{name}.enabled", "is not supported by this version; switch it off and use an exit signal")
        return ExitNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id), target_position_id=target
        )

    def re_entry_signal(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        return ReEntrySignalNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            conditions=expressions.groups(data, "conditions"), variables=expressions.variables(data),
            target_entry_node_id=data.text("targetEntryNodeId"),
            max_re_entries=data.child("retryConfig").whole("maxReEntries", least=0, most=1_000),
        )  # fmt: skip

    def square_off(self, data: Reader, label: str, expressions: ExpressionReader) -> Node:
        ends = data.child("endConditions")
        if ends.optional_child("performanceBasedExit").flag("enabled"):
            ends.fault("performanceBasedExit.enabled", "is not supported by this version; use a time of day")
        is_immediate = ends.optional_child("immediateExit").flag("enabled")
        at, description = _square_off_time(ends.optional_child("timeBasedExit"))
        if at is None and not is_immediate:
            ends.fault("", "no way to end the day is switched on; enable timeBasedExit or immediateExit")
        return SquareOffNode(
            id=data.node_id, label=label, children=self.links.children(data.node_id),
            at=at, description=description or "at once", is_immediate=is_immediate,
        )  # fmt: skip

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
                if node.target_entry_node_id and not isinstance(target, EntryNode):
                    self.faults.add(
                        node.id, "data.targetEntryNodeId", f"there is no entry node {node.target_entry_node_id!r}"
                    )
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


def _indicator(key: str, reader: Reader) -> IndicatorSpec:
    name = reader.choice("indicator_name", ("rsi",))
    length = reader.whole("length", least=2, most=5_000, default=14)
    price_field = reader.choice("price_field", ("open", "high", "low", "close"), "close")
    return IndicatorSpec(
        key=key, name=name, length=length, price_field=price_field,
        display_name=reader.text("display_name", default=f"{name}({length},{price_field})"),
    )  # fmt: skip


def _position(reader: Reader) -> PositionSpec:
    reader.choice("orderType", ("market",), "market")
    return PositionSpec(
        position_id=reader.text("vpi"),
        side=reader.choice("positionType", ("buy", "sell")),
        quantity=reader.whole("quantity", least=1, most=1_000_000)
        * reader.whole("multiplier", least=1, most=1_000_000, default=1),
        max_entries=reader.whole("maxEntries", least=1, most=10_000, default=1),
        option=_option(reader.child("optionDetails")) if reader.has("optionDetails") else None,
    )


def _option(reader: Reader) -> OptionPick:
    expiry = reader.choice("expiry", ("W0", "W1"))
    strike_type: StrikeType = "ATM"
    steps = 0
    text = reader.text("strikeType")
    if found := _STRIKE.fullmatch(text):
        strike_type = "ITM" if found[1] == "ITM" else "OTM"
        steps = int(found[2])
    elif text and text != "ATM":
        reader.fault("strikeType", f"{text!r} is unknown; allowed: ATM, ITM1 to ITM15, OTM1 to OTM15")
    return OptionPick(
        expiry_index=int(expiry[1]), strike_type=strike_type, strike_steps=steps,
        right=reader.choice("optionType", ("CE", "PE")),
    )  # fmt: skip


def _square_off_time(reader: Reader) -> tuple[time | None, str]:
    if not reader.flag("enabled"):
        return None, ""
    if reader.flag("exitAtMarketClose"):
        minutes = reader.whole("minutesBeforeClose", least=0, most=375, default=0)
        return _clock(MARKET_CLOSE_SECONDS - minutes * 60), f"{minutes} minutes before the close"
    text = reader.text("exitTime")
    seconds = seconds_of_day(text)
    if text and seconds is None:
        reader.fault("exitTime", f"{text!r} is not a time of day; expected HH:MM or HH:MM:SS")
    return _clock(seconds or 0), f"at {text}"


def _clock(seconds: int) -> time:
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)
