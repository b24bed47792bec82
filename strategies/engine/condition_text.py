"""
Conditions as text, in the words of the visual builder's preview.

    Current Time >= 09:17 AND Previous[TI.1m.rsi(14,close)] < 30 AND TI.underlying_ltp > Previous[TI.1m.High]

``Previous[…]`` is offset -1, ``Current[…]`` offset 0, ``Previous(2)[…]`` offset -2 and so on. A node's variable is
written with underscores for the hyphens of its id: ``entry_condition_1.SignalLow``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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

REGULAR_CLOSE_SECONDS = 15 * 3600 + 30 * 60
"""Seconds from midnight to the close of the Indian equity and derivatives session. NSE market timings."""


@dataclass(frozen=True, slots=True)
class ConditionPrinter:
    """
    Prints expressions of one strategy.

    Args:
        indicator_names: (instrument, timeframe id, indicator key) to the name that people read, ``rsi(14,close)``.
    """

    indicator_names: Mapping[tuple[str, str, str], str] = field(default_factory=dict)

    def group(self, group: ConditionGroup) -> str:
        """Print a group; groups inside it stand in parentheses."""
        parts = [
            f"({self.group(member)})" if isinstance(member, ConditionGroup) else self.condition(member)
            for member in group.members
        ]
        return f" {group.logic} ".join(parts)

    def condition(self, condition: Condition) -> str:
        """Print one comparison."""
        text = f"{self.expression(condition.left)} {condition.operator} {self.expression(condition.right)}"
        return text if condition.upper is None else f"{text} and {self.expression(condition.upper)}"

    def expression(self, expression: Expression) -> str:
        """Print one expression."""
        match expression:
            case Constant(value):
                return _constant(value)
            case CurrentTime():
                return "Current Time"
            case TimeOfDay(_, text):
                return text
            case BeforeClose(minutes):
                return clock_text(REGULAR_CLOSE_SECONDS - minutes * 60)
            case LiveData(name, instrument):
                return f"{instrument}.{name}"
            case CandleData(name, offset, timeframe_id, instrument):
                return _at(offset, f"{instrument}.{timeframe_id}.{name}")
            case IndicatorData(key, parameter, offset, timeframe_id, instrument):
                name = self.indicator_names.get((instrument, timeframe_id, key), key)
                suffix = f".{parameter}" if parameter else ""
                return _at(offset, f"{instrument}.{timeframe_id}.{name}{suffix}")
            case NodeVariable(node_id, name):
                return f"{node_id.replace('-', '_')}.{name}"
            case PositionData(position_id, name):
                return f"Position[{position_id}].{name}"
            case PnlData(name):
                return f"PnL.{name}"
            case Arithmetic(left, sign, right):
                return f"({self.expression(left)} {sign} {self.expression(right)})"


def clock_text(seconds: int) -> str:
    """Write seconds from midnight as a time of day, without seconds where there are none."""
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02d}"


def _at(offset: int, text: str) -> str:
    if offset == 0:
        return f"Current[{text}]"
    if offset == -1:
        return f"Previous[{text}]"
    return f"Previous({-offset})[{text}]"


def _constant(value: float | int | str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return str(int(value)) if value == int(value) else repr(value)
