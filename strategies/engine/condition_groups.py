"""
Groups of compiled conditions, joined by AND or OR, nested at will.

A group also finds the next second of the day at which it holds: that is how a run passes over the seconds at which
nothing can happen.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy import typing as npt

from strategies.engine.conditions import CompiledCondition, CompiledCrossing, CompiledRange, Mask
from strategies.engine.expressions import Condition, ConditionGroup
from strategies.engine.operand_compiler import OperandCompiler


class CompiledGroup:
    """Conditions joined by AND or OR. Every member is evaluated, so that the record shows each one's result."""

    __slots__ = ("_is_and", "_mask", "_places", "is_static", "kept", "logic", "members", "raw", "result")

    def __init__(self, logic: str, raw: str, members: tuple[CompiledCondition | CompiledGroup, ...]) -> None:
        self.logic = logic
        self.raw = raw
        self.members = members
        #: Whether the market alone decides the result.
        self.is_static: bool = all(member.is_static for member in members)
        self.result = False
        #: The record of the last evaluation; None while it is not built.
        self.kept: dict[str, Any] | None = None
        self._is_and = logic == "AND"
        self._places: npt.NDArray[np.intp] | None = None
        self._mask: Mask | None = None

    def begin_day(self, *, every_tick: bool) -> None:
        """Forget what belonged to the day before. See ``CompiledCondition.begin_day``."""
        self._places = self._mask = None
        for member in self.members:
            member.begin_day(every_tick=every_tick)

    def end_day(self, last_second: int) -> None:
        """Keep what the next day needs of this one."""
        for member in self.members:
            if isinstance(member, CompiledGroup | CompiledCrossing):
                member.end_day(last_second)

    def evaluate(self, second: int) -> bool:
        """Evaluate every member as of a second and join the results. A group without members is false."""
        is_all, is_any = True, False
        for member in self.members:
            if member.evaluate(second):
                is_any = True
            else:
                is_all = False
            if member.kept is None:
                self.kept = None
        self.result = (is_all if self._is_and else is_any) if self.members else False
        return self.result

    def record(self) -> dict[str, Any]:
        """Return the diagnostic record of the last evaluation; the same object while nothing changed."""
        if self.kept is None:
            parts = [member.record() for member in self.members]
            self.kept = {"logic": self.logic, "result": self.result, "conditions": parts}
        return self.kept

    def steady_until(self, first: int, last: int) -> int:
        """Return up to which second the record keeps its form. See ``CompiledCondition.steady_until``."""
        for member in self.members:
            last = member.steady_until(first, last)
        return last

    def mask(self) -> Mask:
        """Return where the group holds today, the state of the run staying as it is."""
        if not self.members:
            return False
        if self._mask is not None:
            return self._mask
        join = operator.and_ if self.logic == "AND" else operator.or_
        found: Mask = self.logic == "AND"
        # The static members are arrays that are kept for the day; the others are made anew, and only joined.
        for member in self.members:
            found = join(found, member.mask())
        if self.is_static:
            self._mask = found
        return found

    def next_true(self, second: int) -> int | None:
        """Return the first second of today, from a given one on, at which the group holds; None where there is none."""
        if self.is_static:
            if self._places is None:
                mask = self.mask()
                self._places = np.flatnonzero(mask) if isinstance(mask, np.ndarray) else np.empty(0, dtype=np.intp)
                if mask is True:
                    return second
            elif len(self._places) == 0 and self.mask() is True:
                return second
            place = int(np.searchsorted(self._places, second))
            return int(self._places[place]) if place < len(self._places) else None
        return first_true(self.mask(), second)


def first_true(mask: Mask, second: int) -> int | None:
    """Return the first second from a given one on at which a mask is true; None where there is none."""
    if isinstance(mask, bool | np.bool_):
        return second if mask else None
    if second >= len(mask):
        return None
    place = int(np.argmax(mask[second:]))
    return second + place if mask[second + place] else None


def compile_group(group: ConditionGroup, compiler: OperandCompiler) -> CompiledGroup:
    """Compile a group with everything in it."""
    members = tuple(
        compile_group(member, compiler) if isinstance(member, ConditionGroup) else compile_condition(member, compiler)
        for member in group.members
    )
    return CompiledGroup(group.logic, compiler.printer.group(group), members)


def compile_condition(condition: Condition, compiler: OperandCompiler) -> CompiledCondition:
    """Compile one comparison."""
    raw = compiler.printer.condition(condition)
    left, right = compiler.operand(condition.left), compiler.operand(condition.right)
    if condition.operator in ("crosses_above", "crosses_below"):
        return CompiledCrossing(condition, raw, left, right)
    if condition.operator == "between" and condition.upper is not None:
        return CompiledRange(condition, raw, left, right, compiler.operand(condition.upper))
    return CompiledCondition(condition, raw, left, right)
