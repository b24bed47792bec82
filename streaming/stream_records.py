"""
A record of each open stream: what its lines in the log say, and what the metrics add up.

What a stream has sent is counted by its `Wire` and read from there when somebody asks; a stream that ends adds it to
the totals of its encoding, so that these never fall.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from streaming import meters
from streaming.protocol.resume import ResumeMode
from streaming.wire import Encoding, Wire

logger = logging.getLogger(__name__)

CloseReason = Literal["finished", "viewer_left", "permission_lost", "server_stops", "trimmed", "failed"]

ENCODINGS: Final[tuple[Encoding, ...]] = ("gzip", "identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What streams of one encoding have sent since the process began, and how many of them are open."""

    open_streams: int = 0
    #: Of the log; snapshots are not counted.
    events: int = 0
    #: Before compression.
    raw_bytes: int = 0
    wire_bytes: int = 0

    def plus(self, wire: Wire) -> Sent:
        """Add what one stream has sent."""
        return replace(
            self,
            events=self.events + wire.sent_events,
            raw_bytes=self.raw_bytes + wire.raw_bytes,
            wire_bytes=self.wire_bytes + wire.sent_bytes,
        )


@dataclass(eq=False, slots=True, kw_only=True)
class StreamRecord:
    """One open stream."""

    session_id: str
    #: None for a visitor.
    user_pk: int | None
    mode: ResumeMode
    #: The newest event when it connected; -1 before the first.
    head: int
    #: The last event that the viewer had by then; None for no usable cursor.
    cursor: int | None
    wire: Wire
    opened_at: float = field(default_factory=time.monotonic)
    #: Why it ended; what is not said before it ends is that the viewer went.
    reason: CloseReason = "viewer_left"

    @property
    def missed(self) -> int | None:
        """How many events the viewer had missed; None where it had no cursor that tells so."""
        return None if self.cursor is None or self.cursor > self.head else self.head - self.cursor


class StreamRecords:
    """The open streams of this process, and what all of them have sent."""

    def __init__(self) -> None:
        self._open: set[StreamRecord] = set()
        self._ended = {encoding: Sent() for encoding in ENCODINGS}
        # Re-entrant: a response that nobody closed ends whenever it is collected, also inside of these methods.
        self._lock = threading.RLock()

    def begin(self, record: StreamRecord) -> StreamRecord:
        """Note that a stream opens."""
        with self._lock:
            self._open.add(record)
        meters.connects.labels(record.mode).inc()
        if record.missed is not None:
            meters.missed_events.observe(record.missed)
        logger.info("Stream opened.", extra=_facts(record))
        return record

    def end(self, record: StreamRecord) -> None:
        """Note that a stream has ended; once is enough."""
        with self._lock:
            if record not in self._open:
                return
            self._open.remove(record)
            encoding = record.wire.encoding
            self._ended[encoding] = self._ended[encoding].plus(record.wire)
        meters.closes.labels(record.reason).inc()
        sent = {
            "reason": record.reason,
            "duration_seconds": round(time.monotonic() - record.opened_at, 3),
            "events": record.wire.sent_events,
            "raw_bytes": record.wire.raw_bytes,
            "wire_bytes": record.wire.sent_bytes,
        }
        logger.info("Stream closed.", extra=_facts(record) | sent)

    def sent(self) -> Mapping[Encoding, Sent]:
        """Add up what was sent, by encoding."""
        with self._lock:
            totals = dict(self._ended)
            for record in tuple(self._open):
                total = totals[record.wire.encoding].plus(record.wire)
                totals[record.wire.encoding] = replace(total, open_streams=total.open_streams + 1)
        return totals


def note_answer(method: str, mode: str) -> None:
    """Note that a request was answered without a stream; one that asks for the headers alone wants none."""
    if method == "GET":
        meters.connects.labels(mode).inc()


def note_refusal(session_id: str, user_pk: int | None) -> None:
    """Note that a viewer found no place."""
    meters.connects.labels("refused").inc()
    logger.warning("Stream refused: too many are open.", extra={"session_id": session_id, "user": user_pk})


def _facts(record: StreamRecord) -> dict[str, Any]:
    return {
        "session_id": record.session_id,
        "user": record.user_pk,
        "mode": record.mode,
        "head": record.head,
        "cursor": record.cursor,
        "encoding": record.wire.encoding,
    }


stream_records: Final = StreamRecords()
