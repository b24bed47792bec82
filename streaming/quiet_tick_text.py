"""
Quiet ticks as JSON: the payload of the tick before them, with holes where they differ from it.

The payload is that of `payloads.TickWriter`, so its shape is written down there and nowhere else. Each value that
differs from tick to tick is taken out of it and becomes a column of texts; the rest is encoded once. A tick is then the
fixed pieces and one text of each column, joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final

import orjson

from strategies.engine import money
from strategies.engine.condition_groups import CompiledGroup
from strategies.engine.conditions import CompiledCondition, part_of
from strategies.engine.operands import Operand, Value
from strategies.engine.quiet_ticks import QuietTicks
from streaming.protocol import json_text
from streaming.sse_event_emitter import TickPoint

#: Where the time of day stands in "2024-10-29 09:15:01+05:30".
_CLOCK: Final = slice(11, 19)


def write(quiet: QuietTicks, before: Mapping[str, Any], *, underlying: str) -> Iterator[tuple[bytes, TickPoint]]:
    """
    Write the payload of each of some quiet ticks, without its envelope, and what charts need of it.

    Args:
        quiet: The ticks.
        before: The payload of the tick before them.
        underlying: The symbol whose price the charts show.
    """
    holes = _Holes(before)
    texts = _Texts(quiet)
    clocks = quiet.tape.clocks[quiet.first : quiet.last]
    ticks = range(quiet.tick, quiet.tick + quiet.last - quiet.first)
    profits = _profits(quiet)
    totals = profits[-1] if profits else repeat(before["pnl_summary"]["total_pnl"], len(ticks))
    document = {
        **before,
        "tick": holes.value([str(tick) for tick in ticks]),
        "timestamp": _with_clock(before["timestamp"], holes.inside(clocks)),
        "node_executions": {
            holes.inside(_escaped(ids)): {
                **execution,
                "evaluated_conditions": _group(group, execution["evaluated_conditions"], texts, holes),
            }
            for ids, group, execution in zip(
                quiet.execution_ids, quiet.groups, before["node_executions"].values(), strict=True
            )
        },
    }
    if profits:
        document["open_positions"] = [
            {
                **mark,
                "current_price": holes.inside(profits.pop(0)),
                "unrealized_pnl": holes.inside(profits.pop(0)),
                **({} if levels is None else {"trailing_stop_price": holes.value(_levels(levels))}),
            }
            for mark, levels in zip(before["open_positions"], quiet.trailing_stops, strict=True)
        ]
        unrealized, total = profits
        document["pnl_summary"] = {
            **before["pnl_summary"], "unrealized_pnl": holes.inside(unrealized), "total_pnl": holes.inside(total),
        }  # fmt: skip
    document["ltp"] = {symbol: _quote(symbol, quote, quiet, holes) for symbol, quote in before["ltp"].items()}
    seconds = slice(quiet.first, quiet.last)
    prices = quiet.tape.price_list(underlying)[seconds]
    points = map(TickPoint, ticks, quiet.tape.epochs[seconds], prices, totals)
    return zip(holes.fill(document), points, strict=True)


class _Holes:
    """
    The places of a document that differ from tick to tick.

    Args:
        document: A document without any hole.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        text = json_text.encode(document).decode()
        # One of the characters that Unicode leaves to private use; whatever people write, they hardly use them all.
        self._mark = next(mark for mark in map(chr, range(0xE000, 0x10FFFF)) if mark not in text)
        self._columns: list[Sequence[str]] = []

    def value(self, texts: Sequence[str]) -> str:
        """Return what to put in place of a value: the next of the texts, which are JSON, stands there in each tick."""
        self._columns.append(texts)
        return f"{self._mark}{len(self._columns) - 1}{self._mark}"

    def inside(self, texts: Sequence[str]) -> str:
        """Return what to put into a string: the next of the texts, which need no escape, stands there in each tick."""
        self._columns.append(texts)
        return f"{self._mark}.{len(self._columns) - 1}{self._mark}"

    def fill(self, document: Mapping[str, Any]) -> Iterator[bytes]:
        """Write a document once for each tick."""
        mark = self._mark
        pieces = re.split(f'"{mark}(\\d+){mark}"|{mark}\\.(\\d+){mark}', json_text.encode(document).decode())
        rows: list[Iterator[str]] = [repeat(pieces[0])]
        for value, inside, fixed in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            rows += (iter(self._columns[int(value or inside)]), repeat(fixed))
        return ("".join(row).encode() for row in zip(*rows, strict=False))


class _Texts:
    """What operands are worth in quiet ticks, as texts; each operand is written once, however many conditions ask."""

    def __init__(self, quiet: QuietTicks) -> None:
        self.first = quiet.first
        self.last = quiet.last
        self._known: dict[Operand, tuple[list[str], list[str]] | None] = {}

    def of(self, operand: Operand) -> tuple[list[str], list[str]] | None:
        """Return an operand's values as JSON and as people read them; None where it has one value throughout."""
        if operand not in self._known:
            values = operand.between(self.first, self.last)
            if isinstance(values, list):
                self._known[operand] = (_numbers(values), operand.show_all(values, self.first))
            else:
                self._known[operand] = None
        return self._known[operand]


def _group(group: CompiledGroup, record: Mapping[str, Any], texts: _Texts, holes: _Holes) -> dict[str, Any]:
    members = zip(group.members, record["conditions"], strict=True)
    return {
        **record,
        "result": _result(group, record, texts, holes),
        "conditions": [
            _group(member, part, texts, holes)
            if isinstance(member, CompiledGroup)
            else _condition(member, part, texts, holes)
            for member, part in members
        ],
    }


def _condition(condition: CompiledCondition, record: Mapping[str, Any], texts: _Texts, holes: _Holes) -> dict[str, Any]:
    found = {**record, "result": _result(condition, record, texts, holes)}
    shown: list[str] = []
    for key, operand, value in condition.sides:
        columns = texts.of(operand)
        if columns is None:
            shown.append(operand.show(value))
        else:
            found[key] = holes.value(columns[0])
            shown.append(holes.inside(columns[1]))
    found["evaluated"] = condition.evaluated(*shown)
    return found


def _result(
    asked: CompiledCondition | CompiledGroup, record: Mapping[str, Any], texts: _Texts, holes: _Holes
) -> bool | str:
    results = part_of(asked.mask(), texts.first, texts.last)
    return holes.value(["true" if result else "false" for result in results]) if isinstance(results, list) else results


def _quote(symbol: str, quote: Mapping[str, Any], quiet: QuietTicks, holes: _Holes) -> dict[str, Any]:
    tape, first, last = quiet.tape, quiet.first, quiet.last
    clocks = tape.clocks
    at = [clocks[second] for second in tape.quoted_at(symbol)[first:last]]
    return {
        **quote,
        "ltp": holes.value(_numbers(tape.price_list(symbol)[first:last])),
        "timestamp": _with_clock(quote["timestamp"], holes.inside(at)),
    }


def _profits(quiet: QuietTicks) -> list[Sequence[str]]:
    """Return price and profit of each position, then the profit of all and the total; nothing where none is open."""
    known: dict[tuple[float, ...], tuple[str, ...]] = {}
    rows: list[tuple[str, ...]] = []
    for prices in zip(*quiet.prices, strict=True):
        if prices not in known:
            marks, pnl = quiet.value_at(prices)
            amounts = [amount for mark in marks for amount in (mark.current_price, mark.unrealized_pnl)]
            known[prices] = tuple(map(money.text, (*amounts, pnl.unrealized_pnl, pnl.total_pnl)))
        rows.append(known[prices])
    return list(zip(*rows, strict=True))


def _levels(levels: Sequence[float]) -> list[str]:
    """Write each level of a trailing stop as JSON; one that does not work yet is null."""
    # A level stays for many ticks.
    texts = {level: f'"{money.text(money.to_money(level))}"' for level in set(levels) if level == level}
    return [texts.get(level, "null") for level in levels]


def _numbers(values: Sequence[Value]) -> list[str]:
    """Write each number as JSON; a missing one is null."""
    return orjson.dumps(values)[1:-1].decode().split(",")


def _escaped(ids: list[str]) -> list[str]:
    """Write execution ids as they stand inside a JSON string; the node's own id may hold anything."""
    # They end with a digit, so a quote, a comma and a quote in a row part two of them, and nothing else.
    return json_text.encode(ids).decode()[2:-2].split('","')


def _with_clock(timestamp: str, clock: str) -> str:
    return f"{timestamp[: _CLOCK.start]}{clock}{timestamp[_CLOCK.stop :]}"
