"""The one place where prices, which are floats, become money, which is ``Decimal``."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

TWO_PLACES = Decimal("0.01")
ZERO = Decimal("0.00")


@lru_cache(maxsize=65_536)
def to_money(price: float) -> Decimal:
    """
    Turn a price into money, exactly as it is written: 181.6 becomes 181.60.

    Args:
        price: Quote currency per unit, finite. More than two decimals are kept.
    """
    money = Decimal(repr(price))
    exponent = money.as_tuple().exponent
    return money.quantize(TWO_PLACES) if isinstance(exponent, int) and exponent > -2 else money


def rounded_like(money: Decimal, pattern: Decimal) -> Decimal:
    """Round money to as many places as another amount has, but at least two."""
    exponent = pattern.as_tuple().exponent
    places = min(exponent, -2) if isinstance(exponent, int) else -2
    return money.quantize(Decimal(1).scaleb(places), ROUND_HALF_UP)


def text(money: Decimal) -> str:
    """Write money with two places, halves away from zero: "215.00", "-0.05"."""
    rounded = money.quantize(TWO_PLACES, ROUND_HALF_UP)
    return str(abs(rounded)) if rounded == 0 else str(rounded)


def text_or_none(money: Decimal | None) -> str | None:
    """Write money as ``text`` does; None for None."""
    return None if money is None else text(money)
