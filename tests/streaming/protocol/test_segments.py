"""Segments (S18, S19, S20): any batching decodes alike, from any segment start, inside one gzip member."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import json_text
from streaming.protocol.errors import SegmentBroken
from streaming.protocol.frames import encode_comment, encode_frame
from streaming.protocol.segments import (
    EMPTY_BLOCK,
    Block,
    GzipMember,
    SegmentDecoder,
    SegmentEncoder,
    combine_crc32,
)

_BATCH_SIZES = st.lists(st.integers(0, 30), max_size=12)
_SEGMENT_SIZES = st.integers(1, 20)


def frames_of(count: int, first: int = 0) -> list[tuple[int, bytes]]:
    """Build frames that repeat each other as ticks do, so that deflate refers back wherever it may."""
    return [
        (
            i,
            encode_frame(
                "tick_update", json_text.encode({"event_id": i, "raw": "rsi(14,close) < 30" * 9, "n": i * i}), i
            ),
        )
        for i in range(first, first + count)
    ]


def encode_in_batches(encoder: SegmentEncoder, sizes: list[int], first: int = 0) -> tuple[list[Block], list[bytes]]:
    """Encode as many frames as the sizes add up to; return the blocks and the frames."""
    frames = frames_of(sum(sizes), first)
    blocks, start = [], 0
    for size in sizes:
        blocks += encoder.add(frames[start : start + size])
        start += size
    return blocks, [frame for _, frame in frames]


@given(sizes=_BATCH_SIZES, events_per_segment=_SEGMENT_SIZES)
def test_any_batching_decodes_to_the_same_frames(sizes: list[int], events_per_segment: int) -> None:
    blocks, frames = encode_in_batches(SegmentEncoder(events_per_segment), sizes)

    assert SegmentDecoder().decode(blocks) == b"".join(frames)


@given(sizes=_BATCH_SIZES, events_per_segment=_SEGMENT_SIZES)
def test_every_block_is_decodable_before_the_next_is_written(sizes: list[int], events_per_segment: int) -> None:
    """S18: each block alone gives exactly its own frames."""
    blocks, frames = encode_in_batches(SegmentEncoder(events_per_segment), sizes)
    decoder = SegmentDecoder()

    decoded = [decoder.decode([block]) for block in blocks]

    assert decoded == [b"".join(frames[block.first_event_id : block.last_event_id + 1]) for block in blocks]


@given(sizes=_BATCH_SIZES, events_per_segment=_SEGMENT_SIZES)
def test_decoding_may_begin_at_every_segment_start(sizes: list[int], events_per_segment: int) -> None:
    blocks, frames = encode_in_batches(SegmentEncoder(events_per_segment), sizes)

    for index, block in enumerate(blocks):
        if block.starts_segment:
            assert SegmentDecoder().decode(blocks[index:]) == b"".join(frames[block.first_event_id :])


@given(sizes=_BATCH_SIZES, events_per_segment=_SEGMENT_SIZES)
def test_a_segment_holds_the_events_it_may_and_no_more(sizes: list[int], events_per_segment: int) -> None:
    blocks, frames = encode_in_batches(SegmentEncoder(events_per_segment), sizes)

    starts = [block.first_event_id for block in blocks if block.starts_segment]
    assert starts == list(range(0, len(frames), events_per_segment))
    assert [i for b in blocks for i in range(b.first_event_id, b.last_event_id + 1)] == list(range(len(frames)))
    assert [b.raw_bytes for b in blocks] == [
        sum(map(len, frames[b.first_event_id : b.last_event_id + 1])) for b in blocks
    ]


@given(before=_BATCH_SIZES, after=_BATCH_SIZES)
def test_a_writer_that_takes_over_begins_a_segment(before: list[int], after: list[int]) -> None:
    old_blocks, old_frames = encode_in_batches(SegmentEncoder(7), before)
    new_blocks, new_frames = encode_in_batches(SegmentEncoder(7), after, first=len(old_frames))

    assert SegmentDecoder().decode(old_blocks + new_blocks) == b"".join(old_frames + new_frames)


def test_a_segment_costs_a_tenth_of_its_frames() -> None:
    (block,) = SegmentEncoder().add(frames_of(64))

    assert len(block.body) * 10 < block.raw_bytes


def test_a_segment_takes_no_more_events_than_it_has_room_for() -> None:
    encoder = SegmentEncoder(4)
    encoder.add(frames_of(3))

    assert encoder.room == 1
    with pytest.raises(ValueError, match="do not fit"):
        encoder.encode(b"two frames", first_event_id=3, events=2)


@given(sizes=st.lists(st.sampled_from([1, 2, 3, 4, 8]), min_size=1, max_size=12))
def test_segments_of_both_compressors_follow_each_other_in_one_member(sizes: list[int]) -> None:
    """S18: a viewer cannot tell which segments came as a whole, and which in pieces."""
    blocks, frames = encode_in_batches(SegmentEncoder(4), sizes)
    decoder, member = SegmentDecoder(), GzipMember()

    sent = [member.open()]
    sent += [member.add_shared(block, zlib.crc32(decoder.decode([block]))) for block in blocks]
    sent.append(member.close())

    assert gzip.decompress(b"".join(sent)) == b"".join(frames)


def test_no_frames_give_no_block() -> None:
    assert SegmentEncoder().add([]) == []


def test_a_segment_without_events_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        SegmentEncoder(0)


def test_decoding_does_not_begin_inside_a_segment() -> None:
    blocks, _ = encode_in_batches(SegmentEncoder(64), [3, 3])

    with pytest.raises(SegmentBroken, match="segment start"):
        SegmentDecoder().decode(blocks[1:])


def test_a_missing_block_is_noticed() -> None:
    blocks, _ = encode_in_batches(SegmentEncoder(64), [3, 3, 3])

    with pytest.raises(SegmentBroken, match="do not follow event 2"):
        SegmentDecoder().decode([blocks[0], blocks[2]])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-9],
        lambda body: b"",
        lambda body: b"\xff" * len(body),
        lambda body: body + body,
        lambda body: b"\x03\x00" + body,
    ],
    ids=["cut short", "empty", "not deflate", "more than promised", "ended early"],
)
def test_a_spoiled_block_is_noticed(spoil: Callable[[bytes], bytes]) -> None:
    (block,) = SegmentEncoder().add(frames_of(5))

    with pytest.raises(SegmentBroken):
        SegmentDecoder().decode([replace(block, body=spoil(block.body))])


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_the_checksum_of_two_parts_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    combined = combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))

    assert combined == zlib.crc32(first + second)


@pytest.mark.parametrize("joins_at", [0, 1, 5, 6, 7, 8, 13, 20])
def test_a_member_of_private_and_shared_bytes_is_one_ordinary_gzip(joins_at: int) -> None:
    """S18, S20: header, private catch-up, shared blocks with signs of life between them, trailer."""
    blocks, frames = encode_in_batches(SegmentEncoder(7), [1, 3, 2, 4, 5, 6])
    decoder, member = SegmentDecoder(), GzipMember()
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    greeting = encode_comment("open")

    sent = [member.open(), member.add_private(greeting)]
    for block in blocks:
        raw = decoder.decode([block])
        if block.first_event_id < joins_at or not member.can_share(block):
            sent.append(member.add_private(raw))
        else:
            sent.append(member.add_shared(block, zlib.crc32(raw)))
        sent.append(member.keep_alive())
    sent.append(member.close())

    assert gzip.decompress(b"".join(sent)) == greeting + b"".join(frames)
    assert b"".join([inflate.decompress(part) for part in sent[:-1]]) == greeting + b"".join(frames)


def test_private_bytes_inside_a_segment_keep_the_viewer_private_until_the_next() -> None:
    """S20: a skip-ahead goes back to a private encoder; the shared bytes follow again from a segment start."""
    blocks, frames = encode_in_batches(SegmentEncoder(4), [2, 2, 2, 2, 4])
    raw = [b"".join(frames[b.first_event_id : b.last_event_id + 1]) for b in blocks]
    member = GzipMember()
    note = encode_comment("private")

    sent = [member.open(), member.add_private(note), member.add_shared(blocks[0], zlib.crc32(raw[0]))]
    sent.append(member.add_private(raw[1]))
    assert member.can_share(blocks[2])
    sent.append(member.add_private(raw[2]))
    assert not member.can_share(blocks[3])
    with pytest.raises(SegmentBroken, match="does not hold"):
        member.add_shared(blocks[3], zlib.crc32(raw[3]))
    sent += [member.add_private(raw[3]), member.add_shared(blocks[4], zlib.crc32(raw[4])), member.close()]

    assert gzip.decompress(b"".join(sent)) == note + b"".join(frames)


def test_private_bytes_between_two_blocks_of_a_segment_are_never_followed_by_the_second() -> None:
    """S20: they would shift the distances by which the second refers back, and corrupt it without an error."""
    blocks, frames = encode_in_batches(SegmentEncoder(4), [2, 2])
    member = GzipMember()
    member.add_shared(blocks[0], zlib.crc32(b"".join(frames[:2])))
    could_share = member.can_share(blocks[1])

    member.add_private(encode_comment("still here"))

    assert could_share
    assert not member.can_share(blocks[1])


def test_shared_bytes_are_the_same_for_every_viewer() -> None:
    """S19, S20: a viewer that came late gets, after its private part, the very bytes of the log."""
    blocks, frames = encode_in_batches(SegmentEncoder(4), [4, 4, 4])
    raw = [b"".join(frames[b.first_event_id : b.last_event_id + 1]) for b in blocks]
    early, late = GzipMember(), GzipMember()
    early.add_private(b": early\n\n")
    late.add_private(b": a much longer private part\n\n" + raw[0])
    early.add_shared(blocks[0], zlib.crc32(raw[0]))

    shared = [
        (early.add_shared(b, zlib.crc32(r)), late.add_shared(b, zlib.crc32(r)))
        for b, r in zip(blocks[1:], raw[1:], strict=True)
    ]

    assert shared == [(blocks[1].body, blocks[1].body), (blocks[2].body, blocks[2].body)]


def test_the_empty_block_decodes_to_nothing() -> None:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    assert inflate.decompress(EMPTY_BLOCK) == b""
    assert inflate.unconsumed_tail == b""
