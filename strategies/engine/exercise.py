"""
Options that are held to expiry: what they are worth, and the tax on exercising them.

Indian index options settle in cash. One that ends in the money is exercised for its holder, who pays securities
transaction tax on the intrinsic value; the writer pays none, and one that ends out of the money costs nothing.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from strategies.engine.cost_rates import INDIAN_RATES, Exchange, RateTable
from strategies.engine.money import ZERO
from strategies.engine.symbols import Right


def intrinsic_value(*, settlement_price: Decimal, strike: Decimal, right: Right) -> Decimal:
    """Return what an option is worth at expiry, rupees per unit, >= 0."""
    return max(settlement_price - strike if right == "CE" else strike - settlement_price, ZERO)


def exercise_stt(
    *,
    expiry: date,
    settlement_price: Decimal,
    strike: Decimal,
    right: Right,
    quantity: int,
    exchange: Exchange = "NSE",
    rates: RateTable = INDIAN_RATES,
) -> Decimal:
    """
    Return the securities transaction tax of a bought option that settles in the money, rupees, unrounded.

    The holder pays it; the writer pays none. Out of the money it is zero. A fill of the kind ``exercised_option`` with
    side ``sell`` and the intrinsic value as its price carries the same tax into the day's costs.

    Args:
        expiry: The day of settlement.
        settlement_price: Closing price of the underlying index on that day, per unit.
        strike: Per unit.
        right: Call or put.
        quantity: Units, >= 0.
        exchange: Where the contract is listed.
        rates: The table to take the rate from.

    Raises:
        CostDateUnknown: Before 2019-09-01, when the tax was on the whole settlement price.

    Source:
        Finance (No. 2) Act 2019: the taxable value of an exercised option is settlement price less strike.
    """
    value = intrinsic_value(settlement_price=settlement_price, strike=strike, right=right) * quantity
    return value * rates.on(exchange, "exercised_option", expiry).sell.stt
