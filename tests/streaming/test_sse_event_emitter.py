"""The emitter: one counter for all events (S1), every callback, and a failing one harms nobody (S13)."""

from __future__ import annotations

import logging

import pytest

from streaming.protocol import json_text, snapshots
from streaming.protocol.errors import EventInvalid
from streaming.sse_event_emitter import EncodedEvent, SSEEvent, SSEEventEmitter


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


def test_plain_and_encoded_callbacks_get_the_same_event_in_the_order_of_registration() -> None:
    """S19."""
    emitter, got = SSEEventEmitter("s\u2028"), list[tuple[str, object]]()
    emitter.register(lambda event: got.append(("plain", event)))
    emitter.register_encoded(lambda event: got.append(("encoded", (event.event, event.event_id, event.data_json))))
    emitter.register(lambda event: got.append(("plain", event)))

    emitter.emit("tick_update", {"tick": 1})
    emitter.emit_encoded("tick_update", b'{"tick":2}')

    payloads = [{"event_id": number, "session_id": "s\u2028", "tick": number + 1} for number in (0, 1)]
    assert got == [
        each
        for number, payload in enumerate(payloads)
        for each in (
            ("plain", {"event": "tick_update", "data": payload}),
            ("encoded", ("tick_update", number, json_text.encode(payload))),
            ("plain", {"event": "tick_update", "data": payload}),
        )
    ]


def test_an_encoded_event_can_be_read() -> None:
    emitter, events = SSEEventEmitter("s"), list[EncodedEvent]()
    emitter.register_encoded(events.append)

    emitter.emit("tick_update", {"tick": 1})
    emitter.emit_encoded("tick_update", b'{"tick":2}')

    assert [event.data["tick"] for event in events] == [1, 2]
    assert [json_text.decode(event.data_json) for event in events] == [event.data for event in events]


def test_whether_plain_data_are_wanted_is_known_also_after_a_callback_was_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(event: SSEEvent) -> None:
        raise RuntimeError("the viewer went away")

    emitter, encoded = SSEEventEmitter("s"), list[EncodedEvent]()
    emitter.register_encoded(encoded.append)
    before = emitter.is_data_wanted
    emitter.register(fail)
    registered = emitter.is_data_wanted
    with caplog.at_level(logging.CRITICAL):
        emitter.emit("tick_update", {})

    assert (before, registered, emitter.is_data_wanted) == (False, True, False)


def test_an_encoded_event_of_an_unknown_type_is_refused() -> None:
    emitter = SSEEventEmitter("s")

    with pytest.raises(EventInvalid, match="tick_update"):
        emitter.emit_encoded("tick", b'{"tick":1}')

    assert emitter.next_event_id == 0


def test_an_unknown_event_type_is_refused_and_uses_up_no_id() -> None:
    emitter = SSEEventEmitter("s")

    with pytest.raises(EventInvalid, match="tick_update"):
        emitter.emit("tick", {})

    assert emitter.next_event_id == 0


def test_a_document_is_compressed_and_its_size_told() -> None:
    text, size = SSEEventEmitter("s").compress({"events_history": {}, "current_state": None})

    assert snapshots.unpack(text) == {"events_history": {}, "current_state": None}
    assert size == len('{"events_history":{},"current_state":null}')
