"""The life of a session: every cell of the table."""

import itertools

import pytest

from strategies.session_states import ACTIVE_STATES, FINAL_STATES, NEXT_STATES, SessionState, states_before

_ALLOWED = {
    ("queued", "running"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(SessionState, SessionState)))
def test_the_table_allows_exactly_the_known_steps(before: SessionState, after: SessionState) -> None:
    is_allowed = (before.value, after.value) in _ALLOWED

    assert (after in NEXT_STATES[before]) == is_allowed
    assert (before in states_before(after)) == is_allowed


def test_every_state_is_either_active_or_final() -> None:
    assert {"completed", "failed", "cancelled"} == FINAL_STATES
    assert {"queued", "running"} == ACTIVE_STATES
