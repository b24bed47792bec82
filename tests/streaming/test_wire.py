"""The wire (S18, S20): any mixture of private and shared bytes is one gzip member with the same text as without it."""

import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import segments
from streaming.ring import LogBlock, Ring
from streaming.wire import Private, Wire, choose_encoding
from tests.streaming.blocks import blocks_of, numbered_frames

_MANY_BYTES = 1_000_000


def _merged(blocks: list[LogBlock]) -> LogBlock:
    """Make one row of a segment's blocks, as the log does."""
    return blocks[0]._replace(
        last_event_id=blocks[-1].last_event_id,
        raw_bytes=sum(block.raw_bytes for block in blocks),
        raw_through=blocks[-1].raw_through,
        crc32_through=blocks[-1].crc32_through,
        ends_session=blocks[-1].ends_session,
        body=b"".join(block.body for block in blocks),
    )


@given(seed=st.integers(0, 10**9), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=14))
def test_both_encodings_carry_the_same_frames_from_anywhere_s18(seed: int, sizes: list[int]) -> None:
    """Join anywhere; blocks come one by one or several at once; signs of life and private text come in between."""
    rng = random.Random(seed)
    events = numbered_frames(sum(sizes))
    blocks = blocks_of(events, sizes)
    cursor = start = rng.randrange(-1, len(events) - 1)
    ring, plain, packed = Ring(), Wire("identity"), Wire("gzip")
    sent = [wire.open() + wire.add_private(Private(b"retry: 1000\n\n: open\n\n")) for wire in (plain, packed)]
    cursors = [cursor, cursor]
    for block in blocks:
        assert ring.add(block)
        if rng.random() < 0.3:
            sent[1] += packed.sign_of_life()
        if rng.random() < 0.7:
            for number, wire in enumerate((plain, packed)):
                chunks, cursors[number] = wire.drain(ring, cursors[number], max_bytes=rng.choice([1, 500, _MANY_BYTES]))
                sent[number] += b"".join(chunks)
    for number, wire in enumerate((plain, packed)):
        chunks, cursors[number] = wire.drain(ring, cursors[number], max_bytes=_MANY_BYTES)
        sent[number] += b"".join(chunks) + wire.close()

    inflate = zlib.decompressobj(31)
    text = inflate.decompress(sent[1])
    assert (inflate.eof, inflate.unused_data) == (True, b"")
    assert sent[0].endswith(b"".join(frame for _, frame in events[start + 1 :]))
    assert text.replace(b": still here\n\n", b"") == sent[0]
    assert cursors == [len(events) - 1] * 2
    assert plain.has_ended
    assert packed.has_ended


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=14), data=st.data())
def test_a_row_made_of_several_goes_on_where_its_pieces_ended(sizes: list[int], data: st.DataObject) -> None:
    """A reader has some blocks of a segment when the log makes one row of them all."""
    events = numbered_frames(sum(sizes))
    blocks = blocks_of(events, sizes, per_segment=200)
    seen = data.draw(st.integers(0, len(blocks)))
    ring, wire = Ring(blocks[:seen]), Wire("gzip")
    chunks, cursor = wire.drain(ring, -1, max_bytes=_MANY_BYTES)

    is_new = ring.add(_merged(blocks))

    more, _ = wire.drain(ring, cursor, max_bytes=_MANY_BYTES)
    sent = wire.open() + b"".join(chunks + more) + wire.close()
    assert is_new == (seen < len(blocks))
    assert zlib.decompress(sent, 31) == b"".join(frame for _, frame in events)
    assert b"".join(chunks + more) == b"".join(block.body for block in blocks)
    assert ring.frames_after(-1) == events


def test_shared_blocks_are_passed_on_as_they_are_from_the_next_segment_on_s19_s20() -> None:
    events = numbered_frames(21)
    blocks = blocks_of(events, [1] * 21)
    ring, wire = Ring(blocks), Wire("gzip")

    chunks, _ = wire.drain(ring, 2, max_bytes=_MANY_BYTES)

    assert len(chunks) == 2
    assert zlib.decompressobj(-15).decompress(chunks[0]) == b"".join(frame for _, frame in events[3:7])
    assert chunks[1] == b"".join(block.body for block in blocks[7:])


def test_viewers_at_the_same_place_share_what_is_made_for_them() -> None:
    ring = Ring(blocks_of(numbered_frames(21), [1] * 21))

    for cursor in (2, 6):
        for encoding in ("gzip", "identity"):
            first, second = (
                ring.take(cursor, is_deflated=encoding == "gzip", follows_shared=False, max_bytes=_MANY_BYTES)
                for _ in range(2)
            )
            assert first is second


def test_between_blocks_of_a_segment_a_sign_of_life_decodes_to_nothing_and_then_to_a_comment_s15() -> None:
    blocks = blocks_of(numbered_frames(14), [1] * 14)
    ring, wire = Ring(blocks[:3]), Wire("gzip")
    wire.drain(ring, -1, max_bytes=_MANY_BYTES)

    first, second, third = wire.sign_of_life(), wire.sign_of_life(), wire.sign_of_life()

    assert first == segments.EMPTY_BLOCK
    assert [zlib.decompressobj(-15).decompress(one) for one in (second, third)] == [b": still here\n\n"] * 2


def test_a_ring_begins_anew_where_blocks_are_missing() -> None:
    blocks = blocks_of(numbered_frames(21), [1] * 21)
    ring = Ring(blocks[:5])

    took = [ring.add(block) for block in blocks[9:]]

    # Events 9 to 13 belong to a segment whose start is missing.
    assert took == [False] * 5 + [True] * 7
    assert (ring.first_id, ring.head) == (14, 20)


def test_a_ring_lets_go_of_whole_segments_and_keeps_the_newest() -> None:
    ring = Ring(blocks_of(numbered_frames(28), [1] * 28))

    ring.drop_oldest(max_events=10, max_bytes=_MANY_BYTES)
    by_events = ring.first_id
    ring.drop_oldest(max_events=100, max_bytes=1)

    assert (by_events, ring.first_id, ring.head) == (21, 21, 27)
    assert ring.take(19, is_deflated=True, follows_shared=False, max_bytes=1) is None


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("gzip ; q=0.5 , identity;q=0.5", "gzip"),
        ("gzip;q=0.5, identity;q=0.9", "identity"),
        ("gzip;q=0, *;q=1", "identity"),
        ("identity", "identity"),
        ("br, zstd", "identity"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("gzip;q=nan", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;level=9", "identity"),
        (";;,,=", "identity"),
    ],
)
def test_gzip_is_sent_to_those_who_ask_for_it_s18(header: str | None, encoding: str) -> None:
    assert choose_encoding(header) == encoding


def test_marks_of_blocks_follow_each_other() -> None:
    """The helper of these tests writes what the log writes: each block's text begins where the one before ends."""
    for one, other in pairwise(blocks_of(numbered_frames(20), [3, 4, 5, 8])):
        assert one.crc32_through == other.crc32_before
