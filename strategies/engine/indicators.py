"""
Indicators on finished candles.

An indicator is fed one finished candle at a time and keeps its values, so that a condition may look back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from strategies.engine.candles import Candle
from strategies.engine.strategy import IndicatorSpec


class Indicator(Protocol):
    """A running computation over finished candles."""

    values: list[float | None]
    """One value per finished candle, oldest first; None while the indicator has seen too few candles."""

    def add(self, candle: Candle) -> None:
        """Take the next finished candle."""

    def preview(self, candle: Candle) -> float | None:
        """Return the value that the indicator would have if this candle were finished now."""


class Rsi:
    """
    Relative strength index with Wilder's smoothing over all history.

    The first average is the plain mean of ``length`` changes; after it average = (previous * (length - 1) + change)
    / length. RSI = 100 * gain / (gain + loss), and 50 where nothing moved.

    Source:
        J. Welles Wilder Jr., New Concepts in Technical Trading Systems (1978), section VI.
    """

    def __init__(self, spec: IndicatorSpec) -> None:
        self.values: list[float | None] = []
        self._length = spec.length
        self._field = spec.price_field
        self._last: float | None = None
        self._changes = 0
        self._gain = 0.0
        self._loss = 0.0

    def add(self, candle: Candle) -> None:
        """Take the next finished candle."""
        price: float = getattr(candle, self._field)
        if self._last is None:
            self._last = price
            self.values.append(None)
            return
        self._changes, self._gain, self._loss = self._next(price - self._last)
        self._last = price
        self.values.append(self._value(self._changes, self._gain, self._loss))

    def preview(self, candle: Candle) -> float | None:
        """Return the value that the indicator would have if this candle were finished now."""
        if self._last is None:
            return None
        return self._value(*self._next(getattr(candle, self._field) - self._last))

    def _next(self, change: float) -> tuple[int, float, float]:
        """Return the number of changes and both averages (sums, while there are fewer than ``length``)."""
        length, count = self._length, self._changes + 1
        up, down = max(change, 0.0), max(-change, 0.0)
        if count < length:
            return count, self._gain + up, self._loss + down
        if count == length:
            return count, (self._gain + up) / length, (self._loss + down) / length
        keep = length - 1
        return count, (self._gain * keep + up) / length, (self._loss * keep + down) / length

    def _value(self, changes: int, gain: float, loss: float) -> float | None:
        if changes < self._length:
            return None
        total = gain + loss
        return 50.0 if total == 0 else 100.0 * gain / total


INDICATORS: dict[str, Callable[[IndicatorSpec], Indicator]] = {"rsi": Rsi}
"""Indicators by the name that the start node uses. A new one is a class and a row here."""
