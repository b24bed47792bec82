"""
A program: runs the reference strategy over the reference day, or over its beginning, and prints hashes of its events.

    python -m tests.oracles.event_digests FOLDER whole [CUT ...]
    python -m tests.oracles.event_digests FOLDER silent
    python -m tests.oracles.event_digests FOLDER cut CUT ...

``whole`` streams all data, and notes the hash of the events up to each cut on the way. ``silent`` runs all data without
streaming, and headless. ``cut`` streams, for each cut, data that end there: its first CUT seconds. These events
are taken as bytes, those of the whole day as plain data, so that both ways are compared.

A process of its own, so that PYTHONHASHSEED can differ and two can work side by side.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import StrategyGraph, parse_strategy
from strategies.engine.outcomes import NodeCompletion, TickOutcome
from strategies.engine.positions import Trade
from strategies.engine.ticks import MarketData
from strategies.market_data.files import load_market_data
from strategies.market_data.tick_table import TickTable
from streaming import payloads
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text, messages
from streaming.sse_event_emitter import EncodedEvent, SSEEvent


class Digests:
    """Hashes of a run's events, which are taken as they come."""

    def __init__(self) -> None:
        #: Of the events before the last one, which tells how the run ended.
        self.running = hashlib.sha256()
        self.everything = hashlib.sha256()

    def take(self, event: str, data_json: bytes) -> None:
        """Take one event."""
        written = event.encode() + data_json
        self.everything.update(written)
        if event != messages.BACKTEST_COMPLETE:
            self.running.update(written)


class Hashed(CentralizedBacktestEngineWithSSE):
    """The streaming engine, its events hashed as they come, as plain data."""

    def __init__(self, config: BacktestConfig, cuts: Collection[int]) -> None:
        super().__init__(config, "digests")
        self.cuts = cuts
        self.digests = Digests()
        self.at: dict[int, str] = {}
        self.register_sse_callback(self._hash_event)

    def on_tick(self, outcome: TickOutcome) -> None:
        """Note the hash of all events up to a cut."""
        super().on_tick(outcome)
        if outcome.tick in self.cuts:
            self.at[outcome.tick] = self.digests.running.hexdigest()

    def _hash_event(self, event: SSEEvent) -> None:
        self.digests.take(event["event"], json_text.encode(event["data"]))


def whole(strategy: StrategyGraph, data: MarketData, cuts: Collection[int]) -> dict[str, Any]:
    """Stream all data."""
    engine = Hashed(BacktestConfig(strategy=strategy, market_data=data), cuts)
    result = engine.run()
    return {
        "at": engine.at,
        "events": engine.digests.everything.hexdigest(),
        "completions": _completions(result.completions),
        "trades": _trades(result.trades),
        "exits": [[int(trade.exit_time.timestamp()), _trades([trade])] for trade in result.trades],
    }


def silent(strategy: StrategyGraph, data: MarketData) -> dict[str, Any]:
    """Run all data without streaming, and headless."""
    config = BacktestConfig(strategy=strategy, market_data=data)
    result = CentralizedBacktestEngine(config).run()
    headless = CentralizedBacktestEngine(config).run_headless()
    return {
        "completions": _completions(result.completions),
        "trades": _trades(result.trades),
        "headless_trades": _trades(headless.trades),
    }


def beginnings(strategy: StrategyGraph, data: MarketData, cuts: Iterable[int]) -> dict[str, Any]:
    """Run, for each cut, data that end there."""
    events, trades = {}, {}
    for cut in cuts:
        config = BacktestConfig(strategy=strategy, market_data=beginning(data, cut))
        engine, digests = CentralizedBacktestEngineWithSSE(config, "digests"), Digests()
        engine.register_encoded_callback(partial(_take, digests))
        engine.run()
        events[cut] = digests.running.hexdigest()
        headless = CentralizedBacktestEngine(config).run_headless()
        trades[cut] = [_trades([trade]) for trade in headless.trades]
    return {"at": events, "trades": trades}


def beginning(data: MarketData, cut: int) -> TickTable:
    """Return the first seconds of a day, as a file that ends there would be read."""
    (day,) = data.days()
    ticks = int(day.starts[cut])
    return TickTable(
        epoch_seconds=np.repeat(day.seconds[:cut], np.diff(day.starts[: cut + 1])),
        symbol_codes=day.codes[:ticks],
        symbol_names=day.symbols,
        ltp=day.ltp[:ticks],
        volume=day.volume[:ticks],
        oi=day.oi[:ticks],
        warmup_candles=data.warmup_candles,
    )


def _take(digests: Digests, event: EncodedEvent) -> None:
    digests.take(event.event, event.data_json)


def _trades(trades: Iterable[Trade]) -> str:
    return _hash([payloads.trade(trade) for trade in trades])


def _completions(completions: Iterable[NodeCompletion]) -> str:
    return _hash([payloads.node_event(completion) for completion in completions])


def _hash(value: object) -> str:
    return hashlib.sha256(json_text.encode(value)).hexdigest()


def main(arguments: list[str]) -> None:
    """Run and print."""
    folder, kind, *numbers = arguments
    data = load_market_data(Path(folder) / "ticks.parquet", Path(folder) / "warmup_candles_1m.csv")
    strategy = parse_strategy(json.loads((Path(folder) / "strategy.json").read_text(encoding="utf-8")))
    cuts = [int(number) for number in numbers]
    if kind == "silent":
        print(json.dumps(silent(strategy, data)))
    else:
        print(json.dumps(whole(strategy, data, cuts) if kind == "whole" else beginnings(strategy, data, cuts)))


if __name__ == "__main__":
    main(sys.argv[1:])
