"""
Expressions compiled into operands.

An operand answers two questions: what is the expression worth at second i (``at``), and what is it worth at every
second of the day, were nothing but the market to change (``column``). The first serves the tick by tick run with its
diagnostics; the second lets a headless run go straight to the next second at which a condition holds. Both read the
same columns, so that they cannot differ.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from strategies.engine.candles import FloatColumn
from strategies.engine.document import is_number
from strategies.engine.market import Market
from strategies.engine.positions import PositionBook
from strategies.engine.tape import clock

Value = float | int | str | bool | None
"""What an expression is worth at a tick; None where there is no value yet."""

Column = FloatColumn | Value
"""An expression's worth at every second: an array (NaN for no value), or one value for the whole day."""


class Operand(ABC):
    """One expression, ready to be read."""

    #: Whether the market alone decides the value; then a column is good for the whole day.
    is_static = True
    is_time = False
    #: Whether ``why_missing`` may say another thing at another second, the state of the run staying as it is.
    has_varying_reason = False

    @abstractmethod
    def at(self, second: int) -> Value:
        """Return the value as of a second; None where there is none."""

    @abstractmethod
    def column(self) -> Column:
        """Return the value as of every second of the day, the state of the run staying as it is."""

    def why_missing(self, second: int) -> str:
        """Say why there is no value as of a second; asked only when there is none."""
        return ""

    def every_second(self) -> list[Value] | None:
        """Return the value as of every second as a list, which is quickest to read; None where it may change."""
        return None

    def between(self, first: int, last: int) -> list[Value] | Value:
        """
        Return the value as of each second of a range, the state of the run staying as it is.

        Args:
            first: The first second.
            last: The second after the last one.

        Returns:
            A list, None in it where there is no value; or one value that is the same throughout.
        """
        values = self.every_second()
        if values is not None:
            return values[first:last]
        column = self.column()
        if isinstance(column, np.ndarray):
            return [value if value == value else None for value in column[first:last].tolist()]
        return column

    def begin_day(self) -> None:  # noqa: B027 - most operands keep nothing
        """Forget what belonged to the day before."""

    def show(self, value: Value) -> str:
        """Write a value as people read it: 26.97, 09:17:00."""
        if type(value) is float:
            return f"{value:.2f}"
        if value is None:
            return "no value"
        if isinstance(value, bool):
            return "true" if value else "false"
        if self.is_time and isinstance(value, int):
            return clock(value)
        return value if isinstance(value, str) else f"{value:.2f}"

    def show_all(self, values: Sequence[Value], first: int) -> list[str]:
        """Write the values as of some seconds in a row, from a first one on, as ``show`` does each."""
        return [f"{value:.2f}" if type(value) is float else self.show(value) for value in values]


class Fixed(Operand):
    """A constant, or a fixed time of day."""

    def __init__(self, value: Value, *, is_time: bool = False) -> None:
        self._value = value
        self.is_time = is_time

    def at(self, second: int) -> Value:
        """Return the value."""
        return self._value

    def column(self) -> Column:
        """Return the value."""
        return self._value


class CloseTime(Operand):
    """Some minutes before the close of the day on the tape, seconds from midnight."""

    is_time = True

    def __init__(self, market: Market, minutes: int) -> None:
        self._market = market
        self._minutes = minutes

    def at(self, second: int) -> Value:
        """Return that time of day."""
        return self._market.close_seconds - self._minutes * 60

    def column(self) -> Column:
        """Return that time of day."""
        return self.at(0)


class TimeNow(Operand):
    """The time of day, seconds from midnight."""

    is_time = True

    def __init__(self, market: Market) -> None:
        self._market = market

    def at(self, second: int) -> Value:
        """Return the time of day at a second."""
        return self._market.tape.times[second]

    def show_all(self, values: Sequence[Value], first: int) -> list[str]:
        """Write the times of day of some seconds."""
        return self._market.tape.clocks[first : first + len(values)]

    def every_second(self) -> list[Value] | None:
        """Return the time of day at every second."""
        return self._market.tape.times  # type: ignore[return-value]  # a list of int is read, never written

    def column(self) -> Column:
        """Return the time of day at every second."""
        return self._market.tape.seconds_of_day.astype(np.float64)


class FromMarket(Operand):
    """A quote, a candle's field or an indicator."""

    def __init__(self, make: Callable[[], FloatColumn], why_missing: str) -> None:
        self._make = make
        self._why_missing = why_missing
        self._column: FloatColumn | None = None
        self._values: list[Value] | None = None

    def why_missing(self, second: int) -> str:
        """Say why there is no value."""
        return self._why_missing

    def begin_day(self) -> None:
        """Forget the columns of the day before."""
        self._column = self._values = None

    def at(self, second: int) -> Value:
        """Return the value as of a second."""
        value = float(self._array()[second])
        return value if value == value else None

    def every_second(self) -> list[Value] | None:
        """Return the value as of every second."""
        if self._values is None:
            self._values = [value if value == value else None for value in self._array().tolist()]
        return self._values

    def column(self) -> Column:
        """Return the value as of every second."""
        return self._array()

    def _array(self) -> FloatColumn:
        if self._column is None:
            self._column = self._make()
        return self._column


class Recorded(Operand):
    """A variable that a node recorded."""

    is_static = False

    def __init__(self, variables: Mapping[tuple[str, str], Value], key: tuple[str, str]) -> None:
        self._variables = variables
        self._key = key

    def why_missing(self, second: int) -> str:
        """Say what was not recorded, or could not be."""
        node_id, name = self._key
        if self._key in self._variables:
            return f"{node_id} found no value for {name} when it completed"
        return f"{node_id} has not recorded {name} yet"

    def at(self, second: int) -> Value:
        """Return the value recorded last."""
        return self._variables.get(self._key)

    def column(self) -> Column:
        """Return the value recorded last."""
        return self._variables.get(self._key)


class FromPosition(Operand):
    """A field of an open position."""

    is_static = False

    def __init__(self, market: Market, book: PositionBook, position_id: str, field: str) -> None:
        self._market = market
        self._book = book
        self._position_id = position_id
        self._field = field

    def why_missing(self, second: int) -> str:
        """Say that the position is not open, or that its contract has no price yet."""
        position = self._book.open.get(self._position_id)
        return f"{self._position_id} is not open" if position is None else f"{position.symbol} has no tick yet"

    def at(self, second: int) -> Value:
        """Return the field as of a second."""
        position = self._book.open.get(self._position_id)
        if position is None:
            return None
        if self._field == "quantity":
            return position.quantity
        if self._field == "entry_price":
            return float(position.entry_price)
        price = self._market.tape.price_list(position.symbol)[second]
        if price != price:
            return None
        return (
            price
            if self._field == "current_price"
            else position.direction * (price - float(position.entry_price)) * position.quantity
        )

    def column(self) -> Column:
        """Return the field as of every second, the position staying as it is."""
        position = self._book.open.get(self._position_id)
        if position is None or self._field in ("quantity", "entry_price"):
            return self.at(0) if position is not None else None
        prices = self._market.tape.prices(position.symbol)
        if self._field == "current_price":
            return prices
        return np.asarray(position.direction * (prices - float(position.entry_price)) * position.quantity)


class FromPnl(Operand):
    """A field of the session's profit and loss."""

    is_static = False

    def __init__(self, market: Market, book: PositionBook, field: str) -> None:
        self._market = market
        self._book = book
        self._field = field

    def at(self, second: int) -> Value:
        """Return the field as of a second."""
        book = self._book
        if self._field == "closed_trades":
            return book.summary.total_trades
        if self._field == "open_trades":
            return len(book.open)
        total = self._settled()
        if self._field != "realized_pnl":
            for position in book.open.values():
                price = self._market.tape.price_list(position.symbol)[second]
                if price == price:
                    total += position.direction * (price - float(position.entry_price)) * position.quantity
        return total

    def column(self) -> Column:
        """Return the field as of every second, the positions staying as they are."""
        if self._field in ("closed_trades", "open_trades", "realized_pnl"):
            return self.at(0)
        total = np.full(len(self._market.tape), self._settled())
        for position in self._book.open.values():
            prices = self._market.tape.prices(position.symbol)
            gains = position.direction * (prices - float(position.entry_price)) * position.quantity
            total += np.where(np.isnan(gains), 0.0, gains)
        return total

    def _settled(self) -> float:
        """Return the part of the field that open positions have no share in."""
        if self._field == "unrealized_pnl":
            return 0.0
        realized = self._book.summary.total_pnl
        return float(realized - self._book.realized_before_today if self._field == "day_pnl" else realized)


class Computed(Operand):
    """Two operands joined by an arithmetic sign."""

    has_varying_reason = True

    def __init__(self, left: Operand, sign: str, right: Operand) -> None:
        self._left = left
        self._right = right
        self._compute = ARITHMETIC[sign]
        self.is_static = left.is_static and right.is_static
        self._is_division = sign in ("/", "%")
        #: Today's column; kept where the market alone decides it.
        self._column: Column = None
        self._values: list[Value] | None = None

    def begin_day(self) -> None:
        """Forget the columns of the day before."""
        self._column = self._values = None

    def why_missing(self, second: int) -> str:
        """Say which part is missing, or what the arithmetic cannot do."""
        values = [(part, part.at(second)) for part in (self._left, self._right)]
        missing = [part.why_missing(second) for part, value in values if value is None]
        if missing:
            return "; ".join(dict.fromkeys(missing))
        if any(isinstance(value, str | bool) for _, value in values):
            return "a part is not a number"
        return "it divides by zero" if self._is_division and values[1][1] == 0 else "it is too large for a number"

    def at(self, second: int) -> Value:
        """Return the result as of a second; None where a part is missing or the divisor is zero."""
        left, right = self._left.at(second), self._right.at(second)
        if is_number(left) and is_number(right):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                value = float(self._compute(np.float64(left), np.float64(right)))
            return value if abs(value) < float("inf") else None
        return None

    def every_second(self) -> list[Value] | None:
        """Return the result as of every second, where the market alone decides it."""
        if self._values is None and self.is_static:
            column = self.column()
            if isinstance(column, np.ndarray):
                self._values = [value if value == value else None for value in column.tolist()]
        return self._values

    def column(self) -> Column:
        """Return the result as of every second."""
        if self._column is None or not self.is_static:
            self._column = self._compute_column()
        return self._column

    def _compute_column(self) -> Column:
        left, right = self._left.column(), self._right.column()
        if left is None or right is None or isinstance(left, str | bool) or isinstance(right, str | bool):
            return None
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            values = np.asarray(self._compute(np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)))
        values = np.where(np.isfinite(values), values, np.nan)
        if values.ndim:
            return values
        return None if np.isnan(values) else float(values)


ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": lambda a, b: np.where(b == 0, np.nan, np.mod(a, np.where(b == 0, 1.0, b))),
    "+%": lambda a, b: a + a * b / 100,
    "-%": lambda a, b: a - a * b / 100,
}
