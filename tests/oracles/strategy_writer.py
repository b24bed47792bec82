"""
Strategy documents of the format, written by a program: the nodes and expressions that tests and benchmarks are made of.

Every function returns a piece of the JSON that the visual builder would write, without what the engine ignores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

UNLIMITED = 100_000
"""The most entries and re-entries that the format allows."""

SECOND = "1s"
"""The id of the one-second timeframe."""


def document(nodes: Sequence[Json], edges: Iterable[tuple[str, str]], name: str = "Written strategy") -> Json:
    """Join nodes and edges into a strategy."""
    return {
        "strategy_id": name.lower().replace(" ", "-"),
        "name": name,
        "nodes": list(nodes),
        "edges": [{"source": source, "target": target} for source, target in edges],
    }


def constant(value: float | str | bool) -> Json:
    """Write a constant."""
    return {"type": "constant", "value": value}


def time_now() -> Json:
    """Write the time of day."""
    return {"type": "current_time"}


def time_of_day(text: str) -> Json:
    """Write a fixed time of day, HH:MM or HH:MM:SS."""
    return {"type": "time_function", "timeValue": text}


def price(field: str = "underlying_ltp", instrument: str = "TI") -> Json:
    """Write a quote as of this tick."""
    return {"type": "live_data", "field": field, "instrumentType": instrument}


def candle(field: str, offset: int, timeframe: str = SECOND, instrument: str = "TI") -> Json:
    """Write a candle's field; offset 0 is the one being built."""
    return {
        "type": "candle_data",
        "field": field,
        "offset": offset,
        "timeframeId": timeframe,
        "instrumentType": instrument,
    }


def indicator(
    key: str, offset: int = 0, timeframe: str = SECOND, parameter: str | None = None, instrument: str = "TI"
) -> Json:
    """Write an indicator's value; offset 0 counts the candle being built in."""
    return {
        "type": "indicator",
        "name": key,
        "offset": offset,
        "parameter": parameter,
        "timeframeId": timeframe,
        "instrumentType": instrument,
    }


def condition(left: Json, operator: str, right: Json, upper: Json | None = None) -> Json:
    """Write one comparison."""
    written = {"lhs": left, "operator": operator, "rhs": right}
    return written if upper is None else {**written, "rhs2": upper}


def group(*members: Json, logic: str = "AND") -> Json:
    """Join conditions and groups."""
    return {"groupLogic": logic, "conditions": list(members)}


def always() -> Json:
    """Write a group that is true at every tick."""
    return group(condition(constant(1), "==", constant(1)))


def timeframe(unit: str, number: int, indicators: Mapping[str, Json] | None = None, name: str = SECOND) -> Json:
    """Write a timeframe with its indicators by key."""
    return {"id": name, "unit": unit, "number": number, "indicators": dict(indicators or {})}


def start(
    timeframes: Sequence[Json],
    *,
    symbol: str = "NIFTY",
    traded: str = "index",
    supporting: tuple[str, Sequence[Json]] | None = None,
) -> Json:
    """
    Write the start node, its id ``start``.

    Args:
        timeframes: Of the trading instrument.
        symbol: The underlying.
        traded: ``options``, ``futures``, or anything else for the underlying itself.
        supporting: Symbol and timeframes of a second instrument.
    """
    data: Json = {
        "tradingInstrument": {"type": traded},
        "tradingInstrumentConfig": {"symbol": symbol, "timeframes": list(timeframes)},
    }
    if supporting is not None:
        data["supportingInstrumentEnabled"] = True
        data["supportingInstrumentConfig"] = {"symbol": supporting[0], "timeframes": list(supporting[1])}
    return {"id": "start", "type": "startNode", "data": data}


def entry_signal(node_id: str, conditions: Json, variables: Mapping[str, Json] | None = None) -> Json:
    """Write an entry signal."""
    data = {"conditions": [conditions], "variables": _variables(variables)}
    return {"id": node_id, "type": "entrySignalNode", "data": data}


def entry(node_id: str, *positions: Json) -> Json:
    """Write an entry node."""
    return {"id": node_id, "type": "entryNode", "data": {"positions": list(positions)}}


def position(
    position_id: str,
    side: str,
    *,
    quantity: int = 1,
    max_entries: int = UNLIMITED,
    option: Json | None = None,
    **order: object,
) -> Json:
    """
    Write one position of an entry node.

    Args:
        position_id: Its ``vpi``.
        side: ``buy`` or ``sell``.
        quantity: Units.
        max_entries: How often it may be opened in a day.
        option: ``optionDetails``; None where no option is traded.
        order: Further fields, such as ``orderType`` and ``limitOffset``.
    """
    written: Json = {"vpi": position_id, "positionType": side, "quantity": quantity, "maxEntries": max_entries, **order}
    return written if option is None else {**written, "optionDetails": option}


def option(right: str, *, expiry: str = "W0", strike: str = "ATM", premium: float | None = None) -> Json:
    """Write which option contract a position takes."""
    written: Json = {"expiry": expiry, "strikeType": strike, "optionType": right}
    return written if premium is None else {**written, "strikeValue": premium}


def exit_signal(node_id: str, conditions: Json, again: Json | None = None) -> Json:
    """Write an exit signal; ``again`` replaces the conditions once the position is a re-entry."""
    data: Json = {"conditions": [conditions]}
    if again is not None:
        data |= {"hasReEntryExitConditions": True, "reEntryExitConditions": [again]}
    return {"id": node_id, "type": "exitSignalNode", "data": data}


def exit_node(node_id: str, position_id: str, *, guards: Json | None = None, **order: object) -> Json:
    """
    Write an exit node.

    Args:
        node_id: Its id.
        position_id: The position that it closes.
        guards: ``postExecutionConfig``: see ``stop_loss``, ``take_profit`` and ``trailing_stop``.
        order: Further fields of the order, such as ``quantity`` and ``orderType``.
    """
    settings: Json = {"orderConfig": {"targetPositionVpi": position_id, **order}}
    if guards:
        settings["postExecutionConfig"] = guards
    return {"id": node_id, "type": "exitNode", "data": {"exitNodeData": settings}}


def stop_loss(amount: float, unit: str = "percentage") -> Json:
    """Write a stop loss; ``unit`` is percentage, points or pnl."""
    field = {"percentage": "stopPercentage", "points": "stopPoints", "pnl": "stopPnl"}[unit]
    return {"stopLoss": {"enabled": True, "triggerType": unit, field: amount}}


def take_profit(amount: float, unit: str = "percentage") -> Json:
    """Write a take profit."""
    field = {"percentage": "targetPercentage", "points": "targetPoints", "pnl": "targetPnl"}[unit]
    return {"takeProfit": {"enabled": True, "triggerType": unit, field: amount}}


def trailing_stop(distance: float, unit: str = "percentage", *, activation: float = 0, step: float = 0) -> Json:
    """Write a trailing stop."""
    return {
        "trailingStop": {
            "enabled": True,
            "triggerType": unit,
            "initialDistance": distance,
            "activation": activation,
            "stepSize": step,
        }
    }


def re_entry(
    node_id: str, target: str, conditions: Json, *, most: int = UNLIMITED, variables: Mapping[str, Json] | None = None
) -> Json:
    """Write a re-entry signal; ``target`` is an entry node, or an entry signal that waits again."""
    return {
        "id": node_id,
        "type": "reEntrySignalNode",
        "data": {
            "conditions": [conditions],
            "variables": _variables(variables),
            "targetEntryNodeId": target,
            "retryConfig": {"maxReEntries": most},
        },
    }


def square_off(node_id: str = "square-off", *, at: str | None = None, **ends: Json) -> Json:
    """Write a square-off at a time of day, or with other ``endConditions``."""
    conditions: Json = dict(ends)
    if at is not None:
        conditions["timeBasedExit"] = {"enabled": True, "exitTime": at}
    return {"id": node_id, "type": "squareOffNode", "data": {"endConditions": conditions}}


def _variables(variables: Mapping[str, Json] | None) -> list[Json]:
    return [{"name": name, "expression": expression} for name, expression in (variables or {}).items()]
