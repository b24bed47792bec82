"""Postgres goes away while sessions run and are watched, and comes back."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from strategies.session_states import SessionState
from streaming import event_log
from tests import sessions
from tests.clients.web_server import WebServer
from tests.streaming.faults.follower import Follower, said, wait_for
from tests.streaming.faults.own_postgres import OwnPostgres

StartWorker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def database_address(postgres: OwnPostgres) -> str:
    """Have processes use the server that is to be harmed."""
    return postgres.address


@pytest.mark.parametrize(
    ("how", "lasts"), [(signal.SIGINT, "for a moment"), (signal.SIGQUIT, "until the queue gives up")]
)
def test_a_session_goes_on_after_a_restart_of_postgres_and_viewers_miss_nothing_s1_s9(
    postgres: OwnPostgres,
    start_worker_process: StartWorker,
    start_web: Callable[[str], WebServer],
    data_folder: Path,
    how: signal.Signals,
    lasts: str,
) -> None:
    session = sessions.create_session(pace=100.0)
    expected = sessions.frames_of(session)
    web = start_web(postgres.address)
    worker = start_worker_process("--stalled-after", "2")
    followers = [Follower([web.url], session.session_id) for _ in range(3)]
    followers[0].wait_for(60)

    postgres.stop(how)
    newcomer = Follower([web.url], session.session_id)
    newcomer.wait_for_refusal()
    if lasts != "for a moment":
        wait_for(lambda: "The queue is out of reach" in said(worker), "the queue's giving up")
    postgres.start()

    for follower in followers:
        follower.check(expected)
    assert newcomer.result()[-1].event == "backtest_complete"
    assert newcomer.refusals[0].endswith("\n\n: the database is away\n\n")
    session.refresh_from_db()
    assert session.state == SessionState.COMPLETED
    assert [frame for _, frame in event_log.read_frames(session.pk, after=-1, limit=1000)] == expected
    # No need to start another one.
    assert worker.poll() is None
