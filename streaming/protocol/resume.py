"""
The resume decision: what a viewer that connects is sent first.

Told are the viewer's cursor, the session's head, the oldest event still in the log and whether the session finished,
all read at one instant. Decided is a `Resume`: which snapshot to send, if any, after which event the log takes over,
and where the stream ends, if it does. The caller sends exactly that; the decision itself reads and sends nothing.

A bad cursor is never an error: any status but 200 would end a native EventSource for good. It counts as no cursor.

| session | the viewer has | mode | sent |
|---|---|---|---|
| without any event | anything | wait | event 0 when it comes |
| running | no usable cursor | snapshot | state at head, then on |
| running | everything | live | what comes |
| running | missed 1 to limit - 1, all in the log | replay | those, then on |
| running | missed limit or more, or some trimmed | snapshot | state at head, then on |
| finished | everything | nothing | 204, which stops a native EventSource |
| finished | missed 1 to limit - 1, all in the log | replay | those, then the end |
| finished | anything else | complete | state at head - 1, then the last event, then the end |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ResumeMode = Literal["wait", "snapshot", "replay", "live", "complete", "nothing"]

#: From this many missed events on, a snapshot is sent instead of the events.
DEFAULT_LIMIT: Final = 100

_MAX_CURSOR: Final = 2**63 - 1
_MAX_DIGITS: Final = len(str(_MAX_CURSOR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """What to send to a viewer that connects."""

    mode: ResumeMode
    #: Send an `initial_state` that holds everything up to this event first; None for no snapshot.
    snapshot_at: int | None
    #: Then send all events with a greater id; -1 for all from the first on.
    replay_after: int
    #: Close after this event; None while the session runs.
    ends_at: int | None


def parse_cursor(text: str | None) -> int | None:
    """
    Read a cursor as a client sent it.

    Returns:
        The id of the last event that the viewer has, 0 to 2^63 - 1; None where the text is missing or is anything but
        ASCII digits.
    """
    # The length is checked first: reading a very long number costs quadratic time.
    if text is None or not 0 < len(text) <= _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    cursor = int(text)
    return cursor if cursor <= _MAX_CURSOR else None


def choose_cursor(*, header: str | None, query: str | None) -> int | None:
    """
    Read the cursor of a request from its `Last-Event-ID` header, else from its `last_event_id` query parameter.

    The header wins even when it is unusable: a native EventSource that reconnects sends its fresh id there, and again
    the query that it was made with, which is stale by then.
    """
    return parse_cursor(header or query)


def decide(cursor: int | None, head: int | None, oldest: int, is_finished: bool, limit: int = DEFAULT_LIMIT) -> Resume:
    """
    Decide what a viewer is sent.

    Args:
        cursor: The last event that the viewer has; None for no usable one.
        head: The newest event of the session; None before the first.
        oldest: The oldest event still in the log.
        is_finished: Whether head is the session's last event.
        limit: From this many missed events on a snapshot is sent instead; at least 1.
    """
    if head is None:
        return _without_events(is_finished)
    has_all_it_needs = cursor is not None and oldest - 1 <= cursor <= head and head - cursor < limit
    if is_finished:
        return _of_finished(cursor if has_all_it_needs else None, head)
    if cursor is None or not has_all_it_needs:
        return Resume(mode="snapshot", snapshot_at=head, replay_after=head, ends_at=None)
    mode: ResumeMode = "live" if cursor == head else "replay"
    return Resume(mode=mode, snapshot_at=None, replay_after=cursor, ends_at=None)


def _without_events(is_finished: bool) -> Resume:
    # A session that ended before its first event will never have one: waiting for it would last for ever.
    mode: ResumeMode = "nothing" if is_finished else "wait"
    return Resume(mode=mode, snapshot_at=None, replay_after=-1, ends_at=-1 if is_finished else None)


def _of_finished(cursor: int | None, head: int) -> Resume:
    if cursor == head:
        return Resume(mode="nothing", snapshot_at=None, replay_after=head, ends_at=head)
    if cursor is not None:
        return Resume(mode="replay", snapshot_at=None, replay_after=cursor, ends_at=head)
    # Before event 0 there is no state to take a snapshot of, and event 0 holds a whole state itself.
    snapshot_at = head - 1 if head > 0 else None
    return Resume(mode="complete", snapshot_at=snapshot_at, replay_after=head - 1, ends_at=head)
