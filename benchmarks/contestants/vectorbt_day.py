"""
vectorbt: signals as arrays, the stop inside the compiled simulation, on the close, filled at the close.

Averages and signals are computed inside the timed run, as the event-driven peers do. Numba has compiled before it.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt  # type: ignore[import-not-found]
from vectorbt.portfolio.enums import StopExitPrice  # type: ignore[import-not-found]

from benchmarks.contestants.contest import ENTRY_FROM, FAST, SLOW, SQUARE_OFF, STOP, Day, Trade, serve


def prepare(day: Day) -> Any:  # noqa: ANN401 - the package has no types
    """Return the columns as series."""
    times = pd.DatetimeIndex(day.times)
    return day.seconds, pd.Series(day.index, index=times), pd.Series(day.option, index=times)


def run(ready: Any) -> list[Trade]:  # noqa: ANN401
    """Run it."""
    seconds, index, option = ready
    fast = vbt.MA.run(index, FAST).ma.to_numpy()
    slow = vbt.MA.run(index, SLOW).ma.to_numpy()
    now = np.round(fast - slow, 6)
    before = np.concatenate(([np.nan], now[:-1]))
    up, down = (now > 0) & (before <= 0), (now < 0) & (before >= 0)
    portfolio = vbt.Portfolio.from_signals(
        option,
        entries=False,
        exits=False,
        short_entries=up & (seconds >= ENTRY_FROM) & (seconds < SQUARE_OFF),
        short_exits=down | (seconds >= SQUARE_OFF),
        sl_stop=STOP - 1,
        stop_exit_price=StopExitPrice.Close,
        size=1,
        size_type="amount",
        init_cash=1_000_000,
        accumulate=False,
        freq="1s",
    )
    trades = portfolio.trades.records
    columns = (trades["entry_idx"], trades["entry_price"], trades["exit_idx"], trades["exit_price"])
    return list(zip(*columns, strict=True))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(prepare, run, f"vectorbt {vbt.__version__}")
