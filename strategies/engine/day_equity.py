"""
A day's total profit at every second, worked out from its trades once the day is over.

Between the tick that opens a position and the one that closes it, its profit is (price - entry) * quantity, negated for
a sell; from then on it is what was realised. So a day's curve needs its trades, the positions that are still open at
its end, and the prices of their contracts: no tick has to be recorded for it, and the full run and the headless one
get the same curve. The same columns give each trade's excursions.

Prices are floats and money is exact, so prices become whole numbers of their smallest decimal first. Columns are int64,
or Python's own integers where 64 bits are too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from strategies.engine.equity import EquityCurve, UnitColumn
from strategies.engine.excursions import Excursion
from strategies.engine.money import ZERO
from strategies.engine.positions import Position, Trade
from strategies.engine.strategy import Side
from strategies.engine.tape import DayTape
from strategies.engine.ticks import FloatColumn

_FEWEST_PLACES = 2
_MOST_FLOAT_PLACES = 8
# Two decimals of up to fifteen digits that are the same float are the same decimal.
_EXACT_BELOW = 1e15
_INT64_SAFE = 2**62


@dataclass(frozen=True, slots=True)
class _Holding:
    """What one trade, or one position that is still open, held on this day."""

    symbol: str
    #: Units of the contract, negative when sold.
    weight: int
    entry_price: Decimal
    #: It is open after the seconds of the tape from ``first`` on and before ``end``; equal where it was closed as of
    #: the day before.
    first: int
    end: int
    #: None while it is open.
    trade: Trade | None
    position_id: str


class ProfitRecord:
    """The equity curve of one run, before costs, and the excursions of its trades; the engine feeds it by day."""

    def __init__(self) -> None:
        self.curve = EquityCurve()
        #: One for each trade that was counted, in their order.
        self.excursions: list[Excursion] = []
        self._realized = ZERO
        #: Lowest and highest price, so far, of the positions that a day's data ended on.
        self._carried: dict[str, tuple[Decimal, Decimal]] = {}

    def end_day(self, tape: DayTape, ticks: int, trades: Sequence[Trade], open_positions: Iterable[Position]) -> None:
        """
        Count a day that is over.

        Args:
            tape: The day.
            ticks: How many of its seconds the run went through.
            trades: All trades of the run so far; those not counted yet are the day's. One that was closed as of the
                day before, because its data ended, counts from the first second of this day on.
            open_positions: What is open after the last of the ticks.
        """
        new = trades[len(self.excursions) :]
        holdings = _holdings(tape, ticks, new, open_positions)
        by_symbol: dict[str, list[_Holding]] = {}
        for held in holdings:
            by_symbol.setdefault(held.symbol, []).append(held)
        columns = {symbol: _SymbolDay(tape.prices(symbol), held) for symbol, held in by_symbol.items()}
        places = max(
            _FEWEST_PLACES,
            _places(self._realized),
            *(column.places for column in columns.values()),
            *(_places(held.entry_price) for held in holdings),
            *(_places(trade.pnl) for trade in new),
        )
        if ticks > 0:
            self._add_to_curve(tape, ticks, holdings, columns, places)
        self._note_excursions(holdings, columns)
        self._realized += sum((trade.pnl for trade in new), ZERO)

    def _add_to_curve(
        self, tape: DayTape, ticks: int, holdings: list[_Holding], columns: dict[str, _SymbolDay], places: int
    ) -> None:
        steps = _Steps(ticks, _dtype(holdings, columns, self._realized, places))
        steps.add(0, _units(self._realized, places))
        counts = np.zeros(ticks + 1, dtype=np.int64)
        is_kept = np.zeros(ticks + 1, dtype=np.bool_)
        for held in holdings:
            cost = held.weight * _units(held.entry_price, places)
            steps.add(held.first, -cost)
            steps.add(held.end, cost)
            if held.trade is not None:
                steps.add(held.end, _units(held.trade.pnl, places))
            else:
                # If the data end here, the exit is dated, and charged, on the last tick.
                is_kept[ticks - 1] = True
            counts[held.first] += 1
            counts[held.end] -= 1
            is_kept[[held.first, held.end]] = True
        totals = steps.totals()
        for column in columns.values():
            column.add_value_to(totals, places)
        self.curve.add_many(
            tape.seconds[:ticks],
            totals,
            places=places,
            is_exposed=np.cumsum(counts[:ticks]) > 0,
            is_kept=is_kept[:ticks],
        )

    def _note_excursions(self, holdings: list[_Holding], columns: dict[str, _SymbolDay]) -> None:
        carried, self._carried = self._carried, {}
        ranges = {id(held): extremes for column in columns.values() for held, extremes in column.ranges()}
        for held in holdings:
            extremes = ranges.get(id(held))
            if extremes is None:
                extremes = carried.get(held.position_id)
            if held.trade is not None:
                self.excursions.append(_excursion(held, held.trade, extremes))
            elif extremes is not None:
                self._carried[held.position_id] = extremes


class _SymbolDay:
    """One contract on one day: its prices while it was held, and what was held of it."""

    def __init__(self, prices: FloatColumn, holdings: list[_Holding]) -> None:
        self.holdings = [held for held in holdings if held.first < held.end]
        self._first = min((held.first for held in self.holdings), default=0)
        self._end = max((held.end for held in self.holdings), default=0)
        self.units, self.places = in_units(prices[self._first : self._end])

    @property
    def largest(self) -> int:
        """Return the highest price in units, 0 where nothing was held."""
        return int(self.units.max()) if len(self.units) else 0

    def add_value_to(self, totals: UnitColumn, places: int) -> None:
        """Add, for each second, the quantity held times the price, in units of so many decimals."""
        held = _Steps(self._end - self._first, totals.dtype)
        for holding in self.holdings:
            held.add(holding.first - self._first, holding.weight)
            held.add(holding.end - self._first, -holding.weight)
        prices = self.units.astype(totals.dtype) * 10 ** (places - self.places)
        totals[self._first : self._end] += held.totals() * prices

    def ranges(self) -> list[tuple[_Holding, tuple[Decimal, Decimal]]]:
        """Return the lowest and highest price that each holding was marked at."""
        if not self.holdings:
            return []
        bounds = [second - self._first for held in self.holdings for second in (held.first, held.end)]
        # One more price, so that an end after the last second is a place too; no range reaches it.
        padded = np.append(self.units, self.units[-1:])
        lows = np.minimum.reduceat(padded, bounds)[::2].tolist()
        highs = np.maximum.reduceat(padded, bounds)[::2].tolist()
        return [
            (held, (_money(low, self.places), _money(high, self.places)))
            for held, low, high in zip(self.holdings, lows, highs, strict=True)
        ]


class _Steps:
    """A column that is the running sum of steps."""

    def __init__(self, ticks: int, dtype: np.dtype[np.generic]) -> None:
        self._steps: UnitColumn = np.zeros(ticks + 1, dtype=dtype)

    def add(self, second: int, step: int) -> None:
        """Add a step that holds from a second on; one after the last second is never seen."""
        self._steps[second] += step

    def totals(self) -> UnitColumn:
        """Return the column."""
        return np.asarray(np.cumsum(self._steps[:-1]))


def in_units(prices: FloatColumn) -> tuple[UnitColumn, int]:
    """
    Return prices as whole numbers of their smallest decimal, exactly as ``money.to_money`` reads them.

    Args:
        prices: Finite. Shape (n,).

    Returns:
        The whole numbers, shape (n,), and how many decimals they have, at least two.
    """
    if len(prices) == 0:
        return np.zeros(0, dtype=np.int64), _FEWEST_PLACES
    for places in range(_FEWEST_PLACES, _MOST_FLOAT_PLACES + 1):
        scaled = np.rint(prices * 10.0**places)
        if float(np.abs(scaled).max()) >= _EXACT_BELOW:
            break
        if bool((scaled / 10.0**places == prices).all()):
            return scaled.astype(np.int64), places
    exact = [Decimal(repr(price)) for price in prices.tolist()]
    places = max(_FEWEST_PLACES, *map(_places, exact))
    return np.array([_units(price, places) for price in exact], dtype=object), places


def _holdings(tape: DayTape, ticks: int, trades: Sequence[Trade], open_positions: Iterable[Position]) -> list[_Holding]:
    holdings = [
        _Holding(
            trade.symbol, _weight(trade.side, trade.quantity), trade.entry_price,
            _second(tape, trade.entry_time.timestamp()), _second(tape, trade.exit_time.timestamp()),
            trade, trade.position_id,
        )
        for trade in trades
    ]  # fmt: skip
    for position in open_positions:
        first = _second(tape, position.entry_time.timestamp())
        holdings.append(
            _Holding(
                position.symbol, _weight(position.side, position.quantity), position.entry_price, first, ticks,
                None, position.position_id,
            )
        )  # fmt: skip
    return holdings


def _second(tape: DayTape, epoch: float) -> int:
    """Return the place of a second of the tape; the first one for what happened before it."""
    return int(np.searchsorted(tape.seconds, int(epoch)))


def _weight(side: Side, quantity: int) -> int:
    return quantity if side == "buy" else -quantity


def _dtype(
    holdings: list[_Holding], columns: dict[str, _SymbolDay], realized: Decimal, places: int
) -> np.dtype[np.generic]:
    """Return int64, or objects where a sum could leave it."""
    largest = abs(_units(realized, places))
    for held in holdings:
        price = columns[held.symbol].largest * 10 ** (places - columns[held.symbol].places)
        largest += abs(held.weight) * (price + 2 * _units(held.entry_price, places))
        largest += abs(_units(held.trade.pnl, places)) if held.trade else 0
    is_wide = largest >= _INT64_SAFE or any(column.units.dtype == object for column in columns.values())
    return np.dtype(object) if is_wide else np.dtype(np.int64)


def _excursion(held: _Holding, trade: Trade, extremes: tuple[Decimal, Decimal] | None) -> Excursion:
    marks = [(price - held.entry_price) * held.weight for price in extremes or ()]
    return Excursion(mae=min(ZERO, trade.pnl, *marks), mfe=max(ZERO, trade.pnl, *marks))


def _places(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), f"{amount} is not a number"
    return -exponent


def _units(amount: Decimal, places: int) -> int:
    return int(amount.scaleb(places))


def _money(units: int, places: int) -> Decimal:
    return Decimal(units).scaleb(-places)
