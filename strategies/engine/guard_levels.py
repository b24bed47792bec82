"""
Where the guards of an open position stand after each second: what the engine would trigger on in the next one.

The levels are those that ``guards`` plans with, told second by second. Of several guards of one kind the nearest is
told, since the price comes to it first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from strategies.engine import guards
from strategies.engine.candles import FloatColumn
from strategies.engine.guards import Guarded
from strategies.engine.money import to_money
from strategies.engine.strategy import Protection, ProtectionKind
from strategies.engine.tape import DayTape

_FIRST_WINDOW = 512


class GuardPrices(NamedTuple):
    """Prices of a position's own contract, quote currency per unit; None where no such guard works now."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop: Decimal | None = None


UNGUARDED = GuardPrices()


class GuardLevels:
    """
    The levels of one position, as long as its quantity stays what it is.

    Args:
        tape: The day.
        position: What is guarded.
        protections: Its guards.
        after: The second of the day at which they begin; no question is about an earlier one.
        best: The best price that the position has seen up to then.
    """

    def __init__(
        self, tape: DayTape, position: Guarded, protections: Iterable[Protection], *, after: int, best: float
    ) -> None:
        wanted = list(protections)
        self._position = position
        self._trailing = [each for each in wanted if each.kind == "trailing_stop"]
        self._prices = tape.prices(position.symbol)
        self._after = after
        self._best = best
        #: The trailing stop's level after each second from ``after`` on, NaN while it does not work.
        self._column = self._levels(np.array([best])).tolist() if self._trailing else []
        self._fixed = GuardPrices(_nearest(position, wanted, "stop_loss"), _nearest(position, wanted, "take_profit"))
        # The newest answer beside its trailing level, so that equal levels are one object.
        self._told = (math.nan, self._fixed)

    def at(self, second: int) -> GuardPrices:
        """Return what the levels are after a second; the same record while they are the same."""
        if not self._trailing:
            return self._fixed
        place = second - self._after
        if place >= len(self._column):
            self._reach(place)
        level = self._column[place]
        if level != self._told[0] and level == level:
            self._told = (level, self._fixed._replace(trailing_stop=to_money(level)))
        return self._told[1]

    def trailing_between(self, first: int, last: int) -> list[float] | None:
        """
        Return the trailing stop's level after each second of a range; None where there is no trailing stop.

        Args:
            first: Where the range begins.
            last: Where it ends, not included.

        Returns:
            Quote currency per unit, NaN while it does not work.
        """
        if not self._trailing:
            return None
        self._reach(last - 1 - self._after)
        return self._column[first - self._after : last - self._after]

    def _reach(self, place: int) -> None:
        # In growing windows, as the plan is made: most positions are closed soon.
        window = _FIRST_WINDOW
        while place >= len(self._column):
            begin = self._after + len(self._column)
            seen = guards.best_prices(self._prices[begin : begin + window], self._position.direction, self._best)
            self._column += self._levels(seen).tolist()
            self._best = float(seen[-1])
            window *= 4

    def _levels(self, best: FloatColumn) -> FloatColumn:
        nearer = np.fmax if self._position.direction > 0 else np.fmin
        columns = [guards.trailing_levels(self._position, each, best) for each in self._trailing]
        return np.asarray(nearer.reduce(columns))


def _nearest(position: Guarded, protections: list[Protection], kind: ProtectionKind) -> Decimal | None:
    levels = [guards.fixed_level(position, each) for each in protections if each.kind == kind]
    return min(levels, key=lambda level: abs(level - position.entry_price), default=None)
