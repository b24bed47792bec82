"""The RSI: against TA-Lib, the definition of the book and its own laws."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.candles import Candle
from strategies.engine.indicators import INDICATORS, Rsi
from strategies.engine.strategy import IndicatorSpec
from tests.builders.market_data import at, minutes


def spec(length: int, price_field: str = "close") -> IndicatorSpec:
    return IndicatorSpec(
        key="rsi_1", name="rsi", display_name=f"rsi({length},{price_field})", length=length, price_field=price_field
    )


def rsi_of(closes: list[float], length: int) -> Rsi:
    rsi = Rsi(spec(length))
    for candle in minutes(*closes):
        rsi.add(candle)
    return rsi


def wilder(closes: list[float], length: int) -> list[float | None]:
    """Compute the RSI by the book: RSI = 100 - 100 / (1 + RS)."""
    changes = [after - before for before, after in pairwise(closes)]
    values: list[float | None] = [None] * min(length, len(closes))
    if len(changes) < length:
        return values
    gain = sum(change for change in changes[:length] if change > 0) / length
    loss = -sum(change for change in changes[:length] if change < 0) / length
    averages = [(gain, loss)]
    for change in changes[length:]:
        gain = (gain * (length - 1) + max(change, 0)) / length
        loss = (loss * (length - 1) + max(-change, 0)) / length
        averages.append((gain, loss))
    return values + [100.0 if loss == 0 else 100 - 100 / (1 + gain / loss) for gain, loss in averages]


@pytest.mark.parametrize("length", [2, 14, 50])
def test_the_rsi_equals_ta_libs_over_a_long_random_walk(length: int) -> None:
    closes = 24_000 + np.cumsum(np.random.default_rng(length).normal(0, 8, 1_000))

    ours = rsi_of(closes.tolist(), length).values

    expected = talib.RSI(closes, timeperiod=length)
    assert ours[:length] == [None] * length
    assert ours[length:] == pytest.approx(expected[length:].tolist(), rel=1e-9)


@given(
    steps=st.lists(st.sampled_from([-2.5, -1.0, 0.05, 1.0, 3.0]), min_size=1, max_size=80),
    length=st.integers(2, 20),
)
def test_the_rsi_equals_the_books_definition(steps: list[float], length: int) -> None:
    closes = [1_000.0]
    for step in steps:
        closes.append(closes[-1] + step)

    assert rsi_of(closes, length).values == pytest.approx(wilder(closes, length), abs=1e-6)


def test_the_rsi_has_its_first_value_after_as_many_changes_as_its_length() -> None:
    rsi = rsi_of([100.0, 101.0, 100.5, 102.0], length=3)

    assert rsi.values[:3] == [None, None, None]
    assert rsi.values[3] == pytest.approx(100 * 2.5 / 3.0)


def test_the_rsi_of_prices_that_do_not_move_is_fifty() -> None:
    assert rsi_of([100.0] * 5, length=3).values == [None, None, None, 50.0, 50.0]


def test_the_rsi_is_a_hundred_when_prices_only_rise_and_zero_when_they_only_fall() -> None:
    rising, falling = rsi_of([1.0, 2.0, 3.0], length=2), rsi_of([3.0, 2.0, 1.0], length=2)

    assert (rising.values[-1], falling.values[-1]) == (100.0, 0.0)


@pytest.mark.parametrize("price_field", ["open", "high", "low", "close"])
def test_the_rsi_reads_the_price_that_it_is_told_to_read(price_field: str) -> None:
    base = Candle(at("09:15:00"), 10.0, 10.0, 10.0, 10.0)
    rsi = Rsi(spec(2, price_field))

    for index in range(3):
        rsi.add(replace(base, **{price_field: 10.0 + index}))  # type: ignore[arg-type]  # one of the price fields

    assert rsi.values == [None, None, 100.0]


@given(
    closes=st.lists(st.floats(min_value=1, max_value=1e6, allow_nan=False), min_size=1, max_size=40),
    length=st.integers(2, 10),
)
def test_a_preview_equals_the_value_after_adding_and_changes_nothing(closes: list[float], length: int) -> None:
    rsi, previews = Rsi(spec(length)), []

    for candle in minutes(*closes):
        previews.append(rsi.preview(candle))
        assert rsi.preview(candle) == previews[-1]
        rsi.add(candle)

    assert previews == rsi.values
    assert all(value is None or (math.isfinite(value) and 0 <= value <= 100 + 1e-9) for value in rsi.values)


def test_the_table_of_indicators_makes_an_rsi() -> None:
    assert isinstance(INDICATORS["rsi"](spec(14)), Rsi)
