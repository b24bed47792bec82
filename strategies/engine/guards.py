"""
Guards: stop loss, take profit and trailing stop on an open position.

A position's entry price and quantity do not change by themselves, so the second at which a guard will trigger is
found once, over the day's columns, when the position opens (and again when a part of it is closed). The run then only
waits for that second. No guard triggers in the tick that opened the position. Where several trigger at one second,
the stop loss comes first, then the trailing stop, then the take profit; of two of one kind the nearer one, since the
price came to it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from strategies.engine.candles import FloatColumn
from strategies.engine.strategy import Protection, ProtectionKind
from strategies.engine.tape import DayTape

_RANK: dict[ProtectionKind, int] = {"stop_loss": 0, "trailing_stop": 1, "take_profit": 2}
_FIRST_WINDOW = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPlan:
    """A guard will trigger."""

    #: Second of the day's tape.
    second: int
    kind: ProtectionKind
    #: The exit node that the guard belongs to.
    node_id: str
    #: The price that was to be reached, quote currency per unit.
    trigger_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a guard needs to know of a position."""

    symbol: str
    #: 1 for a bought position, -1 for a sold one.
    direction: int
    quantity: int
    entry_price: Decimal


def plan(
    tape: DayTape, position: Guarded, protections: tuple[tuple[str, Protection], ...], after: int, best: float
) -> GuardPlan | None:
    """
    Find the first guard that triggers after a second of the day.

    Args:
        tape: The day.
        position: What is guarded.
        protections: Guards with the exit node of each.
        after: The search begins with the second after this one.
        best: The best price that the position has seen up to ``after``.
    """
    found: GuardPlan | None = None
    for node_id, protection in protections:
        guard = _plan_one(tape, position, node_id, protection, after, best)
        if guard and (found is None or _turn(guard, position.direction) < _turn(found, position.direction)):
            found = guard
    return found


def fixed_level(position: Guarded, protection: Protection) -> Decimal:
    """Return the price of a stop loss or a take profit, exactly."""
    away = _as_points(position, protection.unit, protection.distance, position.entry_price)
    is_up = (protection.kind == "take_profit") == (position.direction > 0)
    return position.entry_price + away if is_up else position.entry_price - away


def trailing_levels(position: Guarded, protection: Protection, best: FloatColumn) -> FloatColumn:
    """
    Return the price of a trailing stop for each best price; NaN while it does not work yet.

    Args:
        best: The best price that the position has seen, quote currency per unit. Shape (n,).
    """
    entry = float(position.entry_price)
    gain = (best - entry) * position.direction
    step = float(_as_points(position, protection.unit, protection.step, position.entry_price))
    activation = float(_as_points(position, protection.unit, protection.activation, position.entry_price))
    if step > 0:
        # Rounded first, since 0.3 / 0.1 is a little less than 3.
        gain = np.floor(np.round(gain / step, 9)) * step
    reached = entry + gain * position.direction
    if protection.unit == "percentage":
        distance = reached * protection.distance / 100
    else:
        distance = np.full(len(best), float(_as_points(position, protection.unit, protection.distance, Decimal(0))))
    levels = np.round(reached - distance * position.direction, 9)
    levels[np.round((best - entry) * position.direction, 9) < activation] = np.nan
    return np.asarray(levels)


def best_prices(prices: FloatColumn, direction: int, before: float) -> FloatColumn:
    """Return the best price seen up to each second, ``before`` counted in. Shape as ``prices``."""
    filled = np.where(np.isnan(prices), before, prices)
    filled[0] = max(filled[0], before) if direction > 0 else min(filled[0], before)
    return np.maximum.accumulate(filled) if direction > 0 else np.minimum.accumulate(filled)


def _plan_one(
    tape: DayTape, position: Guarded, node_id: str, protection: Protection, after: int, best: float
) -> GuardPlan | None:
    prices = tape.prices(position.symbol)
    level = None if protection.kind == "trailing_stop" else fixed_level(position, protection)
    first, window = after + 1, _FIRST_WINDOW
    # In growing windows: most guards trigger soon, and a scalper's day has thousands of positions.
    while first < len(prices):
        part = prices[first : first + window]
        if level is None:
            seen = best_prices(part, position.direction, best)
            # The best price before this second counts: a tick cannot both raise the stop and hit it.
            levels = trailing_levels(position, protection, np.concatenate(([best], seen[:-1])))
            hit = part <= levels if position.direction > 0 else part >= levels
            best = float(seen[-1])
        else:
            is_up = level > position.entry_price
            levels = np.full(len(part), float(level))
            hit = part >= levels if is_up else part <= levels
        place = int(np.argmax(hit))
        if hit[place]:
            price = level if level is not None else Decimal(repr(float(levels[place])))
            return GuardPlan(second=first + place, kind=protection.kind, node_id=node_id, trigger_price=price)
        first, window = first + window, window * 4
    return None


def _turn(guard: GuardPlan, direction: int) -> tuple[int, int, Decimal]:
    """Return what puts guards in the order in which they come."""
    distance = guard.trigger_price * direction
    return guard.second, _RANK[guard.kind], distance if guard.kind == "take_profit" else -distance


def _as_points(position: Guarded, unit: str, amount: float, base: Decimal) -> Decimal:
    number = Decimal(repr(amount))
    if unit == "percentage":
        return base * number / 100
    return number / position.quantity if unit == "pnl" else number
