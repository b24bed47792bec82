"""
Option prices: Black-76 with a smile.

    call = e^(−rT) · (F · N(d1) − K · N(d2))        d1 = (ln(F/K) + σ²T/2) / (σ√T)
    put  = call − e^(−rT) · (F − K)                 d2 = d1 − σ√T

The put comes from the call, so put-call parity holds exactly until prices are rounded. Volatility depends on how far
the strike lies from the forward, counted in standard deviations x: σ = σ_atm · (1 − 0.02·x + 0.015·x²), which is a
little dearer on both sides and more so below, as index options are.

Source: F. Black, The pricing of commodity contracts, Journal of Financial Economics 3 (1976), equations 16 and 17.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import typing as npt

_SKEW = -0.02
_CURVATURE = 0.015
_FARTHEST = 3.0
"""Standard deviations from the forward beyond which the smile is flat."""

Floats = npt.NDArray[np.float64]


def smile(forwards: Floats, strikes: Floats, years: Floats, at_the_money: Floats) -> Floats:
    """
    Return the volatility of each strike.

    Args:
        forwards: Forward of the underlying, points, > 0. Shape (n,), as all of them.
        strikes: Points, > 0.
        years: ACT/365 years to expiry, > 0.
        at_the_money: Volatility of a strike at the forward, per year; 0.15 means 15 %.
    """
    x = np.log(strikes / forwards) / (at_the_money * np.sqrt(years))
    x = np.clip(x, -_FARTHEST, _FARTHEST)
    return np.asarray(at_the_money * (1.0 + _SKEW * x + _CURVATURE * x * x), dtype=np.float64)


def black_76(
    *,
    forwards: Floats,
    strikes: Floats,
    years: Floats,
    volatilities: Floats,
    rate: float,
    is_call: npt.NDArray[np.bool_],
) -> Floats:
    """
    Price European options on a forward.

    Args:
        forwards: Points, > 0. Shape (n,), as all arrays.
        strikes: Points, > 0.
        years: ACT/365 years to expiry, > 0.
        volatilities: Per year, > 0.
        rate: Continuously compounded, per year; 0.065 means 6.5 %.
        is_call: True for a call, False for a put.

    Returns:
        Price in points per unit, >= 0 up to rounding.
    """
    deviations = volatilities * np.sqrt(years)
    d1 = np.log(forwards / strikes) / deviations + deviations / 2.0
    discount = np.exp(-rate * years)
    calls = discount * (forwards * normal_cdf(d1) - strikes * normal_cdf(d1 - deviations))
    return np.asarray(np.where(is_call, calls, calls - discount * (forwards - strikes)), dtype=np.float64)


def normal_cdf(values: Floats) -> Floats:
    """Return the standard normal distribution function, exact to the last digits (numpy has no erf; C's is used)."""
    scaled = (values * math.sqrt(0.5)).tolist()
    return 0.5 + 0.5 * np.fromiter(map(math.erf, scaled), dtype=np.float64, count=len(scaled))
