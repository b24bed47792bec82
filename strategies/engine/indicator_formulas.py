"""Indicators that TA-Lib lacks, computes with drift, or hands out in another order than people expect."""

from __future__ import annotations

import numpy as np
import talib
from numpy import typing as npt
from talib._ta_lib import MA_Type

from strategies.engine.candles import EXCHANGE_OFFSET_SECONDS

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]

PRICE_SCALE = 10_000
"""Prices have at most four decimals in the data this engine is made for; scaled by this they are whole numbers."""


def simple_mean(prices: FloatColumn, length: int) -> FloatColumn:
    """
    Average the last ``length`` prices.

    TA-Lib keeps a running sum of floats, whose error grows along the column until two equal means differ in the last
    digit and a crossing appears where there is none. Here the sum is one of whole numbers, so that equal means are
    equal.

    Args:
        prices: Shape (n,).
        length: Number of prices, >= 1.

    Returns:
        Shape (n,); NaN for the first ``length - 1``.
    """
    means = np.full(len(prices), np.nan)
    if len(prices) < length:
        return means
    scaled = prices * PRICE_SCALE
    whole = np.rint(scaled)
    if not np.all(np.abs(scaled - whole) < 1e-3) or float(np.abs(whole).sum()) > 2**53:
        return np.asarray(talib.SMA(prices, length) if length > 1 else prices.copy())
    sums = np.concatenate(([0], np.cumsum(whole.astype(np.int64))))
    means[length - 1 :] = (sums[length:] - sums[:-length]) / float(PRICE_SCALE * length)
    return means


def relative_strength(prices: FloatColumn, length: int) -> FloatColumn:
    """
    Relative strength index with Wilder's smoothing over all history; 50 where nothing has moved.

    TA-Lib says 0 for a price that never moved, which reads as "oversold".

    Source:
        J. Welles Wilder Jr., New Concepts in Technical Trading Systems (1978), section VI.
    """
    values = np.asarray(talib.RSI(prices, length))
    moved = np.concatenate(([False], np.logical_or.accumulate(np.diff(prices) != 0)))
    values[~moved & ~np.isnan(values)] = 50.0
    return values


def bollinger_bands(
    prices: FloatColumn, length: int, deviations: float
) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Return the middle (simple mean), upper and lower band, ``deviations`` population deviations away."""
    upper, middle, lower = talib.BBANDS(prices, length, deviations, deviations, MA_Type.SMA)
    return middle, upper, lower


def directional_movement(
    high: FloatColumn, low: FloatColumn, close: FloatColumn, length: int
) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Return the average directional index and the two directional indicators."""
    return (
        talib.ADX(high, low, close, length),
        talib.PLUS_DI(high, low, close, length),
        talib.MINUS_DI(high, low, close, length),
    )


def stochastic(
    high: FloatColumn, low: FloatColumn, close: FloatColumn, k: int, smooth: int, d: int
) -> tuple[FloatColumn, FloatColumn]:
    """Return the slowed %K and its mean %D, both by simple means."""
    slow_k, slow_d = talib.STOCH(high, low, close, k, smooth, MA_Type.SMA, d, MA_Type.SMA)
    return slow_k, slow_d


def aroon(high: FloatColumn, low: FloatColumn, length: int) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Return Aroon up, down and their difference."""
    down, up = talib.AROON(high, low, length)
    return up, down, up - down


def donchian(high: FloatColumn, low: FloatColumn, length: int) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Return the middle, the highest high and the lowest low of the last ``length`` candles."""
    upper, lower = talib.MAX(high, length), talib.MIN(low, length)
    return (upper + lower) / 2, upper, lower


def supertrend(
    high: FloatColumn, low: FloatColumn, close: FloatColumn, length: int, multiplier: float
) -> tuple[FloatColumn, FloatColumn]:
    """
    Return the Supertrend line and its direction (1 up: the line is below the price; -1 down).

    Bands stand ``multiplier`` average true ranges from the middle of high and low; the upper band only falls and the
    lower only rises until a close crosses it.

    Source:
        Olivier Seban's Supertrend, as charting platforms draw it; ATR by Wilder's smoothing.
    """
    ranges = talib.ATR(high, low, close, length)
    middle = (high + low) / 2
    line = np.full(len(close), np.nan)
    direction = np.full(len(close), np.nan)
    upper = lower = np.nan
    is_up = True
    previous_close = np.nan
    rows = zip(
        (middle + multiplier * ranges).tolist(), (middle - multiplier * ranges).tolist(), close.tolist(), strict=True
    )
    for place, (above, below, price) in enumerate(rows):
        if above != above:  # NaN: the range is not known yet
            previous_close = price
            continue
        upper = above if upper != upper or above < upper or previous_close > upper else upper
        lower = below if lower != lower or below > lower or previous_close < lower else lower
        is_up = price >= lower if is_up else price > upper
        line[place] = lower if is_up else upper
        direction[place] = 1.0 if is_up else -1.0
        previous_close = price
    return line, direction


def day_vwap(
    start: IntColumn, high: FloatColumn, low: FloatColumn, close: FloatColumn, volume: FloatColumn
) -> FloatColumn:
    """Return the volume-weighted mean of (high + low + close) / 3 since the day began; NaN before any volume."""
    day = (start + EXCHANGE_OFFSET_SECONDS) // 86_400
    is_first = np.concatenate(([True], day[1:] != day[:-1]))
    money = np.cumsum((high + low + close) / 3 * volume)
    traded = np.cumsum(volume)
    group = np.cumsum(is_first) - 1
    first = np.flatnonzero(is_first)
    money_before = np.concatenate(([0.0], money[first[1:] - 1]))[group]
    traded_before = np.concatenate(([0.0], traded[first[1:] - 1]))[group]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (money - money_before) / (traded - traded_before)
    values[traded - traded_before <= 0] = np.nan
    return np.asarray(values)
