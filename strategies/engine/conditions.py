"""
Conditions compiled once.

Each comparison remembers the values that it last compared, so that its diagnostic record is built again only when one
of them changed. A missing value (no candle yet, no position) makes its condition false, and the record says why; it is
never an exception.

Conditions can also say at which seconds of the day they hold (``mask``), and how long their record stays of one form
(``steady_until``): then only values in it differ from tick to tick, and a whole stretch of ticks is written at once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from strategies.engine.expressions import Condition
from strategies.engine.operands import Column, Operand, Value

Mask = npt.NDArray[np.bool_] | bool
"""Where a condition holds: at each second, or one answer for the whole day."""

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class CompiledCondition:
    """One comparison with its last operands and result."""

    __slots__ = (
        "_condition",
        "_has_reason",
        "_is_decided",
        "_left",
        "_left_list",
        "_mask",
        "_reason",
        "_right",
        "_right_list",
        "_right_shown",
        "is_static",
        "kept",
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
        #: Whether the market alone decides the result.
        self.is_static = left.is_static and right.is_static
        self.left_value: Value = None
        self.right_value: Value = None
        self.result = False
        #: The record of the last evaluation; None while it is not built.
        self.kept: dict[str, Any] | None = None
        self._is_decided = False
        #: Why the result is false although nothing was compared; empty where there is nothing to say.
        self._reason = ""
        self._has_reason = False
        self._right_shown = ""
        self._left_list: list[Value] | None = None
        self._right_list: list[Value] | None = None
        self._mask: Mask | None = None

    def begin_day(self, *, every_tick: bool) -> None:
        """
        Forget what belonged to the day before.

        Args:
            every_tick: Whether the condition will be evaluated at every second, so that lists are worth making.
        """
        self._mask = None
        self._left_list = self._left.every_second() if every_tick else None
        self._right_list = self._right.every_second() if every_tick else None

    def evaluate(self, second: int) -> bool:
        """Read both operands as of a second and compare them."""
        left = self._left.at(second) if self._left_list is None else self._left_list[second]
        right = self._right.at(second) if self._right_list is None else self._right_list[second]
        if (
            left != self.left_value
            or right != self.right_value
            or not self._is_decided
            # 0.0 and -0.0 are equal, but not written alike.
            or (not (left and right) and (left is not self.left_value or right is not self.right_value))
        ):
            if right != self.right_value or not right or not self._is_decided:
                self._right_shown = self._right.show(right)
            self.left_value, self.right_value, self.kept = left, right, None
            self._is_decided = True
            self.result = self.decide(left, right)
            self._has_reason = left is None or right is None or isinstance(left, str) != isinstance(right, str)
            if not self._has_reason:
                self._reason = ""
        if self._has_reason:
            self._note_reason(second, (self._left, left), (self._right, right))
        return self.result

    def record(self) -> dict[str, Any]:
        """Return the diagnostic record of the last evaluation; the same object while nothing changed."""
        if self.kept is None:
            self.kept = self._build()
        return self.kept

    @property
    def sides(self) -> tuple[tuple[str, Operand, Value], ...]:
        """Return, for each operand, its key in the record, itself and the value that was read last."""
        return (("lhs_value", self._left, self.left_value), ("rhs_value", self._right, self.right_value))

    def evaluated(self, *shown: str) -> str:
        """Write what was compared, of the operands' values as people read them."""
        return f"{shown[0]} {self._condition.operator} {shown[1]}"

    def steady_until(self, first: int, last: int) -> int:
        """
        Return up to which second the record keeps its form: the same values missing, for the same reason.

        Args:
            first: Where to begin; the condition was last evaluated as of the second before.
            last: Where to stop looking, not included.

        Returns:
            The first second at which the form is another; ``last`` where there is none.
        """
        may_vary = False
        for _, operand, value in self.sides:
            values = operand.between(first, last)
            if isinstance(values, list):
                last = first + _steady(values, is_missing=value is None)
            may_vary = may_vary or (value is None and operand.has_varying_reason)
        if may_vary:
            sides = [(operand, value) for _, operand, value in self.sides]
            return next((second for second in range(first, last) if self._why(second, sides) != self._reason), last)
        return last

    def mask(self) -> Mask:
        """Return where the condition holds today, the state of the run staying as it is."""
        if self._mask is not None:
            return self._mask
        found = self._compare_columns(self._left.column(), self._right.column())
        if self.is_static:
            self._mask = found
        return found

    def decide(self, left: Value, right: Value) -> bool:
        """Compare two values; a missing one, or a text against a number, is false."""
        if left is None or right is None or isinstance(left, str) != isinstance(right, str):
            return False
        return bool(COMPARE[self._condition.operator](left, right))

    def _compare_columns(self, left: Column, right: Column) -> Mask:
        if not isinstance(left, np.ndarray) and not isinstance(right, np.ndarray):
            return self.decide(left, right)
        if left is None or right is None or isinstance(left, str) or isinstance(right, str):
            return False
        found = np.asarray(COMPARE[self._condition.operator](left, right))
        # Of all comparisons only != is true of NaN.
        return found & (left == left) & (right == right) if self._condition.operator == "!=" else found

    def _build(self) -> dict[str, Any]:
        sign = self._condition.operator
        record: dict[str, Any] = {
            "id": self._condition.id,
            "raw": self.raw,
            "evaluated": self._evaluated_now(),
            "lhs_value": self.left_value,
            "rhs_value": self.right_value,
            "operator": sign,
            "result": self.result,
        }
        if self._reason:
            record["reason"] = self._reason
        return record

    def _evaluated_now(self) -> str:
        return self.evaluated(self._left.show(self.left_value), self._right_shown)

    def _note_reason(self, second: int, *sides: tuple[Operand, Value]) -> None:
        """Note why nothing was compared. The reason may change while the values stay missing."""
        reason = self._why(second, sides)
        if reason != self._reason:
            self._reason, self.kept = reason, None

    @staticmethod
    def _why(second: int, sides: Sequence[tuple[Operand, Value]]) -> str:
        missing = [operand.why_missing(second) for operand, value in sides if value is None]
        reason = "; ".join(dict.fromkeys(missing))
        if not reason and len({isinstance(value, str) for _, value in sides}) > 1:
            return "a text and a number cannot be compared"
        return reason


class CompiledCrossing(CompiledCondition):
    """
    ``crosses_above`` and ``crosses_below``: the left side was not beyond the right one a tick ago, and is now.

    On the first tick of a day the tick ago is the last one of the day before; on the first of the run there is none,
    and nothing crosses.
    """

    __slots__ = ("_last_of_day", "_results")

    def __init__(self, condition: Condition, raw: str, left: Operand, right: Operand) -> None:
        super().__init__(condition, raw, left, right)
        self._last_of_day: tuple[Value, Value] = (None, None)
        #: The result at every second, where the market alone decides it and every second will be asked for.
        self._results: list[bool] | None = None

    def begin_day(self, *, every_tick: bool) -> None:
        """Forget what belonged to the day before. See ``CompiledCondition.begin_day``."""
        super().begin_day(every_tick=every_tick)
        mask = self.mask() if every_tick and self.is_static else None
        self._results = mask.tolist() if isinstance(mask, np.ndarray) else None

    def evaluate(self, second: int) -> bool:
        """Compare both operands as of a second and as of the tick before it."""
        left = self._left.at(second) if self._left_list is None else self._left_list[second]
        right = self._right.at(second) if self._right_list is None else self._right_list[second]
        if self._results is not None:
            result = self._results[second]
        else:
            before = (self._left.at(second - 1), self._right.at(second - 1)) if second else self._last_of_day
            result = self._has_crossed(before, (left, right))
        if (
            left != self.left_value
            or right != self.right_value
            or result != self.result
            or not self._is_decided
            or (not (left and right) and (left is not self.left_value or right is not self.right_value))
        ):
            self.left_value, self.right_value, self.result, self.kept = left, right, result, None
            self._is_decided = True
            self._right_shown = self._right.show(right)
            self._reason = ""
        if left is None or right is None:
            self._note_reason(second, (self._left, left), (self._right, right))
        return self.result

    def end_day(self, last_second: int) -> None:
        """Keep the operands of the day's last tick for the first tick of the next."""
        self._last_of_day = (self._left.at(last_second), self._right.at(last_second))

    def mask(self) -> Mask:
        """Return where the sides cross today, the state of the run staying as it is."""
        if self._mask is not None:
            return self._mask
        left, right = self._left.column(), self._right.column()
        if not isinstance(left, np.ndarray) and not isinstance(right, np.ndarray):
            return False
        if left is None or right is None or isinstance(left, str) or isinstance(right, str):
            return False
        difference = np.asarray(left - right, dtype=np.float64)
        beyond = difference > 0 if self._condition.operator == "crosses_above" else difference < 0
        not_yet = (difference <= 0) if self._condition.operator == "crosses_above" else (difference >= 0)
        found = np.concatenate(([False], beyond[1:] & not_yet[:-1]))
        if len(found):
            found[0] = self._has_crossed(self._last_of_day, (self._left.at(0), self._right.at(0)))
        if self.is_static:
            self._mask = found
        return found

    def _has_crossed(self, before: tuple[Value, Value], now: tuple[Value, Value]) -> bool:
        numbers = (*before, *now)
        if any(value is None or isinstance(value, str) for value in numbers):
            return False
        was, old, left, right = (float(value) for value in numbers if value is not None)
        if self._condition.operator == "crosses_above":
            return was - old <= 0 < left - right
        return was - old >= 0 > left - right


class CompiledRange(CompiledCondition):
    """``between``: the left side lies between two others, both included."""

    __slots__ = ("_upper", "upper_value")

    def __init__(self, condition: Condition, raw: str, left: Operand, lower: Operand, upper: Operand) -> None:
        super().__init__(condition, raw, left, lower)
        self._upper = upper
        self.is_static = self.is_static and upper.is_static
        self.upper_value: Value = None

    def evaluate(self, second: int) -> bool:
        """Read the three operands as of a second and compare them."""
        values = (self._left.at(second), self._right.at(second), self._upper.at(second))
        known = (self.left_value, self.right_value, self.upper_value)
        is_same = values == known and (all(values) or all(map(operator.is_, values, known)))
        if not is_same or not self._is_decided:
            self.left_value, self.right_value, self.upper_value = values
            self.kept = None
            self._is_decided = True
            self._right_shown = self._right.show(values[1])
            self.result = _is_between(*values)
            self._reason = ""
        sides = tuple(zip((self._left, self._right, self._upper), values, strict=True))
        if None in values or any(isinstance(value, str) for value in values):
            self._note_reason(second, *sides)
        return self.result

    @property
    def sides(self) -> tuple[tuple[str, Operand, Value], ...]:
        """Return the three operands. See ``CompiledCondition.sides``."""
        return (*super().sides, ("rhs_upper_value", self._upper, self.upper_value))

    def evaluated(self, *shown: str) -> str:
        """Write what was compared, of the operands' values as people read them."""
        return f"{shown[0]} between {shown[1]} and {shown[2]}"

    def mask(self) -> Mask:
        """Return where the left side lies between the others today, the state of the run staying as it is."""
        if self._mask is not None:
            return self._mask
        columns = (self._left.column(), self._right.column(), self._upper.column())
        if not any(isinstance(column, np.ndarray) for column in columns):
            return _is_between(*(column for column in columns if not isinstance(column, np.ndarray)))
        if any(column is None or isinstance(column, str) for column in columns):
            return False
        left, lower, upper = (np.asarray(column, dtype=np.float64) for column in columns)
        found = np.asarray((left >= lower) & (left <= upper))
        if self.is_static:
            self._mask = found
        return found

    def _build(self) -> dict[str, Any]:
        record = super()._build()
        record["rhs_upper_value"] = self.upper_value
        return record

    def _evaluated_now(self) -> str:
        return self.evaluated(self._left.show(self.left_value), self._right_shown, self._upper.show(self.upper_value))


def part_of(mask: Mask, first: int, last: int) -> list[bool] | bool:
    """Return where a mask is true from one second on to another, not included; one answer where it is all the same."""
    if not isinstance(mask, np.ndarray):
        return bool(mask)
    part = mask[first:last]
    if part.all():
        return True
    return part.tolist() if part.any() else False


def _steady(values: list[Value], *, is_missing: bool) -> int:
    """Return how many values from the first on are missing, or how many are there."""
    if is_missing:
        return next((place for place, value in enumerate(values) if value is not None), len(values))
    return values.index(None) if None in values else len(values)


def _is_between(value: Value, lower: Value, upper: Value) -> bool:
    if value is None or lower is None or upper is None:
        return False
    if isinstance(value, str) or isinstance(lower, str) or isinstance(upper, str):
        return False
    return lower <= value <= upper
