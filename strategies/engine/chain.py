"""
The option chain: which expiries and strikes the market data hold, and which contract a pick means.

``W0`` is the first expiry on or after the day, ``W1`` the one after it. ATM is the strike nearest to the underlying,
the lower one where two are equally near. ITM and OTM count strikes of the chain away from it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from datetime import date

from strategies.engine.strategy import OptionPick
from strategies.engine.symbols import Option, Right, option_symbol, parse_symbol


class OptionChain:
    """
    Contracts of one underlying.

    Args:
        underlying: Symbol of the underlying.
        symbols: Every symbol of the market data; those of other instruments are passed over.
    """

    def __init__(self, underlying: str, symbols: Iterable[str]) -> None:
        self.underlying = underlying
        strikes: dict[tuple[date, Right], set[float]] = {}
        for symbol in symbols:
            instrument = parse_symbol(symbol)
            if isinstance(instrument, Option) and instrument.underlying == underlying:
                strikes.setdefault((instrument.expiry, instrument.right), set()).add(instrument.strike)
        self._strikes = {key: sorted(found) for key, found in strikes.items()}
        #: Expiry dates, ascending.
        self.expiries = sorted({expiry for expiry, _ in strikes})

    def expiry(self, index: int, on: date) -> date | None:
        """Return the expiry that is ``index`` places after the next one; None where the chain ends before it."""
        place = bisect.bisect_left(self.expiries, on) + index
        return self.expiries[place] if place < len(self.expiries) else None

    def symbol(self, pick: OptionPick, *, spot: float, on: date) -> str | None:
        """
        Return the contract that a pick means now; None where the chain has none.

        Args:
            pick: Expiry, strike and right.
            spot: Price of the underlying.
            on: Exchange date.
        """
        expiry = self.expiry(pick.expiry_index, on)
        strikes = self._strikes.get((expiry, pick.right)) if expiry is not None else None
        if expiry is None or not strikes:
            return None
        place = nearest(strikes, spot)
        if pick.strike_type != "ATM":
            # A call is in the money below the underlying, a put above it.
            is_down = (pick.strike_type == "ITM") == (pick.right == "CE")
            place += -pick.strike_steps if is_down else pick.strike_steps
        if not 0 <= place < len(strikes):
            return None
        return option_symbol(self.underlying, expiry, strikes[place], pick.right)


def nearest(strikes: list[float], spot: float) -> int:
    """Return the place of the strike nearest to a price; the lower one where two are equally near."""
    above = bisect.bisect_left(strikes, spot)
    if above == 0:
        return 0
    if above == len(strikes):
        return above - 1
    return above if strikes[above] - spot < spot - strikes[above - 1] else above - 1
