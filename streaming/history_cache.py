"""
The histories of the sessions that were asked about last.

The first question about a session reads its log once, some half a second for a day; later ones read what is new. What
is kept is bounded by ticks; the sessions that nobody asked about for the longest time go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from streaming import event_log
from streaming.protocol import json_text, messages
from streaming.session_history import SessionHistory

#: About 100 bytes each: 60 MB.
MAX_TICKS: Final = 600_000
#: Sessions without a tick cost something, too.
MAX_SESSIONS: Final = 200

#: So many events are read at once while somebody waits for a page.
CHEAP_EVENTS: Final = 2000

_EVENTS_PER_READ: Final = 1024
_TICK_FRAME: Final = b"event: " + messages.TICK_UPDATE.encode() + b"\n"
_DATA_FIELD: Final = b"data: "


def payload_json(frame: bytes) -> bytes:
    """Return the JSON of one of our own frames: one line of data, and it is the line after the event's name."""
    start = frame.index(b"\n") + 1 + len(_DATA_FIELD)
    return frame[start : frame.index(b"\n", start)]


def event_type(frame: bytes) -> str:
    """Return the event type of one of our own frames."""
    return frame[len(b"event: ") : frame.index(b"\n")].decode()


def tick_payload(frame: bytes) -> dict[str, Any] | None:
    """Return the payload of a `tick_update`; None for any other frame."""
    if not frame.startswith(_TICK_FRAME):
        return None
    payload: dict[str, Any] = json_text.decode(payload_json(frame))
    return payload


class _Entry:
    """One session's history, and the lock of whoever reads or extends it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.history = SessionHistory()

    def read_on(self, session_pk: int) -> None:
        """Read what the log has beyond the history."""
        state = event_log.read_state(session_pk)
        if state.head is None:
            return
        if state.oldest_event_id > self.history.through_event + 1:
            # What lay between has been dropped: a history has no holes, so it begins where the log does.
            self.history = SessionHistory(through_event=state.oldest_event_id - 1)
        after = self.history.through_event
        while after < state.head:
            frames = event_log.read_frames(session_pk, after=after, limit=min(_EVENTS_PER_READ, state.head - after))
            if not frames:
                # The session was deleted meanwhile, or its log's tail dropped.
                return
            for event_id, frame in frames:
                payload = tick_payload(frame)
                if payload is not None:
                    self.history.add_tick(payload)
                self.history.through_event = event_id
            after = frames[-1][0]


class HistoryCache:
    """Histories by session."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def open(self, session_pk: int) -> Iterator[SessionHistory]:
        """
        Yield a session's history through the head of its log; it does not change while the block runs.

        The block asks and leaves: others who ask about the same session wait for it.
        """
        with self._lock:
            entry = self._kept.setdefault(session_pk, _Entry())
            self._kept.move_to_end(session_pk)
        with entry.lock:
            entry.read_on(session_pk)
            self._drop_oldest()
            yield entry.history

    def is_cheap(self, session_pk: int, *, head: int) -> bool:
        """Tell whether `open` would come back within some hundredths of a second: little is left to be read."""
        with self._lock:
            entry = self._kept.get(session_pk)
        return head - (-1 if entry is None else entry.history.through_event) <= CHEAP_EVENTS

    def _drop_oldest(self) -> None:
        with self._lock:
            ticks = sum(len(entry.history.event_ids) for entry in self._kept.values())
            while len(self._kept) > 1 and (ticks > MAX_TICKS or len(self._kept) > MAX_SESSIONS):
                _, dropped = self._kept.popitem(last=False)
                ticks -= len(dropped.history.event_ids)


history_cache = HistoryCache()
