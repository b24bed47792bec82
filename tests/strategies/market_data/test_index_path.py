"""A drawn index path keeps its way points, whatever the random numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.market_data.index_path import STEPS_PER_POINT, Volatility, WayPoint, index_path

WAY_POINTS = (WayPoint(0, 24_328.85), WayPoint(301, 24_300.0), WayPoint(777, 24_341.05), WayPoint(900, 24_320.0))
LOW, HIGH = WAY_POINTS[1], WAY_POINTS[2]


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 60.0))
def test_the_path_runs_through_its_way_points_and_reaches_low_and_high_once(seed: int, minute_bp: float) -> None:
    random = np.random.Generator(np.random.PCG64(seed))

    steps = index_path(random, WAY_POINTS, [Volatility(5, minute_bp), Volatility(16, minute_bp / 2)])

    assert steps.shape == (901,)
    assert [int(steps[point.second]) for point in WAY_POINTS] == [point.steps for point in WAY_POINTS]
    assert np.flatnonzero(steps <= LOW.steps).tolist() == [LOW.second]
    assert np.flatnonzero(steps >= HIGH.steps).tolist() == [HIGH.second]


def test_volatility_follows_the_time_of_the_session() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    # The outermost points lie far away, so that nothing is folded back.
    far = (WayPoint(0, 24_000.0), WayPoint(1, 20_000.0), WayPoint(2, 28_000.0), WayPoint(3, 24_000.0))
    end = 400 * 60

    steps = index_path(random, (*far, WayPoint(end, 24_000.0)), [Volatility(200, 10.0), Volatility(401, 3.0)])

    minutes = np.log(steps[60::60] / STEPS_PER_POINT) * 1e4
    deviations = [float(np.std(np.diff(part))) for part in (minutes[:200], minutes[200:])]
    assert deviations == pytest.approx([10.0, 3.0], rel=0.15)


def test_prices_become_steps_without_loss() -> None:
    prices = [24_328.85, 24_140.85, 24_484.5, 0.05]

    assert [WayPoint(0, price).steps / STEPS_PER_POINT for price in prices] == prices
