"""
Fire and forget: number a session's events and hand each to every callback.

The emitter keeps one counter for all event types and knows no viewer. A callback that raises is logged and dropped;
the others still get the event and the run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from streaming.protocol import json_text, snapshots
from streaming.protocol.errors import EventInvalid
from streaming.protocol.messages import EVENT_TYPES

logger = logging.getLogger(__name__)

_KNOWN_TYPES = frozenset[str](EVENT_TYPES)


class SSEEvent(TypedDict):
    """One event as callbacks get it: theirs to read, not to change."""

    event: str
    data: dict[str, Any]


SSECallback = Callable[[SSEEvent], None]


class SSEEventEmitter:
    """Broadcast the events of one session."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        #: The id that the next event will get; 0 before the first.
        self.next_event_id = 0
        self._callbacks: list[SSECallback] = []

    def register(self, callback: SSECallback) -> None:
        """Hand all later events to a callback, after the callbacks registered before it."""
        self._callbacks.append(callback)

    def emit(self, event: str, data: Mapping[str, Any]) -> int:
        """
        Number an event and hand it to every callback.

        Args:
            event: One of `messages.EVENT_TYPES`.
            data: The payload without its envelope, JSON-ready.

        Returns:
            The event's id.

        Raises:
            EventInvalid: If the type is unknown; no id is used up.
        """
        if event not in _KNOWN_TYPES:
            raise EventInvalid(f"There is no event type {event!r}; the known ones are {', '.join(EVENT_TYPES)}.")
        event_id = self.next_event_id
        self.next_event_id = event_id + 1
        envelope = {"event_id": event_id, "session_id": self.session_id}
        # Twice: first in order, and never overruled by the payload.
        self._hand_out({"event": event, "data": {**envelope, **data, **envelope}})
        return event_id

    def compress(self, document: object) -> tuple[str, int]:
        """Write a document as base64 of gzip of its JSON; return that text and the JSON's size in bytes."""
        text = json_text.encode(document)
        return snapshots.pack(text), len(text)

    def _hand_out(self, event: SSEEvent) -> None:
        # A copy, for a callback may be dropped, or register another, while the event goes round.
        for callback in tuple(self._callbacks):
            try:
                callback(event)
            except Exception:
                self._callbacks.remove(callback)
                logger.exception(
                    "A callback of session %s failed on event %d (%s) and gets no more events.",
                    self.session_id,
                    event["data"]["event_id"],
                    event["event"],
                )
