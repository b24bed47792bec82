"""
backtesting.py: one instrument only, so the option is the instrument and the index a further column.

Its market orders would fill at the next bar's open; ``trade_on_close`` makes that this bar's close.
"""

from __future__ import annotations

import warnings
from typing import Any

import backtesting  # type: ignore[import-not-found]
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.contestants.contest import ENTRY_FROM, FAST, SLOW, SQUARE_OFF, STOP, Day, Trade, serve


class Cross(Strategy):  # type: ignore[misc]  # the package has no types
    """The rule."""

    def init(self) -> None:
        """Declare the averages."""
        index = pd.Series(self.data.Index)
        self.fast = self.I(lambda: index.rolling(FAST).mean().to_numpy(), name="fast", plot=False)
        self.slow = self.I(lambda: index.rolling(SLOW).mean().to_numpy(), name="slow", plot=False)

    def next(self) -> None:
        """Take one tick's decisions."""
        now = round(self.fast[-1] - self.slow[-1], 9)
        before = round(self.fast[-2] - self.slow[-2], 9) if len(self.fast) > 1 else None
        second, price = self.data.Second[-1], self.data.Close[-1]
        if self.position:
            is_down = before is not None and now < 0 <= before
            if second >= SQUARE_OFF or price >= self.trades[0].entry_price * STOP or is_down:
                self.position.close()
        elif before is not None and before <= 0 < now and ENTRY_FROM <= second < SQUARE_OFF:
            self.sell(size=1)


def prepare(day: Day) -> Any:  # noqa: ANN401 - the package has no types
    """Return the backtest."""
    columns = dict.fromkeys(("Open", "High", "Low", "Close"), day.option)
    frame = pd.DataFrame({**columns, "Index": day.index, "Second": day.seconds}, index=pd.DatetimeIndex(day.times))
    return Backtest(frame, Cross, cash=1_000_000, trade_on_close=True, finalize_trades=False)


def run(ready: Any) -> list[Trade]:  # noqa: ANN401
    """Run it."""
    trades = ready.run()["_trades"]
    return list(zip(trades.EntryBar, trades.EntryPrice, trades.ExitBar, trades.ExitPrice, strict=True))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(prepare, run, f"backtesting.py {backtesting.__version__}")
