"""Expressions of a strategy, turned into operands that read one run's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from strategies.engine.candles import FloatColumn
from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.expressions import (
    Arithmetic,
    BeforeClose,
    CandleData,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
)
from strategies.engine.market import Market
from strategies.engine.operands import (
    CloseTime,
    Computed,
    Fixed,
    FromMarket,
    FromPnl,
    FromPosition,
    Operand,
    Recorded,
    TimeNow,
    Value,
)
from strategies.engine.positions import PositionBook


class OperandCompiler:
    """
    Turns the expressions of one strategy into operands that read one run's state.

    Args:
        market: Quotes, candles and indicators.
        book: Positions and P&L.
        variables: (node id, name) to the value that the node recorded when it last completed.
        printer: Prints the texts that people read.
    """

    def __init__(
        self,
        market: Market,
        book: PositionBook,
        variables: Mapping[tuple[str, str], Value],
        printer: ConditionPrinter,
    ) -> None:
        self.printer = printer
        self.market = market
        self._book = book
        self._variables = variables
        self._operands: dict[Expression, Operand] = {}

    def begin_day(self) -> None:
        """Tell every operand that a new day is on the tape."""
        for found in self._operands.values():
            found.begin_day()

    def operand(self, expression: Expression) -> Operand:
        """Compile one expression; equal expressions share one operand, and so one column."""
        # True == 1 in Python, so a constant is never shared.
        if isinstance(expression, Constant):
            return Fixed(expression.value)
        if expression not in self._operands:
            self._operands[expression] = self._compile(expression)
        return self._operands[expression]

    def _compile(self, expression: Expression) -> Operand:
        match expression:
            case Constant(value):
                return Fixed(value)
            case TimeOfDay(seconds, _):
                return Fixed(seconds, is_time=True)
            case CurrentTime():
                return TimeNow(self.market)
            case BeforeClose(minutes):
                return CloseTime(self.market, minutes)
            case NodeVariable(node_id, name):
                return Recorded(self._variables, (node_id, name))
            case PositionData(position_id, field):
                return FromPosition(self.market, self._book, position_id, field)
            case PnlData(field):
                return FromPnl(self.market, self._book, field)
            case Arithmetic(left, sign, right):
                return Computed(self.operand(left), sign, self.operand(right))
            case LiveData() | CandleData() | IndicatorData():
                return self._from_market(expression)

    def _from_market(self, expression: LiveData | CandleData | IndicatorData) -> Operand:
        market = self.market
        if isinstance(expression, LiveData):
            symbol = market.symbols[expression.instrument]
            return FromMarket(_live(market, symbol, expression.field), f"{symbol} has no tick yet")
        series = market.series[expression.instrument, expression.timeframe_id]
        offset = expression.offset
        if isinstance(expression, CandleData):
            field = expression.field
            missing = (
                f"no {expression.timeframe_id} candle is being built yet"
                if offset == 0
                else f"fewer than {-offset} {expression.timeframe_id} candles are finished"
            )
            return FromMarket(lambda: series.column(field, offset), missing)
        key, output = expression.key, series.specs[expression.key].output_index(expression.parameter)
        missing = f"{self.printer.expression(expression)} has seen too few candles"
        return FromMarket(lambda: series.indicator(key, output, offset), missing)


def _live(market: Market, symbol: str, field: str) -> Callable[[], FloatColumn]:
    if field == "volume":
        return lambda: market.tape.volumes(symbol)
    if field == "oi":
        return lambda: market.tape.open_interest(symbol)
    return lambda: market.tape.prices(symbol)
