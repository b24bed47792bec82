"""Any moment of a session: the state after a tick, and the events that play on from there."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import event_log, replay
from streaming.history_cache import history_cache
from streaming.models import EventBlock
from streaming.protocol import fold, json_text
from tests import sessions

Json = dict[str, Any]


def get(session: BacktestSession, what: str, **query: int) -> Json:
    """Read one of the session's documents."""
    response = Client().get(f"/api/sessions/{session.session_id}/{what}/", query)
    assert response.status_code == 200, response.content
    document: Json = json.loads(response.content)
    return document


def states_by_tick(events: list[Any]) -> dict[int, fold.ViewerState]:
    """Fold a run's events and keep the state at the end of every tick; tick 0 is before the first."""
    state, tick, states = fold.nothing_seen(), 0, {}
    for event in events:
        if event["event"] == "backtest_complete":
            break
        if event["event"] == "tick_update":
            tick = event["data"]["tick"]
        state = states[tick] = fold.fold(state, event["event"], event["data"])
    return states


@pytest.mark.parametrize("events_per_block", [7, 1000])
def test_s4_the_state_at_every_tick_is_the_fold_of_its_events_byte_for_byte(
    session: BacktestSession, events_per_block: int
) -> None:
    events = sessions.events_of(session)
    for start in range(0, len(events), events_per_block):
        sessions.publish(session, events[start : start + events_per_block])

    # Every seventh tick, and those around the trades and node events.
    for tick, expected in states_by_tick(events).items():
        if tick % 7 and tick not in (*range(20, 24), *range(59, 63), 299, 300):
            continue
        state = json_text.decode(replay.state_json(session, replay.place_of(session, tick)))

        assert (state["tick"], state["event_id"]) == (tick, expected.event_id)
        both = {name: state[name] for name in ("diagnostics", "trades")}
        assert json_text.canonical(both) == expected.canonical(), tick
        assert list(both["diagnostics"]["events_history"]) == list(expected.diagnostics["events_history"])


def test_without_a_tick_the_state_is_that_of_the_head(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:120])

    live = get(session, "state")

    assert live["event_id"] == live["head"] == 119
    last = max(states_by_tick(events[:120]).items())
    assert live["tick"] == last[0]
    assert json_text.canonical({name: live[name] for name in ("diagnostics", "trades")}) == last[1].canonical()
    sessions.publish(session, events[120:])
    assert get(session, "state")["tick"] == 300
    assert get(session, "state")["head"] == get(session, "state")["event_id"] + 1


def test_the_events_of_ticks_play_on_from_the_state_before_them(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)
    states = states_by_tick(events)

    played = get(session, "events", from_tick=41, to_tick=83)["events"]

    before = get(session, "state", tick=40)
    assert [event["id"] for event in played] == list(range(before["event_id"] + 1, states[83].event_id + 1))
    state = states[40]
    for event in played:
        state = fold.fold(state, event["event"], event["data"])
    assert state.canonical() == states[83].canonical()
    assert get(session, "events", from_tick=299, to_tick=400)["events"][-1]["event"] != "backtest_complete"


def test_the_events_after_an_event_come_as_the_stream_tells_them(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)

    first = get(session, "events", after=-1, limit=3)["events"]
    rest = get(session, "events", after=2)["events"]

    assert [event["event"] for event in first] == ["initial_state", "tick_update", "node_event"]
    assert [event["data"] for event in first + rest] == [event["data"] for event in events]
    assert get(session, "events", after=rest[-1]["id"])["events"] == []


def test_only_the_segments_of_a_tick_are_read_once_its_session_is_known(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session))
    expected = get(session, "state", tick=200)
    unread = EventBlock.objects.filter(session=session).exclude(
        first_event_id__lte=expected["event_id"], last_event_id__gte=expected["event_id"]
    )
    trade = session.trades.filter(event_id__lte=expected["event_id"]).latest("event_id").event_id
    unread = unread.exclude(first_event_id__lte=trade, last_event_id__gte=trade)

    assert unread.update(body=b"broken") > 2
    assert get(session, "state", tick=200) == expected


def test_a_history_is_read_once_and_then_read_on(session: BacktestSession, monkeypatch: pytest.MonkeyPatch) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:100])
    read: list[int] = []
    real = event_log.read_frames

    def note(session_pk: int, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        read.append(after)
        return real(session_pk, after=after, limit=limit)

    monkeypatch.setattr(event_log, "read_frames", note)
    for _ in range(2):
        with history_cache.open(session.pk) as history:
            assert history.through_event == 99
    sessions.publish(session, events[100:])
    read.clear()
    with history_cache.open(session.pk) as history:
        assert history.last_tick == 300
    assert read == [99]


def test_what_a_log_has_dropped_is_gone(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)
    event_log.trim(session.pk, keep_events=100)
    path = f"/api/sessions/{session.session_id}"

    gone = Client().get(f"{path}/state/", {"tick": 10})
    older = Client().get(f"{path}/events/", {"after": -1})

    assert (gone.status_code, older.status_code) == (410, 410)
    assert "earlier ones were dropped" in gone.json()["detail"]
    # The trades before it are dropped too, but not needed: the newest trade's event is there, or it is said.
    answers = {tick: Client().get(f"{path}/state/", {"tick": tick}).status_code for tick in (250, 300)}
    assert set(answers.values()) <= {200, 410}


def test_a_finished_session_is_sent_once(session: BacktestSession) -> None:
    sessions.run_here(session)
    path = f"/api/sessions/{session.session_id}/state/?tick=7"
    first = Client().get(path, headers={"accept-encoding": "gzip"})

    again = Client().get(path, headers={"if-none-match": first.headers["ETag"]})

    assert first.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(first.content))["tick"] == 7
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    page = Client().get(f"/api/sessions/{session.session_id}/").json()
    kept = Client().get(f"{path}&v={page['revision']}")
    assert kept.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_running_session_is_never_kept(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session)[:50])

    response = Client().get(f"/api/sessions/{session.session_id}/state/")

    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("state/?tick=301", "tick", "has 300 ticks so far"),
        ("state/?tick=x", "tick", "'x' is no tick"),
        ("state/?tick=99999999999", "tick", "is no tick"),
        ("state/?tock=1", "tock", "is not understood; give tick"),
        ("events/", "from_tick", "Give from_tick"),
        ("events/?from_tick=5", "to_tick", "Give to_tick"),
        ("events/?from_tick=5&to_tick=4", "to_tick", "lies before"),
        ("events/?from_tick=1&to_tick=601", "to_tick", "more than one call gives: 600"),
        ("events/?from_tick=0&to_tick=5", "from_tick", "whole number from 1"),
        ("events/?from_tick=400&to_tick=500", "from_tick", "has 300 ticks"),
        ("events/?after=1&to_tick=5", "to_tick", "either ticks, or after and limit"),
        ("events/?after=-2", "after", "is no after"),
        ("events/?after=1&limit=0", "limit", "whole number from 1"),
    ],
)
def test_a_bad_question_is_refused_by_name(session: BacktestSession, query: str, field: str, said: str) -> None:
    sessions.publish(session, sessions.events_of(session))

    response = Client().get(f"/api/sessions/{session.session_id}/{query}")

    assert response.status_code == 400
    assert said in str(response.json()[field])


def test_what_somebody_may_not_see_does_not_exist(session: BacktestSession, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = False

    for what in ("state/", "events/?after=-1"):
        assert Client().get(f"/api/sessions/{session.session_id}/{what}").status_code == 404
        assert Client().get(f"/api/sessions/no-such/{what}").status_code == 404
        assert Client().get(f"/api/sessions/%00/{what}").status_code == 404


def test_a_session_without_an_event_has_an_empty_state(session: BacktestSession) -> None:
    state = get(session, "state")

    assert (state["tick"], state["event_id"], state["head"]) == (0, -1, -1)
    assert state["diagnostics"] == {"events_history": {}, "current_state": None}
    assert state["trades"]["trades"] == []
