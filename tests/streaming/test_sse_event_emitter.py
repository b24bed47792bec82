"""The emitter: one counter for all events (S1), every callback, and a failing one harms nobody (S13)."""

from __future__ import annotations

import logging

import pytest

from streaming.protocol import snapshots
from streaming.protocol.errors import EventInvalid
from streaming.sse_event_emitter import SSEEvent, SSEEventEmitter


def test_events_of_all_types_share_one_counter() -> None:
    """S1."""
    emitter = SSEEventEmitter("s")

    ids = [emitter.emit(event, {}) for event in ("initial_state", "tick_update", "node_event", "tick_update")]

    assert ids == [0, 1, 2, 3]
    assert emitter.next_event_id == 4


def test_a_callback_gets_the_event_with_its_envelope_first() -> None:
    emitter, events = SSEEventEmitter("s"), list[SSEEvent]()
    emitter.register(events.append)

    emitter.emit("tick_update", {"tick": 1})

    assert events == [{"event": "tick_update", "data": {"event_id": 0, "session_id": "s", "tick": 1}}]
    assert list(events[0]["data"]) == ["event_id", "session_id", "tick"]


def test_a_payload_does_not_overrule_its_envelope() -> None:
    emitter, events = SSEEventEmitter("s"), list[SSEEvent]()
    emitter.register(events.append)

    emitter.emit("tick_update", {"session_id": "other", "event_id": 99})

    assert events[0]["data"] == {"event_id": 0, "session_id": "s"}


def test_a_payload_is_not_changed() -> None:
    payload = {"tick": 1}

    SSEEventEmitter("s").emit("tick_update", payload)

    assert payload == {"tick": 1}


def test_a_callback_that_raises_is_logged_and_dropped_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """S13."""
    emitter, before, after, attempts = SSEEventEmitter("s"), list[SSEEvent](), list[SSEEvent](), list[SSEEvent]()

    def fail(event: SSEEvent) -> None:
        attempts.append(event)
        raise RuntimeError("this callback is broken")

    emitter.register(before.append)
    emitter.register(fail)
    emitter.register(after.append)

    with caplog.at_level(logging.ERROR):
        emitter.emit("tick_update", {})
        emitter.emit("tick_update", {})

    assert (len(before), len(attempts), len(after)) == (2, 1, 2)
    assert [record.getMessage() for record in caplog.records] == [
        "A callback of session s failed on event 0 (tick_update) and gets no more events."
    ]
    assert "this callback is broken" in caplog.text


def test_an_interrupt_is_not_swallowed() -> None:
    emitter = SSEEventEmitter("s")

    def interrupt(event: SSEEvent) -> None:
        raise KeyboardInterrupt

    emitter.register(interrupt)

    with pytest.raises(KeyboardInterrupt):
        emitter.emit("tick_update", {})


def test_a_callback_registered_during_an_event_gets_the_next_one() -> None:
    emitter, late = SSEEventEmitter("s"), list[SSEEvent]()
    emitter.register(lambda event: emitter.register(late.append) if event["data"]["event_id"] == 0 else None)

    emitter.emit("tick_update", {})
    emitter.emit("tick_update", {})

    assert [event["data"]["event_id"] for event in late] == [1]


def test_an_unknown_event_type_is_refused_and_uses_up_no_id() -> None:
    emitter = SSEEventEmitter("s")

    with pytest.raises(EventInvalid, match="tick_update"):
        emitter.emit("tick", {})

    assert emitter.next_event_id == 0


def test_a_document_is_compressed_and_its_size_told() -> None:
    text, size = SSEEventEmitter("s").compress({"events_history": {}, "current_state": None})

    assert snapshots.unpack(text) == {"events_history": {}, "current_state": None}
    assert size == len('{"events_history":{},"current_state":null}')
