"""
A figure that may be undefined.

An undefined figure says why, in words for a person; it is never 0, NaN or infinity. Whoever computes one returns
``Metric(value)`` or ``undefined("no losing trade")``; whoever shows one shows the value or the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)

NO_TRADE = "no closed trade"


@dataclass(frozen=True, slots=True)
class Metric(Generic[T_co]):
    """A figure, or the reason why there is none."""

    value: T_co | None
    #: Empty where there is a value.
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reason):
            raise ValueError(f"a metric has a value or a reason, not {self.value!r} and {self.reason!r}")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise ValueError(f"a metric is a finite number, not {self.value}: make it undefined and say why")


def undefined(reason: str) -> Metric[Any]:
    """Return a figure that has no value, for this reason."""
    return Metric(None, reason)


def number(value: float) -> Metric[float]:
    """Return a computed number; one that left the range of floats is undefined."""
    return Metric(value) if math.isfinite(value) else undefined("the number is too large to be written")


def quotient(numerator: Decimal | int, denominator: Decimal | int, *, if_zero: str) -> Metric[float]:
    """
    Divide exactly, then round to a float.

    Args:
        numerator: Any amount or count.
        denominator: Same unit.
        if_zero: The reason that is given where the denominator is zero.
    """
    if denominator == 0:
        return undefined(if_zero)
    return number(float(Decimal(numerator) / Decimal(denominator)))
