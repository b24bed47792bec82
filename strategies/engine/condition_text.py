"""
Conditions as text, in the words of the visual builder's preview.

    Current Time >= 09:17 AND Previous[TI.1m.rsi(14,close)] < 30 AND TI.underlying_ltp > Previous[TI.1m.High]

``Previous[…]`` is offset -1, ``Current[…]`` offset 0, ``Previous(2)[…]`` offset -2 and so on. A node's variable is
written with underscores for the hyphens of its id: ``entry_condition_1.SignalLow``. ``condition_parser`` reads it back.
"""

from __future__ import annotations

import json
import re
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


_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


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
        return f" {group.logic} ".join(self._members(group))

    def group_lines(self, group: ConditionGroup) -> str:
        """Print a group with one member a line, for a file that is read line by line."""
        return f"\n{group.logic} ".join(self._members(group))

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

    def _members(self, group: ConditionGroup) -> list[str]:
        return [
            f"({self.group(member)})" if isinstance(member, ConditionGroup) else self.condition(member)
            for member in group.members
        ]


def seconds_of_day(text: str) -> int | None:
    """Return the seconds from midnight that ``HH:MM`` or ``HH:MM:SS`` names; None for another text."""
    if not (found := _TIME.fullmatch(text.strip())):
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


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
        # Quotes, backslashes and control characters inside are escaped as in JSON.
        return json.dumps(value, ensure_ascii=False)
    return str(int(value)) if value == int(value) else repr(value)
