"""
The question "why not?": which nodes of a run, over which range of exchange time.

A person writes times of day; events carry whole timestamps with their offset. A ``Question`` holds the latter, as the
engine's explainer compares them. The answer is the explainer's document, with the names of nodes that never had a turn
filled in from the strategy, so that the stored events and a rerun give the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from strategies.engine.errors import EngineError
from strategies.engine.explain import RunExplainer
from strategies.engine.graph import StrategyGraph
from strategies.engine.ticks import EXCHANGE_ZONE

#: Some nodes' ids are listed where one is unknown; a graph may have hundreds.
_MOST_IDS_LISTED: Final = 20
_MOST_SHOWN: Final = 60

_TIME: Final = re.compile(r"(\d{1,2}:\d{2})(:\d{2})?", re.ASCII)
#: The plus sign of an offset is a space where an address was not quoted.
_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:(Z)|([-+ ])(\d{2}:?\d{2}))?", re.ASCII | re.IGNORECASE
)


class QuestionInvalid(EngineError):
    """A question cannot be understood: ``field`` names its part (node, from, to, day)."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


class NodeName(NamedTuple):
    """What people and programs call a node."""

    name: str
    node_type: str


class Days(NamedTuple):
    """The exchange dates that a run covers, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which nodes, and when."""

    #: In the order of the answer.
    node_ids: tuple[str, ...]
    #: Exchange time at which the range begins and ends, both included; None leaves that side open.
    first: datetime | None
    last: datetime | None

    def explainer(self) -> RunExplainer:
        """Begin the answer."""
        return RunExplainer(
            self.node_ids,
            first=None if self.first is None else str(self.first),
            last=None if self.last is None else str(self.last),
        )


def read_question(
    *, nodes: Sequence[str], known: Mapping[str, NodeName], from_: str, to: str, day: str, days: Days | None
) -> Question:
    """
    Read a question as a person writes it.

    Args:
        nodes: Ids of the nodes to account for; none for all.
        known: The nodes of the strategy, by id.
        from_: Time of day (``09:15``, ``09:15:30``) or timestamp (``2024-10-29 09:15``, exchange time unless it has an
            offset) at which the range begins; empty for the first tick.
        to: The same for its end, which is included; empty for the last tick.
        day: The exchange date that times of day belong to, and the whole range where there are none; empty for none.
        days: What the run covers; None where that is not known yet.

    Raises:
        QuestionInvalid: At the first part that cannot be understood.
    """
    for node_id in nodes:
        if node_id not in known:
            raise QuestionInvalid("node", f"{_shown(node_id)} is no node of the strategy; it has {_listed(known)}")
    the_day = _read_day(day, days)
    first = _read_moment("from", from_, the_day, days)
    last = _read_moment("to", to, the_day, days)
    if the_day is not None:
        first = first or _midnight(the_day)
        last = last or _midnight(the_day) + timedelta(days=1, seconds=-1)
    if first is not None and last is not None and first > last:
        raise QuestionInvalid("from", f"{first:%Y-%m-%d %H:%M:%S} lies after {last:%Y-%m-%d %H:%M:%S}; swap the two")
    return Question(node_ids=tuple(dict.fromkeys(nodes)) or tuple(known), first=first, last=last)


def names_of(strategy: StrategyGraph) -> dict[str, NodeName]:
    """Return the nodes of a strategy, in the order of its document."""
    return {node.id: NodeName(node.label, node.class_name) for node in strategy.nodes.values()}


def names_in(document: Mapping[str, Any]) -> dict[str, NodeName]:
    """Return the nodes of a stored document without checking it: a later engine may refuse what once ran."""
    found: dict[str, NodeName] = {}
    nodes = document.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict) and isinstance(node.get("id"), str):
            data, kind = node.get("data"), str(node.get("type", ""))
            label = data.get("label") if isinstance(data, dict) else None
            found[node["id"]] = NodeName(str(label or node["id"]), kind[:1].upper() + kind[1:])
    return found


def completed(answer: Mapping[str, Any], names: Mapping[str, NodeName]) -> dict[str, Any]:
    """Return an explainer's document with the names of nodes that never had a turn, and null for what is not there."""
    nodes = [_named(node, names) for node in answer["nodes"]]
    by_id = {node["node_id"]: node["node_name"] for node in nodes}
    reasons = [{**row, "node_name": by_id[row["node_id"]]} for row in answer["reasons"]]
    return {**answer, "nodes": nodes, "reasons": reasons}


def _named(node: Mapping[str, Any], names: Mapping[str, NodeName]) -> dict[str, Any]:
    name = names.get(node["node_id"], NodeName("", ""))
    return {
        **node,
        "node_name": node["node_name"] or name.name,
        "node_type": node["node_type"] or name.node_type,
        "from": node["from"] or None,
        "to": node["to"] or None,
    }


def _read_day(text: str, days: Days | None) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise QuestionInvalid("day", f"{_shown(text)} is no date; write it as 2024-10-29") from error
    if days is not None and not days.first <= day <= days.last:
        raise QuestionInvalid("day", f"{day} is no day of the run, which covers {_covered(days)}")
    return day


def _read_moment(field: str, text: str, day: date | None, days: Days | None) -> datetime | None:
    if not text:
        return None
    if time := _TIME.fullmatch(text):
        on = day or (days.first if days is not None and days.first == days.last else None)
        if on is None:
            covers = "its days are not known yet" if days is None else f"the run covers {_covered(days)}"
            raise QuestionInvalid(field, f"{text} could be of any day: {covers}; give the day too, as 2024-10-29 09:15")
        return _moment(field, text, f"{on}T{time[1]:0>5}{time[2] or ':00'}")
    if stamp := _TIMESTAMP.fullmatch(text):
        if day is not None:
            raise QuestionInvalid(
                field, f"{text} has a date of its own; leave out the day, or give the time of day only"
            )
        offset = "+00:00" if stamp[4] else f"{(stamp[5] or '').replace(' ', '+')}{stamp[6] or ''}"
        return _moment(field, text, f"{stamp[1]}T{stamp[2]}{stamp[3] or ':00'}{offset}")
    raise QuestionInvalid(field, _no_time(text))


def _moment(field: str, text: str, iso: str) -> datetime:
    try:
        moment = datetime.fromisoformat(iso)
        return (moment if moment.tzinfo else moment.replace(tzinfo=EXCHANGE_ZONE)).astimezone(EXCHANGE_ZONE)
    except (ValueError, OverflowError) as error:
        raise QuestionInvalid(field, _no_time(text)) from error


def _no_time(text: str) -> str:
    return f"{_shown(text)} is no time; write a time of day as 09:15 or 09:15:30, or a timestamp as 2024-10-29 09:15:30"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=EXCHANGE_ZONE)


def _covered(days: Days) -> str:
    return str(days.first) if days.first == days.last else f"{days.first} to {days.last}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")


def _listed(known: Mapping[str, NodeName]) -> str:
    ids = list(known)
    more = f" and {len(ids) - _MOST_IDS_LISTED} more" if len(ids) > _MOST_IDS_LISTED else ""
    return ", ".join(ids[:_MOST_IDS_LISTED]) + more if ids else "none"
