"""
Conditions compiled once, evaluated every tick.

Each expression becomes an ``Operand`` that reads one value; each comparison remembers the values that it last
compared, so that its diagnostic record is built again only when one of them changed. A missing value (no candle yet,
no position) makes its condition false, and the record says why; it is never an exception.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.document import is_number
from strategies.engine.expressions import (
    Arithmetic,
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
from strategies.engine.market import Market
from strategies.engine.positions import PositionBook

Value = float | int | str | bool | None
"""What an expression is worth at a tick; None where there is no value yet."""

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Operand:
    """One expression, ready to be read."""

    read: Callable[[], Value]
    #: Says why there is no value; asked only when there is none.
    why_missing: Callable[[], str]
    is_time: bool = False

    def show(self, value: Value) -> str:
        """Write a value as people read it: 26.97, 09:17:00."""
        if value is None:
            return "no value"
        if isinstance(value, bool):
            return "true" if value else "false"
        if self.is_time and isinstance(value, int):
            return f"{value // 3600:02d}:{value // 60 % 60:02d}:{value % 60:02d}"
        return value if isinstance(value, str) else f"{value:.2f}"


class CompiledCondition:
    """One comparison with its last operands and result."""

    __slots__ = (
        "_compare",
        "_condition",
        "_left",
        "_reason",
        "_record",
        "_right",
        "left_value",
        "raw",
        "result",
        "right_value",
    )

    def __init__(self, condition: Condition, raw: str, left: Operand, right: Operand) -> None:
        self.raw = raw
        self._condition = condition
        self._left = left
        self._right = right
        self._compare = COMPARE[condition.operator]
        self.left_value: Value = None
        self.right_value: Value = None
        self.result = False
        #: Why the result is false although nothing was compared; empty where there is nothing to say.
        self._reason = ""
        self._record: dict[str, Any] | None = None

    def evaluate(self) -> bool:
        """Read both operands and compare them."""
        left, right = self._left.read(), self._right.read()
        # While a value is missing the reason may change though the value does not.
        if (
            left != self.left_value
            or right != self.right_value
            or self._record is None
            or left is None
            or right is None
        ):
            self._decide(left, right)
        return self.result

    def record(self) -> dict[str, Any]:
        """Return the diagnostic record of the last evaluation; the same object while nothing changed."""
        if self._record is None:
            self._record = self._build()
        return self._record

    def _decide(self, left: Value, right: Value) -> None:
        # The reason is found now, not when the record is built: by then the node may have recorded what was missing.
        reason = self._why_not(left, right)
        if reason != self._reason or left != self.left_value or right != self.right_value:
            self._record = None
        self.left_value, self.right_value, self._reason = left, right, reason
        self.result = not reason and self._compare(left, right)

    def _build(self) -> dict[str, Any]:
        sign = self._condition.operator
        record: dict[str, Any] = {
            "id": self._condition.id,
            "raw": self.raw,
            "evaluated": f"{self._left.show(self.left_value)} {sign} {self._right.show(self.right_value)}",
            "lhs_value": self.left_value,
            "rhs_value": self.right_value,
            "operator": sign,
            "result": self.result,
        }
        if self._reason:
            record["reason"] = self._reason
        return record

    def _why_not(self, left: Value, right: Value) -> str:
        """Return why two values cannot be compared; empty where they can."""
        missing = [part.why_missing() for part, value in ((self._left, left), (self._right, right)) if value is None]
        if missing:
            return "; ".join(dict.fromkeys(missing))
        if isinstance(left, str) != isinstance(right, str):
            return "a text and a number cannot be compared"
        return ""


class CompiledGroup:
    """Conditions joined by AND or OR. Every member is evaluated, so that the record shows each one's result."""

    __slots__ = ("_record", "logic", "members", "raw", "result")

    def __init__(self, logic: str, raw: str, members: tuple[CompiledCondition | CompiledGroup, ...]) -> None:
        self.logic = logic
        self.raw = raw
        self.members = members
        self.result = False
        self._record: dict[str, Any] = {}

    def evaluate(self) -> bool:
        """Evaluate every member and join the results. A group without members is false."""
        results = [member.evaluate() for member in self.members]
        self.result = bool(results) and (all(results) if self.logic == "AND" else any(results))
        return self.result

    def record(self) -> dict[str, Any]:
        """Return the diagnostic record of the last evaluation; the same object while nothing changed."""
        parts = [member.record() for member in self.members]
        old = self._record.get("conditions", ())
        if len(old) != len(parts) or any(a is not b for a, b in zip(old, parts, strict=True)) or not self._record:
            self._record = {"logic": self.logic, "result": self.result, "conditions": parts}
        return self._record


class ConditionCompiler:
    """
    Turns expressions into operands that read one run's state.

    Args:
        market: Quotes, candles and indicators.
        book: Positions and P&L.
        variables: (node id, name) to the value that the node recorded when it last completed.
        printer: Prints the ``raw`` texts.
    """

    def __init__(
        self,
        market: Market,
        book: PositionBook,
        variables: Mapping[tuple[str, str], Value],
        printer: ConditionPrinter,
    ) -> None:
        self._market = market
        self._book = book
        self._variables = variables
        self._printer = printer

    def group(self, group: ConditionGroup) -> CompiledGroup:
        """Compile a group with everything in it."""
        members = tuple(
            self.group(member) if isinstance(member, ConditionGroup) else self._condition(member)
            for member in group.members
        )
        return CompiledGroup(group.logic, self._printer.group(group), members)

    def operand(self, expression: Expression) -> Operand:
        """Compile one expression."""
        match expression:
            case Constant(value):
                return Operand(lambda: value, _never_missing)
            case TimeOfDay(seconds, _):
                return Operand(lambda: seconds, _never_missing, is_time=True)
            case CurrentTime():
                return Operand(lambda: self._market.second_of_day, _never_missing, is_time=True)
            case LiveData():
                return self._live(expression)
            case CandleData():
                return self._candle(expression)
            case IndicatorData():
                return self._indicator(expression)
            case NodeVariable(node_id, name):
                key = (node_id, name)
                return Operand(lambda: self._variables.get(key), lambda: f"{node_id} has not recorded {name} yet")
            case PositionData(position_id, field):
                return self._position(position_id, field)
            case PnlData(field):
                return Operand(lambda: float(getattr(self._book.pnl(), field)), _never_missing)
            case Arithmetic():
                return self._arithmetic(expression)

    def _condition(self, condition: Condition) -> CompiledCondition:
        return CompiledCondition(
            condition,
            self._printer.condition(condition),
            self.operand(condition.left),
            self.operand(condition.right),
        )

    def _live(self, expression: LiveData) -> Operand:
        symbol = self._market.symbols[expression.instrument]
        field = "ltp" if expression.field == "underlying_ltp" else expression.field
        quotes = self._market.quotes

        def read() -> Value:
            quote = quotes.get(symbol)
            return None if quote is None else getattr(quote, field)

        return Operand(read, lambda: f"{symbol} has no tick yet")

    def _candle(self, expression: CandleData) -> Operand:
        candles = self._market.series[expression.instrument, expression.timeframe_id].candles
        field, offset = expression.field.lower(), expression.offset
        if offset == 0:
            return Operand(
                lambda: getattr(candles, field) if candles.is_building else None,
                lambda: f"no {expression.timeframe_id} candle is being built yet",
            )

        def read() -> Value:
            finished = candles.finished
            return getattr(finished[offset], field) if len(finished) >= -offset else None

        return Operand(read, lambda: f"fewer than {-offset} {expression.timeframe_id} candles are finished")

    def _indicator(self, expression: IndicatorData) -> Operand:
        series = self._market.series[expression.instrument, expression.timeframe_id]
        indicator, offset = series.indicators[expression.key], expression.offset
        text = self._printer.expression(expression)

        def why_missing() -> str:
            return f"{text} has seen too few candles"

        if offset == 0:

            def preview() -> Value:
                building = series.candles.building()
                return None if building is None else indicator.preview(building)

            return Operand(preview, why_missing)

        def read() -> Value:
            values = indicator.values
            return values[offset] if len(values) >= -offset else None

        return Operand(read, why_missing)

    def _position(self, position_id: str, field: str) -> Operand:
        positions = self._book.open

        def read() -> Value:
            position = positions.get(position_id)
            return None if position is None else float(getattr(position, field))

        return Operand(read, lambda: f"{position_id} is not open")

    def _arithmetic(self, expression: Arithmetic) -> Operand:
        left, right = self.operand(expression.left), self.operand(expression.right)
        compute = ARITHMETIC[expression.sign]

        def read() -> Value:
            a, b = left.read(), right.read()
            if not is_number(a) or not is_number(b):
                return None
            # As floats: whole numbers would grow without end, and JSON has no place for them.
            value = compute(float(a), float(b))
            return value if value is not None and math.isfinite(value) else None

        def why_missing() -> str:
            a, b = left.read(), right.read()
            missing = [part.why_missing() for part, value in ((left, a), (right, b)) if value is None]
            if missing:
                return "; ".join(dict.fromkeys(missing))
            if not is_number(a) or not is_number(b):
                return "a part is not a number"
            return "it divides by zero" if compute(float(a), float(b)) is None else "it is too large for a number"

        return Operand(read, why_missing)


def _never_missing() -> str:
    return ""


def _divide(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


def _remainder(a: float, b: float) -> float | None:
    return None if b == 0 else a % b


ARITHMETIC: Mapping[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "+%": lambda a, b: a + a * b / 100,
    "-%": lambda a, b: a - a * b / 100,
}
