"""
A program for backtesting.py's own environment: carries out the cases of ``random_rules`` and prints their trades.

The package decides orders, fills, stops and targets; averages and RSI are computed here, with pandas and by loops. With
``trade_on_close`` an order fills at its bar's close; without it at the next bar's open. One price a bar makes the two
"this tick" and "next tick". Stops and targets are the package's own orders where it fills in this tick; where it fills
in the next one they are looked up and closed at the market, as our engine does.
"""

import json
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy  # type: ignore[import-not-found]

Array = Any


def main() -> None:
    """Read the cases, run each, print the trades."""
    warnings.simplefilter("ignore")
    print(json.dumps([run(case) for case in json.load(sys.stdin)]))


def run(case: dict[str, Any]) -> list[list[Any]]:
    """Return a case's closed trades: entry tick and price, exit tick and price, reason."""
    rule = case["rule"]
    index = np.array(case["index"])
    traded = index if case["option"] is None else np.array(case["option"])
    frame = pd.DataFrame(
        {"Open": traded, "High": traded, "Low": traded, "Close": traded},
        index=pd.to_datetime(case["seconds"], unit="s"),
    )
    is_now = rule["fills"] == "this_tick"
    seconds = np.array(case["seconds"])
    enter = np.all([holds(index, *one) for one in rule["entry"]], axis=0)
    enter &= (seconds >= rule["entry_from"]) & (seconds < rule["entry_until"])
    leave = np.any([holds(index, *one) for one in rule["exit"]], axis=0)
    if rule["exit_until"] is not None:
        leave &= seconds < rule["exit_until"]
    settings = {"rule": rule, "is_now": is_now, "enter": enter, "leave": leave, "over": seconds >= rule["square_off"]}
    test = Backtest(frame, Rule, cash=1e9, trade_on_close=is_now, finalize_trades=False)
    result = test.run(settings=settings)
    reasons = result["_strategy"].reasons
    return [
        [int(trade.EntryBar), float(trade.EntryPrice), int(trade.ExitBar), float(trade.ExitPrice), reason]
        for trade, reason in zip(result["_trades"].itertuples(), reasons, strict=True)
    ]


class Rule(Strategy):  # type: ignore[misc]  # the package has no types
    """One case's rule."""

    settings: dict[str, Any] = {}

    def init(self) -> None:
        """Begin without a trade."""
        self.asked = ""
        self.known = 0
        self.reasons: list[str] = []

    def next(self) -> None:
        """Take one tick's decisions."""
        bar = len(self.data) - 1
        settings = self.settings
        was_closed_now = self.note_closed(bar)
        if self.trades:
            if self.trades[0].entry_bar < bar:
                self.asked = self.reason(bar, float(self.data.Close[-1]))
                if self.asked:
                    self.position.close()
        elif settings["enter"][bar] and not was_closed_now:
            self.enter(float(self.data.Close[-1]))

    def note_closed(self, bar: int) -> bool:
        """Note why trades were closed since the last tick; return whether one was closed in this tick."""
        closed = self.closed_trades
        for trade in closed[self.known :]:
            self.reasons.append(self.asked or ("target" if trade.pl > 0 else "stop"))
            self.asked = ""
        self.known = len(closed)
        return bool(closed) and closed[-1].exit_bar == bar

    def enter(self, price: float) -> None:
        """Enter, with the package's own stop and target where it fills in this tick."""
        rule = self.settings["rule"]
        place = self.buy if rule["side"] == "buy" else self.sell
        stop, target = levels(rule, price) if self.settings["is_now"] else (None, None)
        place(size=1, sl=stop, tp=target)

    def reason(self, bar: int, price: float) -> str:
        """Return why to leave now; empty for staying in."""
        settings = self.settings
        if settings["over"][bar]:
            return "square_off"
        if not settings["is_now"]:
            stop, target = levels(settings["rule"], float(self.trades[0].entry_price))
            sign = 1 if settings["rule"]["side"] == "buy" else -1
            if stop is not None and sign * price <= sign * stop:
                return "stop"
            if target is not None and sign * price >= sign * target:
                return "target"
        return "signal" if settings["leave"][bar] else ""


def levels(rule: dict[str, Any], entry: float) -> tuple[float | None, float | None]:
    """Return the prices of the stop and the target."""
    sign = 1 if rule["side"] == "buy" else -1
    stop, target = rule["stop_percent"], rule["target_percent"]
    return (
        None if stop is None else round(entry * (1 - sign * stop / 100), 9),
        None if target is None else round(entry * (1 + sign * target / 100), 9),
    )


def holds(index: Array, left: list[Any], operator: str, right: list[Any]) -> Array:
    """Return at which ticks a condition is true."""
    with np.errstate(invalid="ignore"):
        difference = np.round(series(index, left) - series(index, right), 9)
        if operator in (">", "<", ">=", "<="):
            return {">": difference > 0, "<": difference < 0, ">=": difference >= 0, "<=": difference <= 0}[operator]
        if operator == "crosses_below":
            difference = -difference
        before = np.concatenate(([np.nan], difference[:-1]))
        return (difference > 0) & (before <= 0)


def series(index: Array, wanted: list[Any]) -> Array:
    """Return a series' value at each tick; NaN where it has none."""
    if wanted[0] == "constant":
        return np.full(len(index), wanted[1])
    kind, length, back = wanted
    values = {"price": lambda prices, _: prices, "sma": simple, "ema": exponential, "rsi": strength}[kind](
        index, length
    )
    return np.concatenate((np.full(back, np.nan), values[: len(values) - back])) if back else values


def simple(prices: Array, length: int) -> Array:
    """Return the simple moving average."""
    return pd.Series(prices).rolling(length).mean().to_numpy()


def exponential(prices: Array, length: int) -> Array:
    """Return the exponential moving average, begun with the mean of the first prices."""
    values = np.full(len(prices), np.nan)
    value = float(np.mean(prices[:length]))
    values[length - 1] = value
    for place in range(length, len(prices)):
        value += 2 / (length + 1) * (prices[place] - value)
        values[place] = value
    return values


def strength(prices: Array, length: int) -> Array:
    """Return Wilder's relative strength index."""
    values = np.full(len(prices), np.nan)
    moves = np.diff(prices)
    up, down = float(np.mean(np.maximum(moves[:length], 0))), float(np.mean(np.maximum(-moves[:length], 0)))
    for place in range(length, len(prices)):
        if place > length:
            move = moves[place - 1]
            up = (up * (length - 1) + max(move, 0.0)) / length
            down = (down * (length - 1) + max(-move, 0.0)) / length
        values[place] = 100 * up / (up + down) if up + down else 50.0
    return values


if __name__ == "__main__":
    main()
