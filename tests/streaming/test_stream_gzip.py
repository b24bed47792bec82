"""The stream as one gzip member (S18, S19, S20): the log's own bytes, for every decoder there is."""

import json
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from strategies.models import BacktestSession
from streaming import relay, stream, viewer
from streaming.counts import counts
from streaming.models import EventBlock
from streaming.protocol import segments
from streaming.protocol.frames import Frame, FrameParser
from streaming.publisher import LogPublisher
from streaming.sse_event_emitter import SSEEvent
from tests import sessions, viewers

_GZIP = {"Accept-Encoding": "gzip"}


class _Packed:
    """A viewer that takes gzip: what came on the wire, and what it says."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.wire = b""
        self.text = b""
        self.frames: list[Frame] = []
        self._inflate = zlib.decompressobj(31)
        self._parser = FrameParser()

    @property
    def ids(self) -> list[int]:
        """The event ids in the order in which they came."""
        return [int(frame.last_event_id) for frame in self.frames]

    @property
    def is_whole(self) -> bool:
        """Whether it was exactly one gzip member with the right checksum and length."""
        return self._inflate.eof and not self._inflate.unused_data

    def feed(self, chunk: bytes) -> None:
        """Take bytes."""
        self.wire += chunk
        text = self._inflate.decompress(chunk)
        self.text += text
        self.frames += self._parser.feed(text)


def _read(
    base: str, session_id: str, *, cursor: int | None = None, until: Callable[[_Packed], bool] = lambda _: False
) -> _Packed:
    headers = _GZIP if cursor is None else {**_GZIP, "Last-Event-ID": str(cursor)}
    with viewers.connect(base, session_id, headers=headers) as (response, _):
        seen = _Packed(response.headers)
        deadline = time.monotonic() + 20
        for chunk in response.iter_raw():
            seen.feed(chunk)
            if until(seen):
                break
            assert time.monotonic() < deadline, f"the stream brought only {seen.ids[-5:]}"
    return seen


def _frames_of(text: bytes) -> bytes:
    return text[text.index(b"event: ") :]


@pytest.mark.parametrize("cursor", [None, 213, 250, 255, 256, 300, 311])
def test_a_finished_stream_is_one_gzip_member_of_the_same_frames_s18(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], cursor: int | None
) -> None:
    sessions.publish(session, events)

    packed = _read(asgi_server, session.session_id, cursor=cursor)
    plain = viewers.read(asgi_server, session.session_id, cursor=cursor)

    assert packed.is_whole
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert _frames_of(packed.text) == _frames_of(plain.raw)
    assert len(packed.frames) == (2 if cursor is None else 312 - cursor)


@pytest.mark.parametrize("head", [0, 20, 63, 64, 100])
def test_from_the_next_segment_on_the_bytes_are_those_of_the_log_s19(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], head: int
) -> None:
    for start in range(0, head + 1, 7):
        sessions.publish(session, events[start : min(start + 7, head + 1)])
    with viewers.connect(asgi_server, session.session_id, headers=_GZIP) as (response, _):
        seen, chunks = _Packed(response.headers), response.iter_raw()
        while not seen.frames:
            seen.feed(next(chunks))
        for start in range(head + 1, len(events), 11):
            sessions.publish(session, events[start : start + 11])
        for chunk in chunks:
            seen.feed(chunk)

    blocks = EventBlock.objects.filter(session=session).order_by("first_event_id")
    first_start = next(b.first_event_id for b in blocks if b.starts_segment and b.first_event_id > head)
    shared = b"".join(bytes(b.body) for b in blocks if b.first_event_id >= first_start)
    assert seen.is_whole
    assert seen.ids == list(range(head, 313))
    assert shared in seen.wire
    assert viewers.state_of(seen.frames).canonical() == viewers.state_after(events).canonical()


def test_each_event_is_decodable_before_the_next_is_written_s18(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:1])
    with (
        viewers.connect(asgi_server, session.session_id, headers=_GZIP) as (response, _),
        LogPublisher(session, underlying=sessions.UNDERLYING) as publisher,
    ):
        seen, chunks = _Packed(response.headers), response.iter_raw()
        while not seen.frames:
            seen.feed(next(chunks))
        for event in events[1:90]:
            publisher.publish(sessions.encoded(event))
            while seen.ids[-1] < event["data"]["event_id"]:
                seen.feed(next(chunks))

    assert seen.ids == list(range(90))


def test_two_viewers_get_the_same_bytes_once_a_segment_begins_s20(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:30])
    found: list[_Packed] = []
    threads = [
        threading.Thread(
            target=lambda cursor=cursor: found.append(_read(asgi_server, session.session_id, cursor=cursor))
        )
        for cursor in (None, 3, 29)
    ]
    for thread in threads:
        thread.start()
    _wait_for_watchers(3)
    for start in range(30, len(events), 17):
        sessions.publish(session, events[start : start + 17])
    for thread in threads:
        thread.join(timeout=20)

    blocks = EventBlock.objects.filter(session=session, first_event_id__gte=64).order_by("first_event_id")
    next_start = next(block.first_event_id for block in blocks if block.starts_segment)
    shared = b"".join(bytes(block.body) for block in blocks if block.first_event_id >= next_start)
    assert len(found) == 3
    for seen in found:
        assert seen.is_whole
        assert shared in seen.wire


def test_viewers_of_a_running_server_stand_together_and_leave_with_all_their_bytes_s8_s20(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent]
) -> None:
    sessions.publish(session, events[:30])
    found: list[_Packed] = []
    threads = [
        threading.Thread(
            target=lambda cursor=cursor: found.append(_read(asgi_server, session.session_id, cursor=cursor))
        )
        for cursor in (None, 3, 29, 29)
    ]
    for thread in threads:
        thread.start()
    _wait_for_watchers(4)
    deadline, head = time.monotonic() + 20, 30
    while _standing_together() != [4]:
        # The first event is sent to each alone, and what is left of a segment to those who came inside it.
        assert time.monotonic() < deadline, _standing_together()
        head = min(head + 1, 200)
        sessions.publish(session, events[:head])
    for start in range(head, len(events), 17):
        sessions.publish(session, events[: start + 17])
    for thread in threads:
        thread.join(timeout=20)

    assert [(seen.is_whole, seen.ids[-1]) for seen in found] == [(True, 312)] * 4
    assert sorted(seen.ids[0] for seen in found) == [4, 29, 30, 30]
    assert all(seen.ids == list(range(seen.ids[0], 313)) for seen in found)


def _standing_together() -> list[int]:
    """Return how many viewers each cohort has."""
    feeds = [feed for one in list(relay._relays.values()) for feed in one._feeds.values()]
    return [len(cohort) for feed in feeds for cohort in feed.cohorts]


def _wait_for_watchers(count: int) -> None:
    deadline = time.monotonic() + 10
    while sum(feed.watchers for one in list(relay._relays.values()) for feed in one._feeds.values()) != count:
        assert time.monotonic() < deadline, f"{count} viewers did not get to the relay"
        time.sleep(0.01)


@pytest.mark.parametrize("viewer_count", [1, 12])
def test_an_event_is_encoded_and_compressed_once_whoever_watches_s19(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], viewer_count: int
) -> None:
    sessions.publish(session, events[:64])
    before = (counts.events_encoded, counts.events_compressed, counts.blocks_decoded)
    found: list[_Packed] = []
    threads = [
        threading.Thread(target=lambda: found.append(_read(asgi_server, session.session_id, cursor=63)))
        for _ in range(viewer_count)
    ]
    for thread in threads:
        thread.start()
    _wait_for_watchers(viewer_count)
    sessions.publish(session, events)
    for thread in threads:
        thread.join(timeout=20)

    after = (counts.events_encoded, counts.events_compressed, counts.blocks_decoded)
    # What the log had already is encoded once more by the rerun that this test makes: its last event, to be compared.
    assert [one - other for one, other in zip(after, before, strict=True)] == [len(events) - 63, len(events) - 64, 1]
    assert [seen.ids for seen in found] == [list(range(64, 313))] * viewer_count


def test_a_slow_viewer_changes_over_to_the_log_and_back_s14(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "RING_EVENTS", 10)
    monkeypatch.setattr(viewer, "EVENTS_PER_READ", 30)
    sessions.publish(session, events[:1])
    with viewers.connect(asgi_server, session.session_id, headers={**_GZIP, "Last-Event-ID": "0"}) as (response, _):
        seen, chunks = _Packed(response.headers), response.iter_raw()
        seen.feed(next(chunks))
        sessions.publish(session, events)
        for chunk in chunks:
            seen.feed(chunk)

    assert seen.is_whole
    assert seen.ids == list(range(1, 313))


def test_signs_of_life_between_blocks_of_a_segment_harm_nothing_s15_s18(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", (0.05, 0.1))
    sessions.publish(session, events[:1])
    with (
        viewers.connect(asgi_server, session.session_id, headers={**_GZIP, "Last-Event-ID": "0"}) as (response, _),
        LogPublisher(session, underlying=sessions.UNDERLYING) as publisher,
    ):
        seen, chunks = _Packed(response.headers), response.iter_raw()
        for start in range(1, len(events), 40):
            for event in events[start : start + 40]:
                publisher.publish(sessions.encoded(event))
            while seen.ids[-1:] != [min(start + 39, 312)]:
                seen.feed(next(chunks))
            for _ in range(3):
                if start + 40 < len(events):
                    seen.feed(next(chunks))
        for chunk in chunks:
            seen.feed(chunk)

    assert segments.EMPTY_BLOCK in seen.wire
    assert b": still here\n\n" in seen.text
    assert seen.is_whole
    assert seen.ids == list(range(1, 313))


# Foreign decoders


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed: the stream is tested with it; install it.")
    return path


@pytest.fixture
def address(asgi_server: str, session: BacktestSession, events: list[SSEEvent]) -> Iterator[str]:
    """Yield the address of a running session's stream that goes on to its end while it is read."""
    sessions.publish(session, events[:150])
    writer = threading.Thread(target=_publish_rest, args=(session, events))
    writer.start()
    yield f"{asgi_server}/api/backtest/{session.session_id}/stream?last_event_id=60"
    writer.join(timeout=20)


def _publish_rest(session: BacktestSession, events: list[SSEEvent]) -> None:
    from django.db import connection

    _wait_for_watchers(1)
    for start in range(150, len(events), 9):
        sessions.publish(session, events[start : start + 9])
    connection.close()


def _ids(text: str) -> list[int]:
    return [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]


def test_curl_reads_the_compressed_stream_s18(address: str) -> None:
    command = [_program("curl"), "--silent", "--no-buffer", "--compressed", address]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert _ids(done.stdout) == list(range(61, 313))


def test_gunzip_accepts_a_finished_stream_s18(address: str, tmp_path: Path) -> None:
    file = tmp_path / "stream.gz"
    curl = [_program("curl"), "--silent", "--header", "Accept-Encoding: gzip", "--output", str(file), address]
    subprocess.run(curl, timeout=30, check=True)

    tested = subprocess.run([_program("gunzip"), "-t", str(file)], capture_output=True, timeout=30, check=False)
    text = subprocess.run([_program("gunzip"), "-c", str(file)], capture_output=True, text=True, timeout=30, check=True)

    assert (tested.returncode, tested.stderr) == (0, b"")
    assert _ids(text.stdout) == list(range(61, 313))


def test_node_reads_the_compressed_stream_s18(address: str) -> None:
    script = """
        const response = await fetch(process.argv[1])
        const text = await response.text()
        const ids = text.split('\\n').filter(line => line.startsWith('id: ')).map(line => Number(line.slice(4)))
        console.log(JSON.stringify([response.headers.get('content-encoding'), ids]))
    """
    command = [_program("node"), "--input-type=module", "--eval", script, address]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert json.loads(done.stdout) == ["gzip", list(range(61, 313))]
