"""
backtrader: two feeds and its own averages, vectorised (``runonce``), no observers.

Its market orders would fill at the next bar's open; "cheat on close" makes that this bar's close. The time counts from
when the strategy is made: the preload of the feeds, which happens inside its run, is left out.
"""

from __future__ import annotations

from typing import Any

import backtrader as bt  # type: ignore[import-not-found]
import numpy as np
from numpy import typing as npt

from benchmarks.contestants.contest import ENTRY_FROM, FAST, SLOW, SQUARE_OFF, STOP, WATCH, Day, Trade, serve


class Feed(bt.feed.DataBase):  # type: ignore[misc]  # the package has no types
    """One price a bar, from memory."""

    def __init__(self, seconds: npt.NDArray[np.int64], prices: npt.NDArray[np.float64]) -> None:
        super().__init__()
        # Days since the year 1, as the package counts them.
        self.rows = iter(zip((739_188 + seconds / 86_400).tolist(), prices.tolist(), strict=True))

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        self.lines.datetime[0] = row[0]
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = row[1]
        self.lines.volume[0] = self.lines.openinterest[0] = 0.0
        return True


class Cross(bt.Strategy):  # type: ignore[misc]
    """The rule."""

    params = (("seconds", None),)

    def __init__(self) -> None:
        WATCH.start()
        self.fast = bt.indicators.SMA(self.data0.close, period=FAST)
        self.slow = bt.indicators.SMA(self.data0.close, period=SLOW)
        self.done: list[Trade] = []
        self.before: float | None = None
        self.entry = 0.0
        self.entered_at = self.left_at = -1

    def next(self) -> None:
        """Take one tick's decisions."""
        tick = len(self) - 1
        now, before = round(self.fast[0] - self.slow[0], 9), self.before
        self.before = now
        second = self.p.seconds[tick]
        if self.getposition(self.data1).size:
            is_down = before is not None and now < 0 <= before
            if second >= SQUARE_OFF or self.data1.close[0] >= self.entry * STOP or is_down:
                self.left_at = tick
                self.close(data=self.data1)
        elif before is not None and before <= 0 < now and ENTRY_FROM <= second < SQUARE_OFF:
            self.entered_at = tick
            self.sell(data=self.data1, size=1)

    def notify_order(self, order: Any) -> None:  # noqa: ANN401 - the package has no types
        """Keep the trades."""
        if order.status == order.Completed and order.issell():
            self.entry = order.executed.price
        elif order.status == order.Completed:
            self.done.append((self.entered_at, self.entry, self.left_at, order.executed.price))


def prepare(day: Day) -> Any:  # noqa: ANN401
    """Return the engine with both feeds."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Feed(day.seconds, day.index))
    cerebro.adddata(Feed(day.seconds, day.option))
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.set_coc(True)
    cerebro.broker.set_shortcash(False)
    cerebro.addstrategy(Cross, seconds=day.seconds.tolist())
    return cerebro


def run(ready: Any) -> list[Trade]:  # noqa: ANN401
    """Run it."""
    (strategy,) = ready.run()
    done: list[Trade] = strategy.done
    return done


if __name__ == "__main__":
    serve(prepare, run, f"backtrader {bt.__version__}")
