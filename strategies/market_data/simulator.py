"""
The sample day: a made-up NIFTY session with the shape of 2024-10-29, made by a seeded simulator.

It ships as code, so that a first run needs no download. The way points are public facts of the day: open 24,328.85, low
24,140.85 at 10:47, high 24,484.50 at 15:08, last 24,454.00. What lies between them is random (index_path.py), and so
are the options (option_chain.py). The warm-up candles come from the same simulator, through way points of the two
sessions before.

The same seed gives the same day on every machine: NumPy's PCG64 defines the random numbers, and every price is rounded
to the 0.05 grid, which swallows the last digit in which mathematical libraries differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np
from numpy import typing as npt

from strategies.engine.candles import Candle
from strategies.market_data import exchange_time
from strategies.market_data.index_path import STEPS_PER_POINT, StepColumn, Volatility, WayPoint, index_path
from strategies.market_data.option_chain import Expiry, chain_ticks
from strategies.market_data.tick_table import TickTable

SAMPLE_SEED = 309
UNDERLYING = "NIFTY"

_SECONDS_WITHOUT_TICK = 150
_SECONDS_PER_MINUTE = 60
_STRIKES = range(24_000, 24_701, 50)
_EXPIRY_TIME = time(15, 30)


@dataclass(frozen=True, slots=True)
class _Session:
    """What is known of one session."""

    day: date
    #: Index at times of the day; the first is the open, the last the end.
    prices: Mapping[time, float]
    volatilities: Sequence[Volatility]


_DAY = _Session(
    date(2024, 10, 29),
    {
        time(9, 15): 24328.85,
        time(9, 30): 24258.90,
        time(10, 0): 24203.70,
        time(10, 47, 23): 24140.85,
        time(10, 48): 24149.35,
        time(11, 42): 24228.10,
        time(12, 0): 24237.40,
        time(13, 0): 24329.50,
        time(14, 0): 24329.50,
        time(14, 30): 24412.60,
        time(15, 0): 24464.85,
        time(15, 8, 20): 24484.50,
        time(15, 30): 24454.00,
    },
    (Volatility(30, 6.0), Volatility(120, 3.6), Volatility(376, 2.9)),
)

_SESSIONS_BEFORE = (
    _Session(
        date(2024, 10, 25),
        {
            time(13, 25): 24104.40,
            time(14, 23, 30): 24073.90,
            time(15, 25, 20): 24225.55,
            time(15, 29, 59): 24211.80,
        },
        (Volatility(125, 2.6),),
    ),
    _Session(
        date(2024, 10, 28),
        {
            time(9, 15): 24262.15,
            time(9, 45, 20): 24134.90,
            time(12, 34, 10): 24492.60,
            time(15, 29, 59): 24367.70,
        },
        (Volatility(30, 6.2), Volatility(120, 3.6), Volatility(375, 2.9)),
    ),
)


def sample_day(seed: int = SAMPLE_SEED) -> TickTable:
    """
    Make the sample day.

    Args:
        seed: Another seed makes another day through the same way points.

    Returns:
        22,351 seconds from 09:15:00 to 15:30:00 of 2024-10-29, the index in each of them and 60 option contracts in
        about every other, with 500 warm-up candles.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    warmup_candles = [candle for session in _SESSIONS_BEFORE for candle in _minute_candles(random, session)]
    steps = _path(random, _DAY)
    seconds = _seconds_with_ticks(random, _DAY)
    epoch_seconds = seconds + _epoch_second(_DAY.day, time(9, 15))
    ticks = chain_ticks(
        random,
        underlying=UNDERLYING,
        index_steps=steps[seconds],
        epoch_seconds=epoch_seconds,
        expiries=(
            _expiry(date(2024, 10, 31), basis=25.0, volatility=0.154),
            _expiry(date(2024, 11, 7), basis=64.0, volatility=0.149),
        ),
        strikes=_STRIKES,
    )
    return TickTable(
        epoch_seconds=epoch_seconds[ticks.second_index],
        symbol_codes=ticks.symbol_codes,
        symbol_names=ticks.symbol_names,
        ltp=ticks.ltp,
        volume=ticks.volume,
        oi=ticks.oi,
        warmup_candles=warmup_candles,
    )


def _path(random: np.random.Generator, session: _Session) -> StepColumn:
    return index_path(random, _way_points(session), session.volatilities)


def _way_points(session: _Session) -> list[WayPoint]:
    session_open = _epoch_second(session.day, next(iter(session.prices)))
    return [WayPoint(_epoch_second(session.day, at) - session_open, price) for at, price in session.prices.items()]


def _minute_candles(random: np.random.Generator, session: _Session) -> list[Candle]:
    """Make a session's one-minute candles; they have no volume, as an index has none."""
    by_minute = (_path(random, session) / STEPS_PER_POINT).reshape(-1, _SECONDS_PER_MINUTE)
    begin = _epoch_second(session.day, next(iter(session.prices)))
    return [
        Candle(
            start=exchange_time.exchange_datetime(begin + minute * _SECONDS_PER_MINUTE),
            open=float(prices[0]),
            high=float(prices.max()),
            low=float(prices.min()),
            close=float(prices[-1]),
        )
        for minute, prices in enumerate(by_minute)
    ]


def _seconds_with_ticks(random: np.random.Generator, session: _Session) -> npt.NDArray[np.int64]:
    """Return the seconds since the open, without the few in which a feed says nothing; way points are kept."""
    points = [point.second for point in _way_points(session)]
    others = np.setdiff1d(np.arange(points[-1]), points)
    silent = random.permutation(others)[:_SECONDS_WITHOUT_TICK]
    return np.setdiff1d(np.arange(points[-1] + 1), silent)


def _expiry(day: date, *, basis: float, volatility: float) -> Expiry:
    return Expiry(day, _epoch_second(day, _EXPIRY_TIME), basis, volatility)


def _epoch_second(day: date, at: time) -> int:
    return exchange_time.epoch_second(datetime.combine(day, at, exchange_time.EXCHANGE_ZONE))
