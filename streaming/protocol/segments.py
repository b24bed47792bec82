"""
Segments: compress a session's frames once, send the bytes to everyone.

A session's frames go through one raw-deflate encoder (RFC 1951). Every batch ends in a sync flush and becomes a
**block**, which a reader can decode as soon as it has it. After at most 64 events a full flush ends the **segment**:
later bytes never refer back over that line, so a reader may begin at any segment start, and at no other place.

Put behind a gzip header, and closed by a trailer, the blocks are one ordinary gzip member (RFC 1952), which every
browser decodes as it comes. `GzipMember` is that member for one viewer: first what is private to it, then the shared
blocks as they lie in the log. Nothing but an empty stored block may stand between two blocks of one segment: any other
bytes would shift the distances that deflate refers back by, and corrupt the text without an error.

A writer that takes over begins with a fresh encoder, and so with a new segment. Where blocks end depends on when
batches come; logs are therefore compared by their decoded frames.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from isal import isal_zlib

from streaming.protocol.errors import SegmentBroken

DEFAULT_EVENTS_PER_SEGMENT: Final = 64
#: Decodes to nothing and changes no distance: a sign of life that may stand between any two blocks.
EMPTY_BLOCK: Final = b"\x00\x00\x00\xff\xff"
#: RFC 1952 §2.3: magic, deflate, no flags, no time, no extra flags, unknown operating system.
GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
#: RFC 1951 §3.2.4 and §3.2.6: an empty final block with fixed codes, at a byte's border.
_FINAL_BLOCK: Final = b"\x03\x00"
_LEVEL: Final = 6
#: Of ISA-L's 0 to 3: level 0 is no faster and leaves a quarter more bytes, the others leave no fewer.
_FAST_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class Block:
    """The frames of consecutive events, compressed."""

    first_event_id: int
    #: Included.
    last_event_id: int
    #: Whether decoding may begin here.
    starts_segment: bool
    #: Bytes of the frames before compression.
    raw_bytes: int
    #: Raw deflate, ending at a byte's border.
    body: bytes


class SegmentEncoder:
    """
    Compress frames into blocks; the first block of an encoder starts a segment.

    A segment that comes as a whole is compressed by ISA-L: fourteen times as fast as zlib, for a third more bytes. That
    is a run at full speed, whose engine would else wait for its log. One that comes in pieces is compressed by zlib,
    which looks back further; such a run has the time.
    """

    def __init__(self, events_per_segment: int = DEFAULT_EVENTS_PER_SEGMENT) -> None:
        """Begin a segment; `events_per_segment` is at least 1."""
        if events_per_segment < 1:
            raise ValueError(f"A segment of {events_per_segment} events is not possible; give 1 or more.")
        self._events_per_segment = events_per_segment
        self._events_in_segment = 0
        self._deflate = _new_deflate()
        self._fast_deflate = isal_zlib.compressobj(_FAST_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)

    @property
    def room(self) -> int:
        """How many events the segment takes until it is complete; at least 1."""
        return self._events_per_segment - self._events_in_segment

    def add(self, frames: Sequence[tuple[int, bytes]]) -> list[Block]:
        """
        Compress the next frames.

        Args:
            frames: Event id and frame, ids ascending without a hole.

        Returns:
            One block, or several where a segment ends within the frames; none for no frames. All are decodable at once.
        """
        blocks = []
        start = 0
        while start < len(frames):
            part = frames[start : start + self.room]
            raw = b"".join([frame for _, frame in part])
            blocks.append(self.encode(raw, first_event_id=part[0][0], events=len(part)))
            start += len(part)
        return blocks

    def encode(self, raw: bytes, *, first_event_id: int, events: int) -> Block:
        """
        Compress the next frames, which fit into the segment.

        Args:
            raw: The frames, one after the other.
            first_event_id: Id of the first one.
            events: How many they are, 1 to `room`.
        """
        if not 1 <= events <= self.room:
            raise ValueError(f"{events} events do not fit into a segment that takes 1 to {self.room} more.")
        starts_segment = self._events_in_segment == 0
        self._events_in_segment = (self._events_in_segment + events) % self._events_per_segment
        ends_segment = self._events_in_segment == 0
        # A full flush makes either encoder forget what was before, so each may go on at any segment's start.
        if starts_segment and ends_segment:
            body = self._fast_deflate.compress(raw) + self._fast_deflate.flush(isal_zlib.Z_FULL_FLUSH)
        else:
            flush = zlib.Z_FULL_FLUSH if ends_segment else zlib.Z_SYNC_FLUSH
            body = self._deflate.compress(raw) + self._deflate.flush(flush)
        return Block(first_event_id, first_event_id + events - 1, starts_segment, len(raw), body)


class SegmentDecoder:
    """Decode blocks in their order, beginning at a segment start."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._last_event_id: int | None = None

    def decode(self, blocks: Iterable[Block]) -> bytes:
        """
        Decode the next blocks; later calls go on where this one ends.

        Returns:
            The frames, one after the other, as they went into the encoder.

        Raises:
            SegmentBroken: If the first block does not start a segment, a block does not follow the one before, or its
                bytes do not decode to as many as it says.
        """
        return b"".join([self._decode_block(block) for block in blocks])

    def _decode_block(self, block: Block) -> bytes:
        _check_order(self._last_event_id, block)
        if block.starts_segment:
            # The segment may come from another writer, whose encoder knows nothing of the bytes before.
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than promised shows that there are more, whatever the bytes claim to hold.
            raw = self._inflate.decompress(block.body, block.raw_bytes + 1)
        except zlib.error as error:
            raise SegmentBroken(f"{_name(block)} do not decode: {error}.") from error
        if len(raw) != block.raw_bytes:
            raise SegmentBroken(f"{_name(block)} do not decode to the {block.raw_bytes} bytes that their block says.")
        self._last_event_id = block.last_event_id
        return raw


class GzipMember:
    """
    The gzip member that one viewer gets.

    Every method returns bytes to send at once and in that order: `open`, any number of `add_private`, `add_shared` and
    `keep_alive`, then `close`. All that was added is decodable by the viewer as soon as it has the bytes.
    """

    def __init__(self) -> None:
        self._crc32 = 0
        self._length = 0
        self._private: zlib._Compress | None = None
        #: Last event of the shared block that the next one may follow; None where only a segment start may come.
        self._shared_until: int | None = None

    @property
    def raw_bytes(self) -> int:
        """How many bytes the viewer has after decoding."""
        return self._length

    def open(self) -> bytes:
        """Begin the member."""
        return GZIP_HEADER

    def add_private(self, raw: bytes) -> bytes:
        """Compress bytes for this viewer alone. Shared blocks may follow from the next segment start on."""
        if self._private is None:
            # Fresh, for the window of an earlier private encoder does not hold the shared bytes since.
            self._private = _new_deflate()
        self._shared_until = None
        self._count(zlib.crc32(raw), len(raw))
        return self._private.compress(raw) + self._private.flush(zlib.Z_SYNC_FLUSH)

    def add_shared(self, block: Block, raw_crc32: int) -> bytes:
        """
        Pass a shared block on as it is.

        Args:
            block: One that starts a segment, or the one that follows the shared block before.
            raw_crc32: `zlib.crc32` of its frames before compression.

        Raises:
            SegmentBroken: If the block may not stand here; send its events with `add_private` instead.
        """
        if not self.can_share(block):
            raise SegmentBroken(f"{_name(block)} continue a segment that this stream does not hold.")
        self._private = None
        self._shared_until = block.last_event_id
        self._count(raw_crc32, block.raw_bytes)
        return block.body

    def can_share(self, block: Block) -> bool:
        """Tell whether a shared block may come next."""
        return block.starts_segment or self._shared_until == block.first_event_id - 1

    def keep_alive(self) -> bytes:
        """Give bytes that decode to nothing."""
        return EMPTY_BLOCK

    def close(self) -> bytes:
        """End the member with the checksum and length of all that was added."""
        return _FINAL_BLOCK + struct.pack("<II", self._crc32, self._length & 0xFFFFFFFF)

    def _count(self, raw_crc32: int, raw_bytes: int) -> None:
        self._crc32 = combine_crc32(self._crc32, raw_crc32, raw_bytes)
        self._length += raw_bytes


def combine_crc32(first: int, second: int, second_length: int) -> int:
    """
    Compute the CRC-32 of two byte strings put together from the CRC-32 of each.

    Args:
        first: CRC-32 of the first.
        second: CRC-32 of the second.
        second_length: Bytes of the second, >= 0.

    Source:
        zlib 1.2.12 and later, crc32.c: crc32_combine (multiplication by x^(8 length) modulo the CRC's polynomial).
    """
    return _multiply(_shift_by(second_length), first) ^ second


_POLYNOMIAL: Final = 0xEDB88320
#: The polynomial 1, lowest power in the highest bit.
_ONE: Final = 1 << 31


@lru_cache(maxsize=4096)
def _shift_by(length: int) -> int:
    """Compute x^(8 length) modulo the polynomial."""
    result, power = _ONE, 1 << 23
    while length:
        if length & 1:
            result = _multiply(power, result)
        power = _multiply(power, power)
        length >>= 1
    return result


def _multiply(left: int, right: int) -> int:
    """Multiply two polynomials modulo the CRC's, lowest power in the highest bit."""
    product, bit = 0, _ONE
    while bit:
        if left & bit:
            product ^= right
        bit >>= 1
        right = (right >> 1) ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def _check_order(last_event_id: int | None, block: Block) -> None:
    if last_event_id is None:
        if not block.starts_segment:
            raise SegmentBroken(f"{_name(block)} continue a segment; decoding begins at a segment start.")
    elif block.first_event_id != last_event_id + 1:
        raise SegmentBroken(f"{_name(block)} do not follow event {last_event_id}.")


def _new_deflate() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)


def _name(block: Block) -> str:
    return f"Events {block.first_event_id} to {block.last_event_id}"
