"""
The first moment at which sessions decided differently: another node had its turn, a condition had another result, or a
node signalled in one and not in the other.

Sessions are held against the first one, second by second of exchange time. Operands may differ all along without a
decision being another one; that is no divergence. Conditions are told apart by their place in the node, for a threshold
that was changed is just what one wants to see the effect of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from strategies import node_states
from strategies.models import BacktestSession
from streaming.history_cache import history_cache
from streaming.session_history import NodeHistory, SessionHistory


class _Change(NamedTuple):
    """Something that begins at a second; what it is stands in the rest."""

    second: int
    value: object


class _Candidate(NamedTuple):
    """A moment at which two sessions differ; of several at one second, a condition says most."""

    second: int
    rank: int
    node_id: str
    path: str


def first_divergence(sessions: Sequence[BacktestSession]) -> dict[str, Any] | None:
    """
    Find where sessions part.

    Returns:
        `time` (Unix second), `ticks` and `event_ids` (each session's tick then and its event, None where it has no
        such tick), `tick` (the first session's, or the first one that there is), `node`, `node_name`, `condition` (its
        place, None where a turn or a signal differs), `kind` (condition, signal or turn) and `between` (which two
        sessions, by their number); None where they decide alike as far as both go.
    """
    histories = [_Decisions(session) for session in sessions]
    found = [
        (candidate, number)
        for number, other in enumerate(histories[1:], start=1)
        if (candidate := _first_of_two(histories[0], other)) is not None
    ]
    if not found:
        return None
    candidate, number = min(found)
    ticks = [history.tick_at(candidate.second) for history in histories]
    return {
        "time": candidate.second,
        "tick": next((tick for tick in ticks if tick is not None), None),
        "ticks": ticks,
        "event_ids": [
            None if tick is None else history.event_ids[tick] for history, tick in zip(histories, ticks, strict=True)
        ],
        "node": candidate.node_id,
        "node_name": _name(sessions, candidate.node_id),
        "condition": candidate.path or None,
        "kind": ("condition", "signal", "turn")[candidate.rank],
        "between": [0, number],
    }


class _Decisions:
    """What one session decided, by Unix second."""

    def __init__(self, session: BacktestSession) -> None:
        with history_cache.open(session.pk) as history:
            first = history.first_tick
            self.ticks = {second: first + place for place, second in enumerate(history.seconds)}
            self.event_ids = {first + place: event for place, event in enumerate(history.event_ids)}
            self.last = history.seconds[-1] if history.seconds else 0
            self.first = history.seconds[0] if history.seconds else 0
            self.nodes = {node_id: _NodeDecisions(node, history) for node_id, node in history.nodes.items()}

    def tick_at(self, second: int) -> int | None:
        """Return the tick of a second."""
        return self.ticks.get(second)


class _NodeDecisions:
    """What one node decided."""

    def __init__(self, node: NodeHistory, history: SessionHistory) -> None:
        def at(tick: int) -> int:
            return history.second_of(tick)

        self.turns = [_Change(at(first), at(last)) for first, last in node.turns()]
        self.signals = [_Change(at(tick), None) for tick in node.signals]
        by_path: dict[str, list[_Change]] = {}
        for (path, _), condition in node.conditions.items():
            by_path.setdefault(path, []).extend(_Change(at(tick), result) for tick, result in condition.changes())
        self.conditions = {path: sorted(changes, key=lambda each: each.second) for path, changes in by_path.items()}


def _first_of_two(one: _Decisions, other: _Decisions) -> _Candidate | None:
    if not one.ticks or not other.ticks:
        return None
    # Before both have begun and after one has ended there is nothing to hold against each other.
    begin, end = max(one.first, other.first), min(one.last, other.last)
    return min((each for each in _candidates(one, other, end) if begin <= each.second <= end), default=None)


def _candidates(one: _Decisions, other: _Decisions, end: int) -> Iterator[_Candidate]:
    nothing: list[_Change] = []
    for node_id in dict.fromkeys([*one.nodes, *other.nodes]):
        here, there = one.nodes.get(node_id), other.nodes.get(node_id)
        paths = dict.fromkeys([*(here.conditions if here else ()), *(there.conditions if there else ())])
        for path in paths:
            yield from _parting(
                here.conditions.get(path, nothing) if here else nothing,
                there.conditions.get(path, nothing) if there else nothing,
                rank=0, node_id=node_id, path=path,
            )  # fmt: skip
        yield from _parting(
            here.signals if here else nothing, there.signals if there else nothing, rank=1, node_id=node_id, path=""
        )
        yield from _parting(
            _until(here.turns if here else nothing, end), _until(there.turns if there else nothing, end),
            rank=2, node_id=node_id, path="",
        )  # fmt: skip


def _until(turns: Sequence[_Change], end: int) -> list[_Change]:
    """Cut turns at the moment up to which both sessions go."""
    return [_Change(turn.second, min(int(str(turn.value)), end)) for turn in turns if turn.second <= end]


def _parting(
    here: Sequence[_Change], there: Sequence[_Change], *, rank: int, node_id: str, path: str
) -> Iterator[_Candidate]:
    """Find the first second at which two lists of changes are not the same."""
    for one, other in zip(here, there, strict=False):
        if one != other:
            second = min(one.second, other.second)
            if one.second == other.second and rank == 2:
                # Both began then; they part where the shorter one ended.
                second = min(int(str(one.value)), int(str(other.value))) + 1
            yield _Candidate(second, rank, node_id, path)
            return
    longer = here if len(here) > len(there) else there
    if len(here) != len(there):
        yield _Candidate(longer[min(len(here), len(there))].second, rank, node_id, path)


def _name(sessions: Sequence[BacktestSession], node_id: str) -> str:
    for session in sessions:
        for node in node_states.drawn_nodes(session.strategy_version.graph):
            if str(node["id"]) == node_id:
                return node_states.name_of(node)
    return node_id
