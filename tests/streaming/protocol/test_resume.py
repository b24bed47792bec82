"""The resume decision (S5, S6, S10, S11): the table, and the law that every viewer ends complete."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.resume import choose_cursor, decide, parse_cursor
from tests.streaming.protocol import vectors

RESUME = vectors.load("resume")


@pytest.mark.parametrize("case", RESUME["cases"], ids=vectors.name_of)
def test_a_viewer_is_sent_what_the_table_says(case: dict[str, Any]) -> None:
    """S5, S6, S10, S11."""
    resume = decide(case["cursor"], case["head"], case["oldest"], case["is_finished"], case["limit"])

    assert asdict(resume) == case["resume"]


@pytest.mark.parametrize("case", RESUME["cursors"], ids=lambda case: repr(case["text"]))
def test_a_cursor_is_plain_digits_or_no_cursor(case: dict[str, Any]) -> None:
    """S5."""
    assert parse_cursor(case["text"]) == case["cursor"]


@pytest.mark.parametrize("case", RESUME["requests"], ids=vectors.name_of)
def test_the_header_wins_over_the_query(case: dict[str, Any]) -> None:
    assert choose_cursor(header=case["header"], query=case["query"]) == case["cursor"]


@given(st.text())
def test_no_cursor_text_is_an_error(text: str) -> None:
    """S5: a bad cursor is never refused, it is no cursor."""
    cursor = parse_cursor(text)

    assert cursor is None or 0 <= cursor < 2**63


@given(
    cursor=st.none() | st.integers(0, 400),
    head=st.integers(0, 300),
    trimmed=st.integers(0, 300),
    is_finished=st.booleans(),
    limit=st.integers(1, 150),
)
def test_every_viewer_gets_each_event_once_and_ends_complete(
    *, cursor: int | None, head: int, trimmed: int, is_finished: bool, limit: int
) -> None:
    """S6, S10, S11: what was had, what the snapshot holds and what follows join without a hole or a repeat."""
    oldest = min(trimmed, head)

    resume = decide(cursor, head, oldest, is_finished, limit)

    replayed = list(range(resume.replay_after + 1, head + 1))
    assert len(replayed) < max(limit, 2)
    assert all(event_id >= oldest for event_id in replayed)
    if resume.snapshot_at is not None:
        assert resume.snapshot_at == resume.replay_after
    elif replayed[:1] != [0]:
        assert resume.replay_after == cursor
    assert resume.ends_at == (head if is_finished else None)
    if is_finished and resume.mode != "nothing":
        assert replayed[-1] == head
