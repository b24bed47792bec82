"""Somebody sets the clock while a session runs and is watched."""

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log
from tests import sessions
from tests.clients.web_server import WebServer
from tests.streaming.faults.follower import Follower, wait_for

_HOUR = 3_600


def test_clocks_that_jump_by_an_hour_stop_and_double_nothing_s1_s8(
    session: BacktestSession,
    start_web: Callable[[str], WebServer],
    start_worker_process: Callable[..., "subprocess.Popen[str]"],
    database_address: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=100.0)
    shift = tmp_path / "shift"
    shift.write_text("0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "shifted_clock"))
    monkeypatch.setenv("CLOCK_SHIFT", str(shift))
    web = start_web(database_address)
    follower = Follower([web.url], session.session_id)
    worker = start_worker_process()
    follower.wait_for(60)

    shift.write_text(str(-_HOUR))
    follower.wait_for(120)
    shift.write_text(str(_HOUR))
    # A job that is put back is due at once, whatever the worker's clock says.
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    start_worker_process()
    follower.result()

    expected = sessions.frames_of(session)
    assert follower.raw_frames == expected
    assert follower.cuts == 0
    wait_for(lambda: event_log.read_state(session.pk).is_finished, "the log's end")
    session.refresh_from_db()
    assert (session.state, session.attempts) == (SessionState.COMPLETED, 1)
    assert session.finished_at is not None
    # The clocks did jump.
    assert abs((session.finished_at - datetime.now(UTC)).total_seconds() - _HOUR) < _HOUR / 2
