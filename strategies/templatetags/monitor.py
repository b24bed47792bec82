"""
How the pages write numbers, times, contracts and conditions.

The pages' scripts write the same forms (frontend/src), so that nothing jumps when a script takes over from a template.
Money stays text or Decimal: it is never rounded through a float.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from strategies import node_states
from strategies.models import NodeEvent

register = template.Library()

_MINUS = "\N{MINUS SIGN}"
_OPTION = re.compile(r"^([^:]+):(\d{4})-(\d\d)-(\d\d):OPT:([\d.]+):(CE|PE)$")
_EXIT_KINDS = {
    "signal": "exit signal",
    "stop_loss": "stop",
    "trailing_stop": "trailing stop",
    "take_profit": "target",
    "square_off": "square-off",
    "market_close": "close",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@register.filter
def count(value: int | None) -> str:
    """Write a whole number with its thousands parted: 22351 is "22,351"; a dash for None."""
    return "—" if value is None else f"{value:,}"


@register.filter
def money(value: object) -> str:
    """Write money or a price with two places and a true minus sign; a dash for what is no number."""
    amount = _decimal(value)
    return "—" if amount is None else f"{amount:z,.2f}".replace("-", _MINUS)


@register.filter
def signed_money(value: object) -> str:
    """Write money whose sign matters: "+382.50"."""
    amount = _decimal(value)
    return f"+{money(amount)}" if amount is not None and amount > 0 else money(value)


@register.filter
def stop(position: Mapping[str, Any]) -> str:
    """Write where an open position's stop stands: "182.50", "190.10 trailing", both, or a dash."""
    fixed, trailing = position.get("stop_loss_price"), position.get("trailing_stop_price")
    words = [money(fixed)] if fixed is not None else []
    words += [f"{money(trailing)} trailing"] if trailing is not None else []
    return " · ".join(words) or "—"


@register.filter
def exit_kind(exit_type: str) -> str:
    """Name what decided an exit; one that is not known as it is."""
    return _EXIT_KINDS.get(exit_type, exit_type)


@register.filter
def tone(value: object) -> str:
    """Name the colour of money: "profit", "loss", or nothing for zero."""
    amount = _decimal(value)
    if not amount:
        return ""
    return "profit" if amount > 0 else "loss"


@register.filter
def contract(symbol: str) -> str:
    """Write a contract as people say it: "NIFTY 7 Nov 24250 PE"; any other symbol as it is."""
    match = _OPTION.match(symbol)
    if match is None:
        return symbol
    underlying, _year, month, day, strike, kind = match.groups()
    return f"{underlying} {int(day)} {_MONTHS[int(month) - 1]} {strike} {kind}"


@register.filter
def clock(value: datetime | str | None) -> str:
    """Write the exchange's time of day, "09:19:00", of a moment or a timestamp; a dash where there is none."""
    moment = parse_datetime(value) if isinstance(value, str) else value
    if moment is None:
        return "—"
    return f"{timezone.localtime(moment) if timezone.is_aware(moment) else moment:%H:%M:%S}"


@register.filter
def unix_clock(second: int) -> str:
    """Write the exchange's time of a Unix second, with the day: "29 Oct, 09:19:00"."""
    moment = timezone.localtime(datetime.fromtimestamp(second, UTC))
    return f"{moment.day} {_MONTHS[moment.month - 1]}, {moment:%H:%M:%S}"


@register.filter
def figure(value: object) -> str:
    """Write a figure of a result: a count as it is, anything else with two places; a dash for none."""
    return count(value) if isinstance(value, int) else money(value)


@register.filter
def place(path: str) -> str:
    """Write where a condition stands in its node, counted from one: "1.0" is "2.1"."""
    return ".".join(str(int(number) + 1) for number in path.split("."))


@register.filter
def at(items: Sequence[Any], place: int) -> Any:  # noqa: ANN401 - whatever the list holds
    """Return one item of a list."""
    return items[place]


@register.filter
def spark_path(values: Sequence[float], width: float = 120, height: float = 32) -> str:
    """Draw a small curve as an SVG path inside a box of 120 by 32; empty for less than two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = width / (len(values) - 1)
    points = [
        f"{number * step:.1f} {1 + (height - 2) * (high - value) / span:.1f}" for number, value in enumerate(values)
    ]
    return f"M{'L'.join(points)}"


@register.filter
def node_kind(kind: str) -> str:
    """Write a kind of node in words, from the graph's spelling or the events'."""
    return node_states.kind_words(kind)


@register.filter
def underlying(graph: Mapping[str, Any]) -> str:
    """Find the symbol that a strategy's start node names; empty where it names none."""
    for node in graph.get("nodes", ()):
        if node.get("type") == "startNode":
            return str(node.get("data", {}).get("tradingInstrumentConfig", {}).get("symbol", ""))
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """One line of an evaluation: a comparison, or the heading of a group inside a group."""

    #: 0 in the outermost group.
    depth: int
    text: str
    #: "26.97 < 30.00"; the reason where a value was missing; empty for a group.
    operands: str
    #: "true", "false" or "missing".
    verdict: str
    #: Whether it is the first false one of an AND.
    is_blocking: bool

    @property
    def verdict_word(self) -> str:
        """The verdict as the page says it."""
        return {"true": "True", "false": "False", "missing": "No value"}[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCard:
    """What the page shows of one node."""

    node_id: str
    name: str
    kind: str
    #: "active", "done" or "idle".
    status: str
    #: "completed 2×, last 10:48:00".
    completed: str
    #: What the strategy says of its conditions; empty for nodes without.
    preview: str
    #: "all of · 2 of 3 true · 09:19:00"; empty before the first evaluation.
    verdict: str
    conditions: tuple[ConditionRow, ...]


@register.simple_tag
def node_cards(
    graph: Mapping[str, Any], tick: Mapping[str, Any] | None = None, node_events: Iterable[NodeEvent] = ()
) -> list[NodeCard]:
    """
    Put together what is known of each node of a graph, in the graph's order.

    Args:
        graph: The strategy's document.
        tick: Payload of the session's last tick; None before the first, or for a strategy by itself.
        node_events: The session's node events in their order.
    """
    evaluations: dict[str, tuple[Mapping[str, Any], str]] = {}
    completions: dict[str, list[datetime]] = {}
    for event in node_events:
        completions.setdefault(event.node_id, []).append(event.timestamp)
        _remember(evaluations, event.record, clock(event.timestamp))
    for execution in (tick or {}).get("node_executions", {}).values():
        _remember(evaluations, execution, clock((tick or {}).get("timestamp")))
    active = frozenset((tick or {}).get("active_nodes", ()))
    return [
        _card(node, node["id"] in active, completions.get(node["id"], []), evaluations.get(node["id"]))
        for node in node_states.drawn_nodes(graph)
    ]


def _remember(evaluations: dict[str, tuple[Mapping[str, Any], str]], execution: Mapping[str, Any], at: str) -> None:
    if execution.get("evaluated_conditions"):
        evaluations[execution["node_id"]] = (execution["evaluated_conditions"], at)


def _card(
    node: Mapping[str, Any],
    is_active: bool,
    completions: list[datetime],
    evaluation: tuple[Mapping[str, Any], str] | None,
) -> NodeCard:
    data = node.get("data", {})
    rows = condition_rows(evaluation[0]) if evaluation else ()
    return NodeCard(
        node_id=node["id"],
        name=node_states.name_of(node),
        kind=node_kind(node.get("type", "")),
        status="active" if is_active else "done" if completions else "idle",
        completed=f"completed {len(completions)}×, last {clock(completions[-1])}"
        if completions
        else "not completed yet",
        preview=data.get("conditionsPreview") or "",
        verdict=f"{_group_words(evaluation[0])} · {_tally(rows)} · {evaluation[1]}" if evaluation else "",
        conditions=rows,
    )


def condition_rows(group: Mapping[str, Any], depth: int = 0) -> tuple[ConditionRow, ...]:
    """Flatten an evaluation for reading; a group stands before what it holds."""
    conditions = group["conditions"]
    is_and = group.get("logic") == "AND"
    blocking = next((index for index, row in enumerate(conditions) if not row["result"]), None) if is_and else None
    rows: list[ConditionRow] = []
    for index, condition in enumerate(conditions):
        is_group = "conditions" in condition
        reason = "" if is_group else condition.get("reason") or ""
        rows.append(
            ConditionRow(
                depth=depth,
                text=_group_words(condition) if is_group else condition["raw"],
                operands="" if is_group else reason or condition["evaluated"],
                verdict="missing" if reason else "true" if condition["result"] else "false",
                is_blocking=index == blocking,
            )
        )
        if is_group:
            rows.extend(condition_rows(condition, depth + 1))
    return tuple(rows)


def _group_words(group: Mapping[str, Any]) -> str:
    return "any of" if group.get("logic") == "OR" else "all of"


def _tally(rows: Iterable[ConditionRow]) -> str:
    singles = [row for row in rows if row.operands or row.verdict == "missing"]
    return f"{sum(row.verdict == 'true' for row in singles)} of {len(singles)} true"


def _decimal(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
