"""
A second-by-second index path through given points.

Three sources of movement, added up, because an index has all three:

- a random walk from minute to minute, straight within a minute, which carries most of a minute's volatility;
- a random walk from second to second;
- a bounce: noise around the path that is gone a second later. It makes neighbouring returns fall back on each other
  (lag-1 autocorrelation about −0.3), as an index does whose members trade at bid and ask in turn.

The sum is bent to run exactly through the way points (a Brownian bridge between each two of them) and folded back at
the lowest and the highest way point, so that these are the session's low and high, each reached once.

Prices are counted in steps of 0.05. Every random number comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import typing as npt

STEPS_PER_POINT = 20
"""The exchange's price grid is 0.05."""

_WALK_BP_PER_SECOND = 0.19
"""Standard deviation of the second-to-second walk, basis points."""

_BOUNCE_BP = 0.195
"""
Standard deviation of the bounce, basis points.

Differences of white noise of deviation a have variance 2a² and lag-1 covariance −a². With a walk of deviation w on top,
autocorrelation is −a² / (2a² + w²): −0.34 for these two, of which the walk from minute to minute takes a little away;
a second's deviation is 0.34 basis points.
"""

_BP = 1e-4
_SECONDS_PER_MINUTE = 60

StepColumn = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WayPoint:
    """A price that the path has at a second."""

    #: Seconds since the session's open.
    second: int
    #: Index points, on the 0.05 grid.
    price: float

    @property
    def steps(self) -> int:
        """The price in steps of 0.05."""
        return round(self.price * STEPS_PER_POINT)


@dataclass(frozen=True, slots=True)
class Volatility:
    """How much the index moves in a minute, up to a time of the session."""

    #: Minutes since the open; not included.
    until_minute: int
    #: Standard deviation of a minute's return, basis points.
    minute_bp: float


def index_path(
    random: np.random.Generator, way_points: Sequence[WayPoint], volatilities: Sequence[Volatility]
) -> StepColumn:
    """
    Draw a path.

    Args:
        random: Source of every random number.
        way_points: Ascending by second, the first at second 0, the last at the session's last second. The lowest and
            the highest price occur once.
        volatilities: Ascending; the last one reaches to the end.

    Returns:
        Price of each second in steps of 0.05. Shape (last second + 1,).
    """
    last_second = way_points[-1].second
    seconds = np.arange(last_second + 1, dtype=np.float64)
    at = np.array([point.second for point in way_points], dtype=np.int64)
    prices = np.array([point.price for point in way_points], dtype=np.float64)
    noise = prices[0] * _BP * _walk_bp(random, last_second, volatilities)
    bridge = noise - np.interp(seconds, at, noise[at])
    bounce = prices[0] * _BP * _BOUNCE_BP * random.standard_normal(last_second + 1)
    path = np.interp(seconds, at, prices) + bridge + bounce
    steps = _folded(path, low=float(prices.min()), high=float(prices.max()))
    steps[at] = [point.steps for point in way_points]
    return steps


def _walk_bp(random: np.random.Generator, last_second: int, volatilities: Sequence[Volatility]) -> _Floats:
    """Return both walks added up, basis points from the start."""
    minutes = last_second // _SECONDS_PER_MINUTE + 1
    by_minute = np.empty(minutes, dtype=np.float64)
    begin = 0
    for volatility in volatilities:
        by_minute[begin : volatility.until_minute] = volatility.minute_bp
        begin = volatility.until_minute
    from_seconds = _WALK_BP_PER_SECOND**2 * _SECONDS_PER_MINUTE
    deviations = np.sqrt(np.maximum(by_minute**2 - from_seconds, 0.0))
    knots = np.concatenate(([0.0], np.cumsum(deviations * random.standard_normal(minutes))))
    seconds = np.arange(last_second + 1, dtype=np.float64)
    slow = np.interp(seconds, np.arange(minutes + 1, dtype=np.float64) * _SECONDS_PER_MINUTE, knots)
    fast = np.cumsum(_WALK_BP_PER_SECOND * random.standard_normal(last_second + 1))
    return np.asarray(slow + fast, dtype=np.float64)


def _folded(path: _Floats, *, low: float, high: float) -> StepColumn:
    """Fold the path back at low and high, round it to steps, and stay one step inside."""
    path = low + np.abs(path - low)
    path = high - np.abs(high - path)
    steps = np.rint(path * STEPS_PER_POINT).astype(np.int64)
    lowest, highest = round(low * STEPS_PER_POINT), round(high * STEPS_PER_POINT)
    return np.clip(steps, lowest + 1, highest - 1)
