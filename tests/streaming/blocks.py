"""Frames and the blocks that a log's writer makes of them."""

import zlib

from streaming.protocol import frames, segments
from streaming.ring import LogBlock


def numbered_frames(count: int) -> list[tuple[int, bytes]]:
    """Return event id and frame of so many events."""
    return [
        (i, frames.encode_frame("tick_update", b'{"raw":"%b","n":%d}' % (b"rsi < 30 " * 20, i), i))
        for i in range(count)
    ]


def blocks_of(events: list[tuple[int, bytes]], sizes: list[int], *, per_segment: int = 7) -> list[LogBlock]:
    """Compress events in batches as a writer does."""
    encoder = segments.SegmentEncoder(per_segment)
    texts = dict(events)
    blocks, start, crc32, raw_through = [], 0, 0, 0
    for size in sizes:
        for block in encoder.add(events[start : start + size]):
            before = crc32
            for event_id in range(block.first_event_id, block.last_event_id + 1):
                crc32 = zlib.crc32(texts[event_id], crc32)
            raw_through += block.raw_bytes
            is_last = block.last_event_id == events[-1][0]
            blocks.append(LogBlock(*_fields(block), raw_through, before, crc32, is_last, block.body))
        start += size
    return blocks


def _fields(block: segments.Block) -> tuple[int, int, bool, int]:
    return block.first_event_id, block.last_event_id, block.starts_segment, block.raw_bytes
