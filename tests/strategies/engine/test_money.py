"""Money: from prices, which are floats, and to text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import money
from strategies.engine.ticks import HIGHEST_PRICE


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (181.6, "181.60"),
        (181.0, "181.00"),
        (0.05, "0.05"),
        (84.2525, "84.2525"),
        (1e-7, "1E-7"),
        (1e15, "1" + "0" * 15 + ".00"),
    ],
)
def test_a_price_becomes_money_exactly_as_it_is_written(price: float, text: str) -> None:
    assert str(money.to_money(price)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("215", "215.00"),
        ("-0.05", "-0.05"),
        ("-36624.9", "-36624.90"),
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
        ("1E+3", "1000.00"),
        # What rounds to nothing has no sign.
        ("-0.00", "0.00"),
        ("-0.004", "0.00"),
        ("0", "0.00"),
    ],
)
def test_money_is_written_with_two_places_halves_away_from_zero(amount: str, text: str) -> None:
    assert money.text(Decimal(amount)) == text


def test_profit_on_the_largest_price_and_quantity_is_exact() -> None:
    price, quantity = money.to_money(HIGHEST_PRICE - 0.01), 10**6 * 10**6

    assert money.text(price * quantity) == "999999999999990000000000.00"


@given(cents=st.integers(min_value=1, max_value=10**12))
def test_every_price_of_two_places_survives_the_way_through_float(cents: int) -> None:
    written = f"{cents // 100}.{cents % 100:02d}"

    assert money.text(money.to_money(float(written))) == written


@pytest.mark.parametrize(
    ("amount", "pattern", "text"),
    [
        ("100.126", "100.10", "100.13"),
        ("100.125", "1.1", "100.13"),
        ("100", "1", "100.00"),
        ("84.25251", "84.2525", "84.2525"),
        ("-0.005", "0.01", "-0.01"),
    ],
)
def test_money_is_rounded_to_the_places_of_another_amount_but_at_least_to_two(
    amount: str, pattern: str, text: str
) -> None:
    assert str(money.rounded_like(Decimal(amount), Decimal(pattern))) == text
