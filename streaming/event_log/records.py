"""
What goes into an event log and comes out of it.

    LogError
    └── LogTaken    another writer has appended meanwhile; this one must stop
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streaming.event_log.series import SeriesPoint


class LogError(Exception):
    """The event log cannot be written as asked."""


class LogTaken(LogError):
    """Another writer has appended to the log meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event on its way into the log, serialised once."""

    event_id: int
    event_type: str
    frame: bytes
    #: JSON of the payload.
    data_json: bytes
    #: The payload; only where the log reads more of it than its JSON.
    data: dict[str, Any] | None = None
    #: Only of a tick_update.
    point: SeriesPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far a log reaches."""

    #: None before the first event.
    head: int | None
    oldest_event_id: int
    is_finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What a log has let go of."""

    events: int
    #: Bytes of the blocks and their series.
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotParts:
    """A session's state at its log's head (before the last event, where it is finished), as JSON texts."""

    strategy_id: str
    start_date: str
    end_date: str
    diagnostics_json: bytes
    trades_json: bytes
