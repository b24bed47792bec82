"""The fold: what events mean to a viewer (S4), and that a frame seen twice is harmless."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from streaming.protocol.errors import ProtocolError
from streaming.protocol.fold import ViewerState, fold, nothing_seen
from tests.streaming.protocol import vectors

FOLD = vectors.load("fold")


@pytest.mark.parametrize("case", FOLD["cases"], ids=vectors.name_of)
def test_an_event_gives_the_next_state(case: dict[str, Any]) -> None:
    after = fold(_state(case["state"]), case["event"], case["data"])

    assert after == _state(case["after"])


@pytest.mark.parametrize("case", FOLD["cases"], ids=vectors.name_of)
def test_the_state_before_and_the_payload_stay_as_they_were(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case)

    fold(_state(case["state"]), case["event"], case["data"])

    assert case == before


@pytest.mark.parametrize("case", FOLD["cases"], ids=vectors.name_of)
def test_an_event_that_comes_twice_changes_nothing(case: dict[str, Any]) -> None:
    once = fold(_state(case["state"]), case["event"], case["data"])

    assert fold(once, case["event"], case["data"]) == once


@pytest.mark.parametrize("case", FOLD["refused"], ids=vectors.name_of)
def test_an_event_that_means_nothing_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        fold(_state(case["state"]), case["event"], case["data"])


def test_canonical_states_are_equal_whatever_the_order_of_their_keys() -> None:
    one = ViewerState(diagnostics={"events_history": {}, "current_state": {"a": 1, "b": 2}}, trades={}, event_id=3)
    other = ViewerState(diagnostics={"current_state": {"b": 2, "a": 1}, "events_history": {}}, trades={}, event_id=3)
    different = ViewerState(
        diagnostics={"current_state": {"b": 2, "a": 9}, "events_history": {}}, trades={}, event_id=3
    )

    assert one.canonical() == other.canonical()
    assert one.canonical() != different.canonical()


def test_a_viewer_begins_before_event_0() -> None:
    assert nothing_seen().event_id == -1


def _state(document: dict[str, Any]) -> ViewerState:
    return ViewerState(diagnostics=document["diagnostics"], trades=document["trades"], event_id=document["event_id"])
