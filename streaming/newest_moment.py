"""
How the nodes of a session stand at its newest tick, without its history: what a page can say at once.

A `Moment` is what is known of one node at a tick, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max
from django.utils import timezone

from strategies import node_states
from strategies.models import NodeEvent
from strategies.node_states import NodeState
from streaming import event_log
from streaming.history_cache import tick_payload
from streaming.models import SessionLog
from streaming.protocol import json_text
from streaming.session_history import ConditionMoment

#: How far back a node's last turn is looked for: eight segments, some hundredths of a second.
_EVENTS_SEARCHED: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known of one node at a tick."""

    #: 0 before the first.
    tick: int
    #: Unix times of the ticks that are named here.
    seconds: Mapping[int, int]
    #: Of every node.
    states: Mapping[str, NodeState]
    #: How often it became active; None where that is not known.
    activations: int | None = None
    #: The tick of its last turn, and the event that told it; None where it had none, or none that was found.
    last_turn: int | None = None
    turn_event: int | None = None
    last_signal: int | None = None
    #: By place and text; empty where the history is not known.
    conditions: Mapping[tuple[str, str], ConditionMoment] = field(default_factory=dict)

    def time(self, tick: int | None) -> str | None:
        """Write a tick's exchange time as events do; None for no tick."""
        if not tick:
            return None
        return str(datetime.fromtimestamp(self.seconds[tick], timezone.get_default_timezone()))


def read(session_pk: int, node_ids: Sequence[str], node_id: str | None) -> tuple[Moment, dict[str, Any] | None]:
    """
    Read how the nodes of a session stand at its newest tick.

    Args:
        session_pk: A session with at least one event.
        node_ids: Its nodes.
        node_id: The one whose last turn is wanted; None for none.

    Returns:
        The moment of that node, and its last turn: its entry in `node_executions`.
    """
    with event_log.one_instant():
        log = SessionLog.objects.get(session_id=session_pk)
        fired = _completions(session_pk)
        current = json_text.decode(bytes(log.current_state_json)) or {}
        found = _last_turn(session_pk, node_id, head=log.head or 0) if node_id is not None else None
    active = frozenset(current.get("active_nodes", ()))
    told_by = current.get("event_id", -1)
    states = {
        each: node_states.state_of(
            is_active=each in active, fires_now=fired.get(each, (0, -1))[1] > told_by, fired=fired.get(each, (0, -1))[0]
        )
        for each in node_ids
    }
    ticks = [payload for payload in (current, found and found[0]) if payload]
    moment = Moment(
        tick=current.get("tick", 0),
        seconds={each["tick"]: int(datetime.fromisoformat(each["timestamp"]).timestamp()) for each in ticks},
        states=states,
        last_turn=found[0]["tick"] if found else None,
        turn_event=found[0]["event_id"] if found else None,
    )
    return moment, found[1] if found else None


def turn_in(tick: Mapping[str, Any], node_id: str) -> dict[str, Any] | None:
    """Find a node's turn in a tick, the last one with conditions where it had two."""
    turns = [turn for turn in tick["node_executions"].values() if turn["node_id"] == node_id]
    return next((turn for turn in reversed(turns) if turn["evaluated_conditions"]), turns[-1] if turns else None)


def _completions(session_pk: int) -> dict[str, tuple[int, int]]:
    """Count each node's completions, and find the event of its last one."""
    rows = NodeEvent.objects.filter(session_id=session_pk).order_by().values_list("node_id")
    return {node_id: (count, last) for node_id, count, last in rows.annotate(Count("pk"), Max("event_id"))}


def _last_turn(session_pk: int, node_id: str, *, head: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Look back from the head for a tick in which a node had its turn."""
    frames = event_log.read_frames(session_pk, after=max(head - _EVENTS_SEARCHED, -1), limit=_EVENTS_SEARCHED)
    for _, frame in reversed(frames):
        payload = tick_payload(frame)
        turn = turn_in(payload, node_id) if payload is not None else None
        if payload is not None and turn is not None:
            return payload, turn
    return None
