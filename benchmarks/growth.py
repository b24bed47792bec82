"""
Time per tick over many days: does a long run slow down?

    python -m benchmarks.growth [ticks a day]

Runs the day of ``sma_cross`` on 20 dates in one session, with full diagnostics to final JSON bytes, and prints the
processor time of each day as JSON. Processor time, since what else runs on the machine must not look like growth.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence

from benchmarks import sma_cross
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol.messages import TICK_UPDATE
from streaming.sse_event_emitter import EncodedEvent

DAYS = 20


class Timed:
    """A callback that notes the processor time at the first tick of each day and at the last of all."""

    def __init__(self, ticks_a_day: int) -> None:
        self.ticks_a_day = ticks_a_day
        self.ticks = 0
        self.total_bytes = 0
        self.marks: list[float] = []

    def __call__(self, event: EncodedEvent) -> None:
        """Take one event."""
        self.total_bytes += len(event.data_json)
        if event.event == TICK_UPDATE:
            if self.ticks % self.ticks_a_day == 0:
                self.marks.append(time.process_time())
            self.ticks += 1
            if self.ticks == self.ticks_a_day * DAYS:
                self.marks.append(time.process_time())


def day_seconds(ticks_a_day: int) -> list[float]:
    """Return the processor time of each of 20 days, in seconds."""
    prices = sma_cross.synthetic_prices().first(ticks_a_day)
    config = BacktestConfig(
        strategy=parse_strategy(sma_cross.strategy_document()),
        market_data=sma_cross.market_data(prices, sma_cross.weekdays(DAYS)),
    )
    timed = Timed(len(prices.seconds))
    engine = CentralizedBacktestEngineWithSSE(config, "growth")
    engine.register_encoded_callback(timed)
    engine.run()
    return [after - before for before, after in zip(timed.marks, timed.marks[1:], strict=False)]


def ratio(runs: Sequence[Sequence[float]]) -> float:
    """
    Return the time of the second half of the days over that of the first.

    Args:
        runs: The days' times of each of several runs; the least of each day counts, as noise only adds.
    """
    days = [min(times) for times in zip(*runs, strict=True)]
    half = len(days) // 2
    # Medians, so that one disturbed day does not decide.
    return float(statistics.median(days[half:]) / statistics.median(days[:half]))


if __name__ == "__main__":
    print(json.dumps({"day_seconds": day_seconds(int(sys.argv[1]) if len(sys.argv) > 1 else sma_cross.TICKS)}))
