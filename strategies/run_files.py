"""
What a command runs: strategy, market data, days and fills, as its command line names them.

Needs no database. Without a name, strategy and market data are the samples.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from strategies import samples, strategy_documents
from strategies.engine import fills
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import EngineError
from strategies.engine.fills import FillPolicy, FillPolicyInvalid
from strategies.engine.graph import StrategyGraph, parse_strategy
from strategies.engine.ticks import MarketData
from strategies.market_data import simulator, skipped_days
from strategies.market_data.calendar import MissingDay
from strategies.market_data.files import load_market_data

FILL_POLICIES: Final[Mapping[str, FillPolicy]] = {
    "this_tick": FillPolicy(),
    "next_tick": FillPolicy(timing="next_tick"),
    "bid_ask": FillPolicy(price="bid_ask"),
    "bid_ask_next_tick": FillPolicy(price="bid_ask", timing="next_tick"),
}
"""What ``--fills`` knows by name; anything else is said as JSON."""


class RunFilesInvalid(EngineError):
    """The options of a command do not fit together; the message names them."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options that ``read_config`` reads."""
    parser.add_argument(
        "--strategy", type=Path, metavar="FILE", help="strategy, .json, .yaml or .yml (default: the sample)"
    )
    parser.add_argument(
        "--ticks",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="raw ticks, .parquet, .csv or .csv.gz: one file, several that follow one another, or a folder of them "
        "(default: the sample day)",
    )
    parser.add_argument("--warmup", type=Path, metavar="FILE", help="one-minute candles from before the ticks")
    parser.add_argument("--date", type=_date, metavar="YYYY-MM-DD", help="the one day to run (default: all there are)")
    parser.add_argument("--start", type=_date, metavar="YYYY-MM-DD", help="the first day to run")
    parser.add_argument("--end", type=_date, metavar="YYYY-MM-DD", help="the last day to run, included")
    parser.add_argument(
        "--fills",
        type=_fills,
        default=FillPolicy(),
        metavar="NAME|JSON",
        help=f"how orders fill: {', '.join(FILL_POLICIES)}, or JSON such as "
        '{"timing": "next_tick", "slippage_points": 0.5} (default: this_tick)',
    )


def read_config(options: Mapping[str, Any]) -> BacktestConfig:
    """
    Read the files that the options name, and check everything.

    Raises:
        EngineError: With what is wrong: with an option, with the strategy or with the market data.
    """
    start, end = _days(options)
    strategy = _load_strategy(options["strategy"])
    market_data = _load_market_data(options, start, end)
    return BacktestConfig(
        strategy=strategy, market_data=market_data, start_date=start, end_date=end, fills=options["fills"]
    )


def skipped_days_of(config: BacktestConfig) -> tuple[MissingDay, ...]:
    """Say which days of a run its data do not have."""
    return skipped_days.skipped_days(config.market_data, start=config.start_date, end=config.end_date)


def ticks_name(options: Mapping[str, Any]) -> str:
    """Say in words where the ticks come from."""
    paths = _paths(options)
    if not paths:
        return "The sample day"
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date; write it as 2024-10-29.") from error


def _fills(text: str) -> FillPolicy:
    if text in FILL_POLICIES:
        return FILL_POLICIES[text]
    try:
        document = json.loads(text)
    except ValueError as error:
        names = ", ".join(FILL_POLICIES)
        raise ArgumentTypeError(f"{text!r} is neither JSON nor one of {names}.") from error
    if not isinstance(document, dict):
        raise ArgumentTypeError(f"{text!r} is no JSON object such as {json.dumps(FillPolicy().as_document())}.")
    try:
        return fills.read_policy(document)
    except FillPolicyInvalid as error:
        raise ArgumentTypeError(f"{error}.") from error


def _days(options: Mapping[str, Any]) -> tuple[date | None, date | None]:
    day, start, end = options["date"], options["start"], options["end"]
    if day is not None:
        if start is not None or end is not None:
            raise RunFilesInvalid("--date is short for one day; leave it out where you give --start or --end.")
        return day, day
    if start is not None and end is not None and start > end:
        raise RunFilesInvalid(f"--start {start} lies after --end {end}; swap the dates.")
    return start, end


def _paths(options: Mapping[str, Any]) -> Sequence[Path]:
    ticks = options["ticks"]
    # Whoever calls the command from Python may give one path.
    return [ticks] if isinstance(ticks, Path) else ticks or []


def _load_strategy(path: Path | None) -> StrategyGraph:
    if path is None:
        return parse_strategy(samples.sample_strategy())
    return strategy_documents.load_strategy_graph(path)


def _load_market_data(options: Mapping[str, Any], start: date | None, end: date | None) -> MarketData:
    paths = _paths(options)
    if paths:
        if len(paths) > 1 and (folder := next((path for path in paths if path.is_dir()), None)):
            raise RunFilesInvalid(f"--ticks {folder} is a folder; give one folder alone, or files.")
        return load_market_data(paths[0] if len(paths) == 1 else paths, options["warmup"], start=start, end=end)
    if options["warmup"] is not None:
        raise RunFilesInvalid("--warmup belongs to --ticks; the sample day has its own.")
    sample = simulator.sample_day()
    day = sample.first_date
    if (start is not None and start > day) or (end is not None and end < day):
        asked = start if start is not None and start > day else end
        raise RunFilesInvalid(f"The sample day is {day}, not {asked}; name files with --ticks for another day.")
    return sample
