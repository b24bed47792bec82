"""
What goes into an event log and comes out of it.

    LogError
    └── LogTaken    another writer has appended meanwhile; this one must stop
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streaming.protocol import messages
from streaming.sse_event_emitter import EncodedEvent


class LogError(Exception):
    """The event log cannot be written as asked."""


class LogTaken(LogError):
    """Another writer has appended to the log meanwhile."""


class BlockRow(NamedTuple):
    """One row of `EventBlock`, by its columns."""

    first_event_id: int
    last_event_id: int
    starts_segment: bool
    event_count: int
    raw_bytes: int
    raw_through: int
    crc32_before: int
    crc32_through: int
    body: bytes
    series: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive events, compressed and ready to be stored."""

    rows: Sequence[BlockRow]
    #: The newest tick_update among them.
    last_tick: EncodedEvent | None
    #: Those of other types, of which the log keeps more than their frame.
    others: Sequence[EncodedEvent]

    @property
    def last_event_id(self) -> int:
        """The newest event."""
        return self.rows[-1].last_event_id

    @property
    def event_count(self) -> int:
        """How many they are; at least 1."""
        return self.rows[-1].last_event_id - self.rows[0].first_event_id + 1

    @property
    def ends_session(self) -> bool:
        """Whether its last event is the session's last."""
        return bool(self.others) and self.others[-1].event == messages.BACKTEST_COMPLETE


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
