"""
The life of a session, as a table.

    queued ──> running ──> completed
      │  ^        ├──────> failed
      │  └────────┤
      │           └──────> cancelled
      └──> failed, cancelled

`running` goes back to `queued` where its worker stops before the end: the next worker goes on from the log's head.
A session in a final state stays there; running it again makes a new session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db import models


class SessionState(models.TextChoices):
    """Where a session is in its life."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


#: From each state, the states that may follow. A state is never followed by itself.
NEXT_STATES: Final[Mapping[SessionState, frozenset[SessionState]]] = {
    SessionState.QUEUED: frozenset({SessionState.RUNNING, SessionState.FAILED, SessionState.CANCELLED}),
    SessionState.RUNNING: frozenset(
        {SessionState.QUEUED, SessionState.COMPLETED, SessionState.FAILED, SessionState.CANCELLED}
    ),
    SessionState.COMPLETED: frozenset(),
    SessionState.FAILED: frozenset(),
    SessionState.CANCELLED: frozenset(),
}

#: The states that end a session.
FINAL_STATES: Final = frozenset(state for state, following in NEXT_STATES.items() if not following)

#: The states in which a session still has something to do.
ACTIVE_STATES: Final = frozenset(SessionState) - FINAL_STATES


def states_before(state: SessionState) -> frozenset[SessionState]:
    """Return the states that may be followed by this one."""
    return frozenset(before for before, following in NEXT_STATES.items() if state in following)
