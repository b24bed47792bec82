"""
The wire: what one viewer's connection carries, as plain text or as one gzip member.

Frames are the same either way. A `Wire` is told what to send and returns the bytes; what it keeps is a few numbers, so
that a viewer costs no compressor of its own. In the gzip member everything stands on its own or is a run of shared
blocks (see `ring`), of which only the two ends are remembered: its checksum is computed where the run ends.

Wires that stand alike and are sent the same bytes need not be told each: they share a `Tally`, and what it counts is
added to a wire where somebody asks, or where the wire goes on alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, NamedTuple

from streaming.protocol import frames, segments
from streaming.ring import Mark, Ring, Taken, deflate_alone

Encoding = Literal["gzip", "identity"]

#: What is handed to the server at once.
MAX_CHUNK_BYTES: Final = 256 * 1024
_SIGN_OF_LIFE: Final = frames.encode_comment("still here")
_START: Final = Mark(0, 0)
#: In place of event ids, where bytes are no events of the log: no block can follow them inside a segment.
_NO_EVENT: Final = -2


class Private:
    """Text for one viewer, or for several who need the same at the same time; compressed once, when first asked for."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def prepare(self) -> None:
        """Compress it now, where nobody waits for it."""
        _ = self.deflated, self.mark

    @cached_property
    def deflated(self) -> bytes:
        """The text as raw deflate that stands on its own."""
        return deflate_alone(self.raw)

    @cached_property
    def mark(self) -> Mark:
        """Its checksum and length."""
        return Mark(zlib.crc32(self.raw), len(self.raw))


class Stand(NamedTuple):
    """Where a wire stands; what comes after the same event is the same bytes for all that stand alike."""

    is_gzip: bool
    #: Whether the last bytes were shared ones.
    follows_shared: bool
    #: Where the text that they stand for ends; of no meaning without compression.
    to: Mark


class Tally:
    """What wires that stand alike are sent from now on, counted once for all of them."""

    __slots__ = ("bytes", "events", "stand")

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        #: Since the tally began.
        self.events = self.bytes = 0

    def take(self, ring: Ring, cursor: int) -> Taken | None:
        """Take what comes after an event for all alike; None where each has to be told by itself."""
        is_gzip, follows_shared, to = self.stand
        taken = ring.take(cursor, is_deflated=is_gzip, follows_shared=follows_shared, max_bytes=MAX_CHUNK_BYTES)
        # Where the text does not go on where it ended a new run begins, and after the last event the member ends.
        if taken is None or taken.ends_session or (is_gzip and taken.before != to):
            return None
        return taken

    def add(self, taken: Taken, cursor: int) -> None:
        """Count what was taken after an event, once all were sent it."""
        self.events += taken.last_event_id - cursor
        self.bytes += len(taken.chunk)
        if self.stand.is_gzip:
            self.stand = Stand(True, taken.is_shared, taken.after)


class _Sent(NamedTuple):
    """What a wire has sent; replaced as a whole, for other threads read it."""

    events: int = 0
    bytes: int = 0
    #: Counts what is to be added; None for a wire on its own.
    tally: Tally | None = None


class Wire:
    """One viewer's connection; the bytes that its methods return are sent in the order of the calls."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding: Final = encoding
        #: Whether the session's last event was added.
        self.has_ended = False
        self._sent = _Sent()
        self._is_gzip = encoding == "gzip"
        self._member = segments.GzipMember()
        #: The last run's two ends.
        self._from = self._to = _START
        self._follows_shared = False
        self._was_silent = False

    @property
    def sent_events(self) -> int:
        """How many events of the log were sent so far, snapshots not counted."""
        return self._counts()[0]

    @property
    def sent_bytes(self) -> int:
        """How many bytes were sent so far."""
        return self._counts()[1]

    @property
    def raw_bytes(self) -> int:
        """What was sent so far is that long without compression."""
        if not self._is_gzip:
            return self.sent_bytes
        return self._member.raw_bytes + self._counts()[2].raw_bytes - self._from.raw_bytes

    def open(self) -> bytes:
        """Begin."""
        return self._counted(self._member.open() if self._is_gzip else b"")

    def add_private(self, private: Private) -> bytes:
        """Send what is not in the shared blocks."""
        self._was_silent = self._follows_shared = False
        if not self._is_gzip:
            return self._counted(private.raw)
        self._add_run(_START, private.mark)
        return self._counted(private.deflated)

    def take(self, ring: Ring, cursor: int, *, max_bytes: int = MAX_CHUNK_BYTES) -> Taken | None:
        """Send what comes after an event, as much as is reasonable at once; None where the ring does not have it."""
        taken = ring.take(cursor, is_deflated=self._is_gzip, follows_shared=self._follows_shared, max_bytes=max_bytes)
        if taken is None:
            return None
        self._was_silent = False
        self.has_ended = taken.ends_session
        self._count(events=taken.last_event_id - cursor, size=len(taken.chunk))
        if self._is_gzip:
            self._follows_shared = taken.is_shared
            if taken.before == self._to:
                self._to = taken.after
            else:
                self._add_run(taken.before, taken.after)
        return taken

    def drain(self, ring: Ring, cursor: int, *, max_bytes: int = MAX_CHUNK_BYTES) -> tuple[list[bytes], int]:
        """Send all that a ring has after an event; return the chunks and the last event in them."""
        chunks = []
        while (taken := self.take(ring, cursor, max_bytes=max_bytes)) is not None:
            chunks.append(taken.chunk)
            cursor = taken.last_event_id
        return chunks, cursor

    @property
    def stand(self) -> Stand:
        """Where it stands; not to be asked while a tally counts."""
        return Stand(self._is_gzip, self._follows_shared, self._to)

    def join(self, tally: Tally) -> None:
        """Let a tally that stands alike count what is sent; nothing else is called until the wire leaves it."""
        events, size, _ = self._sent
        self._was_silent = False
        self._sent = _Sent(events - tally.events, size - tally.bytes, tally)

    def leave(self) -> None:
        """Go on alone."""
        events, size, tally = self._sent
        if tally is not None:
            _, self._follows_shared, self._to = tally.stand
            self._sent = _Sent(events + tally.events, size + tally.bytes)

    def sign_of_life(self) -> bytes:
        """
        Keep the line alive.

        Between two blocks of a segment that is bytes which decode to nothing. Where they were followed by silence once
        more, it is a comment all the same, for clients that see only decoded bytes and take long silence for a dead
        line: the rest of the segment, if it ever comes, is then sent alone.
        """
        if self._follows_shared and not self._was_silent:
            self._was_silent = True
            return self._counted(self._member.keep_alive())
        return self.add_private(_COMMENT)

    def close(self) -> bytes:
        """End."""
        if not self._is_gzip:
            return b""
        self._add_run(_START, _START)
        return self._counted(self._member.close())

    def _counted(self, sent: bytes) -> bytes:
        self._count(size=len(sent))
        return sent

    def _counts(self) -> tuple[int, int, Mark]:
        """Return events, bytes and the last run's end; in another thread too, where what is seen must never fall."""
        while True:
            sent = self._sent
            events, size, tally = sent
            to = self._to
            if tally is not None:
                events, size, to = events + tally.events, size + tally.bytes, tally.stand.to
            # Else it has left the tally meanwhile, which may have gone on without it.
            if self._sent is sent:
                return events, size, to

    def _count(self, *, events: int = 0, size: int) -> None:
        self._sent = _Sent(self._sent.events + events, self._sent.bytes + size)

    def _add_run(self, before: Mark, after: Mark) -> None:
        """Count the last run in and begin another."""
        length = self._to.raw_bytes - self._from.raw_bytes
        if length:
            crc32 = segments.combine_crc32(self._from.crc32, self._to.crc32, length)
            self._member.add_shared(segments.Block(_NO_EVENT, _NO_EVENT, True, length, b""), crc32)
        self._from, self._to = before, after


_COMMENT: Final = Private(_SIGN_OF_LIFE)


def choose_encoding(accept_encoding: str | None) -> Encoding:
    """
    Choose how to send.

    Args:
        accept_encoding: The request's header; None where it has none.

    Returns:
        gzip where the client names it, or all encodings, and does not prefer to have none.

    Source:
        RFC 9110 §12.5.3: Accept-Encoding.
    """
    weights = dict(_weights(accept_encoding or ""))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return "gzip" if gzip > 0 and gzip >= weights.get("identity", 0.0) else "identity"


def _weights(header: str) -> Iterator[tuple[str, float]]:
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        key, has_weight, text = parameters.partition("=")
        weight = 1.0 if not parameters.strip() else 0.0
        if has_weight and key.strip() == "q":
            weight = _weight(text.strip())
        yield name.strip(), weight


def _weight(text: str) -> float:
    """Read a weight from 0 to 1; one that is none counts as 0: plain text is never wrong."""
    if not (text.isascii() and text[:1] in ("0", "1") and text.replace(".", "", 1).isdigit()):
        return 0.0
    weight = float(text)
    return weight if weight <= 1 else 0.0
