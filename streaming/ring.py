"""
Blocks of a session's log in memory: the newest ones for all its viewers, or a stretch of older ones for one of them.

A `Ring` keeps whole segments, and each block as it lies in the log. What a viewer takes is one `Taken`: frames, for a
viewer without compression, or raw deflate. Deflate is passed on as it is (**shared**) where the viewer has the segment
from its start; a viewer that joins inside a segment gets the rest of it compressed on its own (**alone**), and the
shared bytes from the next segment start on. Both are made once for all viewers that stand at the same event.

Frames are decoded when somebody takes them, once for everybody; where all viewers take deflate, none ever is.

Checksums need no work here either: each block knows the CRC-32 and the length of all the session's frames before it
and through it, from which the checksum of any run of blocks follows.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from streaming.counts import counts
from streaming.protocol import segments

#: A frame's JSON stands on one line, so an empty line can only be a frame's end.
_FRAME_END: Final = b"\n\n"
#: What joins the stream inside a segment is soon over; level 1 is three times as fast as 6, for half as much again.
_ALONE_LEVEL: Final = 1
#: From this size on compressing pays for its own state.
_STORED_BYTES: Final = 200
#: How many viewers' places are remembered at once; most stand at the same one.
_MEMORIES: Final = 8


class Mark(NamedTuple):
    """How far a text reaches, and its CRC-32 so far."""

    crc32: int
    raw_bytes: int


class LogBlock(NamedTuple):
    """One block as the log has it."""

    first_event_id: int
    #: Included.
    last_event_id: int
    #: Whether decoding may begin here.
    starts_segment: bool
    #: Bytes of the block's frames before compression.
    raw_bytes: int
    #: Bytes of all the session's frames through this block.
    raw_through: int
    #: CRC-32 of all the session's frames before this block, and through it.
    crc32_before: int
    crc32_through: int
    #: Whether its last event is the session's last.
    ends_session: bool
    #: Raw deflate.
    body: bytes

    @property
    def before(self) -> Mark:
        """Where the session's frames stand before this block."""
        return Mark(self.crc32_before, self.raw_through - self.raw_bytes)

    @property
    def after(self) -> Mark:
        """Where they stand after it."""
        return Mark(self.crc32_through, self.raw_through)


class Taken(NamedTuple):
    """What a viewer is sent at once."""

    chunk: bytes
    last_event_id: int
    #: The text that the chunk stands for lies between these two.
    before: Mark
    after: Mark
    #: Whether the chunk is shared bytes, which the next block's may follow.
    is_shared: bool
    ends_session: bool


class Ring:
    """Consecutive blocks, oldest first, beginning with a segment."""

    def __init__(self, blocks: Sequence[LogBlock] = ()) -> None:
        #: The newest event here; -1 before the first block.
        self.head = -1
        self._segments: deque[_Segment] = deque()
        self._memories: dict[tuple[int, str], Taken] = {}
        for block in blocks:
            self.add(block)

    @property
    def first_id(self) -> int:
        """The oldest event here; head + 1 where there is none."""
        return self._segments[0].first_event_id if self._segments else self.head + 1

    @property
    def size(self) -> int:
        """Bytes that the blocks take here, decoded ones included."""
        return sum(segment.size for segment in self._segments)

    def add(self, block: LogBlock) -> bool:
        """
        Take a block of the log.

        One that begins with events that are here already is one row made of several: what is new of it is taken. One
        that does not follow makes the ring begin anew with it.

        Returns:
            Whether it brought anything; not where its events are here already, or where it could not be decoded.
        """
        if block.last_event_id <= self.head:
            return False
        if self._segments and block.first_event_id <= self.head:
            block = self._segments[-1].rest_of(block) or block
        if block.starts_segment:
            if block.first_event_id != self.head + 1:
                self._segments.clear()
            self._segments.append(_Segment(block))
        elif self._segments and block.first_event_id == self.head + 1:
            self._segments[-1].add(block)
        else:
            return False
        self.head = block.last_event_id
        self._memories.clear()
        return True

    def drop_oldest(self, *, max_events: int, max_bytes: int) -> None:
        """Let go of the oldest segments until the rest is small enough; the newest one stays."""
        size = self.size
        while len(self._segments) > 1 and (self.head + 1 - self.first_id > max_events or size > max_bytes):
            size -= self._segments.popleft().size
            self._memories.clear()

    def frames_after(self, cursor: int) -> list[tuple[int, bytes]]:
        """Return event id and frame of each event after the cursor that is here, ids ascending."""
        return [
            frame
            for segment in self._segments
            if segment.last_event_id > cursor
            for index in range(len(segment.blocks))
            for frame in segment.frames(index)
            if frame[0] > cursor
        ]

    def take(self, cursor: int, *, is_deflated: bool, follows_shared: bool, max_bytes: int) -> Taken | None:
        """
        Take what comes after an event.

        Args:
            cursor: The event before the first one wanted.
            is_deflated: Whether raw deflate is wanted rather than frames.
            follows_shared: Whether the viewer's last bytes were shared ones that end at the cursor.
            max_bytes: Where to stop; at least one block is taken.

        Returns:
            At least one event; None where the one after the cursor is not here.
        """
        if not self.first_id <= cursor + 1 <= self.head:
            return None
        kind = "frames" if not is_deflated else "shared" if follows_shared else "deflate"
        taken = self._memories.get((cursor, kind))
        if taken is None:
            taken = self._take(cursor, kind, max_bytes)
            if len(self._memories) < _MEMORIES:
                self._memories[cursor, kind] = taken
        return taken

    def _take(self, cursor: int, kind: str, max_bytes: int) -> Taken:
        number = next(n for n in reversed(range(len(self._segments))) if self._segments[n].first_event_id <= cursor + 1)
        segment = self._segments[number]
        index = segment.index_of(cursor + 1)
        if kind == "frames":
            return self._take_frames(number, index, cursor, max_bytes)
        block = segment.blocks[index]
        if block.first_event_id == cursor + 1 and (block.starts_segment or kind == "shared"):
            return self._take_shared(number, index, max_bytes)
        return _take_alone(segment, index, cursor)

    def _take_frames(self, number: int, index: int, cursor: int, max_bytes: int) -> Taken:
        raw = self._segments[number].raw_after(index, cursor)
        taken, size, last = [raw], len(raw), self._segments[number].blocks[index]
        for segment, position in self._places_after(number, index):
            block = segment.blocks[position]
            if size + block.raw_bytes > max_bytes:
                break
            taken.append(segment.raw(position))
            size, last = size + block.raw_bytes, block
        return Taken(b"".join(taken), last.last_event_id, Mark(0, 0), Mark(0, 0), False, last.ends_session)

    def _take_shared(self, number: int, index: int, max_bytes: int) -> Taken:
        first = last = self._segments[number].blocks[index]
        taken, size = [first.body], len(first.body)
        for segment, position in self._places_after(number, index):
            block = segment.blocks[position]
            if size + len(block.body) > max_bytes:
                break
            taken.append(block.body)
            size, last = size + len(block.body), block
        chunk = taken[0] if len(taken) == 1 else b"".join(taken)
        return Taken(chunk, last.last_event_id, first.before, last.after, True, last.ends_session)

    def _places_after(self, number: int, index: int) -> list[tuple[_Segment, int]]:
        places = [
            (self._segments[number], position) for position in range(index + 1, len(self._segments[number].blocks))
        ]
        for later in range(number + 1, len(self._segments)):
            places += [(self._segments[later], position) for position in range(len(self._segments[later].blocks))]
        return places


def deflate_alone(raw: bytes) -> bytes:
    """Compress bytes without looking back at anything before them, nor letting anything after look back at them."""
    if len(raw) < _STORED_BYTES:
        # RFC 1951 §3.2.4: a stored block; we stand at a byte's border.
        return b"\0" + len(raw).to_bytes(2, "little") + (len(raw) ^ 0xFFFF).to_bytes(2, "little") + raw
    counts.texts_compressed += 1
    deflate = zlib.compressobj(_ALONE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(raw) + deflate.flush(zlib.Z_FULL_FLUSH)


def _take_alone(segment: _Segment, index: int, cursor: int) -> Taken:
    """Take the rest of the segment as far as it is known."""
    last = segment.blocks[-1]
    raw = segment.raw_after(index, cursor) + b"".join(map(segment.raw, range(index + 1, len(segment.blocks))))
    first = segment.blocks[index]
    if first.first_event_id == cursor + 1:
        # Whole blocks: their marks are known, and follow those of what was sent before.
        before, after = first.before, last.after
    else:
        before, after = Mark(0, 0), Mark(zlib.crc32(raw), len(raw))
    return Taken(deflate_alone(raw), last.last_event_id, before, after, False, last.ends_session)


class _Segment:
    """The blocks of one segment so far; decoded on demand, in their order."""

    def __init__(self, first: LogBlock) -> None:
        self.blocks = [first]
        self.size = len(first.body)
        self._body_bytes = len(first.body)
        self._decoder = segments.SegmentDecoder()
        self._raws: list[bytes] = []

    @property
    def first_event_id(self) -> int:
        return self.blocks[0].first_event_id

    @property
    def last_event_id(self) -> int:
        return self.blocks[-1].last_event_id

    def add(self, block: LogBlock) -> None:
        self.blocks.append(block)
        self.size += len(block.body)
        self._body_bytes += len(block.body)

    def rest_of(self, whole: LogBlock) -> LogBlock | None:
        """Cut off what is here already from a block made of this segment's and later ones; None for another's."""
        last = self.blocks[-1]
        if whole.first_event_id != self.first_event_id:
            return None
        return whole._replace(
            first_event_id=last.last_event_id + 1,
            starts_segment=False,
            raw_bytes=whole.raw_through - last.raw_through,
            crc32_before=last.crc32_through,
            body=whole.body[self._body_bytes :],
        )

    def index_of(self, event_id: int) -> int:
        """Return which block holds an event."""
        return bisect_right(self.blocks, event_id, key=lambda block: block.first_event_id) - 1

    def raw(self, index: int) -> bytes:
        """Return a block's frames in one piece."""
        while len(self._raws) <= index:
            block = self.blocks[len(self._raws)]
            raw = self._decoder.decode([segments.Block(*block[:4], block.body)])
            counts.blocks_decoded += 1
            self._raws.append(raw)
            self.size += len(raw)
        return self._raws[index]

    def raw_after(self, index: int, cursor: int) -> bytes:
        """Return a block's frames after an event."""
        if self.blocks[index].first_event_id == cursor + 1:
            return self.raw(index)
        return b"".join([frame for event_id, frame in self.frames(index) if event_id > cursor])

    def frames(self, index: int) -> list[tuple[int, bytes]]:
        """Return event id and frame of each of a block's events."""
        block = self.blocks[index]
        parts = self.raw(index).split(_FRAME_END)
        ids = range(block.first_event_id, block.last_event_id + 1)
        return [(event_id, part + _FRAME_END) for event_id, part in zip(ids, parts, strict=False)]
