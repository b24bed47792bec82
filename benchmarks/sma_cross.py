"""
The day and the rule on which engines are compared: a synthetic day, two averages that cross, a stop.

The rule (tick i, prices of that second): fast and slow are the means of the last 60 and 300 index prices. In a
position: square off from 15:20:00 on, else stop if the option is at 1.20 times its entry or above, else leave if fast
has crossed below slow. Flat at the start of the tick, from 09:17:00 on and before 15:20:00: sell one unit of the option
if fast has crossed above slow. Every fill is at the option's price of the same tick, re-entry is free, costs are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from strategies.engine.candles import EXCHANGE_OFFSET_SECONDS
from strategies.engine.ticks import FloatColumn, IntColumn
from strategies.market_data.tick_table import TickTable
from tests.oracles import strategy_writer as write

DAY = date(2024, 10, 29)
UNDERLYING = "NIFTY"
OPTION = "NIFTY:2024-12-26:OPT:24350:PE"
TICKS = 22_351
TRADES = 52

_SEED = 20241029
_OPEN, _CLOSE = 9 * 3600 + 15 * 60, 15 * 3600 + 30 * 60
_RALLY = 15 * 3600 + 6 * 60
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Prices:
    """A day of one-second prices. Shape (n,) each."""

    #: Seconds from midnight, exchange time, ascending.
    seconds: IntColumn
    #: Quote currency per unit, on a grid of 0.05.
    index: FloatColumn
    option: FloatColumn

    def first(self, count: int) -> Prices:
        """Return the first seconds of the day."""
        return Prices(self.seconds[:count], self.index[:count], self.option[:count])


def synthetic_prices() -> Prices:
    """
    Make the day: 22,351 seconds of an index near 24,350 and one of its puts.

    150 seconds are missing; 24 spikes of volatility lift the option by 30 % at once; a late rally gives the square-off
    a position to close. The 0.05 grid makes the prices the same on every machine.
    """
    rng = np.random.default_rng(_SEED)
    seconds = np.arange(_OPEN, _CLOSE + 1)
    dropped = rng.choice(np.arange(1, seconds.size - 1), size=seconds.size - TICKS, replace=False)
    seconds = np.delete(seconds, dropped)
    own = rng.standard_normal(TICKS) * 5.0e-4
    shock = rng.standard_normal(TICKS) * 5.9e-5
    shock[seconds >= _RALLY] += 6.0e-6
    shock[0] = own[0] = 0.0
    spike = np.zeros(TICKS)
    for at in rng.choice(np.arange(600, TICKS - 1200), size=24, replace=False).tolist():
        spike[at:] += 0.30 * 0.5 ** (np.arange(TICKS - at) / 90.0)
    index = 24350.0 * np.exp(np.cumsum(shock))
    option = 130.0 * np.exp(np.cumsum(-40.0 * shock + own) + spike)
    return Prices(seconds, _on_grid(index), np.maximum(_on_grid(option), 0.05))


def market_data(prices: Prices, days: Sequence[date] = (DAY,)) -> TickTable:
    """Return the prices as market data of the engine, the same on each of several days."""
    midnights = [(day - _EPOCH).days * 86_400 - EXCHANGE_OFFSET_SECONDS for day in days]
    seconds = np.concatenate([prices.seconds + midnight for midnight in midnights])
    ltp = np.tile(np.column_stack((prices.index, prices.option)).ravel(), len(days))
    nothing = np.zeros(len(ltp), dtype=np.int64)
    return TickTable(
        epoch_seconds=np.repeat(seconds, 2).astype(np.int64),
        symbol_codes=np.tile(np.array([0, 1], dtype=np.uint32), len(seconds)),
        symbol_names=(UNDERLYING, OPTION),
        ltp=ltp,
        volume=nothing,
        oi=nothing,
    )


def weekdays(count: int, first: date = date(2024, 11, 4)) -> tuple[date, ...]:
    """Return consecutive weekdays, all before the option's expiry for a count up to 38."""
    days = (first + timedelta(days=offset) for offset in range(2 * count + 2))
    return tuple(day for day in days if day.weekday() < 5)[:count]


def strategy_document() -> dict[str, Any]:
    """
    Write the rule as a strategy of the format.

    The averages stand on one-second candles at offset 0. The re-entry signal is always true and sends the *entry
    signal* in again, so that every later entry, too, happens in the tick of its crossing.
    """
    fast, slow = write.indicator("fast"), write.indicator("slow")
    averages = {
        key: {"indicator_name": "sma", "length": length, "price_field": "close"}
        for key, length in (("fast", 60), ("slow", 300))
    }
    may_enter = write.group(
        write.condition(write.time_now(), ">=", write.time_of_day("09:17")),
        write.condition(write.time_now(), "<", write.time_of_day("15:20")),
        write.condition(fast, "crosses_above", slow),
    )
    return write.document(
        [
            write.start([write.timeframe("seconds", 1, averages)], symbol=UNDERLYING, traded="options"),
            write.square_off(at="15:20"),
            write.entry_signal("entry-signal", may_enter),
            write.entry("entry", write.position("put", "sell", option=write.option("PE"))),
            write.exit_signal("exit-signal", write.group(write.condition(fast, "crosses_below", slow))),
            write.exit_node("exit", "put", guards=write.stop_loss(20)),
            write.re_entry("re-entry", "entry-signal", write.always()),
        ],
        [
            ("start", "square-off"),
            ("start", "entry-signal"),
            ("entry-signal", "entry"),
            ("entry", "exit-signal"),
            ("exit-signal", "exit"),
            ("exit", "re-entry"),
            ("re-entry", "entry-signal"),
        ],
        name="SMA cross",
    )


def mean_of_last(prices: FloatColumn, length: int) -> FloatColumn:
    """Return the simple mean of the last ``length`` prices; NaN for the first ``length - 1``. Shape as ``prices``."""
    sums = np.concatenate(([0.0], np.cumsum(prices)))
    means = (sums[length:] - sums[:-length]) / length
    return np.concatenate((np.full(length - 1, np.nan), means))


def save(prices: Prices, path: Path) -> None:
    """Write the prices to a file that every contestant reads."""
    np.savez(path, seconds=prices.seconds, index=prices.index, option=prices.option)


def _on_grid(prices: FloatColumn) -> FloatColumn:
    return np.asarray(np.round(np.round(prices / 0.05) * 0.05, 2))
