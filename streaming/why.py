"""
Why did a node act, or not, at a tick? `GET /api/sessions/<session_id>/why/?node=<id>&tick=n`.

Each condition of the node with its operands and result at its last turn up to the tick, since when it has that result
and when it held last; how the node stands, how its parents do, and what stood in its way. The session's history says
since when; the operands come from the tick itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies import node_states, strategy_words
from strategies.engine import evaluations
from strategies.models import BacktestSession
from strategies.node_states import NodeState
from streaming import answers, event_log, newest_moment, replay
from streaming.history_cache import history_cache, tick_payload
from streaming.newest_moment import Moment
from streaming.protocol import json_text
from streaming.session_history import NodeHistory, SessionHistory

Json = dict[str, Any]

#: The kind of node that people ask about first.
ENTRY_SIGNAL: Final = "entrySignalNode"

_MOST_LISTED: Final = 20
_NO_NODE: Final = NodeHistory()


class NodeUnknown(Exception):
    """A node that the strategy does not have."""


def why(session: BacktestSession, node_id: str, place: replay.Place) -> Json:
    """
    Explain a node at a tick.

    Args:
        session: With its strategy version.
        node_id: A node of the version's graph.
        place: The tick, as `replay.place_of` finds it.

    Raises:
        NodeUnknown: If the graph has no such node.
        replay.TickGone: If the log has let go of the node's last turn.
    """
    nodes = _nodes(session)
    if node_id not in nodes:
        listed = ", ".join(list(nodes)[:_MOST_LISTED])
        raise NodeUnknown(f"{node_id[:60]!r} is no node of the strategy; it has {listed}.")
    with history_cache.open(session.pk) as history:
        moment = _moment(history, list(nodes), node_id, place.tick)
    return _document(session, node_id, moment, _turn(session.pk, node_id, moment.turn_event), place.head)


def of_page(session: BacktestSession) -> tuple[Json | None, dict[str, NodeState]]:
    """
    Read what a session's page says without a script.

    A page does not wait for the history of a whole day. Where nobody has asked for that yet, since when a condition has
    its result is left out (null), and filled in by the page's script.

    Returns:
        Why the first entry signal did or did not act at the newest tick (None where the strategy has no such node, or
        the log dropped its last turn), and how every node stands.
    """
    nodes = _nodes(session)
    entry = next((node_id for node_id, node in nodes.items() if node.get("type") == ENTRY_SIGNAL), None)
    head = event_log.read_state(session.pk).head
    if head is not None and not history_cache.is_cheap(session.pk, head=head):
        moment, execution = newest_moment.read(session.pk, list(nodes), entry)
        return None if entry is None else _document(session, entry, moment, execution, head), dict(moment.states)
    place = replay.place_of(session, None)
    with history_cache.open(session.pk) as history:
        states = _states(history, list(nodes), place.tick)
    try:
        return None if entry is None else why(session, entry, place), states
    except replay.TickGone:
        return None, states


def _nodes(session: BacktestSession) -> dict[str, Mapping[str, Any]]:
    return {str(node["id"]): node for node in node_states.drawn_nodes(session.strategy_version.graph)}


def _document(session: BacktestSession, node_id: str, moment: Moment, execution: Json | None, head: int) -> Json:
    nodes = _nodes(session)
    node = nodes[node_id]
    edges = node_states.edge_pairs(session.strategy_version.graph)
    parents = [source for source, target in edges if target == node_id and source in nodes]
    evaluated = (execution or {}).get("evaluated_conditions")
    rows = _rows(evaluated, moment) if evaluated else _rows_in_words(session, node_id)
    state = moment.states[node_id]
    return {
        "tick": moment.tick,
        "time": moment.time(moment.tick),
        "head": head,
        "node": {
            "id": node_id,
            "name": node_states.name_of(node),
            "type": node.get("type", ""),
            "kind": node_states.kind_words(str(node.get("type", ""))),
            "facts": list(_words(session, node_id).facts),
            "config": node.get("data", {}),
        },
        "state": state.status,
        "state_words": state.words,
        "activations": moment.activations,
        "completions": state.fired,
        "last_tick": moment.last_turn,
        "last_time": moment.time(moment.last_turn),
        "last_completed_tick": moment.last_signal,
        "last_completed_time": moment.time(moment.last_signal),
        "logic": evaluated["logic"] if evaluated else next((row["logic"] for row in rows if row["path"] == ""), None),
        "result": bool(evaluated["result"]) if evaluated else None,
        "conditions": [row for row in rows if row["path"] != ""],
        "parents": [_parent(nodes[parent], moment.states[parent]) for parent in dict.fromkeys(parents)],
        "blocker": _blocker(state, moment, execution, rows),
    }


def _states(history: SessionHistory, node_ids: list[str], tick: int) -> dict[str, NodeState]:
    active = history.active_at(tick)
    return {
        node_id: node_states.state_of(
            is_active=node_id in active,
            fires_now=bool(tick) and node.last_signal(tick) == tick,
            fired=node.signals_through(tick),
        )
        for node_id in node_ids
        for node in (history.nodes.get(node_id, _NO_NODE),)
    }


def _moment(history: SessionHistory, node_ids: list[str], node_id: str, tick: int) -> Moment:
    node = history.nodes.get(node_id, _NO_NODE)
    turn = node.last_turn(tick)
    conditions = {key: condition.at(tick) for key, condition in node.conditions.items()}
    known = {key: found for key, found in conditions.items() if found is not None}
    ticks = {tick, turn, node.last_signal(tick)}
    ticks |= {each for found in known.values() for each in (found.since_tick, found.last_true_tick)}
    return Moment(
        tick=tick,
        seconds={each: history.second_of(each) for each in ticks if each},
        states=_states(history, node_ids, tick),
        activations=node.activations(tick),
        last_turn=turn,
        turn_event=None if turn is None else history.event_of(turn),
        last_signal=node.last_signal(tick),
        conditions=known,
    )


def _turn(session_pk: int, node_id: str, event_id: int | None) -> Json | None:
    """Read the node's turn in a tick."""
    if event_id is None:
        return None
    frames = event_log.read_frames(session_pk, after=event_id - 1, limit=1)
    payload = tick_payload(frames[0][1]) if frames else None
    if payload is None:
        raise replay.TickGone("The log has dropped the tick of the node's last turn.")
    return newest_moment.turn_in(payload, node_id)


def _rows(group: Mapping[str, Any], moment: Moment) -> list[Json]:
    blocking = next(evaluations.blockers(group), None)
    return list(_evaluated(group, moment, blocking, prefix="", depth=0))


def _evaluated(
    group: Mapping[str, Any], moment: Moment, blocking: Mapping[str, Any] | None, *, prefix: str, depth: int
) -> Iterator[Json]:
    for number, member in enumerate(group["conditions"]):
        path = f"{prefix}{number}"
        if "conditions" in member:
            yield {"group": True, "path": path, "depth": depth, "logic": member["logic"], "result": member["result"]}
            yield from _evaluated(member, moment, blocking, prefix=f"{path}.", depth=depth + 1)
            continue
        found = moment.conditions.get((path, member["raw"]))
        since, held = (None, None) if found is None else (found.since_tick, found.last_true_tick)
        row = {
            "group": False,
            "path": path,
            "depth": depth,
            "id": member["id"],
            "raw": member["raw"],
            "operator": member["operator"],
            "lhs": member["lhs_value"],
            "rhs": member["rhs_value"],
            "evaluated": member["evaluated"],
            "result": bool(member["result"]),
            "since_tick": since,
            "since_time": moment.time(since),
            "last_true_tick": held,
            "last_true_time": moment.time(held),
            "first_failing": member is blocking,
        }
        if "rhs_upper_value" in member:
            row["rhs_upper"] = member["rhs_upper_value"]
        yield row | ({"reason": member["reason"]} if member.get("reason") else {})


def _rows_in_words(session: BacktestSession, node_id: str) -> list[Json]:
    """Write the conditions of a node that had no turn yet: nothing is known of them but what they say."""
    rows: list[Json] = []
    for line in _words(session, node_id).conditions:
        place: Json = {"path": line.path, "depth": max(line.depth - 1, 0), "result": None}
        if line.logic is not None:
            rows.append({"group": True, **place, "logic": line.logic})
            continue
        unknown = dict.fromkeys(("operator", "lhs", "rhs", "evaluated", "since_tick", "since_time"))
        held = {"last_true_tick": None, "last_true_time": None, "first_failing": False}
        rows.append({"group": False, **place, "id": None, "raw": line.text, **unknown, **held})
    return rows


def _words(session: BacktestSession, node_id: str) -> strategy_words.NodeWords:
    words = strategy_words.words_of_json(session.strategy_version.graph_json)
    return words.get(node_id, strategy_words.NodeWords(conditions=(), facts=()))


def _parent(node: Mapping[str, Any], state: NodeState) -> Json:
    return {
        "node_id": str(node["id"]),
        "name": node_states.name_of(node),
        "state": state.status,
        "completions": state.fired,
    }


def _blocker(state: NodeState, moment: Moment, execution: Json | None, rows: list[Json]) -> Json | None:
    """Say what stood in the node's way at the tick, in the words of "why not?"; None where nothing did."""
    if state.status == "fired":
        return None
    if moment.last_turn != moment.tick or execution is None:
        return {"reason": "node inactive", "raw": None, "evaluated": None}
    if execution.get("note"):
        return {"reason": execution["note"], "raw": None, "evaluated": None}
    failing = next((row for row in rows if row.get("first_failing")), None)
    if failing is None:
        return None
    reason = "value missing" if failing["lhs"] is None or failing["rhs"] is None else "condition false"
    return {"reason": reason, "raw": failing["raw"], "evaluated": failing["evaluated"], "path": failing["path"]}


# The endpoint


@extend_schema(
    parameters=[
        OpenApiParameter("node", str, required=True, description="Id of a node."),
        OpenApiParameter("tick", int, description="At which tick; without it, at the newest."),
    ],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_why(request: Request, session_id: str) -> HttpResponse:
    """Say how each condition of a node stood at a tick, since when, and what stood in the node's way."""
    session = answers.asked_session(request, session_id)
    answers.refuse_unknown(request, "node", "tick")
    node_id = request.query_params.get("node", "")
    if not node_id:
        raise ValidationError({"node": "Give node, the id of a node."})
    tick = answers.whole_number(request, "tick", default=-1)
    return answers.answer(request, session, lambda: answers.Body(_body(session, node_id, tick if tick >= 0 else None)))


def _body(session: BacktestSession, node_id: str, tick: int | None) -> bytes:
    try:
        return json_text.encode(why(session, node_id, replay.place_of(session, tick)))
    except replay.TickUnknown as error:
        raise replay.refusal(error, "tick") from error
    except NodeUnknown as error:
        raise ValidationError({"node": str(error)}) from error
