"""Writes conditions and expressions as the visual builder's objects, the way ``expression_reader`` reads them."""

from __future__ import annotations

from typing import Any

from strategies.engine.condition_text import REGULAR_CLOSE_SECONDS, clock_text
from strategies.engine.expressions import (
    Arithmetic,
    BeforeClose,
    CandleData,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
)

Json = dict[str, Any]


def group_object(group: ConditionGroup, group_id: str = "root") -> Json:
    """Write a group with everything in it; groups inside it are numbered within it."""
    members = [
        group_object(member, f"{group_id}-{number}") if isinstance(member, ConditionGroup) else condition_object(member)
        for number, member in enumerate(group.members, 1)
    ]
    return {"id": group_id, "groupLogic": group.logic, "conditions": members}


def condition_object(condition: Condition) -> Json:
    """Write one comparison."""
    found = {
        "id": condition.id,
        "lhs": expression_object(condition.left),
        "operator": condition.operator,
        "rhs": expression_object(condition.right),
    }
    return found if condition.upper is None else {**found, "rhs2": expression_object(condition.upper)}


def expression_object(expression: Expression) -> Json:
    """Write one expression."""
    match expression:
        case Constant(value):
            return {"type": "constant", "value": value, "valueType": _value_type(value)}
        case CurrentTime():
            return {"type": "current_time"}
        case TimeOfDay(_, text):
            return {"type": "time_function", "timeValue": text}
        case BeforeClose(minutes):
            return {"type": "time_function", "timeValue": clock_text(REGULAR_CLOSE_SECONDS - minutes * 60)}
        case LiveData(field, instrument):
            return {"type": "live_data", "field": field, "instrumentType": instrument}
        case CandleData(field, offset, timeframe_id, instrument):
            place = {"offset": offset, "timeframeId": timeframe_id, "instrumentType": instrument}
            return {"type": "candle_data", "field": field, "dataField": field, **place}
        case IndicatorData(key, parameter, offset, timeframe_id, instrument):
            place = {"offset": offset, "timeframeId": timeframe_id, "instrumentType": instrument}
            return {"type": "indicator", "name": key, "parameter": parameter, **place}
        case NodeVariable(node_id, name):
            return {"type": "node_variable", "nodeId": node_id, "variableName": name}
        case PositionData(position_id, field):
            return {"type": "position_data", "positionId": position_id, "field": field}
        case PnlData(field):
            return {"type": "pnl_data", "field": field}
        case Arithmetic(left, sign, right):
            sides = {"left": expression_object(left), "right": expression_object(right)}
            return {"type": "expression", "operation": sign, **sides}


def _value_type(value: float | int | str | bool) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
