"""
Reads conditions written as text, in the words of the visual builder's preview, into the records of ``expressions``.

    group      = member { "AND" member } | member { "OR" member }
    member     = condition | "(" group ")"
    condition  = value operator value | value "between" value "and" value
    operator   = ">" | "<" | ">=" | "<=" | "==" | "!=" | "crosses_above" | "crosses_below"
    value      = "(" value sign value ")" | "(" value ")" | number | text | time | "true" | "false"
               | "Current Time" | moment "[" series "]" | word
    sign       = "+" | "-" | "*" | "/" | "%" | "+%" | "-%"
    moment     = "Current" | "Previous" | "Previous(" whole number ")"

``series`` and ``word`` are the spellings of ``condition_names``. What ``condition_text`` prints is read back into equal
records, but for the ids of conditions, which text does not hold. Two errors stop the reading: a word where another is
expected, and brackets that do not match; a name that is not declared is noted, and the reading goes on, so that one
pass finds them all.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from strategies.engine.condition_names import ConditionNames, closing_bracket
from strategies.engine.condition_text import seconds_of_day
from strategies.engine.declarations import MAX_DEPTH, MAX_EXACT, MAX_LOOKBACK
from strategies.engine.errors import EngineError
from strategies.engine.expressions import (
    ARITHMETIC_SIGNS,
    COMPARISONS,
    Arithmetic,
    ArithmeticSign,
    Comparison,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    GroupLogic,
    TimeOfDay,
)
from strategies.engine.name_faults import describe_series, describe_word

_SPACE: Final = re.compile(r"\s*")
_LEXEME: Final = re.compile(r"[\w.]+|[<>=!&|]+|\S")
_WORD_CHARACTER: Final = re.compile(r"[\w.]")
_SIGN_CHARACTER: Final = re.compile(r"[<>=!]")
_FIELD: Final = re.compile(r"\.\w+")
_WORD: Final = re.compile(r"[\w.]+(?:-[\w.]+)*")
_CURRENT_TIME: Final = re.compile(r"Current\s+Time\b(?!\.)")
_MOMENT: Final = re.compile(r"(Current|Previous)\s*(?:\(\s*(-?\d+)\s*\)\s*)?\[")
_CLOCK: Final = re.compile(r"\d{1,2}:[\d:]*")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN_TEXT: Final = re.compile(r"'([^'\\]*)'")
_TRUTHS: Final = {"true": True, "false": False}
_JOINING: Final = re.compile(r"(AND|OR)\b", re.IGNORECASE)
_BETWEEN_AND: Final = re.compile(r"AND\b", re.IGNORECASE)
_OPERATORS: Final = tuple(sorted(COMPARISONS, key=len, reverse=True))
_SIGNS: Final = tuple(sorted(ARITHMETIC_SIGNS, key=len, reverse=True))
_MOST_OPEN: Final = 2 * MAX_DEPTH
_MOST_SHOWN: Final = 200

_A_VALUE: Final = "a value, such as 30, 09:17, Current Time, TI.underlying_ltp, Previous[TI.1m.Close] or (TI.ltp + 5)"
_A_COMPARISON: Final = f"a comparison: {', '.join(COMPARISONS)}"
_AN_END: Final = "AND, OR or the end of the text"
_PARENTHESES: Final = "; arithmetic stands in parentheses, such as (TI.ltp + 5)"


class ConditionTextInvalid(EngineError):
    """
    The text of a condition is refused at one place.

    Args:
        text: The whole text.
        at: The place of the fault in it, from 0.
        found: What stands there.
        expected: What would be understood there.
    """

    def __init__(self, text: str, at: int, *, found: str, expected: str) -> None:
        self.text = text
        #: Line and column of the fault inside the text, both from 1.
        self.line, self.column = _line_and_column(text, at)
        self.found = found if len(found) <= _MOST_SHOWN else f"{found[:_MOST_SHOWN]}…"
        self.expected = expected
        #: The fault in one line, without its place.
        self.message = f"found {self.found}; expected {expected}"
        super().__init__(f"{_place(text, at)}: {self.message}\n{excerpt(text, line=self.line, column=self.column)}")


def excerpt(text: str, *, line: int, column: int, width: int = 100) -> str:
    """Return the line of a text with a caret under one column, both indented; a long line is cut around it."""
    shown = text.split("\n")[line - 1]
    start = max(0, min(column - 1 - width // 2, len(shown) - width))
    head, tail = ("…" if start else ""), ("…" if start + width < len(shown) else "")
    # A tab stays a tab, so that the caret stands under its character.
    pad = "".join("\t" if character == "\t" else " " for character in head + shown[start : column - 1])
    return f"    {head}{shown[start : start + width]}{tail}\n    {pad}^"


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    """Return line and column of a place, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _place(text: str, at: int) -> str:
    line, column = _line_and_column(text, at)
    return f"line {line}, column {column}" if "\n" in text else f"column {column}"


@dataclass(frozen=True, slots=True)
class ConditionParser:
    """
    Reads the texts of one strategy.

    Args:
        names: What the texts may name.
    """

    names: ConditionNames

    def group(self, text: str) -> ConditionGroup:
        """
        Read conditions joined by AND and OR.

        Raises:
            ConditionTextInvalid: The first fault, with its column.
        """
        group, faults = self.read_group(text)
        if faults:
            raise faults[0]
        return group

    def expression(self, text: str) -> Expression:
        """
        Read one value.

        Raises:
            ConditionTextInvalid: The first fault, with its column.
        """
        expression, faults = self.read_expression(text)
        if faults:
            raise faults[0]
        return expression

    def read_group(self, text: str, ids: str = "conditions") -> tuple[ConditionGroup, tuple[ConditionTextInvalid, ...]]:
        """
        Read conditions joined by AND and OR, and return every fault found.

        Args:
            text: The conditions.
            ids: Begins the ids of the conditions, which are numbered in reading order: ``conditions[0]``.

        Returns:
            The group (a harmless one where there are faults), and the faults.
        """
        reading = _Reading(text, self.names, ids)
        try:
            return reading.whole_group(), tuple(reading.faults)
        except ConditionTextInvalid as fault:
            return ConditionGroup("AND", ()), (*reading.faults, fault)

    def read_expression(self, text: str) -> tuple[Expression, tuple[ConditionTextInvalid, ...]]:
        """Read one value, and return every fault found; the value is a harmless one where there are faults."""
        reading = _Reading(text, self.names, "")
        try:
            return reading.whole_expression(), tuple(reading.faults)
        except ConditionTextInvalid as fault:
            return Constant(0), (*reading.faults, fault)


class _Reading:
    """One pass over a text. ``at`` is the place of the next character to read."""

    def __init__(self, text: str, names: ConditionNames, ids: str) -> None:
        self.text = text
        self.names = names
        self.faults: list[ConditionTextInvalid] = []
        self.at = 0
        self._ids = ids
        self._count = 0
        self._open: list[int] = []
        # The longest spelling first: one may be the beginning of another.
        self._words = sorted(names.words, key=len, reverse=True)

    def whole_group(self) -> ConditionGroup:
        group = self._group(self._member())
        self._end(_AN_END)
        if _group_depth(group) > MAX_DEPTH:
            self._refuse(0, "groups inside groups", f"at most {MAX_DEPTH} levels of them")
        return group

    def whole_expression(self) -> Expression:
        expression = self._value()
        self._end("the end of the text")
        return expression

    def _end(self, expected: str) -> None:
        if self._skip_space() < len(self.text):
            self._unexpected(expected + self._hint())

    # Groups and conditions

    def _group(self, first: Condition | ConditionGroup) -> ConditionGroup:
        """Read what is joined to a first member. AND and OR do not mix on one level."""
        members = [first]
        logic: GroupLogic | None = None
        while joining := self._match(_JOINING):
            word: GroupLogic = "AND" if joining[1].upper() == "AND" else "OR"
            if logic not in (None, word):
                self._refuse(
                    joining.start(),
                    f"{word} after {logic}",
                    f"{logic}, or parentheses around the conditions that belong together",
                )
            logic = word
            members.append(self._member())
        return ConditionGroup(logic or "AND", tuple(members))

    def _member(self) -> Condition | ConditionGroup:
        item = self._item()
        return item if isinstance(item, ConditionGroup) else self._comparison(item)

    def _comparison(self, left: Expression) -> Condition:
        """Read the rest of a condition, whose left side is read."""
        sign = self._operator()
        if sign is None:
            self._unexpected(_A_COMPARISON + self._hint())
        self._count += 1
        number = self._count - 1
        right = self._value()
        upper = None
        if sign == "between":
            if not self._match(_BETWEEN_AND):
                self._unexpected(f"and, with the upper end of the range{self._hint()}")
            upper = self._value()
        return Condition(f"{self._ids}[{number}]", left, sign, right, upper)

    # Values

    def _value(self) -> Expression:
        start = self._skip_space()
        item = self._item()
        if isinstance(item, ConditionGroup):
            self._refuse(start, "conditions in parentheses", _A_VALUE)
        return item

    def _item(self) -> Expression | ConditionGroup:
        """Read a value, or a group in parentheses: which of them a parenthesis opens is known only further on."""
        start = self._skip_space()
        if (named := self._named()) is not None:
            return named
        if self.text.startswith("(", start):
            return self._parenthesis()
        return self._leaf()

    def _parenthesis(self) -> Expression | ConditionGroup:
        if len(self._open) >= _MOST_OPEN:
            self._refuse(self.at, "one more (", f"at most {_MOST_OPEN} of them inside each other")
        self._open.append(self.at)
        self.at += 1
        found = self._inside(self._item())
        if not self._accept(")"):
            also = "AND, OR" if isinstance(found, ConditionGroup) else f"{', '.join(_SIGNS)}, a comparison"
            also = "" if isinstance(found, Arithmetic) else f"{also} or "
            self._unexpected(f"{also}) for the ( in {_place(self.text, self._open[-1])}{self._hint()}")
        self._open.pop()
        return found

    def _inside(self, first: Expression | ConditionGroup) -> Expression | ConditionGroup:
        """Read what follows the first item in parentheses, up to where they should close."""
        if isinstance(first, ConditionGroup):
            return self._group(first)
        if (sign := self._sign()) is not None:
            found = Arithmetic(first, sign, self._value())
            if _arithmetic_depth(found) >= MAX_DEPTH:
                self._refuse(self._open[-1], "arithmetic inside arithmetic", f"at most {MAX_DEPTH - 1} levels of it")
            return found
        if self._skip_space() < len(self.text) and self.text[self.at] != ")":
            return self._group(self._comparison(first))
        return first

    def _named(self) -> Expression | None:
        """Read a word of the strategy: a quote, an amount, a position's or a node's value."""
        for spelling in self._words:
            end = self.at + len(spelling)
            if self.text.startswith(spelling, self.at) and not _WORD_CHARACTER.match(self.text, end):
                if _NUMBER.fullmatch(spelling) or _CLOCK.fullmatch(spelling):
                    return None
                meanings = self.names.words[spelling]
                if len(meanings) > 1:
                    self._note(self.at, *describe_word(self.names, spelling))
                self.at = end
                return meanings[0]
        return None

    def _leaf(self) -> Expression:
        start = self.at
        if self._match(_CURRENT_TIME):
            return CurrentTime()
        if moment := self._match(_MOMENT):
            return self._series(moment)
        if (text := self._text()) is not None:
            return Constant(text)
        if clock := self._match(_CLOCK):
            return self._time_of_day(clock)
        if number := self._match(_NUMBER):
            return self._number(number)
        if not (word := self._match(_WORD)):
            self._unexpected(_A_VALUE)
        if word[0] in _TRUTHS:
            return Constant(_TRUTHS[word[0]])
        if "." not in word[0] and not self.text.startswith("[", self.at):
            self._refuse(start, repr(word[0]), _A_VALUE)
        self._skip_brackets()
        self._note(start, *describe_word(self.names, self.text[start : self.at]))
        return Constant(0)

    def _series(self, moment: re.Match[str]) -> Expression:
        """Read what stands in the brackets after ``Current`` or ``Previous``."""
        end = closing_bracket(self.text, self.at)
        if end is None:
            self._refuse(len(self.text), "the end of the text", f"] for the [ in {_place(self.text, moment.end() - 1)}")
        inside, start = self.text[self.at : end], self.at
        self.at = end + 1
        spelling = inside if inside in self.names.series else inside.strip()
        meanings = self.names.series.get(spelling, ())
        if len(meanings) != 1:
            place = start + len(inside) - len(inside.lstrip())
            self._note(place, *describe_series(self.names, spelling))
            return Constant(0)
        return replace(meanings[0], offset=-self._candles_back(moment))

    def _candles_back(self, moment: re.Match[str]) -> int:
        said = moment[2]
        if moment[1] == "Current":
            if said is not None:
                self._note(moment.start(), f"Current({said})", f"Current[…] or Previous({said})[…]")
            return 0
        if said is None:
            return 1
        if len(said) > 9 or not 1 <= int(said) <= MAX_LOOKBACK:
            also = "; the candle being built is Current[…]" if said == "0" else ""
            self._note(moment.start(2), said, f"a whole number of candles from 1 to {MAX_LOOKBACK}{also}")
            return 1
        return int(said)

    def _text(self) -> str | None:
        start = self.at
        if plain := self._match(_PLAIN_TEXT):
            return plain[1]
        if quoted := self._match(_TEXT):
            return self._unescaped(quoted)
        if self.text.startswith(("'", '"'), start):
            self._refuse(start, "a quote that is not closed", f"another {self.text[start]} behind the text")
        return None

    def _unescaped(self, quoted: re.Match[str]) -> str:
        expected = 'one of \\" \\\\ \\n \\t \\uXXXX'
        try:
            found = str(json.loads(quoted[0], strict=False))
            found.encode()
        except json.JSONDecodeError as error:
            self._refuse(quoted.start() + error.pos, "a \\ that begins no known character", expected)
        except UnicodeEncodeError:
            self._refuse(quoted.start(), "half of a surrogate pair, which is no character", expected)
        return found

    def _time_of_day(self, clock: re.Match[str]) -> Expression:
        seconds = seconds_of_day(clock[0])
        if seconds is None:
            self._note(clock.start(), repr(clock[0]), "a time of day, HH:MM or HH:MM:SS")
        return TimeOfDay(seconds or 0, clock[0])

    def _number(self, number: re.Match[str]) -> Expression:
        if _WORD_CHARACTER.match(self.text, self.at):
            rest = self._match(_WORD)
            self._refuse(number.start(), repr(number[0] + (rest[0] if rest else "")), _A_VALUE)
        value = float(number[0])
        if not math.isfinite(value):
            self._note(number.start(), "a number out of range", "one of at most 1.7e308")
            return Constant(0)
        is_whole = number[0].lstrip("-").isdigit() and abs(value) <= MAX_EXACT
        return Constant(int(number[0]) if is_whole else value)

    # Words

    def _operator(self) -> Comparison | None:
        self._skip_space()
        for sign in _OPERATORS:
            if self._accept_sign(sign):
                return sign
        return None

    def _sign(self) -> ArithmeticSign | None:
        self._skip_space()
        return next((sign for sign in _SIGNS if self._accept(sign)), None)

    def _accept_sign(self, sign: str) -> bool:
        end = self.at + len(sign)
        goes_on = _WORD_CHARACTER if sign[0].isalpha() else _SIGN_CHARACTER
        if self.text.startswith(sign, self.at) and not goes_on.match(self.text, end):
            self.at = end
            return True
        return False

    def _accept(self, sign: str) -> bool:
        if self.text.startswith(sign, self._skip_space()):
            self.at += len(sign)
            return True
        return False

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.text, self._skip_space()):
            self.at = found.end()
        return found

    def _skip_space(self) -> int:
        if found := _SPACE.match(self.text, self.at):
            self.at = found.end()
        return self.at

    def _skip_brackets(self) -> None:
        """Pass over ``[…].field`` behind a word that is not known."""
        if self.text.startswith("[", self.at):
            end = closing_bracket(self.text, self.at + 1)
            self.at = len(self.text) if end is None else end + 1
            self._match(_FIELD)

    # Faults

    def _hint(self) -> str:
        """Return what may have been meant by a sign at a place where none can stand."""
        rest = self.text[self._skip_space() :]
        if rest.startswith(ARITHMETIC_SIGNS):
            return _PARENTHESES
        if rest.startswith("=") and not rest.startswith("=="):
            return "; equal is written =="
        if rest.startswith(("&", "|")):
            return "; conditions are joined by AND and OR"
        return ""

    def _unexpected(self, expected: str) -> NoReturn:
        start = self._skip_space()
        lexeme = _LEXEME.match(self.text, start)
        self._refuse(start, repr(lexeme[0][:40]) if lexeme else "the end of the text", expected)

    def _note(self, at: int, found: str, expected: str) -> None:
        self.faults.append(ConditionTextInvalid(self.text, at, found=found, expected=expected))

    def _refuse(self, at: int, found: str, expected: str) -> NoReturn:
        raise ConditionTextInvalid(self.text, at, found=found, expected=expected)


def _group_depth(group: ConditionGroup) -> int:
    """Return how many levels of groups stand inside a group."""
    return max((1 + _group_depth(member) for member in group.members if isinstance(member, ConditionGroup)), default=0)


def _arithmetic_depth(expression: Expression) -> int:
    """Return how many levels of arithmetic an expression has."""
    if not isinstance(expression, Arithmetic):
        return 0
    return 1 + max(_arithmetic_depth(expression.left), _arithmetic_depth(expression.right))
