"""Warm-up candles: the one-minute candles from before the day, so that indicators start warm."""

from __future__ import annotations

from pathlib import Path

from strategies.engine.candles import Candle
from strategies.market_data import cells, columns, exchange_time

_PRICES = ("open", "high", "low", "close")
_REQUIRED = ("timestamp", *_PRICES)
_OPTIONAL = ("volume",)
_MICROSECONDS_PER_MINUTE = 60 * exchange_time.MICROSECONDS


def load_warmup_candles(path: Path, *, first_epoch_second: int) -> tuple[Candle, ...]:
    """
    Read one-minute candles of the underlying, oldest first.

    Args:
        path: CSV or Parquet file with the columns timestamp (start of the minute), open, high, low, close and,
            if known, volume.
        first_epoch_second: Second of the first tick since 1970 (UTC); every candle starts in an earlier minute.

    Raises:
        MarketDataFileInvalid: At the first fault.
    """
    file = columns.open_columns(path, required=_REQUIRED, optional=_OPTIONAL)
    starts = file.integers("timestamp", cells.read_moment).tolist()
    prices = [file.floats(name, cells.read_price).tolist() for name in _PRICES]
    volumes = file.integers("volume", cells.read_count).tolist() if file.has("volume") else [0] * len(starts)
    first_minute = first_epoch_second * exchange_time.MICROSECONDS // _MICROSECONDS_PER_MINUTE
    candles: list[Candle] = []
    for row, (start, volume) in enumerate(zip(starts, volumes, strict=True)):
        _check_start(file, row, start, previous=starts[row - 1] if row else None, first_minute=first_minute)
        at = exchange_time.exchange_datetime(start // exchange_time.MICROSECONDS)
        open_, high, low, close = (column[row] for column in prices)
        candle = Candle(at, open_, high, low, close, volume)
        _check_prices(file, row, candle)
        candles.append(candle)
    return tuple(candles)


def _check_start(file: columns.ColumnFile, row: int, start: int, *, previous: int | None, first_minute: int) -> None:
    if start % _MICROSECONDS_PER_MINUTE:
        raise file.invalid(row, "the candle does not start at a whole minute", "use one-minute candles")
    if previous is not None and start <= previous:
        raise file.invalid(row, "the candle is not later than the one before", "sort by time, one candle a minute")
    if start // _MICROSECONDS_PER_MINUTE >= first_minute:
        remedy = "use candles from before the first tick only"
        raise file.invalid(row, "the candle is not from before the first tick", remedy)


def _check_prices(file: columns.ColumnFile, row: int, candle: Candle) -> None:
    if candle.high < candle.low:
        fault = f"high {candle.high:g} is below low {candle.low:g}"
    elif candle.high < max(candle.open, candle.close):
        fault = f"high {candle.high:g} is below open or close"
    elif candle.low > min(candle.open, candle.close):
        fault = f"low {candle.low:g} is above open or close"
    else:
        return
    raise file.invalid(row, fault, "correct the candle or leave it out")
