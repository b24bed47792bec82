"""Option prices are Black-76."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from strategies.market_data.option_prices import black_76, normal_cdf, smile


def test_the_normal_distribution_function_agrees_with_the_standard_library() -> None:
    values = np.linspace(-8, 8, 321)

    expected = [NormalDist().cdf(value) for value in values.tolist()]
    assert normal_cdf(values).tolist() == pytest.approx(expected, abs=1e-15)


def test_a_published_price_is_met() -> None:
    """Hull, Options, Futures and Other Derivatives, Black's model: a put on a future, F = K = 20, costs 1.12."""
    price = black_76(
        forwards=np.array([20.0]),
        strikes=np.array([20.0]),
        years=np.array([4 / 12]),
        volatilities=np.array([0.25]),
        rate=0.09,
        is_call=np.array([False]),
    )

    assert round(float(price[0]), 2) == 1.12


def test_put_and_call_are_in_parity() -> None:
    strikes = np.arange(24_000.0, 24_701.0, 50.0)
    same = np.ones_like(strikes)
    forwards, years = 24_300.0 * same, same * 9 / 365
    volatilities = smile(forwards, strikes, years, 0.149 * same)

    call, put = (
        black_76(
            forwards=forwards, strikes=strikes, years=years, volatilities=volatilities, rate=0.065, is_call=same == side
        )
        for side in (1, 0)
    )

    expected = math.exp(-0.065 * 9 / 365) * (forwards - strikes)
    assert (call - put).tolist() == pytest.approx(expected.tolist(), abs=1e-9)
    assert (np.diff(call) < 0).all()
    assert (np.diff(put) > 0).all()


def test_the_smile_is_flat_at_the_money_dearer_outside_and_dearest_below() -> None:
    forwards = np.full(3, 24_300.0)

    below, at, above = smile(forwards, np.array([23_000.0, 24_300.0, 25_600.0]), np.full(3, 9 / 365), np.full(3, 0.15))

    assert at == 0.15
    assert below > above > at
