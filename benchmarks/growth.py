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
from strategies.engine.outcomes import TickOutcome
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text
from streaming.sse_event_emitter import SSEEvent

DAYS = 20


class Timed(CentralizedBacktestEngineWithSSE):
    """Notes the processor time at the first tick of each day and after the last tick."""

    def __init__(self, config: BacktestConfig, ticks_a_day: int) -> None:
        super().__init__(config, "growth")
        self.ticks_a_day = ticks_a_day
        self.marks: list[float] = []

    def on_tick(self, outcome: TickOutcome) -> None:
        """Note the time where a day begins."""
        if outcome.tick % self.ticks_a_day == 1:
            self.marks.append(time.process_time())
        super().on_tick(outcome)
        if outcome.tick == self.ticks_a_day * DAYS:
            self.marks.append(time.process_time())


def day_seconds(ticks_a_day: int) -> list[float]:
    """Return the processor time of each of 20 days, in seconds."""
    prices = sma_cross.synthetic_prices().first(ticks_a_day)
    config = BacktestConfig(
        strategy=parse_strategy(sma_cross.strategy_document()),
        market_data=sma_cross.market_data(prices, sma_cross.weekdays(DAYS)),
    )
    engine = Timed(config, len(prices.seconds))

    def encode(event: SSEEvent) -> None:
        json_text.encode(event["data"])

    engine.register_sse_callback(encode)
    engine.run()
    return [after - before for before, after in zip(engine.marks, engine.marks[1:], strict=False)]


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
