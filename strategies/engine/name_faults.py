"""
What to say of a name in the text of a condition that is not declared, or that means two things.

Each function returns what was found and what would have been understood, in the words of one message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from strategies.engine.condition_names import ConditionNames
from strategies.engine.expressions import (
    CANDLE_FIELDS,
    LIVE_FIELDS,
    PNL_FIELDS,
    POSITION_FIELDS,
    CandleData,
    Expression,
    IndicatorData,
    NodeVariable,
)

_MOST_LISTED = 12


def describe_word(names: ConditionNames, word: str) -> tuple[str, str]:
    """Describe a word that stands by itself."""
    if meanings := names.words.get(word):
        return f"{word}, which means {_listed(map(_meaning, meanings), 'and')}", "a name that means one thing"
    owner = word.partition(".")[0]
    if owner in ("TI", "SI") and owner not in names.declared.roles:
        return word, f"TI; the start node has no instrument {owner!r}; enable the supporting instrument"
    if owner in ("TI", "SI"):
        also = "; a candle's values stand in brackets, such as Previous[TI.1m.Close]"
        return word, _listed(f"{owner}.{field}" for field in LIVE_FIELDS) + (also if word.count(".") > 1 else "")
    if owner == "PnL":
        return word, _listed(f"PnL.{field}" for field in PNL_FIELDS)
    if word.startswith("Position["):
        return word, _position_expected(names, word)
    spellings = [f"{node_id.replace('-', '_')}.{name}" for node_id, name in sorted(names.declared.variables)]
    return word, _or_nothing("a variable that a node records", "; no node records any", word, spellings)


def describe_series(names: ConditionNames, spelling: str) -> tuple[str, str]:
    """Describe what stands inside the brackets of ``Current[…]`` or ``Previous[…]``."""
    if meanings := names.series.get(spelling):
        return (
            f"{spelling}, which means {_listed(map(_meaning, meanings), 'and')}",
            "a name that means one thing, such as an indicator's key",
        )
    role, _, rest = spelling.partition(".")
    if role not in names.declared.roles:
        allowed = " or ".join(f"{known}.…" for known in sorted(names.declared.roles, reverse=True))
        return spelling or "nothing", f"{allowed}, such as TI.1m.Close"
    timeframes = sorted(timeframe_id for owner, timeframe_id in names.declared.timeframes if owner == role)
    inside = max((name for name in timeframes if rest.startswith(f"{name}.")), key=len, default=None)
    if inside is None:
        return spelling, _or_nothing("a timeframe that the start node declares", "; it declares none", rest, timeframes)
    if expected := _output_expected(names, role, inside, rest[len(inside) + 1 :]):
        return spelling, expected
    declared = [place for place in sorted(names.declared.indicators) if place[:2] == (role, inside)]
    indicators = dict.fromkeys(names.declared.display_names.get(place, place[2]) for place in declared)
    known = [f"{role}.{inside}.{name}" for name in (*CANDLE_FIELDS, *indicators)]
    return spelling, _closest(spelling, known)


def _output_expected(names: ConditionNames, role: str, timeframe_id: str, name: str) -> str:
    """Return what is expected where a known indicator stands with an output that it does not have."""
    for place in sorted(names.declared.indicators):
        for spelled in (names.declared.display_names.get(place, place[2]), place[2]):
            if place[:2] == (role, timeframe_id) and name.startswith(f"{spelled}.") and place in names.declared.outputs:
                return f"an output of {spelled}: {_listed(names.declared.outputs[place])}"
    return ""


def _position_expected(names: ConditionNames, word: str) -> str:
    known = sorted(names.declared.positions)
    if any(word.startswith(f"Position[{position_id}]") for position_id in known):
        return f"a field of the position: {_listed(POSITION_FIELDS)}"
    return _or_nothing("a position that an entry node opens", "; no entry node opens any", word[9:], known)


def _meaning(meaning: Expression) -> str:
    match meaning:
        case NodeVariable(node_id, name):
            return f"{name} of node {node_id!r}"
        case IndicatorData(key=key, parameter=parameter):
            return f"the indicator with the key {key!r}" + (f", output {parameter!r}" if parameter else "")
        case CandleData(field=field):
            return f"the candle's {field}"
    return f"a {type(meaning).__name__} of the same spelling"


def _or_nothing(kind: str, when_none: str, word: str, known: list[str]) -> str:
    return f"{kind}: {_closest(word, known)}" if known else f"{kind}{when_none}"


def _closest(word: str, known: list[str]) -> str:
    """List what is known, the likeliest first where there is one."""
    likely = difflib.get_close_matches(word[:200], known[:1_000], n=1)
    return _listed(dict.fromkeys([*likely, *known]))


def _listed(words: Iterable[str], last: str = "or") -> str:
    found = list(words)
    if len(found) > _MOST_LISTED:
        return f"{', '.join(found[:_MOST_LISTED])}, … ({len(found)} in all)"
    return f" {last} ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)
