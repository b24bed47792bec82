"""
The ledger: what one viewer was sent, held against what it should have been sent.

The truth is the engine's own run, made once more beside the one that is watched. Counted are events that did not come
(**lost**) and events that came although the viewer had them (**doubled**). A snapshot is a watermark: it stands for
every event up to its id. Everything else that is not as the protocol says is told in a sentence: another event or
snapshot than the true one, a snapshot where events were due, a state at the end that is not the session's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from streaming.protocol import fold, frames, json_text, messages, resume
from streaming.protocol.frames import Frame


class Truth:
    """All events of a session, and the state after each."""

    def __init__(self, events: Sequence[Mapping[str, Any]] = ()) -> None:
        #: Of each event its frame.
        self.frames: list[bytes] = []
        self._states: list[fold.ViewerState] = []
        for event in events:
            self.add(event)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take the next event, as the engine emits it."""
        data = event["data"]
        before = self._states[-1] if self._states else fold.nothing_seen()
        self.frames.append(frames.encode_frame(event["event"], json_text.encode(data), data["event_id"]))
        self._states.append(fold.fold(before, event["event"], data))

    @property
    def head(self) -> int:
        """The last event; -1 for none."""
        return len(self.frames) - 1

    def viewer_state(self, event_id: int) -> fold.ViewerState:
        """Return the state after an event; of -1 before the first."""
        return self._states[event_id] if event_id >= 0 else fold.nothing_seen()

    def state(self, event_id: int) -> bytes:
        """Return the same, canonical."""
        return self.viewer_state(event_id).canonical()


class Ledger:
    """One viewer's account."""

    def __init__(self, truth: Truth, *, is_trimmed: bool = False) -> None:
        """
        Begin with nothing seen.

        Args:
            truth: What the session tells, as far as it has come.
            is_trimmed: Whether the log may have dropped events, so that a snapshot can take the place of a few.
        """
        self.lost = 0
        self.doubled = 0
        self.events = 0
        self.snapshots = 0
        #: How often the server said that it does what.
        self.modes: Counter[str] = Counter()
        #: What else was not as it should be.
        self.faults: list[str] = []
        #: Whether the session's last event was seen.
        self.has_ended = False
        self.state = fold.nothing_seen()
        self._truth = truth
        #: Whether the log may have dropped events.
        self.is_trimmed = is_trimmed
        #: The last event that this connection's next one must follow.
        self.last = -1
        self._expects_snapshot = False
        self._skips = False

    @property
    def cursor(self) -> int | None:
        """The last event that the viewer has; None before the first."""
        return None if self.state.event_id < 0 else self.state.event_id

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or otherwise wrong."""
        return not (self.lost or self.doubled or self.faults)

    def connect(self, cursor: int | None, *, mode: str, head: int, skips: bool) -> None:
        """
        Begin a connection.

        Args:
            cursor: What the server was told, as it must understand it.
            mode: What the server says that it does, and
            head: of which event.
            skips: Whether the viewer asked to skip ahead.
        """
        self.last = -1 if cursor is None else cursor
        self._expects_snapshot = mode in ("snapshot", "complete")
        self._skips = skips
        self.modes[mode] += 1
        missed = None if cursor is None else head - cursor
        if not self._may_be(mode, missed, head):
            self.faults.append(f"mode {mode} at head {head} for cursor {cursor}")

    def _may_be(self, mode: str, missed: int | None, head: int) -> bool:
        """Tell whether S5, S6, S10 and S11 allow a mode."""
        if mode == "live":
            return missed == 0 or head == -1
        if mode == "replay":
            return missed is not None and 0 < missed < resume.DEFAULT_LIMIT
        if mode == "snapshot":
            # One of a moment ago may be sent, which is never older than what the viewer has.
            return missed is None or missed > 0
        if mode == "complete":
            # The status is 204 where nothing is missed.
            return missed is None or missed == 0 or missed >= resume.DEFAULT_LIMIT or self.is_trimmed
        return False

    def take(self, frame: Frame) -> None:
        """Take the connection's next event."""
        event_id, data = int(frame.last_event_id), json_text.decode(frame.data)
        before = self.state
        self.state = fold.fold(self.state, frame.event, data)
        self.events += 1
        if data["event_id"] != event_id:
            self.faults.append(f"event {event_id} says that it is {data['event_id']}")
        if frame.event == messages.INITIAL_STATE and event_id > 0:
            self._take_snapshot(event_id)
        else:
            self._take_event(event_id, frame)
        self._expects_snapshot = False
        if frame.event == messages.BACKTEST_COMPLETE:
            self._end(before)

    def _take_snapshot(self, event_id: int) -> None:
        self.snapshots += 1
        if not (self._expects_snapshot or self._skips):
            self.faults.append(f"a snapshot of event {event_id} after event {self.last}, where events were due")
        if event_id <= self.last:
            self.faults.append(f"a snapshot of event {event_id} after event {self.last}: it goes back")
        if event_id > self._truth.head or self.state.canonical() != self._truth.state(event_id):
            self.faults.append(f"the snapshot of event {event_id} is not the state after it")
        self.last = event_id

    def _take_event(self, event_id: int, frame: Frame) -> None:
        if event_id <= self.last:
            self.doubled += 1
        else:
            self.lost += event_id - self.last - 1
            self.last = event_id
        text = frames.encode_frame(frame.event, frame.data.encode(), event_id)
        if event_id > self._truth.head or text != self._truth.frames[event_id]:
            self.faults.append(f"event {event_id} is not the true one")

    def _end(self, before: fold.ViewerState) -> None:
        """See whether what the viewer had is what the last event says."""
        self.has_ended = True
        if before.canonical() != self.state.canonical():
            self.faults.append("the last event holds another state than its viewer had")
        if self.state.canonical() != self._truth.state(self._truth.head):
            self.faults.append("the state at the end is not the session's")
