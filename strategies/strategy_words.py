"""
A strategy in words: what each node waits for, and what it does.

Reading a strategy takes milliseconds and the engine's modules; versions never change, so what was read is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from strategies.engine.condition_text import ConditionPrinter
    from strategies.engine.expressions import ConditionGroup
    from strategies.engine.strategy import LimitPrice, Node, PositionSpec, Protection

_LOGIC_WORDS: Final = {"AND": "all of", "OR": "any of"}
_PROTECTION_WORDS: Final = {"stop_loss": "stop loss", "take_profit": "take profit", "trailing_stop": "trailing stop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionLine:
    """One comparison, or the heading of a group."""

    #: Its place among the node's conditions: `0`, `1.2`; empty for the outermost group.
    path: str
    depth: int
    #: "AND" or "OR"; None for a comparison.
    logic: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWords:
    """What one node waits for and does."""

    conditions: tuple[ConditionLine, ...]
    #: Sentences without a full stop: "sell 75 NIFTY options, ATM PE of W1".
    facts: tuple[str, ...]


def logic_words(logic: str) -> str:
    """Say how a group joins its members."""
    return _LOGIC_WORDS.get(logic, logic)


@lru_cache(maxsize=64)
def words_of_json(graph_json: str) -> Mapping[str, NodeWords]:
    """
    Put a stored strategy into words.

    Returns:
        By node id, in the document's order; empty for a document that the engine does not take any more.
    """
    import json

    from strategies.engine.errors import GraphInvalid

    try:
        return words_of(json.loads(graph_json))
    except GraphInvalid:
        return {}


def words_of(document: Mapping[str, Any]) -> dict[str, NodeWords]:
    """
    Put a strategy into words.

    Raises:
        GraphInvalid: If it is not valid.
    """
    from strategies.engine.graph import parse_strategy

    strategy = parse_strategy(document)
    printer = strategy.printer()
    return {
        node_id: NodeWords(conditions=_conditions(node, printer), facts=_facts(node, strategy.underlying))
        for node_id, node in strategy.nodes.items()
    }


def _conditions(node: Node, printer: ConditionPrinter) -> tuple[ConditionLine, ...]:
    group = getattr(node, "conditions", None)
    return () if group is None else tuple(_lines(group, printer, path="", depth=0))


def _lines(group: ConditionGroup, printer: ConditionPrinter, *, path: str, depth: int) -> list[ConditionLine]:
    from strategies.engine.expressions import ConditionGroup

    lines = [ConditionLine(path=path, depth=depth, logic=group.logic, text=logic_words(group.logic))]
    for place, member in enumerate(group.members):
        inner = f"{path}.{place}" if path else str(place)
        if isinstance(member, ConditionGroup):
            lines += _lines(member, printer, path=inner, depth=depth + 1)
        else:
            lines.append(ConditionLine(path=inner, depth=depth + 1, logic=None, text=printer.condition(member)))
    return lines


def _facts(node: Node, underlying: str) -> tuple[str, ...]:
    from strategies.engine import strategy

    match node:
        case strategy.StartNode():
            frames = ", ".join(spec.timeframe.id for spec in node.instrument.timeframes)
            watched = () if node.supporting is None else (f"watch {node.supporting.symbol}",)
            return (f"watch {node.instrument.symbol} on candles of {frames}", *watched)
        case strategy.EntryNode():
            return tuple(_entry(position, underlying) for position in node.positions)
        case strategy.ExitNode():
            return (_exit(node), *(_protection(protection) for protection in node.protections))
        case strategy.ReEntrySignalNode():
            return (f"enter again through {node.target_entry_node_id}, at most {_times(node.max_re_entries)}",)
        case strategy.SquareOffNode():
            return tuple(_square_off(node))
    return ()


def _entry(position: PositionSpec, underlying: str) -> str:
    from strategies.engine.strategy import OptionPick

    pick = position.contract
    if pick is None:
        what = underlying
    elif isinstance(pick, OptionPick):
        strike = f"premium near {pick.premium:g}" if pick.premium is not None else _strike(pick.strike_type, pick)
        what = f"{underlying} {pick.right}, {strike}, expiry {pick.expiry}"
    else:
        what = f"{underlying} future, expiry {pick.expiry}"
    again = f", at most {_times(position.max_entries)} a day" if position.max_entries > 1 else ""
    return f"{position.side} {position.quantity:,} {what}{_limit(position.limit)}{again}"


def _strike(strike_type: str, pick: Any) -> str:  # noqa: ANN401 - an OptionPick
    return f"{strike_type}{pick.strike_steps}" if pick.strike_steps else strike_type


def _limit(limit: LimitPrice | None) -> str:
    if limit is None:
        return ""
    unit = {"price": "", "points": " points off", "percentage": " % off"}[limit.unit]
    return f", limit {limit.amount:g}{unit}"


def _exit(node: Any) -> str:  # noqa: ANN401 - an ExitNode
    amount = {"all": "all", "percentage": f"{node.quantity.amount:g} %", "specific": f"{node.quantity.amount:g}"}
    return f"close {amount[node.quantity.kind]} of {node.target_position_id}{_limit(node.limit)}"


def _protection(protection: Protection) -> str:
    word = _PROTECTION_WORDS.get(protection.kind, protection.kind)
    text = f"{word} at {protection.distance:g} {protection.unit}"
    if protection.activation:
        text += f", working from {protection.activation:g} on"
    return f"{text}, in steps of {protection.step:g}" if protection.step else text


def _square_off(node: Any) -> list[str]:  # noqa: ANN401 - a SquareOffNode
    from strategies.engine.condition_text import clock_text

    found = []
    if node.is_immediate:
        found.append("close everything at once")
    if node.at is not None:
        found.append(f"close everything at {clock_text(node.at)}")
    if node.minutes_before_close is not None:
        found.append(f"close everything {node.minutes_before_close} minutes before the close")
    if node.profit_target is not None:
        found.append(f"close everything at a profit of {node.profit_target:,.2f}")
    if node.loss_limit is not None:
        found.append(f"close everything at a loss of {node.loss_limit:,.2f}")
    return found


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
