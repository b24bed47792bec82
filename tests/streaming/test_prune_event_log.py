"""The command that drops old events: by age, by number, and never what runs."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from strategies.models import BacktestSession
from streaming import event_log
from tests import sessions, viewers


def _prune(*arguments: str) -> str:
    output = io.StringIO()
    call_command("prune_event_log", *arguments, stdout=output)
    return output.getvalue()


def _finished(*, days_ago: float) -> BacktestSession:
    session = sessions.create_session()
    sessions.run_here(session)
    BacktestSession.objects.filter(pk=session.pk).update(finished_at=timezone.now() - timedelta(days=days_ago))
    return session


def _oldest(*chosen: BacktestSession) -> list[int]:
    return [event_log.read_state(session.pk).oldest_event_id for session in chosen]


def test_sessions_are_pruned_by_age_and_by_number_and_running_ones_never(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:300])
    old, middle, young = (_finished(days_ago=days) for days in (40, 20, 1))

    dry = _prune("--older-than", "30", "--dry-run")
    untouched = _oldest(session, old, middle, young)
    by_age = _prune("--older-than", "30")
    after_age = _oldest(session, old, middle, young)
    _prune("--keep-sessions", "1")
    after_number = _oldest(session, old, middle, young)

    assert untouched == [0, 0, 0, 0]
    assert after_age == [0, 256, 0, 0]
    assert after_number == [0, 256, 256, 0]
    assert dry.startswith("Would drop 256 events of 1 sessions, ")
    assert by_age.startswith("Dropped 256 events of 1 sessions, ")


def test_a_pruned_session_still_tells_its_end_s10_s11(asgi_server: str, session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.run_here(session)
    _prune("--keep-sessions", "0")

    anew = viewers.read(asgi_server, session.session_id)
    trimmed = viewers.read(asgi_server, session.session_id, cursor=250)
    kept = viewers.read(asgi_server, session.session_id, cursor=255)

    assert (anew.ids, trimmed.ids, kept.ids) == ([311, 312], [311, 312], list(range(256, 313)))
    assert viewers.state_of(anew.frames).canonical() == viewers.state_after(events).canonical()


@pytest.mark.parametrize("arguments", [[], ["--older-than", "-1"], ["--keep-sessions", "some"], ["--dry-run"]])
def test_what_may_go_has_to_be_said(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        _prune(*arguments)
