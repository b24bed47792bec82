"""
The chain: which expiries and strikes the market data hold, and which contract a pick means.

``W0`` is the first expiry on or after the day, ``W1`` the one after it; ``M0`` and ``M1`` count the last expiry of each
month alone. ATM is the strike nearest to the underlying, the lower one where two are equally near; ITM and OTM count
strikes of the chain away from it. A pick by premium takes the contract whose last price comes closest.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from strategies.engine.strategy import ExpiryPick, FuturePick, OptionPick
from strategies.engine.symbols import Future, Option, Right, option_symbol, parse_symbol

LastPrice = Callable[[str], float | None]


class Chain:
    """
    Contracts of one underlying.

    Args:
        underlying: Symbol of the underlying.
        symbols: Every symbol of the market data; those of other instruments are passed over.
    """

    def __init__(self, underlying: str, symbols: Iterable[str]) -> None:
        self.underlying = underlying
        strikes: dict[tuple[date, Right], set[float]] = {}
        futures: dict[date, str] = {}
        for symbol in symbols:
            instrument = parse_symbol(symbol)
            if isinstance(instrument, Option) and instrument.underlying == underlying:
                strikes.setdefault((instrument.expiry, instrument.right), set()).add(instrument.strike)
            elif isinstance(instrument, Future) and instrument.underlying == underlying:
                futures[instrument.expiry] = symbol
        self._strikes = {key: sorted(found) for key, found in strikes.items()}
        self._futures = futures
        self._named: dict[tuple[OptionPick, date, int], str | None] = {}
        #: Expiry dates of options and of futures, ascending.
        self.option_expiries = sorted({expiry for expiry, _ in strikes})
        self.future_expiries = sorted(futures)

    def symbol(self, pick: OptionPick | FuturePick, *, spot: float, on: date, last_price: LastPrice) -> str | None:
        """
        Return the contract that a pick means now; None where the chain has none.

        Args:
            pick: Expiry, and for an option strike and right.
            spot: Price of the underlying.
            on: Exchange date.
            last_price: Asked for the prices of contracts where the strike is picked by premium.
        """
        if isinstance(pick, FuturePick):
            expiry = expiry_of(pick.expiry, self.future_expiries, on)
            return None if expiry is None else self._futures[expiry]
        expiry = expiry_of(pick.expiry, self.option_expiries, on)
        strikes = self._strikes.get((expiry, pick.right)) if expiry is not None else None
        if expiry is None or not strikes:
            return None
        if pick.strike_type == "premium":
            return self._by_premium(pick, expiry, strikes, last_price)
        place = nearest(strikes, spot)
        key = (pick, expiry, place)
        if key not in self._named:
            self._named[key] = self._by_strike(pick, expiry, strikes, place)
        return self._named[key]

    def bounds(self, pick: OptionPick, *, spot: float, on: date) -> tuple[float, float]:
        """
        Return the prices of the underlying between which a pick by strike stays the same.

        Returns:
            Low, not included, and high, included.
        """
        expiry = expiry_of(pick.expiry, self.option_expiries, on)
        strikes = self._strikes.get((expiry, pick.right)) if expiry is not None else None
        if not strikes:
            return float("-inf"), float("inf")
        place = nearest(strikes, spot)
        low = (strikes[place - 1] + strikes[place]) / 2 if place else float("-inf")
        high = (strikes[place] + strikes[place + 1]) / 2 if place + 1 < len(strikes) else float("inf")
        return low, high

    def _by_strike(self, pick: OptionPick, expiry: date, strikes: Sequence[float], place: int) -> str | None:
        if pick.strike_type != "ATM":
            # A call is in the money below the underlying, a put above it.
            is_down = (pick.strike_type == "ITM") == (pick.right == "CE")
            place += -pick.strike_steps if is_down else pick.strike_steps
        if not 0 <= place < len(strikes):
            return None
        return option_symbol(self.underlying, expiry, strikes[place], pick.right)

    def _by_premium(
        self, pick: OptionPick, expiry: date, strikes: Sequence[float], last_price: LastPrice
    ) -> str | None:
        wanted = pick.premium or 0.0
        best: tuple[float, str] | None = None
        for strike in strikes:
            symbol = option_symbol(self.underlying, expiry, strike, pick.right)
            price = last_price(symbol)
            # Strikes ascend: of two equally near the lower one stays.
            if price is not None and (best is None or abs(price - wanted) < best[0]):
                best = (abs(price - wanted), symbol)
        return None if best is None else best[1]


def expiry_of(pick: ExpiryPick, expiries: Sequence[date], on: date) -> date | None:
    """Return the expiry that a pick means on a day; None where the chain ends before it."""
    if pick.cycle == "M":
        last_of_month = {(expiry.year, expiry.month): expiry for expiry in expiries}
        expiries = sorted(last_of_month.values())
    place = bisect.bisect_left(expiries, on) + pick.index
    return expiries[place] if place < len(expiries) else None


def nearest(strikes: Sequence[float], spot: float) -> int:
    """Return the place of the strike nearest to a price; the lower one where two are equally near."""
    above = bisect.bisect_left(strikes, spot)
    if above == 0:
        return 0
    if above == len(strikes):
        return above - 1
    return above if strikes[above] - spot < spot - strikes[above - 1] else above - 1
