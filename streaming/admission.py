"""
What a viewer gets first: permission, the log's state, a snapshot, what it missed.

All of it is read at one instant and shared by those who come at the same time with the same cursor (see
`shared_reads`); what differs between them, the opening and their encoding, is added to it for each.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.http import HttpRequest

from strategies import actions
from strategies.models import BacktestSession
from streaming import event_log
from streaming.protocol import frames, resume
from streaming.ring import Ring
from streaming.shared_reads import get_shared_reads
from streaming.sign_in import SignIn
from streaming.snapshot_cache import snapshot_cache
from streaming.wire import Private, Wire

#: When a viewer that lost the line comes back, milliseconds; spread so that not all come back at once.
RETRY_MS: Final = (1000, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a viewer gets first."""

    session: BacktestSession
    #: Who looks; None for a visitor.
    user_pk: int | None
    resume: resume.Resume
    #: What the viewer is told of; -1 before the first event.
    head: int
    wire: Wire
    #: The opening, a snapshot, missed events.
    chunks: tuple[bytes, ...]
    #: The last event in them, or that the viewer has already; -1 for none.
    cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What viewers with the same cursor share."""

    plan: resume.Resume
    #: The head when what follows was the newest; -1 before the first event.
    head: int
    snapshot: Private | None
    #: The last event that the snapshot, or the viewer, has.
    reached: int
    #: What a finished session tells after that.
    rest: Ring | None


async def admit(
    request: HttpRequest, sign_in: SignIn, session_id: str, cursor: int | None, wire: Wire
) -> Admission | None:
    """
    Look up the session and read what the viewer gets first.

    Returns:
        None where it does not exist for this viewer.
    """
    found = await get_shared_reads().read(
        ("admission", session_id, sign_in, cursor, wire.encoding),
        partial(_look_up, request, session_id, cursor, wire.encoding == "gzip"),
    )
    if found is None:
        return None
    session, user_pk, state = found
    first = wire.open() + wire.add_private(Private(opening()))
    chunks, reached = _on_wire(state, wire)
    return Admission(
        session=session,
        user_pk=user_pk,
        resume=state.plan,
        head=state.head,
        wire=wire,
        chunks=(first, *chunks),
        cursor=reached,
    )


def opening() -> bytes:
    """Write what leaves at once: when to come back, and a comment."""
    return frames.encode_retry(random.randint(*RETRY_MS)) + frames.encode_comment("open")


def stream_headers(plan: resume.Resume, *, head: int, encoding: str) -> dict[str, str]:
    """Return the headers of a stream, by how the viewer is brought up to date and to which event; -1 for none."""
    mode = {"wait": "live", "nothing": "complete"}.get(plan.mode, plan.mode)
    # The encoding is named also where it is none: a middleware that compresses leaves alone what has one.
    return {
        "Cache-Control": "no-store, no-transform",
        "Content-Encoding": encoding,
        "X-Accel-Buffering": "no",
        "X-Backtest-Stream": f"{mode}; head={head}",
    }


async def start_afresh(session: BacktestSession, wire: Wire) -> tuple[list[bytes], int]:
    """Bring a viewer up to date as if it came anew; return chunks and the last event in them."""
    state = await get_shared_reads().read(
        ("state", session.pk, wire.encoding), partial(_read_state, session, None, wire.encoding == "gzip")
    )
    return _on_wire(state, wire)


def _look_up(
    request: HttpRequest, session_id: str, cursor: int | None, is_deflated: bool
) -> tuple[BacktestSession, int | None, _State] | None:
    session = BacktestSession.objects.filter(session_id=session_id).first()
    if session is None or not actions.can_view(request.user, session):
        return None
    return session, request.user.pk, _read_state(session, cursor, is_deflated)


def _read_state(session: BacktestSession, cursor: int | None, is_deflated: bool) -> _State:
    snapshot = rest = None
    with event_log.one_instant():
        state = event_log.read_state(session.pk)
        plan = resume.decide(cursor, state.head, state.oldest_event_id, state.is_finished)
        head, reached = -1 if state.head is None else state.head, plan.replay_after
        if plan.snapshot_at is not None:
            snapshot = snapshot_cache.get(session, state, event_id=plan.snapshot_at)
            if plan.mode == "snapshot":
                head = reached = snapshot.event_id
        # What a viewer of a running session missed is mostly in its feed already, for all who were cut at once.
        if plan.ends_at is not None:
            rest = event_log.read_blocks(session.pk, after=reached, limit=resume.DEFAULT_LIMIT)
    if snapshot is not None and is_deflated:
        # Here, in the thread: it takes milliseconds.
        snapshot.text.prepare()
    return _State(
        plan=plan, head=head, snapshot=None if snapshot is None else snapshot.text, reached=reached, rest=rest
    )


def _on_wire(state: _State, wire: Wire) -> tuple[list[bytes], int]:
    chunks = [] if state.snapshot is None else [wire.add_private(state.snapshot)]
    if state.rest is None:
        return chunks, state.reached
    missed, reached = wire.drain(state.rest, state.reached)
    return chunks + missed, reached
