"""
Reads conditions and expressions into records: as the visual builder writes them, or as text.

A node's conditions are a list of groups, or one text; a variable's expression is an object, or a text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strategies.engine.condition_names import ConditionNames
from strategies.engine.condition_parser import ConditionParser, ConditionTextInvalid
from strategies.engine.condition_text import seconds_of_day
from strategies.engine.declarations import MAX_DEPTH, MAX_EXACT, MAX_LOOKBACK, Declarations
from strategies.engine.document import Reader, is_number
from strategies.engine.expressions import (
    ARITHMETIC_SIGNS,
    CANDLE_FIELDS,
    COMPARISONS,
    GROUP_LOGICS,
    LIVE_FIELDS,
    PNL_FIELDS,
    POSITION_FIELDS,
    Arithmetic,
    CandleData,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    InstrumentRole,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
    Variable,
)

__all__ = ["MAX_DEPTH", "MAX_EXACT", "MAX_LOOKBACK", "Declarations", "ExpressionReader", "seconds_of_day"]


@dataclass(frozen=True, slots=True)
class ExpressionReader:
    """Reads expressions and checks that what they name is declared."""

    declared: Declarations

    def groups(self, reader: Reader, field: str) -> ConditionGroup:
        """Read a node's conditions: one root group, several joined by AND, or a text."""
        text = reader.raw(field)
        if isinstance(text, str):
            group, faults = self._parser().read_group(text, reader.place(field))
            _tell(reader, field, faults)
            return group
        members = tuple(self.group(item) for item in reader.items(field))
        if len(members) == 1:
            return members[0]
        if not members and isinstance(reader.raw(field), list):
            reader.fault(field, "holds no condition; a signal needs at least one")
        return ConditionGroup("AND", members)

    def group(self, reader: Reader, depth: int = 0) -> ConditionGroup:
        """Read one group, with the groups inside it."""
        logic = reader.choice("groupLogic", GROUP_LOGICS, "AND")
        if depth >= MAX_DEPTH:
            reader.fault("conditions", f"groups are nested more than {MAX_DEPTH} deep")
            return ConditionGroup(logic, ())
        members = [
            self.group(item, depth + 1) if item.has("conditions") else self.condition(item)
            for item in reader.items("conditions")
        ]
        if not members and isinstance(reader.raw("conditions"), list):
            reader.fault("conditions", "holds no condition; a group needs at least one")
        return ConditionGroup(logic, tuple(members))

    def condition(self, reader: Reader) -> Condition:
        """Read one comparison."""
        sign = reader.choice("operator", COMPARISONS)
        return Condition(
            id=reader.text("id", default=reader.path),
            left=self.expression(reader.child("lhs")),
            operator=sign,
            right=self.expression(reader.child("rhs")),
            upper=self.expression(reader.child("rhs2")) if sign == "between" else None,
        )

    def variables(self, reader: Reader) -> tuple[Variable, ...]:
        """Read the values that a node records when it completes."""
        return tuple(
            Variable(item.text("name"), self._variable_expression(item))
            for item in reader.items("variables", required=False)
        )

    def _variable_expression(self, reader: Reader) -> Expression:
        text = reader.raw("expression")
        if not isinstance(text, str):
            return self.expression(reader.child("expression"))
        expression, faults = self._parser().read_expression(text)
        _tell(reader, "expression", faults)
        return expression

    def _parser(self) -> ConditionParser:
        return ConditionParser(ConditionNames.of(self.declared))

    def expression(self, reader: Reader, depth: int = 0) -> Expression:
        """Read one expression."""
        if depth >= MAX_DEPTH:
            reader.fault("", f"arithmetic is nested more than {MAX_DEPTH} deep")
            return Constant(0)
        if reader.choice("type", tuple(EXPRESSION_TYPES)) == "expression":
            return self._arithmetic(reader, depth)
        return EXPRESSION_TYPES.get(str(reader.raw("type")), _nothing)(self, reader)

    def _arithmetic(self, reader: Reader, depth: int = 0) -> Arithmetic:
        return Arithmetic(
            self.expression(reader.child("left"), depth + 1),
            reader.choice("operation", ARITHMETIC_SIGNS),
            self.expression(reader.child("right"), depth + 1),
        )

    def _constant(self, reader: Reader) -> Constant:
        value = reader.raw("value")
        if isinstance(value, str) and reader.raw("valueType") == "number":
            value = _number_in(value)
            if value is None:
                reader.fault("value", f"{reader.raw('value')!r} is no number, though valueType says that it is one")
                return Constant(0)
        if isinstance(value, str | bool):
            return Constant(value)
        if is_number(value):
            # JSON of the stream holds whole numbers exactly up to 2**53; a larger one is an approximation anyway.
            return Constant(value if abs(value) <= MAX_EXACT else float(value))
        found = "is missing" if value is None else f"{value!r} does not fit"
        reader.fault("value", f"{found}; expected a finite number, a text or a truth value")
        return Constant(0)

    def _current_time(self, reader: Reader) -> CurrentTime:
        return CurrentTime()

    def _time_of_day(self, reader: Reader) -> TimeOfDay:
        text = reader.text("timeValue")
        seconds = seconds_of_day(text)
        if text and seconds is None:
            reader.fault("timeValue", f"{text!r} is not a time of day; expected HH:MM or HH:MM:SS")
        return TimeOfDay(seconds or 0, text.strip())

    def _live(self, reader: Reader) -> LiveData:
        return LiveData(reader.choice("field", LIVE_FIELDS), self._role(reader))

    def _pnl(self, reader: Reader) -> PnlData:
        return PnlData(reader.choice("field", PNL_FIELDS))

    def _role(self, reader: Reader) -> InstrumentRole:
        role: InstrumentRole = reader.choice("instrumentType", ("TI", "SI"), "TI")
        if role not in self.declared.roles:
            reader.fault(
                "instrumentType", f"the start node has no instrument {role!r}; enable the supporting instrument"
            )
        return role

    def _timeframe(self, reader: Reader, role: InstrumentRole) -> str:
        timeframe_id = reader.text("timeframeId")
        if timeframe_id and role in self.declared.roles and (role, timeframe_id) not in self.declared.timeframes:
            known = sorted(known_id for known_role, known_id in self.declared.timeframes if known_role == role)
            reader.fault("timeframeId", f"{timeframe_id!r} is not declared by the start node; declared: {known}")
        return timeframe_id

    def _candle(self, reader: Reader) -> CandleData:
        role = self._role(reader)
        return CandleData(
            field=reader.choice("field", CANDLE_FIELDS),
            offset=_offset(reader),
            timeframe_id=self._timeframe(reader, role),
            instrument=role,
        )

    def _indicator(self, reader: Reader) -> IndicatorData:
        role = self._role(reader)
        timeframe_id = self._timeframe(reader, role)
        key = reader.text("name")
        is_timeframe_known = (role, timeframe_id) in self.declared.timeframes
        if key and is_timeframe_known and (role, timeframe_id, key) not in self.declared.indicators:
            reader.fault("name", f"indicator {key!r} is not declared for timeframe {timeframe_id!r}")
        parameter = reader.raw("parameter")
        if parameter is not None and not isinstance(parameter, str):
            reader.fault("parameter", "expected a text or null")
            parameter = None
        outputs = self.declared.outputs.get((role, timeframe_id, key))
        if parameter and outputs is not None and parameter not in outputs:
            reader.fault("parameter", f"{parameter!r} is no output of {key!r}; it has: {', '.join(outputs)}")
        return IndicatorData(
            key=key, parameter=parameter or None, offset=_offset(reader), timeframe_id=timeframe_id, instrument=role
        )

    def _variable(self, reader: Reader) -> NodeVariable:
        variable = NodeVariable(reader.text("nodeId"), reader.text("variableName"))
        if (variable.node_id, variable.name) not in self.declared.variables:
            reader.fault("variableName", f"no node {variable.node_id!r} records a variable {variable.name!r}")
        return variable

    def _position(self, reader: Reader) -> PositionData:
        position_id = reader.text("positionId")
        if position_id and position_id not in self.declared.positions:
            reader.fault("positionId", f"no entry node opens a position {position_id!r}")
        return PositionData(position_id, reader.choice("field", POSITION_FIELDS))


def _tell(reader: Reader, field: str, faults: tuple[ConditionTextInvalid, ...]) -> None:
    """Note the faults of a text at its field."""
    for fault in faults:
        line = fault.line if "\n" in fault.text else None
        reader.fault(field, fault.message, column=fault.column, text_line=line)


def _nothing(expressions: ExpressionReader, reader: Reader) -> Expression:
    """Stand in for an expression whose type is already noted as a fault."""
    return Constant(0)


def _number_in(text: str) -> float | int | None:
    """Return the number that the builder's text field holds; None for another text, or one that is not finite."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if is_number(number) else None
    return None


def _offset(reader: Reader) -> int:
    return reader.whole("offset", least=-MAX_LOOKBACK, most=0)


EXPRESSION_TYPES: dict[str, Callable[[ExpressionReader, Reader], Expression]] = {
    "constant": ExpressionReader._constant,
    "current_time": ExpressionReader._current_time,
    "time_function": ExpressionReader._time_of_day,
    "live_data": ExpressionReader._live,
    "candle_data": ExpressionReader._candle,
    "indicator": ExpressionReader._indicator,
    "node_variable": ExpressionReader._variable,
    "position_data": ExpressionReader._position,
    "pnl_data": ExpressionReader._pnl,
    "expression": ExpressionReader._arithmetic,
}
"""How each type of expression is read. A new type is a record, a row here, and a case in the compiler and printer."""
