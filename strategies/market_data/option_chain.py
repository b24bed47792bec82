"""
The ticks of a session: the index in every second, and the option chain in some.

A contract trades in about every other second near the money and less often away from it; in the first second all of
them have a price. Prices are Black-76 at that second's index, plus the bounce between bid and ask, on the 0.05 grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy import typing as npt

from strategies.engine.symbols import Right, option_symbol
from strategies.market_data import option_prices
from strategies.market_data.index_path import STEPS_PER_POINT, StepColumn

_LOT = 25
_RIGHTS: tuple[Right, ...] = ("CE", "PE")
_RATE_PER_YEAR = 0.065
_SECONDS_PER_YEAR = 365 * 86_400

_NEAR_POINTS = 200.0
"""Strikes within this distance of the chain's middle trade about every other second, those beyond half as often."""

_NEAR_CHANCE = 0.45
_FAR_CHANCE = 0.25

_BOUNCE = 0.0008
"""Standard deviation of the bounce between bid and ask, as a part of the price."""

_VOLATILITY_PER_MOVE = -3.0
"""Volatility rises as the index falls: by 3 % of itself for 1 % of the index."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Expiry:
    """One expiry of the chain."""

    day: date
    #: Second of expiry since 1970 (UTC).
    epoch_second: int
    #: Forward less index, points.
    basis: float
    #: At-the-money volatility per year at the open; 0.15 means 15 %.
    volatility: float


@dataclass(frozen=True, slots=True)
class ChainTicks:
    """Ticks of index and options in order of time, as columns of equal length."""

    symbol_names: tuple[str, ...]
    #: Which second each tick belongs to: an index into the seconds that were given.
    second_index: Ints
    symbol_codes: Ints
    ltp: Floats
    volume: Ints
    oi: Ints


@dataclass(frozen=True, slots=True)
class _Contracts:
    """The chain's contracts as columns, one entry per contract."""

    symbols: tuple[str, ...]
    expiry: Ints
    strike: Floats
    is_call: Bools


def chain_ticks(
    random: np.random.Generator,
    *,
    underlying: str,
    index_steps: StepColumn,
    epoch_seconds: Ints,
    expiries: Sequence[Expiry],
    strikes: Sequence[int],
) -> ChainTicks:
    """
    Draw the ticks of a session.

    Args:
        random: Source of every random number.
        underlying: Name of the index.
        index_steps: Index of each second in steps of 0.05. Shape (n,).
        epoch_seconds: These seconds since 1970 (UTC), ascending, all before the first expiry. Shape (n,).
        expiries: Expiries of the chain.
        strikes: Strikes of every expiry, points.
    """
    contracts = _contracts(underlying, expiries, strikes)
    has_tick = _who_trades(random, len(index_steps), contracts)
    second_index, symbol_codes = np.nonzero(has_tick)
    is_option = symbol_codes > 0
    steps = index_steps[second_index]
    steps[is_option] = _option_steps(
        random,
        points=steps[is_option] / STEPS_PER_POINT,
        open_points=float(index_steps[0] / STEPS_PER_POINT),
        moments=epoch_seconds[second_index[is_option]],
        contracts=contracts,
        contract=symbol_codes[is_option] - 1,
        expiries=expiries,
    )
    volume = np.where(is_option, _LOT * _lots_traded(random, len(steps)), 0)
    oi = np.where(is_option, _LOT * _lots_open(random, has_tick.shape)[second_index, symbol_codes], 0)
    return ChainTicks(
        symbol_names=(underlying, *contracts.symbols),
        second_index=second_index,
        symbol_codes=symbol_codes,
        ltp=steps / STEPS_PER_POINT,
        volume=volume,
        oi=oi,
    )


def _contracts(underlying: str, expiries: Sequence[Expiry], strikes: Sequence[int]) -> _Contracts:
    symbols = tuple(
        option_symbol(underlying, expiry.day, strike, right)
        for expiry in expiries
        for strike in strikes
        for right in _RIGHTS
    )
    return _Contracts(
        symbols=symbols,
        expiry=np.repeat(np.arange(len(expiries)), len(strikes) * len(_RIGHTS)),
        strike=np.tile(np.repeat(np.array(strikes, dtype=np.float64), len(_RIGHTS)), len(expiries)),
        is_call=np.tile(np.array([right == "CE" for right in _RIGHTS]), len(expiries) * len(strikes)),
    )


def _who_trades(random: np.random.Generator, seconds: int, contracts: _Contracts) -> Bools:
    """Return which symbol ticks in which second; column 0 is the index, which always does."""
    middle = (contracts.strike.min() + contracts.strike.max()) / 2
    chance = np.where(np.abs(contracts.strike - middle) <= _NEAR_POINTS, _NEAR_CHANCE, _FAR_CHANCE)
    has_tick = np.ones((seconds, len(chance) + 1), dtype=np.bool_)
    has_tick[1:, 1:] = random.random((seconds - 1, len(chance))) < chance
    return has_tick


def _option_steps(
    random: np.random.Generator,
    *,
    points: Floats,
    open_points: float,
    moments: Ints,
    contracts: _Contracts,
    contract: Ints,
    expiries: Sequence[Expiry],
) -> Ints:
    """
    Price each option tick, in steps of 0.05, one step at least.

    Args:
        random: Source of the bounce.
        points: Index at each tick.
        open_points: Index at the open.
        moments: Second of each tick since 1970 (UTC).
        contracts: The chain.
        contract: Which contract each tick belongs to.
        expiries: Expiries of the chain.
    """
    expiry = contracts.expiry[contract]
    years = (np.array([each.epoch_second for each in expiries])[expiry] - moments) / _SECONDS_PER_YEAR
    at_the_money = np.array([each.volatility for each in expiries])[expiry]
    at_the_money = at_the_money * (1.0 + _VOLATILITY_PER_MOVE * (points / open_points - 1.0))
    forwards = points + np.array([each.basis for each in expiries])[expiry]
    strikes = contracts.strike[contract]
    prices = option_prices.black_76(
        forwards=forwards,
        strikes=strikes,
        years=years,
        volatilities=option_prices.smile(forwards, strikes, years, at_the_money),
        rate=_RATE_PER_YEAR,
        is_call=contracts.is_call[contract],
    )
    prices = prices * (1.0 + _BOUNCE * random.standard_normal(len(prices)))
    return np.maximum(np.rint(prices * STEPS_PER_POINT).astype(np.int64), 1)


def _lots_traded(random: np.random.Generator, ticks: int) -> Ints:
    """Return the lots of each tick: mostly few, sometimes up to forty."""
    first, second = random.integers(0, 40, (2, ticks))
    return np.asarray(1 + first * second // 40, dtype=np.int64)


def _lots_open(random: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    """Return the open interest in lots of every second and symbol: a level that wanders."""
    seconds, symbols = shape
    level = random.integers(2_000, 9_000, symbols)
    wander = np.cumsum(random.integers(-2, 4, (seconds, symbols)), axis=0) // 4
    return np.asarray(np.maximum(level + wander, 1), dtype=np.int64)
