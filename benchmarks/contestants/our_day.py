"""
Our engine: the rule as a strategy of the format.

``headless`` runs for the trades alone. ``full`` runs with full diagnostics, every event encoded to its final JSON
bytes. Both are timed from the making of the engine on: candles, averages and conditions are computed in the run.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import NamedTuple

from benchmarks import sma_cross
from benchmarks.contestants.contest import Day, Trade, serve
from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE


class Ready(NamedTuple):
    """What a run needs."""

    config: BacktestConfig
    #: Tick of each second since 1970.
    ticks: dict[int, int]


def prepare(day: Day) -> Ready:
    """Return strategy and market data."""
    prices = sma_cross.Prices(day.seconds, day.index, day.option)
    data = sma_cross.market_data(prices)
    (columns,) = data.days()
    config = BacktestConfig(strategy=parse_strategy(sma_cross.strategy_document()), market_data=data)
    return Ready(config, {second: tick for tick, second in enumerate(columns.seconds.tolist())})


def run_headless(ready: Ready) -> list[Trade]:
    """Run for the trades alone."""
    return _trades(CentralizedBacktestEngine(ready.config).run_headless(), ready)


def run_full(ready: Ready) -> list[Trade]:
    """Run with full diagnostics, to final JSON bytes."""
    return _trades(run_encoded(ready.config).result, ready)


class Encoded(NamedTuple):
    """A run whose events became bytes."""

    result: BacktestResult
    events: int
    total_bytes: int


def run_encoded(config: BacktestConfig) -> Encoded:
    """Run with full diagnostics to the final JSON bytes of every event, as the publisher gets them."""
    engine = CentralizedBacktestEngineWithSSE(config, "benchmark")
    sizes: list[int] = []
    engine.register_encoded_callback(lambda event: sizes.append(len(event.data_json)))
    return Encoded(engine.run(), len(sizes), sum(sizes))


def _trades(result: BacktestResult, ready: Ready) -> list[Trade]:
    def tick(at: datetime) -> int:
        return ready.ticks[int(at.timestamp())]

    return [
        (tick(trade.entry_time), float(trade.entry_price), tick(trade.exit_time), float(trade.exit_price))
        for trade in result.trades
    ]


if __name__ == "__main__":
    is_full = sys.argv.pop() == "full"
    serve(prepare, run_full if is_full else run_headless, "with full diagnostics" if is_full else "headless")
