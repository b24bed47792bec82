"""The rule as a loop over lists, with nothing around it: what an event loop in Python cannot be faster than."""

from __future__ import annotations

import platform

from benchmarks.contestants.contest import ENTRY_FROM, FAST, SLOW, SQUARE_OFF, STOP, Day, Trade, serve

Lists = tuple[list[int], list[float], list[float]]


def prepare(day: Day) -> Lists:
    """Return the columns as lists."""
    return day.seconds.tolist(), day.index.tolist(), day.option.tolist()


def run(ready: Lists) -> list[Trade]:
    """Run the rule, the sums of both averages kept as whole numbers of 0.05."""
    seconds, index, option = ready
    grid = [round(price * 20) for price in index]
    trades: list[Trade] = []
    fast = slow = 0
    before: int | None = None
    entry: float | None = None
    entered_at = -1
    for tick, (second, level, price) in enumerate(zip(seconds, grid, option, strict=True)):
        fast += level - (grid[tick - FAST] if tick >= FAST else 0)
        slow += level - (grid[tick - SLOW] if tick >= SLOW else 0)
        # Means compared without dividing: fast / 60 > slow / 300 is fast * 5 > slow.
        now = fast * (SLOW // FAST) - slow if tick >= SLOW - 1 else None
        if entry is not None:
            is_down = now is not None and before is not None and now < 0 <= before
            if second >= SQUARE_OFF or price >= round(entry * STOP, 9) or is_down:
                trades.append((entered_at, entry, tick, price))
                entry = None
        elif now is not None and before is not None and before <= 0 < now and ENTRY_FROM <= second < SQUARE_OFF:
            entry, entered_at = price, tick
        before = now
    return trades


if __name__ == "__main__":
    serve(prepare, run, f"Python {platform.python_version()}")
