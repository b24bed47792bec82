"""
How far each position went against its holder, and in favour, before it was closed.

MAE (maximum adverse excursion) is the lowest profit that a position ever showed, at most 0; MFE (maximum favourable
excursion) the highest, at least 0. The engine marks every open position once per tick and closes it with the profit
that was realised, which counts as a mark too: a fill may be worse than any price before it.

Source:
    John Sweeney, Maximum Adverse Excursion (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from strategies.engine.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Excursion:
    """The range of one position's profit, costs not included."""

    #: Quote currency, <= 0.
    mae: Decimal
    #: Quote currency, >= 0.
    mfe: Decimal


class Excursions:
    """Follows the profit of every open position."""

    def __init__(self) -> None:
        self._lowest: dict[str, Decimal] = {}
        self._highest: dict[str, Decimal] = {}

    def mark(self, position_id: str, unrealized_pnl: Decimal) -> None:
        """Take the profit that an open position shows at this tick, quote currency."""
        if unrealized_pnl < self._lowest.get(position_id, ZERO):
            self._lowest[position_id] = unrealized_pnl
        elif unrealized_pnl > self._highest.get(position_id, ZERO):
            self._highest[position_id] = unrealized_pnl

    def close(self, position_id: str, realized_pnl: Decimal) -> Excursion:
        """Return the excursion of a position that was closed, and forget it: a re-entry starts anew."""
        self.mark(position_id, realized_pnl)
        return Excursion(mae=self._lowest.pop(position_id, ZERO), mfe=self._highest.pop(position_id, ZERO))

    def close_part(self, position_id: str, realized_pnl: Decimal, *, share: Decimal) -> Excursion:
        """
        Return the excursion of the part that was closed; the rest is followed on.

        Args:
            position_id: The position, which stays open.
            realized_pnl: The profit of the part that was closed, quote currency.
            share: Quantity closed over quantity open before, above 0 and below 1. Profit is proportional to quantity,
                so the part's past is this share of the position's.

        Raises:
            ValueError: If the share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"a part is a share above 0 and below 1, not {share}; close the whole position instead")
        lowest, highest = self._lowest.get(position_id, ZERO), self._highest.get(position_id, ZERO)
        self._lowest[position_id] = lowest * (1 - share)
        self._highest[position_id] = highest * (1 - share)
        return Excursion(mae=min(lowest * share, realized_pnl), mfe=max(highest * share, realized_pnl))
