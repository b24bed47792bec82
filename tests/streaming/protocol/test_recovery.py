"""
The parts of the protocol together: wherever a viewer joins and however often it is cut, it ends with the final state.

The server is played by a list of frames; everything else is the real thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from streaming.protocol import json_text, messages, snapshots
from streaming.protocol.fold import ViewerState, fold, nothing_seen
from streaming.protocol.frames import FrameParser, encode_frame
from streaming.protocol.resume import choose_cursor, decide

#: What the ticks of a session bring besides their update: node events and closed trades.
_TICKS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=60)


@dataclass
class Session:
    """A complete session: its frames, and the state after each event."""

    frames: list[bytes] = field(default_factory=list)
    states: list[ViewerState] = field(default_factory=list)

    def append(self, event: messages.EventType, payload: dict[str, Any]) -> None:
        """Tell one more event."""
        data = {"event_id": len(self.frames), "session_id": "s", **payload}
        self.frames.append(encode_frame(event, json_text.encode(data), len(self.frames)))
        self.states.append(fold(self.states[-1] if self.states else nothing_seen(), event, data))

    def snapshot(self, event_id: int) -> bytes:
        """Write the initial_state that holds everything up to an event."""
        payload = snapshots.initial_state_payload(
            event_id=event_id, session_id="s", **_documents(self.states[event_id]), **_COMMON
        )
        return encode_frame("initial_state", json_text.encode(payload), event_id)

    def connect(self, parser: FrameParser, *, head: int, oldest: int) -> bytes:
        """Answer a viewer while `head` is the newest event, then tell it all that follows."""
        is_finished = head == len(self.frames) - 1
        cursor = choose_cursor(header=parser.last_event_id, query=None)
        resume = decide(cursor, head if head >= 0 else None, oldest, is_finished, limit=10)
        if resume.mode == "nothing":
            return b""
        assert resume.replay_after + 1 >= oldest, "trimmed events cannot be sent"
        first = b"" if resume.snapshot_at is None else self.snapshot(resume.snapshot_at)
        return first + b"".join(self.frames[resume.replay_after + 1 :])


_COMMON: dict[str, Any] = {"strategy_id": "rsi", "start_date": "2024-10-29", "end_date": "2024-10-29"}


def _documents(state: ViewerState) -> dict[str, Any]:
    return {"diagnostics": json_text.encode(dict(state.diagnostics)), "trades": json_text.encode(dict(state.trades))}


def session_of(ticks: list[tuple[int, int]]) -> Session:
    """Tell a whole session."""
    session = Session()
    empty = ViewerState(diagnostics=dict(messages.empty_diagnostics()), trades=_no_trades(), event_id=0)
    session.append("initial_state", {**snapshots.snapshot_fields(**_documents(empty), **_COMMON)})
    for number, (node_events, trades) in enumerate(ticks, start=1):
        session.append("tick_update", {"tick": number})
        for index in range(node_events):
            session.append("node_event", {"execution_id": f"exec_{number}_{index}", "node_id": "n"})
        for _ in range(trades):
            session.append("trade_update", {"trade": {"trade_id": number}, "summary": {"total_trades": number}})
    final = snapshots.snapshot_fields(**_documents(session.states[-1]), **_COMMON)
    ending = snapshots.completion_fields(total_ticks=len(ticks), status="completed")
    session.append("backtest_complete", {**final, **ending})
    return session


def _no_trades() -> dict[str, Any]:
    return dict(messages.empty_trades("2024-10-29"))


@given(ticks=_TICKS)
def test_folding_all_events_gives_the_state_inside_the_last(ticks: list[tuple[int, int]]) -> None:
    """S4."""
    session = session_of(ticks)

    assert session.states[-1].canonical() == session.states[-2].canonical()


@given(ticks=_TICKS, data=st.data())
@example(ticks=[(2, 1)] * 60, data=None)
def test_a_viewer_cut_anywhere_any_number_of_times_ends_with_the_final_state(
    ticks: list[tuple[int, int]], data: st.DataObject | None
) -> None:
    """S7, S8, S9, S10, S11: the head moves on between connections, the log is trimmed, the bytes end anywhere."""
    session = session_of(ticks)
    last = len(session.frames) - 1
    cuts = (
        [] if data is None else data.draw(st.lists(st.tuples(st.integers(-1, last), st.integers(0, 4000)), max_size=6))
    )
    state, cursor, oldest = nothing_seen(), "", 0

    for head, received in [*sorted(cuts), (last, None)]:
        if data is not None and head > 0:
            oldest = data.draw(st.integers(oldest, max(oldest, head)))
        parser = FrameParser(last_event_id=cursor)
        body = session.connect(parser, head=head, oldest=oldest)
        for frame in parser.feed(body if received is None else body[:received]):
            before = state.event_id
            state = fold(state, frame.event, json_text.decode(frame.data))
            assert frame.event == "initial_state" or state.event_id == before + 1
            assert state.canonical() == session.states[state.event_id].canonical()
        cursor = parser.last_event_id

    assert state.event_id == last
    assert state.canonical() == session.states[-1].canonical()
