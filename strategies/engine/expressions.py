"""
Conditions as records: what a strategy graph says, before anything is computed.

A condition compares two expressions; conditions join in groups by AND and OR, groups may hold groups. The records
are what the graph reader makes, what the text form prints, and what the compiler turns into evaluators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InstrumentRole = Literal["TI", "SI"]
"""The trading instrument, or the supporting instrument."""

Comparison = Literal[">", "<", ">=", "<=", "==", "!=", "crosses_above", "crosses_below", "between"]
GroupLogic = Literal["AND", "OR"]
CandleField = Literal["Open", "High", "Low", "Close", "Volume"]
LiveField = Literal["underlying_ltp", "ltp", "volume", "oi"]
PositionField = Literal["entry_price", "current_price", "quantity", "unrealized_pnl"]
PnlField = Literal["realized_pnl", "unrealized_pnl", "total_pnl", "day_pnl", "closed_trades", "open_trades"]
ArithmeticSign = Literal["+", "-", "*", "/", "%", "+%", "-%"]

INSTRUMENT_ROLES: tuple[InstrumentRole, ...] = ("TI", "SI")
GROUP_LOGICS: tuple[GroupLogic, ...] = ("AND", "OR")
COMPARISONS: tuple[Comparison, ...] = (
    ">",
    "<",
    ">=",
    "<=",
    "==",
    "!=",
    "crosses_above",
    "crosses_below",
    "between",
)
CANDLE_FIELDS: tuple[CandleField, ...] = ("Open", "High", "Low", "Close", "Volume")
LIVE_FIELDS: tuple[LiveField, ...] = ("underlying_ltp", "ltp", "volume", "oi")
POSITION_FIELDS: tuple[PositionField, ...] = ("entry_price", "current_price", "quantity", "unrealized_pnl")
PNL_FIELDS: tuple[PnlField, ...] = (
    "realized_pnl",
    "unrealized_pnl",
    "total_pnl",
    "day_pnl",
    "closed_trades",
    "open_trades",
)
ARITHMETIC_SIGNS: tuple[ArithmeticSign, ...] = ("+", "-", "*", "/", "%", "+%", "-%")


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text or a truth value."""

    value: float | int | str | bool


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """The exchange's time of day at this tick."""


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A fixed time of day."""

    #: Seconds from midnight, 0 to 86,399.
    seconds: int
    #: As the strategy wrote it, such as ``09:17``.
    text: str


@dataclass(frozen=True, slots=True)
class BeforeClose:
    """The time of day some minutes before the session closes. A square-off is made of it; text cannot name it."""

    minutes: int


@dataclass(frozen=True, slots=True)
class LiveData:
    """A quote as of this tick."""

    field: LiveField
    instrument: InstrumentRole


@dataclass(frozen=True, slots=True)
class CandleData:
    """A field of a candle; offset 0 is the one being built, -1 the last finished one."""

    field: CandleField
    offset: int
    timeframe_id: str
    instrument: InstrumentRole


@dataclass(frozen=True, slots=True)
class IndicatorData:
    """A value of an indicator that the start node declares; offset -1 is its value on the last finished candle."""

    #: The indicator's key in the start node.
    key: str
    #: One of several outputs, where the indicator has several.
    parameter: str | None
    offset: int
    timeframe_id: str
    instrument: InstrumentRole


@dataclass(frozen=True, slots=True)
class NodeVariable:
    """A value that a node recorded when it last completed."""

    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PositionData:
    """A field of an open position."""

    position_id: str
    field: PositionField


@dataclass(frozen=True, slots=True)
class PnlData:
    """A field of the session's profit and loss."""

    field: PnlField


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions joined by a sign; ``a +% b`` is a plus b per cent of a."""

    left: Expression
    sign: ArithmeticSign
    right: Expression


Expression = (
    Constant
    | CurrentTime
    | TimeOfDay
    | BeforeClose
    | LiveData
    | CandleData
    | IndicatorData
    | NodeVariable
    | PositionData
    | PnlData
    | Arithmetic
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of two expressions."""

    id: str
    left: Expression
    operator: Comparison
    right: Expression
    #: The upper bound of ``between``, whose lower one is ``right``; None for the other operators.
    upper: Expression | None = None


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    """Conditions and groups joined by AND or OR. An empty group is never true."""

    logic: GroupLogic
    members: tuple[Condition | ConditionGroup, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that a node records when it completes."""

    name: str
    expression: Expression


def expressions_of(group: ConditionGroup) -> tuple[Expression, ...]:
    """Return every expression inside a group, arithmetic taken apart, in reading order."""
    found: list[Expression] = []
    for member in group.members:
        if isinstance(member, ConditionGroup):
            found.extend(expressions_of(member))
        else:
            found.extend(leaves(member.left))
            found.extend(leaves(member.right))
            found.extend(leaves(member.upper) if member.upper is not None else ())
    return tuple(found)


def leaves(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that an expression is made of, itself where it is not arithmetic."""
    if isinstance(expression, Arithmetic):
        return leaves(expression.left) + leaves(expression.right)
    return (expression,)
