"""
Cohorts: viewers that stand at the same event and are sent the same bytes from there on.

Most viewers of a session are level with its feed and take what comes. What is new is taken from the ring, framed and
counted once for a cohort of them (see `Tally`); for each there is left to write the bytes to its `Line`. Whoever needs
anything else goes on alone from where the cohort stands: one that does not take its bytes, one that is shown a sign of
life, one that is told to end, and all of them for the session's last event.

A cohort is served without a pause, so that its members stand alike whenever anything else gets its turn; it has so few
members that this is soon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from streaming.line import Line, frame_chunk, write_to_all
from streaming.ring import Ring, Taken
from streaming.wire import Stand, Tally

#: How many viewers are written to before anything else gets its turn.
MOST_MEMBERS: Final = 250


class Member(Protocol):
    """A viewer."""

    def join(self, cohort: Cohort) -> None:
        """Stand where a cohort stands, and be sent what it is sent, from now on."""

    def go_alone(self) -> None:
        """Leave the cohort, from where it stands."""

    def push(self, now: float) -> None:
        """Send what is new, without waiting; `now` is a time of `time.monotonic`."""


class Cohort:
    """Viewers that stand alike."""

    __slots__ = ("_members", "cursor", "sent_at", "tally")

    def __init__(self, stand: Stand, cursor: int, now: float) -> None:
        """Begin one of viewers that stand alike, after an event that was sent at a time of `time.monotonic`."""
        self.tally: Final = Tally(stand)
        #: The last event that was sent, and when something was, a time of `time.monotonic`.
        self.cursor = cursor
        self.sent_at = now
        self._members: dict[Line, Member] = {}

    def __len__(self) -> int:
        """How many members it has."""
        return len(self._members)

    def add(self, member: Member, line: Line) -> None:
        """Take a member, which stands alike."""
        self._members[line] = member

    def discard(self, line: Line) -> None:
        """Let go of a member."""
        self._members.pop(line, None)

    def push(self, ring: Ring, now: float) -> None:
        """Send all members what is new."""
        while self._members and self.cursor < ring.head:
            taken = self._take(ring)
            if taken is None:
                self._send_alone(list(self._members.values()), now)
                return
            left_out = write_to_all(self._members, frame_chunk(taken.chunk))
            # Before the others are counted on: these were sent nothing.
            self._send_alone([self._members[line] for line in left_out], now)
            self.tally.add(taken, self.cursor)
            self.cursor, self.sent_at = taken.last_event_id, now

    def merge(self, other: Cohort) -> None:
        """Take another's members, who stand alike."""
        for line, member in list(other._members.items()):
            member.go_alone()
            self.add(member, line)
            member.join(self)

    def _take(self, ring: Ring) -> Taken | None:
        try:
            return self.tally.take(ring, self.cursor)
        except Exception:  # noqa: BLE001 - each of them meets it by itself, and ends its own stream
            return None

    @staticmethod
    def _send_alone(members: list[Member], now: float) -> None:
        for member in members:
            member.go_alone()
        for member in members:
            member.push(now)


class Cohorts:
    """The cohorts of a session's viewers."""

    def __init__(self) -> None:
        self._cohorts: list[Cohort] = []

    def __iter__(self) -> Iterator[Cohort]:
        """Give those that have members now; some may come and go while somebody looks at them one by one."""
        return iter([cohort for cohort in self._cohorts if len(cohort)])

    def __len__(self) -> int:
        """How many viewers stand in one."""
        return sum(map(len, self._cohorts))

    def find(self, stand: Stand, cursor: int, now: float) -> Cohort:
        """Find a cohort of viewers that stand somewhere, after an event that was just sent, or begin one."""
        for cohort in self._cohorts:
            if 0 < len(cohort) < MOST_MEMBERS and cohort.cursor == cursor and cohort.tally.stand == stand:
                return cohort
        cohort = Cohort(stand, cursor, now)
        self._cohorts.append(cohort)
        return cohort

    def gather(self) -> None:
        """Forget empty cohorts, and make one of small ones that stand alike by now: each who comes alone begins one."""
        small: dict[tuple[int, Stand], Cohort] = {}
        for cohort in self:
            if len(cohort) > MOST_MEMBERS // 2:
                continue
            place = (cohort.cursor, cohort.tally.stand)
            alike = small.get(place)
            if alike is None:
                small[place] = cohort
                continue
            alike.merge(cohort)
            if len(alike) > MOST_MEMBERS // 2:
                del small[place]
        self._cohorts = list(self)
