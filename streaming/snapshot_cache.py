"""
The newest snapshots of the sessions that were asked for last, built once for all who ask at the same time.

Building one costs milliseconds, and a thousand viewers may come at once: one builds, the others wait and take the same.
While a session runs, one that is a moment old is as good: what it stands for was the head when it was taken, and the
events since then, fewer than the missed ones that would call for a snapshot, follow it as they follow any other.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final, NamedTuple

from strategies.models import BacktestSession
from streaming import event_log
from streaming.counts import counts
from streaming.protocol import frames, messages, resume
from streaming.wire import Private

#: How old a running session's snapshot may be.
RECENT_SECONDS: Final = 0.25
_SNAPSHOTS_KEPT: Final = 16


class Snapshot(NamedTuple):
    """An `initial_state` frame."""

    #: It holds everything up to this event.
    event_id: int
    text: Private
    #: `time.monotonic()` when it was taken.
    taken_at: float


class SnapshotCache:
    """Snapshots by session."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._building: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, session: BacktestSession, state: event_log.LogState, *, event_id: int) -> Snapshot:
        """
        Return a snapshot; built where there is none that serves.

        Args:
            session: Whose.
            state: Its log's, read in the same `one_instant` as the snapshot would be.
            event_id: The head, or head - 1 of a finished session.

        Returns:
            One of that event; of a running session also one of a moment ago, or of a moment later.
        """
        with self._lock:
            building = self._building.setdefault(session.pk, threading.Lock())
        with building:
            kept = self._kept.get(session.pk)
            if kept is None or not _serves(kept, state, event_id):
                kept = _build(session, event_id)
                self._keep(session.pk, kept)
            return kept

    def _keep(self, session_pk: int, snapshot: Snapshot) -> None:
        with self._lock:
            self._kept[session_pk] = snapshot
            self._kept.move_to_end(session_pk)
            while len(self._kept) > _SNAPSHOTS_KEPT:
                dropped, _ = self._kept.popitem(last=False)
                self._building.pop(dropped, None)


def _serves(snapshot: Snapshot, state: event_log.LogState, event_id: int) -> bool:
    if snapshot.event_id == event_id:
        return True
    return (
        not state.is_finished
        and state.oldest_event_id - 1 <= snapshot.event_id
        and event_id - snapshot.event_id < resume.DEFAULT_LIMIT
        and time.monotonic() - snapshot.taken_at < RECENT_SECONDS
    )


def _build(session: BacktestSession, event_id: int) -> Snapshot:
    taken_at = time.monotonic()
    parts = event_log.read_snapshot(session.pk)
    data = event_log.initial_state_frame_data(session_id=session.session_id, event_id=event_id, parts=parts)
    counts.snapshots_built += 1
    return Snapshot(event_id, Private(frames.encode_frame(messages.INITIAL_STATE, data, event_id)), taken_at)


snapshot_cache = SnapshotCache()
