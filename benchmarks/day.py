"""
The market day that the stream's benchmarks tell: the reference day, or where its files are not there the sample day.

The reference day is looked for where REFERENCE_DAY points, else beside the project in ``shared/data``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.market_data.files import load_market_data
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text
from streaming.sse_event_emitter import SSEEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day and what runs on it."""

    #: For people.
    name: str
    config: BacktestConfig


def reference_folder() -> Path | None:
    """Return where the reference day's files are; None where they are not."""
    folder = Path(os.environ.get("REFERENCE_DAY") or ROOT.parent / "shared" / "data" / "nifty-2024-10-29")
    return folder if folder.is_dir() else None


def load() -> Day:
    """Read the day."""
    folder = reference_folder()
    if folder is None:
        config = BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=sample_day())
        return Day(name="the sample day (the reference day's files are not here)", config=config)
    strategy: dict[str, Any] = json.loads((folder / "strategy.json").read_text(encoding="utf-8"))
    data = load_market_data(folder / "ticks.parquet", folder / "warmup_candles_1m.csv")
    config = BacktestConfig(strategy=parse_strategy(strategy), market_data=data)
    return Day(name="the reference day, NIFTY 2024-10-29", config=config)


def write_events(day: Day, path: Path, *, limit: int | None = None) -> int:
    """
    Run the engine and write its first events to a file, all of them where there is no limit.

    Each is one line: its type, a tab, the JSON of its payload.

    Returns:
        How many there are.
    """
    lines: list[bytes] = []

    def note(event: SSEEvent) -> None:
        lines.append(b"%b\t%b\n" % (event["event"].encode(), json_text.encode(event["data"])))

    engine = CentralizedBacktestEngineWithSSE(config=day.config, session_id="benchmark")
    engine.register_sse_callback(note)
    engine.run(should_continue=lambda: limit is None or len(lines) < limit)
    # Where the run was stopped, its end belongs to it no more than what came above the limit.
    chosen = lines if limit is None else lines[:limit]
    path.write_bytes(b"".join(chosen))
    return len(chosen)
