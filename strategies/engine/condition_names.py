"""
What the text of a condition may call things: every spelling, with what it means.

An indicator goes by the name that people read and by the builder's key; a node's variable by the node's id, with
underscores for its hyphens or as it is. A spelling that means two things names neither: whoever reads it says so, and
whoever prints an indicator takes the key instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from strategies.engine.declarations import Declarations
from strategies.engine.expressions import (
    CANDLE_FIELDS,
    INSTRUMENT_ROLES,
    LIVE_FIELDS,
    PNL_FIELDS,
    POSITION_FIELDS,
    CandleData,
    Expression,
    IndicatorData,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
)

IndicatorPlace = tuple[str, str, str]
"""Instrument role, timeframe id, indicator key."""

SeriesValue = CandleData | IndicatorData
Meaning = TypeVar("Meaning", bound=Expression)


@dataclass(frozen=True, slots=True)
class ConditionNames:
    """Every spelling that conditions of one strategy may use."""

    declared: Declarations
    #: What stands by itself, such as ``TI.ltp`` and ``entry_condition_1.SignalLow``; each with its meanings.
    words: Mapping[str, tuple[Expression, ...]]
    #: What stands inside ``Current[…]`` and ``Previous[…]``, such as ``TI.1m.Low``; its meanings at offset 0.
    series: Mapping[str, tuple[SeriesValue, ...]]

    @classmethod
    def of(cls, declared: Declarations) -> ConditionNames:
        """Spell everything that is declared."""
        return cls(
            declared,
            _words(declared),
            _series(declared.timeframes, _with_keys(declared), declared.outputs),
        )


def readable_names(
    display_names: Mapping[IndicatorPlace, str], outputs: Mapping[IndicatorPlace, tuple[str, ...]]
) -> dict[IndicatorPlace, str]:
    """
    Choose the name by which each indicator is printed: the one that people read, unless it means another thing too.

    Args:
        display_names: Of every indicator of the strategy.
        outputs: Of every indicator whose outputs are known.

    Returns:
        The name for people, or the key where that name could not be read back.
    """
    timeframes = {(role, timeframe_id) for role, timeframe_id, _ in display_names}
    meanings = _series(timeframes, display_names, outputs)
    found = {}
    for place, name in display_names.items():
        role, timeframe_id, key = place
        spellings = [_spelling(role, timeframe_id, name, output) for output in (None, *outputs.get(place, ()))]
        is_unique = all(len(meanings[spelling]) == 1 for spelling in spellings)
        found[place] = name if is_unique and closing_bracket(f"{name}]", 0) == len(name) else key
    return found


def closing_bracket(text: str, start: int) -> int | None:
    """Return where the bracket closes that was opened before ``start``; brackets inside it are passed over."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return None


def _with_keys(declared: Declarations) -> dict[IndicatorPlace, str]:
    return {place: declared.display_names.get(place, place[2]) for place in sorted(declared.indicators)}


def _words(declared: Declarations) -> dict[str, tuple[Expression, ...]]:
    found: dict[str, tuple[Expression, ...]] = {}
    for role in INSTRUMENT_ROLES:
        if role in declared.roles:
            for quote in LIVE_FIELDS:
                _add(found, f"{role}.{quote}", LiveData(quote, role))
    for amount in PNL_FIELDS:
        _add(found, f"PnL.{amount}", PnlData(amount))
    for position_id in sorted(declared.positions):
        for field in POSITION_FIELDS:
            _add(found, f"Position[{position_id}].{field}", PositionData(position_id, field))
    for node_id, name in sorted(declared.variables):
        for spelled_id in dict.fromkeys((node_id.replace("-", "_"), node_id)):
            _add(found, f"{spelled_id}.{name}", NodeVariable(node_id, name))
    return found


def _series(
    timeframes: Iterable[tuple[str, str]],
    display_names: Mapping[IndicatorPlace, str],
    outputs: Mapping[IndicatorPlace, tuple[str, ...]],
) -> dict[str, tuple[SeriesValue, ...]]:
    found: dict[str, tuple[SeriesValue, ...]] = {}
    known = set(timeframes)
    for role in INSTRUMENT_ROLES:
        for timeframe_id in sorted(name for owner, name in known if owner == role):
            for field in CANDLE_FIELDS:
                spelling = _spelling(role, timeframe_id, field, None)
                _add(found, spelling, CandleData(field, 0, timeframe_id, role))
        for place, display_name in display_names.items():
            owner, timeframe_id, key = place
            for name in dict.fromkeys((display_name, key)) if owner == role else ():
                for output in (None, *outputs.get(place, ())):
                    spelling = _spelling(role, timeframe_id, name, output)
                    _add(found, spelling, IndicatorData(key, output, 0, timeframe_id, role))
    return found


def _spelling(role: str, timeframe_id: str, name: str, output: str | None) -> str:
    return ".".join(part for part in (role, timeframe_id, name, output) if part is not None)


def _add(found: dict[str, tuple[Meaning, ...]], spelling: str, meaning: Meaning) -> None:
    others = found.get(spelling, ())
    if meaning not in others:
        found[spelling] = (*others, meaning)
