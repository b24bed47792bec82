"""
A program for backtrader's own environment: carries out the cases of ``random_rules`` and prints their trades.

The package computes averages and RSI and decides orders and fills; "cheat on close" is its fill in this tick, without
it an order fills at the next bar's open. Stops and targets are its own orders where it fills in this tick; where it
fills in the next one they are looked up and closed at the market, as our engine does.
"""

import json
import math
import sys
from typing import Any

import backtrader as bt  # type: ignore[import-not-found]


def main() -> None:
    """Read the cases, run each, print the trades."""
    print(json.dumps([run(case) for case in json.load(sys.stdin)]))


def run(case: dict[str, Any]) -> list[list[Any]]:
    """Return a case's closed trades: entry tick and price, exit tick and price, reason."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Feed(case["seconds"], case["index"]))
    if case["option"] is not None:
        cerebro.adddata(Feed(case["seconds"], case["option"]))
    cerebro.broker.setcash(1e9)
    cerebro.broker.set_coc(case["rule"]["fills"] == "this_tick")
    cerebro.broker.set_shortcash(False)
    cerebro.addstrategy(Rule, rule=case["rule"], seconds=case["seconds"])
    (strategy,) = cerebro.run()
    done: list[list[Any]] = strategy.done
    return done


class Feed(bt.feed.DataBase):  # type: ignore[misc]  # the package has no types
    """One price a bar, from memory."""

    def __init__(self, seconds: list[int], prices: list[float]) -> None:
        super().__init__()
        self.rows = iter(zip(seconds, prices, strict=True))

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        # Days since the year 1, as the package counts them; the date itself does not matter.
        self.lines.datetime[0] = 739_000 + row[0] / 86_400
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = row[1]
        self.lines.volume[0] = self.lines.openinterest[0] = 0.0
        return True


class Rule(bt.Strategy):  # type: ignore[misc]
    """One case's rule."""

    params = (("rule", None), ("seconds", None))

    def __init__(self) -> None:
        self.rule = self.p.rule
        self.traded = self.datas[-1]
        self.is_now = self.rule["fills"] == "this_tick"
        self.sign = 1 if self.rule["side"] == "buy" else -1
        self.lines_of: dict[tuple[Any, ...], Any] = {}
        self.entry_tests = [self.test(*one) for one in self.rule["entry"]]
        self.exit_tests = [self.test(*one) for one in self.rule["exit"]]
        self.done: list[list[Any]] = []
        self.guards: list[Any] = []
        self.placed_at: dict[int, int] = {}
        self.reason_of: dict[int, str] = {}
        self.entered: tuple[int, float] | None = None
        self.left_at = -1

    def test(self, left: list[Any], operator: str, right: list[Any]) -> tuple[Any, str, Any]:
        """Return a condition with its series made."""
        return self.made(left), operator, self.made(right)

    def made(self, wanted: list[Any]) -> tuple[Any, float]:
        """Return a series: the package's line and how far back it is read, or a constant."""
        if wanted[0] == "constant":
            return None, wanted[1]
        kind, length, back = wanted
        key = (kind, 0 if kind == "price" else length)
        if key not in self.lines_of:
            close = self.data0.close
            make = {
                "price": lambda: close,
                "sma": lambda: bt.indicators.SMA(close, period=length),
                "ema": lambda: bt.indicators.EMA(close, period=length),
                "rsi": lambda: bt.indicators.RSI(close, period=length, safediv=True),
            }
            self.lines_of[key] = make[kind]()
        return self.lines_of[key], back

    def prenext(self) -> None:
        """Decide while some average has no value yet, too."""
        self.next()

    def next(self) -> None:
        """Take one tick's decisions."""
        bar = len(self.data0) - 1
        second, price = self.p.seconds[bar], self.traded.close[0]
        if self.entered is not None:
            reason = self.reason(bar, second, price) if self.entered[0] < bar else ""
            if reason:
                for order in self.guards:
                    self.cancel(order)
                self.note(self.close(data=self.traded), bar, reason)
        elif self.may_enter(bar, second) and all(self.holds(bar, *one) for one in self.entry_tests):
            self.enter(bar, price)

    def may_enter(self, bar: int, second: int) -> bool:
        """Return whether the tick began flat, inside the entry window."""
        return self.left_at < bar and self.rule["entry_from"] <= second < self.rule["entry_until"]

    def enter(self, bar: int, price: float) -> None:
        """Enter, with the package's own stop and target where it fills in this tick."""
        place, leave = (self.buy, self.sell) if self.sign > 0 else (self.sell, self.buy)
        self.note(place(data=self.traded, size=1), bar, "entry")
        self.guards = []
        if not self.is_now:
            return
        stop, target = self.levels(price)
        if stop is not None:
            self.guards.append(leave(data=self.traded, size=1, exectype=bt.Order.Stop, price=stop))
            self.note(self.guards[-1], bar, "stop")
        if target is not None:
            other = self.guards[0] if self.guards else None
            self.guards.append(leave(data=self.traded, size=1, exectype=bt.Order.Limit, price=target, oco=other))
            self.note(self.guards[-1], bar, "target")

    def note(self, order: Any, bar: int, reason: str) -> None:  # noqa: ANN401 - the package has no types
        """Remember when an order was placed and what for."""
        self.placed_at[order.ref], self.reason_of[order.ref] = bar, reason

    def notify_order(self, order: Any) -> None:  # noqa: ANN401
        """Keep the books of what was filled."""
        if order.status != order.Completed:
            return
        bar = len(self.data0) - 1
        at = self.placed_at[order.ref] if self.is_now and order.exectype == bt.Order.Market else bar
        reason = self.reason_of[order.ref]
        if reason == "entry":
            self.entered = (at, order.executed.price)
        elif self.entered is not None:
            self.done.append([*self.entered, at, order.executed.price, reason])
            self.entered, self.left_at = None, at

    def reason(self, bar: int, second: int, price: float) -> str:
        """Return why to leave now; empty for staying in."""
        if second >= self.rule["square_off"]:
            return "square_off"
        if not self.is_now and self.entered is not None:
            stop, target = self.levels(self.entered[1])
            if stop is not None and self.sign * price <= self.sign * stop:
                return "stop"
            if target is not None and self.sign * price >= self.sign * target:
                return "target"
        may_leave = self.rule["exit_until"] is None or second < self.rule["exit_until"]
        return "signal" if may_leave and any(self.holds(bar, *one) for one in self.exit_tests) else ""

    def levels(self, entry: float) -> tuple[float | None, float | None]:
        """Return the prices of the stop and the target."""
        stop, target = self.rule["stop_percent"], self.rule["target_percent"]
        return (
            None if stop is None else round(entry * (1 - self.sign * stop / 100), 9),
            None if target is None else round(entry * (1 + self.sign * target / 100), 9),
        )

    def holds(self, bar: int, left: Any, operator: str, right: Any) -> bool:  # noqa: ANN401
        """Return whether a condition is true; without a value it is not."""
        now = round(value(left, bar, 0) - value(right, bar, 0), 9)
        if operator in (">", "<", ">=", "<="):
            return {">": now > 0, "<": now < 0, ">=": now >= 0, "<=": now <= 0}[operator]
        before = round(value(left, bar, 1) - value(right, bar, 1), 9)
        return before <= 0 < now if operator == "crosses_above" else before >= 0 > now


def value(series: Any, bar: int, back: int) -> float:  # noqa: ANN401
    """Return a series' value some ticks back; NaN where it has none."""
    line, amount = series
    if line is None:
        return float(amount)
    back += amount
    return float(line[-back]) if bar >= back else math.nan


if __name__ == "__main__":
    main()
