"""
Fills: at which price an order is done.

A policy is a named set of assumptions; every run states its own. An order never fills at a quote that is missing or
too old: it waits, and the node that placed it says what it waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from strategies.engine.errors import EngineError
from strategies.engine.market import Market
from strategies.engine.money import TWO_PLACES, rounded_like, to_money
from strategies.engine.strategy import LimitPrice, Side


class FillPolicyInvalid(EngineError):
    """A fill policy's settings are out of range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPolicy:
    """
    How orders fill.

    Raises:
        FillPolicyInvalid: If a number is out of range.
    """

    #: ``last`` is the contract's last price; ``bid_ask`` sells at the bid and buys at the ask.
    price: Literal["last", "bid_ask"] = "last"
    #: ``this_tick`` fills in the tick that places the order, ``next_tick`` in the one after it.
    timing: Literal["this_tick", "next_tick"] = "this_tick"
    #: Added to the price of a buy, taken from that of a sell; quote currency per unit, >= 0.
    slippage_points: float = 0.0
    #: The same, in per cent of the price, >= 0.
    slippage_percent: float = 0.0
    #: A quote older than this does not fill an order.
    max_quote_age_seconds: int = 300

    def __post_init__(self) -> None:
        for name, most in (("slippage_points", 1e6), ("slippage_percent", 50.0), ("max_quote_age_seconds", 86_400)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise FillPolicyInvalid(f"{name} is {value}; expected a number from 0 to {most:g}")
        for name, allowed in (("price", ("last", "bid_ask")), ("timing", ("this_tick", "next_tick"))):
            if getattr(self, name) not in allowed:
                raise FillPolicyInvalid(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")

    def as_document(self) -> dict[str, Any]:
        """Return the policy as JSON, for the record of a run."""
        return {
            "price": self.price,
            "timing": self.timing,
            "slippage_points": self.slippage_points,
            "slippage_percent": self.slippage_percent,
            "max_quote_age_seconds": self.max_quote_age_seconds,
        }


def read_policy(document: Mapping[str, Any]) -> FillPolicy:
    """
    Read a policy from JSON; what is not named keeps its default.

    Raises:
        FillPolicyInvalid: If a key is unknown or a value is out of range.
    """
    known = FillPolicy().as_document()
    for key, value in document.items():
        if key not in known:
            raise FillPolicyInvalid(f"{key!r} is unknown; allowed: {', '.join(known)}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (isinstance(value, str) if isinstance(known[key], str) else is_number):
            raise FillPolicyInvalid(f"{key} is {value!r}; expected a value like {known[key]!r}")
    return FillPolicy(**document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An order was done."""

    #: Quote currency per unit, slippage included.
    price: Decimal
    #: Seconds since the contract's last tick.
    quote_age_seconds: int


@dataclass(slots=True, kw_only=True)
class Order:
    """An order that is placed and not yet done."""

    symbol: str
    side: Side
    quantity: int
    #: Second of the day's tape at which it was placed.
    placed_at: int
    #: The worst price at which it fills; None is a market order.
    limit: Decimal | None = None
    #: Whether the limit has been good ever since the order was placed; then it fills at the price that is there.
    is_marketable: bool = True


class Broker:
    """
    Fills the orders of one run.

    Args:
        market: Where the quotes are.
        policy: How orders fill.
    """

    def __init__(self, market: Market, policy: FillPolicy) -> None:
        self.policy = policy
        self._market = market

    def place(self, symbol: str, side: Side, quantity: int, limit: LimitPrice | None) -> Order | str:
        """Place an order; return why it cannot be placed, where it cannot."""
        order = Order(symbol=symbol, side=side, quantity=quantity, placed_at=self._market.second)
        if limit is None:
            return order
        last = self._market.last_price(symbol)
        if last is None and limit.unit != "price":
            return f"waiting for the first price of {symbol}"
        order.limit = _limit_price(limit, side, to_money(last) if last is not None else Decimal(0))
        order.is_marketable = last is not None and _is_reached(side, to_money(last), order.limit)
        return order

    def try_fill(self, order: Order) -> Fill | str:
        """Fill an order as of this second; return what it waits for, where it cannot be filled."""
        market, policy = self._market, self.policy
        if policy.timing == "next_tick" and market.second <= order.placed_at:
            return "the order fills on the next tick"
        age = market.quote_age_seconds(order.symbol)
        if age is None:
            return f"waiting for the first price of {order.symbol}"
        if age > policy.max_quote_age_seconds:
            return f"the last price of {order.symbol} is {age} seconds old, more than {policy.max_quote_age_seconds}"
        price = self._price(order)
        if price is None:
            return f"waiting for {'a bid' if order.side == 'sell' else 'an ask'} of {order.symbol}"
        if order.limit is not None:
            if not _is_reached(order.side, price, order.limit):
                order.is_marketable = False
                return f"waiting for {order.symbol} to reach the limit {order.limit}"
            # A limit that the price came to later fills at the limit: the better price was not there to be had.
            return Fill(price=price if order.is_marketable else order.limit, quote_age_seconds=age)
        return Fill(price=self._slipped(price, order.side), quote_age_seconds=age)

    def _price(self, order: Order) -> Decimal | None:
        if self.policy.price == "bid_ask":
            quotes = self._market.tape.quotes(order.symbol, "bid" if order.side == "sell" else "ask")
            if quotes is not None:
                quote = float(quotes[self._market.second])
                return to_money(quote) if quote == quote and quote > 0 else None
        last = self._market.last_price(order.symbol)
        return None if last is None else to_money(last)

    def _slipped(self, price: Decimal, side: Side) -> Decimal:
        policy = self.policy
        if not policy.slippage_points and not policy.slippage_percent:
            return price
        slip = Decimal(repr(policy.slippage_points)) + price * Decimal(repr(policy.slippage_percent)) / 100
        worse = price + slip if side == "buy" else price - slip
        return max(rounded_like(worse, price), TWO_PLACES)


def _limit_price(limit: LimitPrice, side: Side, last: Decimal) -> Decimal:
    if limit.unit == "price":
        return to_money(limit.amount)
    amount = Decimal(repr(limit.amount))
    distance = amount if limit.unit == "points" else last * amount / 100
    return last - distance if side == "buy" else last + distance


def _is_reached(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side == "buy" else price >= limit
