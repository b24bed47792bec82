"""
The answer to "why not?" as text: what each node waited for, and what stood in the way over all of them.

    breakout (Morning breakout, EntrySignalNode): 422 turns, 1 signal
      held              %  condition
      303 of 422    71.80  Current Time >= 09:17
                           nearest miss 09:16:59: 09:16:59 >= 09:17:00 (1 away)

Times stand without their date and offset where the range lies within one day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from strategies.engine.explain import NODE_INACTIVE

Clock = Callable[[str], str]
"""Shortens a timestamp of an event."""

_DATE_LENGTH = len("2024-10-29")
_TIMESTAMP_LENGTH = len("2024-10-29 09:15:00")


def render(answer: Mapping[str, Any]) -> str:
    """
    Write an answer as text, its last line without a line's end.

    Args:
        answer: The document of ``why_not.completed``.
    """
    if not answer["ticks"]:
        return "The run has no tick in this range."
    clock = _clock(answer["from"], answer["to"])
    first, last = answer["from"][:_TIMESTAMP_LENGTH], answer["to"][:_TIMESTAMP_LENGTH]
    lines = [f"{first} to {last}: {_count(answer['ticks'], 'tick')}"]
    for node in answer["nodes"]:
        lines += ["", *_node(node, clock)]
    if len(answer["nodes"]) > 1:
        lines += ["", *_reasons_of_all(answer)]
    return "\n".join(lines)


def _clock(first: str, last: str) -> Clock:
    start = _DATE_LENGTH + 1 if first[:_DATE_LENGTH] == last[:_DATE_LENGTH] else 0
    return lambda timestamp: timestamp[start:_TIMESTAMP_LENGTH]


def _node(node: Mapping[str, Any], clock: Clock) -> list[str]:
    turns, signals = _count(node["evaluated"], "turn"), _count(node["signals"], "signal")
    name = "" if node["node_name"] == node["node_id"] else f"{node['node_name']}, "
    head = f"{node['node_id']} ({name}{node['node_type']}): "
    if not node["evaluated"]:
        return [f"{head}never active"]
    lines = [f"{head}{turns}, {signals}"]
    if node["conditions"]:
        lines += _conditions(node["conditions"], clock)
    if (closest := node["closest_turn"]) and len(node["conditions"]) > 1:
        failed = " and ".join(_failure(record) for record in closest["failed"])
        lines.append(f"  closest turn {clock(closest['timestamp'])}, all but: {failed}")
    if blocker := node["last_blocker"]:
        said = blocker["reason"] if blocker["raw"] is None else f"{blocker['reason']}: {_failure(blocker)}"
        lines.append(f"  last blocker {clock(blocker['timestamp'])}: {said}")
    reasons = {reason: ticks for reason, ticks in node["reasons"].items() if reason != NODE_INACTIVE}
    return [*lines, *_table(f"  {'ticks':>8}  what stood in the way", reasons.items())]


def _conditions(conditions: list[Mapping[str, Any]], clock: Clock) -> list[str]:
    shares = [f"{each['held']:,} of {each['evaluated']:,}" for each in conditions]
    width = max(len(share) for share in shares)
    lines = [f"  {'held':<{width}}        %  condition"]
    for each, share in zip(conditions, shares, strict=True):
        percent = 100 * each["held"] / each["evaluated"]
        lines.append(f"  {share:>{width}}  {percent:>7.2f}  {each['raw']}")
        lines += [f"  {'':{width}}           {remark}" for remark in _remarks(each, clock)]
    return lines


def _remarks(condition: Mapping[str, Any], clock: Clock) -> list[str]:
    remarks = []
    if miss := condition["nearest_miss"]:
        remarks.append(f"nearest miss {clock(miss['timestamp'])}: {miss['evaluated']} ({miss['distance']:,.6g} away)")
    if condition["missing"]:
        remarks.append(f"a value was missing {_count(condition['missing'], 'time')}")
    if condition["last_held"] and not condition["last_result"]:
        remarks.append(f"held last {clock(condition['last_held'])}")
    return remarks


def _failure(record: Mapping[str, Any]) -> str:
    return f"{record['raw']} [{record['evaluated']}]"


def _reasons_of_all(answer: Mapping[str, Any]) -> list[str]:
    rows = [row for row in answer["reasons"] if row["reason"] != NODE_INACTIVE]
    if not rows:
        return ["Nothing stood in any node's way."]
    width = max(len(row["node_id"]) for row in rows)
    table = [(f"{row['node_id']:<{width}}  {row['reason']}", row["ticks"]) for row in rows]
    return ["All nodes", *_table(f"  {'ticks':>8}  {'node':<{width}}  what stood in the way", table)]


def _table(head: str, rows: Iterable[tuple[str, int]]) -> list[str]:
    lines = [f"  {ticks:>8,}  {text}" for text, ticks in rows]
    return [head, *lines] if lines else []


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
