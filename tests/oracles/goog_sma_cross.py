"""
A program for backtesting.py's own environment: SMA 10/30 over its GOOG days, always in the market.

It prints the equity by day, the trades and the statistics that backtesting.py computed. The rule is the one whose
results the package publishes for its test data; the code here is ours.
"""

import json
import math
import warnings
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy  # type: ignore[import-not-found]
from backtesting.test import GOOG  # type: ignore[import-not-found]


def mean_of_last(prices: Any, days: int) -> Any:  # noqa: ANN401 - arrays of a package without types
    """Return the simple moving average."""
    return pd.Series(prices).rolling(days).mean()


class AlwaysIn(Strategy):  # type: ignore[misc]  # the package has no types
    """Long while the fast average is above the slow one since the last crossing, short while below."""

    def init(self) -> None:
        """Declare the averages."""
        self.fast = self.I(mean_of_last, self.data.Close, 10)
        self.slow = self.I(mean_of_last, self.data.Close, 30)

    def next(self) -> None:
        """Turn the position round at a crossing."""
        now, before = self.fast[-1] - self.slow[-1], self.fast[-2] - self.slow[-2]
        if before < 0 < now:
            self.position.close()
            self.buy()
        elif now < 0 < before:
            self.position.close()
            self.sell()


def main() -> None:
    """Run and print."""
    warnings.simplefilter("ignore")
    result = Backtest(GOOG, AlwaysIn, finalize_trades=True).run()
    curve = result["_equity_curve"]["Equity"]
    plain = {
        name: value.total_seconds() if isinstance(value, pd.Timedelta) else value
        for name, value in result.items()
        if not name.startswith("_") and name not in {"Start", "End"}
    }
    answer = {
        "time": [int(moment.timestamp()) for moment in curve.index],
        "equity": [float(value) for value in curve],
        "trades": [
            {
                "entry_bar": int(trade.EntryBar),
                "exit_bar": int(trade.ExitBar),
                "size": int(trade.Size),
                "entry_price": float(trade.EntryPrice),
                "exit_price": float(trade.ExitPrice),
                "pnl": float(trade.PnL),
                "return": float(trade.ReturnPct),
            }
            for trade in result["_trades"].itertuples()
        ],
        "statistics": {name: float(value) for name, value in plain.items() if math.isfinite(float(value))},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
