"""Cohorts: viewers that stand alike are sent the same at once, and each can go alone from where it stands."""

import asyncio
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming import cohort
from streaming.cohort import Cohort, Cohorts
from streaming.ring import LogBlock, Ring
from streaming.wire import Encoding, Private, Stand, Wire
from tests.streaming.blocks import blocks_of, numbered_frames

_NEVER = 0.0


class Connection(asyncio.Transport):
    """A connection that keeps what is written, and may be full or broken."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.waiting_bytes = 0
        self.is_broken = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes."""
        if self.is_broken:
            raise RuntimeError("the handler is closed")
        self.written += data

    def get_write_buffer_size(self) -> int:
        """Tell how much waits."""
        return self.waiting_bytes


class Member:
    """A viewer without anything around it: what it is sent alone it takes from the ring itself."""

    def __init__(self, encoding: Encoding, ring: Ring, cohorts: Cohorts, cursor: int) -> None:
        self.wire = Wire(encoding)
        self.line = Connection()
        self._ring, self._cohorts, self.cursor = ring, cohorts, cursor
        self.cohort: Cohort | None = None
        self.pushed = 0
        self._send(self.wire.open() + self.wire.add_private(Private(b": open\n\n")))

    def push(self, now: float) -> None:
        """Send what is new, and stand with others."""
        self.pushed += 1
        while (taken := self.wire.take(self._ring, self.cursor)) is not None:
            self._send(taken.chunk)
            self.cursor = taken.last_event_id
        if not (self.wire.has_ended or self.line.waiting_bytes or self.line.is_broken):
            found = self._cohorts.find(self.wire.stand, self.cursor, now)
            found.add(self, self.line)
            self.join(found)

    def join(self, cohort: Cohort) -> None:
        """Stand with others."""
        self.cohort = cohort
        self.wire.join(cohort.tally)

    def go_alone(self) -> None:
        """Leave the others."""
        if self.cohort is not None:
            self.cohort.discard(self.line)
            self.cursor, self.cohort = self.cohort.cursor, None
            self.wire.leave()

    def show_sign_of_life(self) -> None:
        """Say something that is not for the others."""
        self.go_alone()
        self._send(self.wire.sign_of_life())

    def text(self) -> bytes:
        """Decode everything that was written until the end."""
        self.go_alone()
        self._send(self.wire.close())
        body = unchunk(self.line.written)
        return zlib.decompress(body, 31) if self.wire.encoding == "gzip" else body

    def _send(self, body: bytes) -> None:
        if body:
            self.line.written += b"%x\r\n%b\r\n" % (len(body), body)


def unchunk(written: bytes) -> bytes:
    """Take HTTP/1.1's framing off."""
    body = b""
    while written:
        size, _, rest = written.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        body, written = body + rest[:length], rest[length + 2 :]
    return body


def deliver(cohorts: Cohorts, ring: Ring, members: list[Member]) -> None:
    """Send everybody what is new, as the feed does."""
    alone = [member for member in members if member.cohort is None]
    for one in cohorts:
        one.push(ring, _NEVER)
    for member in alone:
        member.push(_NEVER)
    cohorts.gather()


@given(seed=st.integers(0, 10**9), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=14))
def test_whoever_comes_and_goes_each_is_sent_every_event_once_in_one_gzip_member_s8_s18(
    seed: int, sizes: list[int]
) -> None:
    """The same script with viewers that never stand together brings each of them the same text and the same counts."""
    told = [_play(seed, sizes, most_members=most) for most in (1, 3, 250)]

    assert told[0] == told[1] == told[2]


def _play(seed: int, sizes: list[int], *, most_members: int) -> list[tuple[bytes, int, int, int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cohort, "MOST_MEMBERS", most_members)
        rng = random.Random(seed)
        events = numbered_frames(sum(sizes))
        ring, cohorts = Ring(), Cohorts()
        members: list[Member] = []
        starts: list[int] = []
        for block in blocks_of(events, sizes):
            # Those that come now have everything before this block, and join inside a segment mostly.
            for _ in range(rng.choice((0, 0, 1, 3))):
                starts.append(ring.head)
                members.append(Member(rng.choice(("gzip", "gzip", "identity")), ring, cohorts, ring.head))
            assert ring.add(block)
            for member in members:
                if rng.random() < 0.1:
                    member.show_sign_of_life()
                member.line.waiting_bytes = 0
                if rng.random() < 0.1:
                    # Full: what is new reaches it on another way, at last when all is there.
                    member.line.waiting_bytes = 1
            if rng.random() < 0.8:
                deliver(cohorts, ring, members)
        deliver(cohorts, ring, members)
        counts = [(one.wire.sent_events, one.wire.sent_bytes, one.wire.raw_bytes) for one in members]
        texts = [member.text().replace(b": still here\n\n", b"") for member in members]
    for start, text in zip(starts, texts, strict=True):
        assert text == b": open\n\n" + b"".join(frame for _, frame in events[start + 1 :])
    return [(text, *count) for text, count in zip(texts, counts, strict=True)]


@pytest.fixture
def blocks() -> list[LogBlock]:
    """Return three segments of seven events, a block each."""
    return blocks_of(numbered_frames(21), [1] * 21)


def _level(ring: Ring, cohorts: Cohorts, count: int, encoding: Encoding = "gzip") -> list[Member]:
    """Have some viewers that stand alike at the ring's head."""
    members = [Member(encoding, ring, cohorts, -1) for _ in range(count)]
    for member in members:
        member.push(_NEVER)
    return members


def test_those_who_stand_alike_are_counted_once_and_each_can_be_asked(blocks: list[LogBlock]) -> None:
    ring, cohorts = Ring(blocks[:1]), Cohorts()
    members = _level(ring, cohorts, 5)
    before = members[0].wire.sent_bytes

    ring.add(blocks[1])
    deliver(cohorts, ring, members)

    assert [member.pushed for member in members] == [1] * 5
    assert len(list(cohorts)) == 1
    assert [member.wire.sent_events for member in members] == [2] * 5
    assert [member.wire.sent_bytes - before for member in members] == [len(blocks[1].body)] * 5
    assert {unchunk(member.line.written)[-len(blocks[1].body) :] for member in members} == {blocks[1].body}


@pytest.mark.parametrize("fault", ["full", "broken"])
def test_one_whose_line_does_not_take_it_goes_alone_and_the_others_are_sent_it_s14(
    blocks: list[LogBlock], fault: str
) -> None:
    ring, cohorts = Ring(blocks[:1]), Cohorts()
    members = _level(ring, cohorts, 3)
    members[1].line.waiting_bytes, members[1].line.is_broken = int(fault == "full"), fault == "broken"

    ring.add(blocks[1])
    deliver(cohorts, ring, members)

    assert [member.pushed for member in members] == [1, 2, 1]
    assert [member.cohort is None for member in members] == [False, True, False]
    assert [member.wire.sent_events for member in members] == [2, 2, 2]


def test_the_last_event_is_sent_to_each_alone(blocks: list[LogBlock]) -> None:
    ring, cohorts = Ring(blocks[:20]), Cohorts()
    members = _level(ring, cohorts, 3)

    ring.add(blocks[20])
    deliver(cohorts, ring, members)

    assert [member.wire.has_ended for member in members] == [True] * 3
    assert [member.cohort for member in members] == [None] * 3


def test_a_block_that_does_not_decode_is_met_by_each_alone(blocks: list[LogBlock]) -> None:
    ring, cohorts = Ring(blocks[:1]), Cohorts()
    members = _level(ring, cohorts, 2, "identity")
    asked: list[Member] = []
    for member in members:
        member.push = _noting(asked, member)  # type: ignore[assignment] # what a viewer does then is not this test's

    ring.add(blocks[1]._replace(body=b"\xff\xff\xff\xff"))
    deliver(cohorts, ring, [])

    assert asked == members
    assert [member.cohort for member in members] == [None, None]


def _noting(asked: list[Member], member: Member) -> Callable[[float], None]:
    return lambda _now: asked.append(member)


def test_those_who_came_one_by_one_stand_together_from_the_next_segment_on(blocks: list[LogBlock]) -> None:
    ring, cohorts, members = Ring(blocks[:3]), Cohorts(), []
    for block in blocks[3:12]:
        # Inside a segment each is sent another rest of it.
        members.append(Member("gzip", ring, cohorts, ring.head))
        ring.add(block)
        deliver(cohorts, ring, members)

    for block in blocks[12:16]:
        ring.add(block)
        deliver(cohorts, ring, members)

    assert [len(one) for one in cohorts] == [len(members)]


def test_no_cohort_has_more_members_than_may_be_served_without_a_pause(
    blocks: list[LogBlock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "MOST_MEMBERS", 4)
    ring, cohorts = Ring(blocks[:1]), Cohorts()

    members = _level(ring, cohorts, 9)
    cohorts.gather()

    assert sorted(len(one) for one in cohorts) == [1, 4, 4]
    assert len(cohorts) == len(members)


def test_a_cohort_that_all_have_left_is_forgotten(blocks: list[LogBlock]) -> None:
    ring, cohorts = Ring(blocks[:1]), Cohorts()
    members = _level(ring, cohorts, 2)
    stand: Stand = members[0].cohort.tally.stand if members[0].cohort else pytest.fail("it stands alone")

    for member in members:
        member.go_alone()

    assert (list(cohorts), len(cohorts)) == ([], 0)
    assert len(cohorts.find(stand, ring.head, _NEVER)) == 0
