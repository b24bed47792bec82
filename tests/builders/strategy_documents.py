"""
Strategy documents as the visual builder writes them, in few words.

    strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100)),
        entry("entry", position("pos")),
        edges="start > signal > entry",
    )

Every function returns plain JSON values that are the caller's to change.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Json = dict[str, Any]


def strategy_document(*nodes: Json, edges: str | Sequence[str] = (), **top: Any) -> Json:  # noqa: ANN401 - any JSON
    """
    Build a document.

    Args:
        nodes: As the functions below build them.
        edges: Chains of node ids: "start > signal > entry".
        top: Further fields of the document, such as strategy_id.
    """
    chains = [edges] if isinstance(edges, str) else edges
    paths = [[node_id.strip() for node_id in chain.split(">")] for chain in chains]
    links = [
        {"id": f"{source}-{target}", "source": source, "target": target}
        for path in paths
        for source, target in pairwise(path)
    ]
    return {"strategy_id": "test-strategy", "name": "Test strategy", "nodes": list(nodes), "edges": links, **top}


def node(kind: str, node_id: str, data: Mapping[str, Any]) -> Json:
    """Build a node of any kind."""
    return {"id": node_id, "type": kind, "position": {"x": 0, "y": 0}, "data": {"label": node_id.title(), **data}}


def start_node(node_id: str = "start", *timeframes: Json, symbol: str = "NIFTY", **data: Any) -> Json:  # noqa: ANN401
    """Build a start node; without timeframes it declares `1m` with `rsi(14,close)`."""
    config = {"type": "options", "symbol": symbol, "timeframes": list(timeframes) or [timeframe("1m", rsi_14=rsi(14))]}
    return node("startNode", node_id, {"tradingInstrumentConfig": config, "supportingInstrumentEnabled": False, **data})


def timeframe(timeframe_id: str, *, unit: str = "minutes", number: int = 1, **indicators: Json) -> Json:
    """Build a timeframe; keyword arguments are its indicators by key."""
    return {"id": timeframe_id, "unit": unit, "number": number, "indicators": indicators}


def indicator_of(name: str, **arguments: float | str) -> Json:
    """Build the declaration of any indicator; what people read of it is its name."""
    return {"indicator_name": name, "display_name": name, **arguments}


def rsi(length: int, price_field: str = "close") -> Json:
    """Build the declaration of an RSI."""
    return {
        "indicator_name": "rsi",
        "display_name": f"rsi({length},{price_field})",
        "length": length,
        "price_field": price_field,
    }


def entry_signal(node_id: str, *conditions: Json, variables: Mapping[str, Json] | None = None) -> Json:
    """Build an entry signal whose conditions are joined by AND."""
    return node("entrySignalNode", node_id, {"conditions": _root(conditions), "variables": _variables(variables)})


def entry(node_id: str, *positions: Json) -> Json:
    """Build an entry node."""
    return node("entryNode", node_id, {"positions": list(positions)})


def position(
    position_id: str,
    side: str = "buy",
    *,
    quantity: int = 1,
    multiplier: int = 1,
    max_entries: int = 1,
    option: Json | None = None,
    **more: Any,  # noqa: ANN401 - any JSON
) -> Json:
    """Build a position of an entry node; without an option it trades the underlying (or a future)."""
    traded = {} if option is None else {"optionDetails": option}
    return {
        "vpi": position_id,
        "positionType": side,
        "quantity": quantity,
        "multiplier": multiplier,
        "maxEntries": max_entries,
        "orderType": "market",
        **traded,
        **more,
    }


def option(right: str, strike_type: str = "ATM", expiry: str = "W0", **more: Any) -> Json:  # noqa: ANN401 - any JSON
    """Build the option that a position takes."""
    return {"expiry": expiry, "strikeType": strike_type, "optionType": right, **more}


def exit_signal(node_id: str, *conditions: Json, on_re_entry: Sequence[Json] = ()) -> Json:
    """Build an exit signal; `on_re_entry` replaces its conditions once the position is a re-entry."""
    again = {"hasReEntryExitConditions": True, "reEntryExitConditions": _root(on_re_entry)} if on_re_entry else {}
    return node("exitSignalNode", node_id, {"conditions": _root(conditions), **again})


def exit_node(node_id: str, position_id: str, *, guards: Json | None = None, **order: Any) -> Json:  # noqa: ANN401
    """Build an exit node that closes a position; `order` says otherwise than: all of it, at the market."""
    config = {"orderType": "market", "quantity": "all", "targetPositionVpi": position_id, **order}
    after = {} if guards is None else {"postExecutionConfig": guards}
    return node("exitNode", node_id, {"exitNodeData": {"orderConfig": config, **after}})


def stop_loss(distance: float, unit: str = "percentage") -> Json:
    """Build a stop loss among the guards of an exit node."""
    field = {"percentage": "stopPercentage", "points": "stopPoints", "pnl": "stopPnl"}[unit]
    return {"stopLoss": {"enabled": True, "triggerType": unit, field: distance}}


def take_profit(distance: float, unit: str = "percentage") -> Json:
    """Build a take profit among the guards of an exit node."""
    field = {"percentage": "targetPercentage", "points": "targetPoints", "pnl": "targetPnl"}[unit]
    return {"takeProfit": {"enabled": True, "triggerType": unit, field: distance}}


def trailing_stop(distance: float, unit: str = "percentage", *, activation: float = 0, step: float = 0) -> Json:
    """Build a trailing stop among the guards of an exit node."""
    trailing = {"enabled": True, "triggerType": unit, "initialDistance": distance, "activation": activation}
    return {"trailingStop": {**trailing, "stepSize": step}}


def re_entry_signal(
    node_id: str,
    target: str,
    *conditions: Json,
    max_re_entries: int = 10,
    variables: Mapping[str, Json] | None = None,
) -> Json:
    """Build a re-entry signal that sends the entry node `target` in again."""
    data = {
        "conditions": _root(conditions),
        "variables": _variables(variables),
        "retryConfig": {"maxReEntries": max_re_entries},
        "targetEntryNodeId": target,
    }
    return node("reEntrySignalNode", node_id, data)


def square_off(
    node_id: str = "square-off",
    *,
    exit_time: str | None = None,
    minutes_before_close: int | None = None,
    is_immediate: bool = False,
    profit_target: float | None = None,
    loss_limit: float | None = None,
) -> Json:
    """Build a square-off at a time of day, some minutes before the close, at once, or on the day's profit or loss."""
    by_time: Json = {"enabled": False}
    if exit_time is not None:
        by_time = {"enabled": True, "exitTime": exit_time, "exitAtMarketClose": False}
    elif minutes_before_close is not None:
        by_time = {"enabled": True, "exitAtMarketClose": True, "minutesBeforeClose": minutes_before_close}
    by_pnl: Json = {"enabled": profit_target is not None or loss_limit is not None}
    for field, amount in (("profitTarget", profit_target), ("lossLimit", loss_limit)):
        by_pnl |= {} if amount is None else {field: amount}
    ends = {"timeBasedExit": by_time, "immediateExit": {"enabled": is_immediate}, "performanceBasedExit": by_pnl}
    return node("squareOffNode", node_id, {"endConditions": ends})


def when(left: Any, sign: str, right: Any, condition_id: str | None = None, upper: Any = None) -> Json:  # noqa: ANN401
    """Build a condition; an operand that is no object becomes a constant. `upper` is the second bound of between."""
    name = {} if condition_id is None else {"id": condition_id}
    bound = {} if upper is None else {"rhs2": _operand(upper)}
    return {**name, "lhs": _operand(left), "operator": sign, "rhs": _operand(right), **bound}


def always() -> Json:
    """Build a condition that is always true."""
    return when(1, "==", 1, "always")


def never() -> Json:
    """Build a condition that is never true."""
    return when(1, "==", 2, "never")


def group(logic: str, *members: Json) -> Json:
    """Build a group of conditions and groups."""
    return {"id": f"group-{logic.lower()}", "groupLogic": logic, "conditions": list(members)}


def constant(value: float | str | bool) -> Json:
    """Build a constant."""
    return {"type": "constant", "value": value}


def ltp(field: str = "underlying_ltp", instrument: str = "TI") -> Json:
    """Build a quote of this tick."""
    return {"type": "live_data", "field": field, "instrumentType": instrument}


def candle(field: str, offset: int = -1, timeframe_id: str = "1m", instrument: str = "TI") -> Json:
    """Build a field of a candle."""
    return {
        "type": "candle_data",
        "field": field,
        "offset": offset,
        "timeframeId": timeframe_id,
        "instrumentType": instrument,
    }


def indicator(
    key: str = "rsi_14",
    offset: int = -1,
    timeframe_id: str = "1m",
    *,
    parameter: str | None = None,
    instrument: str = "TI",
) -> Json:
    """Build a value of an indicator."""
    return {
        "type": "indicator",
        "name": key,
        "offset": offset,
        "parameter": parameter,
        "timeframeId": timeframe_id,
        "instrumentType": instrument,
    }


def current_time() -> Json:
    """Build the time of day of this tick."""
    return {"type": "current_time"}


def time_of_day(text: str) -> Json:
    """Build a fixed time of day."""
    return {"type": "time_function", "timeValue": text}


def variable(node_id: str, name: str) -> Json:
    """Build a value that a node recorded."""
    return {"type": "node_variable", "nodeId": node_id, "variableName": name}


def position_data(position_id: str, field: str) -> Json:
    """Build a field of an open position."""
    return {"type": "position_data", "positionId": position_id, "field": field}


def pnl_data(field: str) -> Json:
    """Build a field of the session's profit and loss."""
    return {"type": "pnl_data", "field": field}


def arithmetic(left: Any, sign: str, right: Any) -> Json:  # noqa: ANN401 - any JSON value
    """Build two expressions joined by a sign; an operand that is no object becomes a constant."""
    return {"type": "expression", "left": _operand(left), "operation": sign, "right": _operand(right)}


def _operand(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, dict) else constant(value)


def _root(conditions: Sequence[Json]) -> list[Json]:
    return [group("AND", *conditions)]


def _variables(variables: Mapping[str, Json] | None) -> list[Json]:
    return [{"name": name, "expression": expression} for name, expression in (variables or {}).items()]
