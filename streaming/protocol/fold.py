"""
The fold: what a session's events mean to a viewer.

A viewer's state is two documents, diagnostics and trades, and the id of the last event in them. `fold` gives the next
state for the next event and leaves the old one as it was. Folding all events from 0 gives exactly the state inside
`backtest_complete`.

`initial_state` and `backtest_complete` replace everything, whatever was seen before: the server decides where a viewer
starts afresh. Any other event that the state already holds changes nothing, so a frame that comes twice is harmless.
The fold is never told about holes; whoever reads the stream compares ids, or trusts the server's promise of none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streaming.protocol import json_text, snapshots
from streaming.protocol.errors import EventInvalid
from streaming.protocol.messages import (
    BACKTEST_COMPLETE,
    ENVELOPE_FIELDS,
    INITIAL_STATE,
    NODE_EVENT,
    TICK_UPDATE,
    TRADE_UPDATE,
    empty_diagnostics,
    empty_trades,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerState:
    """All that a viewer knows of a session. Its documents are shared between states: read them, never change them."""

    #: `messages.Diagnostics`.
    diagnostics: Mapping[str, Any]
    #: `messages.TradesDocument`.
    trades: Mapping[str, Any]
    #: The last event in it; -1 before the first.
    event_id: int

    def canonical(self) -> bytes:
        """Write both documents as canonical JSON; equal texts are equal states."""
        return json_text.canonical({"diagnostics": self.diagnostics, "trades": self.trades})


def nothing_seen() -> ViewerState:
    """Build the state of a viewer before the first event."""
    return ViewerState(diagnostics=dict(empty_diagnostics()), trades=dict(empty_trades("")), event_id=-1)


def fold(state: ViewerState, event_type: str, data: Mapping[str, Any]) -> ViewerState:
    """
    Give the state after one more event.

    Args:
        state: The state before; it stays as it is.
        event_type: One of `messages.EVENT_TYPES`.
        data: The event's payload.

    Raises:
        EventInvalid: If the type is unknown, or the payload lacks a field that its type requires.
        SnapshotInvalid: If a snapshot inside the payload cannot be opened.
    """
    step = _STEPS.get(event_type)
    if step is None:
        raise EventInvalid(f"There is no event type {event_type!r}; the known ones are {', '.join(_STEPS)}.")
    try:
        event_id = int(data["event_id"])
        if event_id <= state.event_id and event_type not in _REPLACING:
            return state
        return step(state, event_id, data)
    except KeyError as missing:
        raise EventInvalid(f"A {event_type} without the field {missing} cannot be folded.") from missing


def _replace_all(_state: ViewerState, event_id: int, data: Mapping[str, Any]) -> ViewerState:
    return ViewerState(
        diagnostics=snapshots.unpack(data["diagnostics"]), trades=snapshots.unpack(data["trades"]), event_id=event_id
    )


def _replace_current_state(state: ViewerState, event_id: int, data: Mapping[str, Any]) -> ViewerState:
    return ViewerState(diagnostics={**state.diagnostics, "current_state": data}, trades=state.trades, event_id=event_id)


def _add_node_event(state: ViewerState, event_id: int, data: Mapping[str, Any]) -> ViewerState:
    entry = {name: value for name, value in data.items() if name not in ENVELOPE_FIELDS}
    history = {**state.diagnostics["events_history"], data["execution_id"]: entry}
    return ViewerState(
        diagnostics={**state.diagnostics, "events_history": history}, trades=state.trades, event_id=event_id
    )


def _append_trade(state: ViewerState, event_id: int, data: Mapping[str, Any]) -> ViewerState:
    trades = {
        **state.trades,
        "summary": data["summary"],
        "trades": [*state.trades["trades"], data["trade"]],
    }
    return ViewerState(diagnostics=state.diagnostics, trades=trades, event_id=event_id)


_STEPS: Final[Mapping[str, Callable[[ViewerState, int, Mapping[str, Any]], ViewerState]]] = {
    INITIAL_STATE: _replace_all,
    TICK_UPDATE: _replace_current_state,
    NODE_EVENT: _add_node_event,
    TRADE_UPDATE: _append_trade,
    BACKTEST_COMPLETE: _replace_all,
}
_REPLACING: Final = frozenset({INITIAL_STATE, BACKTEST_COMPLETE})
