"""The benchmarks' viewers: what they read out of a response, and one small real run."""

import itertools
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import talk, viewers
from benchmarks.contestants import fan_contest
from benchmarks.contestants.fan_raw import chunk
from benchmarks.fan_measure import Load, Peer, measure, start_peer
from streaming.protocol import frames

EVENTS = [(event_id, b'{"event_id":%d,"text":"%b"}' % (event_id, b"x" * event_id)) for event_id in range(40)]


def _response(*, is_gzip: bool) -> bytes:
    bodies = [b": open\n\n", *(frames.encode_frame("tick_update", data, event_id) for event_id, data in EVENTS)]
    deflate = zlib.compressobj(wbits=31)
    if is_gzip:
        bodies = [deflate.compress(body) + deflate.flush(zlib.Z_SYNC_FLUSH) for body in bodies]
    encoding = b"Content-Encoding: gzip\r\n" if is_gzip else b""
    return b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (encoding, b"".join(map(chunk, bodies)))


@given(cuts=st.lists(st.integers(0, 3000), max_size=30), is_gzip=st.booleans())
def test_events_are_found_wherever_the_bytes_were_cut(cuts: list[int], is_gzip: bool) -> None:
    response = _response(is_gzip=is_gzip)
    places = [0, *sorted(cuts), len(response)]
    received = [(moment, response[start:end]) for moment, (start, end) in enumerate(itertools.pairwise(places))]

    found = viewers.arrivals(received)

    assert [event_id for event_id, _ in found] == [event_id for event_id, _ in EVENTS]
    assert [moment for _, moment in found] == sorted(moment for _, moment in found)


def test_an_event_has_arrived_with_the_last_byte_of_its_frame() -> None:
    response = _response(is_gzip=False)
    end = response.index(b"id: 7\n\n") + len(b"id: 7\n\n")

    found = dict(viewers.arrivals([(1, response[:end]), (2, response[end:])]))

    # HTTP's own line end after the chunk is still missing.
    assert (found[6], found[7], found[8]) == (1, 2, 2)


@pytest.mark.parametrize(
    "frame",
    [
        b'event: tick_update\ndata: {"event_id": 5, "a": 1}\nid: 5\n\n',
        b'id: run:9\r\nevent: tick_update\r\ndata: {"event_id":5}\r\n\r\n',
    ],
)
def test_whoever_wrote_the_frame_its_event_is_known(frame: bytes) -> None:
    response = b"HTTP/1.1 200 OK\r\n\r\n" + chunk(frame)

    assert viewers.arrivals([(3, response)]) == [(5, 3)]


def test_what_is_due_together_is_published_together() -> None:
    events = [fan_contest.Event(event_id, "tick_update", "{}") for event_id in range(500)]

    fast = fan_contest.batches_of(events, rate=1000, seconds=0.3)
    slow = fan_contest.batches_of(events, rate=20, seconds=2)

    assert [len(batch) for batch in fast] == [20] * 15
    assert [len(batch) for batch in slow] == [1] * 40


def test_a_small_run_delivers_every_event_to_every_viewer(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.write_bytes(b"".join(b"tick_update\t%b\n" % data for _, data in EVENTS))
    # The 39 events after the first are out in 0.4 s; a busy machine has a second more.
    load = Load(viewers=3, rate=100, seconds=1.5)

    with (
        talk.Program("viewers", "benchmarks.viewers") as watching,
        start_peer("raw", "fan_raw", events, is_own=True) as raw,
    ):
        measured = measure(Peer("raw", raw), watching, load)

    assert (measured.published, measured.delivered) == (39, 117)
    assert len(measured.latencies_ms) == 117
    assert 0 <= measured.latency_ms(0.5) <= measured.latency_ms(0.99)
