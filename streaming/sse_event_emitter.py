"""
Fire and forget: number a session's events and hand each to every callback.

The emitter keeps one counter for all event types and knows no viewer. A callback that raises is logged and dropped;
the others still get the event and the run goes on.

A callback asks for events as plain data, or as JSON bytes: the same event either way, encoded at most once. Who wants
bytes should ask for them, since the engine writes most ticks as bytes in the first place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypedDict

from streaming.protocol import json_text, snapshots
from streaming.protocol.errors import EventInvalid
from streaming.protocol.messages import EVENT_TYPES

logger = logging.getLogger(__name__)

_KNOWN_TYPES = frozenset[str](EVENT_TYPES)


class SSEEvent(TypedDict):
    """One event as callbacks get it: theirs to read, not to change."""

    event: str
    data: dict[str, Any]


class TickPoint(NamedTuple):
    """What charts need of one tick."""

    tick: int
    #: Unix time of the tick.
    epoch_second: int
    #: Last price of the underlying; NaN where it has none yet.
    underlying: float
    #: Decimal text with two places.
    total_pnl: str


class EncodedEvent:
    """
    One event as JSON.

    Args:
        event: One of `messages.EVENT_TYPES`.
        event_id: Its number.
        data_json: JSON of the payload, envelope included; None where `data` is given.
        data: The payload as plain data, envelope included; None where `data_json` is given.
        point: What charts need of a tick_update, so that nobody must decode it for that; None where it is not known.
    """

    __slots__ = ("_data", "_data_json", "event", "event_id", "point")

    def __init__(
        self,
        event: str,
        event_id: int,
        *,
        data_json: bytes | None = None,
        data: dict[str, Any] | None = None,
        point: TickPoint | None = None,
    ) -> None:
        self.event = event
        self.event_id = event_id
        self.point = point
        self._data_json = data_json
        self._data = data

    @property
    def data_json(self) -> bytes:
        """Return the payload as JSON; encoded when first asked for."""
        if self._data_json is None:
            self._data_json = json_text.encode(self._data)
        return self._data_json

    @property
    def data(self) -> dict[str, Any]:
        """Return the payload as plain data, to read, not to change; decoded when first asked for."""
        if self._data is None:
            self._data = json_text.decode(self.data_json)
        return self._data


SSECallback = Callable[[SSEEvent], None]
EncodedCallback = Callable[[EncodedEvent], None]


class _Registered(NamedTuple):
    """A callback, and in what form it wants events."""

    callback: Callable[[Any], None]
    is_encoded: bool


class SSEEventEmitter:
    """Broadcast the events of one session."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        #: The id that the next event will get; 0 before the first.
        self.next_event_id = 0
        # Replaced, never changed: one may be dropped, or register another, while an event goes round.
        self._callbacks: tuple[_Registered, ...] = ()
        # What stands between the event id and the fields of a payload.
        self._session_json = b',"session_id":%b,' % json_text.encode(session_id)

    @property
    def is_data_wanted(self) -> bool:
        """Return whether any callback asked for plain data."""
        return any(not registered.is_encoded for registered in self._callbacks)

    def register(self, callback: SSECallback) -> None:
        """Hand all later events to a callback, after the callbacks registered before it."""
        self._callbacks += (_Registered(callback, is_encoded=False),)

    def register_encoded(self, callback: EncodedCallback) -> None:
        """Hand all later events to a callback as JSON, after the callbacks registered before it."""
        self._callbacks += (_Registered(callback, is_encoded=True),)

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
        event_id = self._number(event)
        envelope = {"event_id": event_id, "session_id": self.session_id}
        # Twice: first in order, and never overruled by the payload.
        self._hand_out(EncodedEvent(event, event_id, data={**envelope, **data, **envelope}))
        return event_id

    def emit_encoded(self, event: str, body: bytes, point: TickPoint | None = None) -> int:
        """
        Number an event whose payload is written already, and hand it to every callback.

        Args:
            event: One of `messages.EVENT_TYPES`.
            body: JSON of the payload without its envelope: an object that is not empty.
            point: What charts need of it, where that is known.

        Returns:
            The event's id.

        Raises:
            EventInvalid: If the type is unknown; no id is used up.
        """
        event_id = self._number(event)
        data_json = b'{"event_id":%d%b%b' % (event_id, self._session_json, body[1:])
        self._hand_out(EncodedEvent(event, event_id, data_json=data_json, point=point))
        return event_id

    def compress(self, document: object) -> tuple[str, int]:
        """Write a document as base64 of gzip of its JSON; return that text and the JSON's size in bytes."""
        text = json_text.encode(document)
        return snapshots.pack(text), len(text)

    def _number(self, event: str) -> int:
        if event not in _KNOWN_TYPES:
            raise EventInvalid(f"There is no event type {event!r}; the known ones are {', '.join(EVENT_TYPES)}.")
        event_id = self.next_event_id
        self.next_event_id = event_id + 1
        return event_id

    def _hand_out(self, event: EncodedEvent) -> None:
        plain: SSEEvent | None = None
        for registered in self._callbacks:
            callback, is_encoded = registered
            try:
                if is_encoded:
                    callback(event)
                    continue
                if plain is None:
                    plain = {"event": event.event, "data": event.data}
                callback(plain)
            except Exception:
                self._callbacks = tuple(kept for kept in self._callbacks if kept is not registered)
                logger.exception(
                    "A callback of session %s failed on event %d (%s) and gets no more events.",
                    self.session_id,
                    event.event_id,
                    event.event,
                )
