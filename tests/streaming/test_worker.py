"""The worker: sessions run once, whoever tries; they can be cancelled, handed on and taken over."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from django.db import OperationalError
from procrastinate import exceptions as queue_exceptions
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.job_context import AbortReason

from strategies import actions
from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.cost_config import parse_cost_model
from strategies.engine.fills import read_policy
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from strategies.engine.result_document import result_document
from strategies.models import BacktestSession, SessionResult
from strategies.session_states import SessionState
from streaming import event_log, worker
from streaming.models import EventBlock, SessionLog
from streaming.protocol import json_text
from tests import sessions

StartWorker = Callable[..., "subprocess.Popen[str]"]

#: Pace at which the 300 seconds take three seconds.
SLOW = 100.0
_EVENTS = 313


def _wait_until(is_true: Callable[[], bool], *, within_seconds: float = 30) -> float:
    """Wait; return how long it took."""
    began = time.monotonic()
    while not is_true():
        assert time.monotonic() - began < within_seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def _is_in(session: BacktestSession, state: SessionState) -> bool:
    session.refresh_from_db()
    return session.state == state


def _has_done(session: BacktestSession, ticks: int) -> bool:
    session.refresh_from_db()
    return session.ticks_done >= ticks


def _document_of(session: BacktestSession) -> dict[str, Any]:
    """Return what a session's results are to be: those of a run of its own, and what the worker knows of the data."""
    document = {**result_document(_result_of(session)), "skipped_days": [], "candle_walk": None}
    return cast(dict[str, Any], json.loads(json.dumps(document)))


def _result_of(session: BacktestSession) -> BacktestResult:
    """Run the session's engine without a log."""
    config = BacktestConfig(
        strategy=parse_strategy(session.strategy_version.graph),
        market_data=actions.load_data_set(session.data_set),
        fills=read_policy(session.fills),
        costs=parse_cost_model(session.costs),
        capital=session.capital,
    )
    return CentralizedBacktestEngine(config).run_headless()


def _frames(session: BacktestSession) -> list[bytes]:
    return [frame for _, frame in event_log.read_frames(session.pk, after=-1, limit=1000)]


# In this process


def test_a_run_stores_every_event_trade_and_node_event(session: BacktestSession) -> None:
    sessions.run_here(session)

    assert session.state == SessionState.COMPLETED
    assert (session.ticks_done, session.total_ticks, session.progress_percent) == (300, 300, 100.0)
    assert session.result == {
        "total_trades": 2,
        "total_pnl": "-500.00",
        "winning_trades": 0,
        "losing_trades": 2,
        "win_rate": "0.00",
        "costs": "0.00",
        "net_pnl": "-500.00",
        "max_drawdown": "500.00",
    }
    assert list(session.trades.values_list("trade_id", "event_id")) == [("call-1-r0", 68), ("call-2-r0", 153)]
    assert session.node_events.count() == 9
    assert _frames(session) == sessions.frames_of(session)


COSTS = {"model": "indian_fno", "broker": "flat_20"}


def test_a_run_stores_what_it_came_to_with_the_costs_of_each_trade(transactional_db: None, data_folder: Path) -> None:
    session = sessions.create_session(costs=COSTS, capital=Decimal(100_000), fills={"slippage_points": 0.1})

    sessions.run_here(session)

    document = session.results.document
    assert document == _document_of(session)
    figures = document["metrics"]
    assert session.result is not None
    assert (figures["costs"], figures["net_pnl"]) == (session.result["costs"], session.result["net_pnl"])
    assert Decimal(figures["costs"]) > 80
    stored = session.trades.values_list("trade_id", "costs", "net_pnl", "exit_type", "trigger_price")
    assert list(stored) == [
        (
            trade["trade_id"], Decimal(trade["costs"]["total"]), Decimal(trade["net_pnl"]), trade["exit_type"],
            Decimal(trade["trigger_price"]),
        )
        for trade in document["trades"]
    ]  # fmt: skip


def test_a_session_taken_over_has_the_results_of_the_whole_run(transactional_db: None, data_folder: Path) -> None:
    session = sessions.create_session(costs=COSTS)
    sessions.publish(session, sessions.events_of(session)[:200])
    assert not SessionResult.objects.exists()

    sessions.run_here(session)

    assert session.results.document == _document_of(session)
    assert not session.trades.filter(costs=None).exists()


def test_running_a_finished_session_again_changes_nothing(session: BacktestSession) -> None:
    sessions.run_here(session)
    finished_at, blocks = session.finished_at, EventBlock.objects.count()

    sessions.run_here(session)

    assert (session.finished_at, session.attempts, EventBlock.objects.count()) == (finished_at, 1, blocks)


@pytest.mark.parametrize("head", [0, 1, 66, 67, 152, 200, 311])
def test_a_session_taken_over_goes_on_after_the_head_s1(session: BacktestSession, head: int) -> None:
    sessions.publish(session, sessions.events_of(session)[: head + 1])

    sessions.run_here(session)

    assert session.state == SessionState.COMPLETED
    assert session.attempts == 2
    assert _frames(session) == sessions.frames_of(session)
    blocks = EventBlock.objects.filter(session=session)
    assert blocks.get(first_event_id=head + 1).starts_segment


def test_a_session_whose_files_changed_meanwhile_fails_and_says_so_s2(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session)[:100])
    ticks = Path(session.data_set.ticks_file.path)
    ticks.write_text(ticks.read_text().replace(",24320.00,", ",24321.00,"))

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "data set rising have changed" in session.error
    assert len(_frames(session)) == 101
    assert b'"status":"failed"' in _frames(session)[-1]


def test_a_rerun_that_differs_from_the_log_is_not_continued_s2(session: BacktestSession) -> None:
    events = sessions.events_of(session)[:100]
    events[-1]["data"]["tick"] = 1
    sessions.publish(session, events)

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "Event 99 of the rerun differs from the log" in session.error
    assert len(_frames(session)) == 101


def test_a_job_that_finds_the_session_locked_leaves_it_alone(session: BacktestSession) -> None:
    with event_log.session_lock(session.pk) as is_ours:
        thread = Thread(target=_run_and_close, args=(session,))
        thread.start()
        thread.join()

    session.refresh_from_db()
    assert is_ours
    assert (session.state, session.attempts) == (SessionState.QUEUED, 0)


def _run_and_close(session: BacktestSession) -> None:
    from django.db import connection

    sessions.run_here(BacktestSession.objects.get(pk=session.pk))
    connection.close()


def test_a_session_whose_strategy_is_not_valid_any_more_fails_with_the_faults(session: BacktestSession) -> None:
    type(session.strategy_version).objects.update(graph_json='{"strategy_id":"x","name":"x","nodes":[],"edges":[]}')

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert session.error
    assert SessionLog.objects.get(session=session).is_finished
    assert json_text.encode(session.error) in _frames(session)[-1]


def test_a_session_whose_file_is_gone_fails_with_its_name(session: BacktestSession) -> None:
    Path(session.data_set.ticks_file.path).unlink()

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "rising-300.csv" in session.error
    assert b'"status":"failed"' in _frames(session)[-1]


def test_an_error_inside_the_engine_fails_the_session_with_its_text(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategies.engine.centralized_backtest_engine import CentralizedBacktestEngine

    original = CentralizedBacktestEngine.run

    def run_and_break(self: CentralizedBacktestEngine, **kwargs: Callable[[], bool]) -> object:
        ticks = iter(range(50))

        def should_continue() -> bool:
            if next(ticks, None) is None:
                raise ZeroDivisionError("a fault of the engine")
            return kwargs["should_continue"]()

        return original(self, should_continue=should_continue)

    monkeypatch.setattr(CentralizedBacktestEngine, "run", run_and_break)

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "a fault of the engine" in session.error
    assert session.ticks_done == 50
    assert b'"status":"failed"' in _frames(session)[-1]


def test_a_publisher_that_cannot_write_fails_the_run_with_its_reason(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = event_log.series.pack_series

    def break_after_tick_100(points: list[event_log.series.Point]) -> bytes:
        if points and points[-1][0] > 100:
            raise RuntimeError("no more space for points")
        return original(points)

    monkeypatch.setattr(event_log.series, "pack_series", break_after_tick_100)
    session.pace = 100_000.0
    session.save()

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "no more space for points" in session.error
    assert b'"status":"failed"' in _frames(session)[-1]


def test_a_database_out_of_reach_leaves_the_session_to_the_next_worker(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(_points: object) -> bytes:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken:
        broken.setattr(event_log.series, "pack_series", lose_connection)
        with pytest.raises(OperationalError):
            sessions.run_here(session)
    assert _is_in(session, SessionState.RUNNING)

    sessions.run_here(session)

    assert session.state == SessionState.COMPLETED
    assert _frames(session) == sessions.frames_of(session)


def test_a_session_that_ended_five_workers_is_given_up(session: BacktestSession) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(attempts=worker.MAX_ATTEMPTS)

    sessions.run_here(session)

    assert session.state == SessionState.FAILED
    assert "5 workers" in session.error


def test_a_stopping_worker_puts_the_session_back_and_the_next_one_goes_on(session: BacktestSession) -> None:
    with pytest.raises(queue_exceptions.JobAborted):
        sessions.run_here(session, abort_reason=AbortReason.SHUTDOWN)
    session.refresh_from_db()
    assert (session.state, session.attempts) == (SessionState.QUEUED, 0)
    assert not SessionLog.objects.get(session=session).is_finished

    sessions.run_here(session)

    assert _frames(session) == sessions.frames_of(session)


def test_a_cancelled_session_that_a_worker_left_is_ended_from_its_log(session: BacktestSession) -> None:
    sessions.publish(session, sessions.events_of(session)[:100])
    actions.cancel_session(session)

    sessions.run_here(session)

    assert session.state == SessionState.CANCELLED
    assert len(_frames(session)) == 101
    assert b'"status":"cancelled"' in _frames(session)[-1]
    # No engine ran to its end, so there is nothing that it came to.
    assert not SessionResult.objects.exists()


def test_a_session_deleted_while_it_runs_ends_its_run_quietly(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = event_log.series.pack_series

    def delete_at_tick_50(points: list[event_log.series.Point]) -> bytes:
        if points and points[-1][0] >= 50:
            # On another connection: what the publisher's own transaction does is taken back.
            deleting = Thread(target=_delete_and_close, args=(session,))
            deleting.start()
            deleting.join()
        return original(points)

    monkeypatch.setattr(event_log.series, "pack_series", delete_at_tick_50)
    session_pk = session.pk

    with pytest.raises(BacktestSession.DoesNotExist):
        sessions.run_here(session)  # only the last look at the row fails, which is the test's own

    assert not BacktestSession.objects.filter(pk=session_pk).exists()
    assert EventBlock.objects.count() == 0
    with event_log.session_lock(session_pk) as is_free:
        assert is_free


def _delete_and_close(session: BacktestSession) -> None:
    from django.db import connection

    BacktestSession.objects.filter(pk=session.pk).delete()
    connection.close()


def test_a_session_without_a_job_is_queued_again_once(session: BacktestSession) -> None:
    from django.db import connection

    assert worker.recover() == []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")

    assert worker.recover() == [session.session_id]
    assert worker.recover() == []
    assert ProcrastinateJob.objects.count() == 1


# In processes of their own


def test_two_workers_run_two_sessions_once_each(session: BacktestSession, start_worker_process: StartWorker) -> None:
    other = sessions.create_session()
    workers = [start_worker_process("--concurrency", "1") for _ in range(2)]

    for one in (session, other):
        _wait_until(lambda one=one: _is_in(one, SessionState.COMPLETED))  # type: ignore[misc]  # binds now

    assert [worker_process.poll() for worker_process in workers] == [None, None]
    for one in (session, other):
        assert one.attempts == 1
        assert _frames(one) == sessions.frames_of(one)


def test_a_killed_worker_is_taken_over_and_the_events_are_the_same(
    session: BacktestSession, start_worker_process: StartWorker
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=SLOW)
    killed = start_worker_process("--stalled-after", "1")
    _wait_until(lambda: _has_done(session, 100))

    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=5)
    left = SessionLog.objects.get(session=session)
    start_worker_process("--stalled-after", "1")
    _wait_until(lambda: _is_in(session, SessionState.COMPLETED))

    assert left.head is not None
    assert 100 <= left.head < _EVENTS - 1
    assert session.attempts == 2
    assert _frames(session) == sessions.frames_of(session)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_is_gone_in_seconds_and_the_next_one_goes_on(
    session: BacktestSession, start_worker_process: StartWorker, stop: signal.Signals
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=SLOW)
    first = start_worker_process()
    _wait_until(lambda: _has_done(session, 50))

    first.send_signal(stop)
    code = first.wait(timeout=15)
    session.refresh_from_db()
    left = (session.state, session.attempts, code)
    start_worker_process()
    _wait_until(lambda: _is_in(session, SessionState.COMPLETED))

    assert left == (SessionState.QUEUED, 0, 0)
    assert _frames(session) == sessions.frames_of(session)


@pytest.mark.parametrize("pace", [SLOW, 0.01])
def test_a_running_session_is_cancelled_within_a_second(
    session: BacktestSession, start_worker_process: StartWorker, pace: float
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=pace)
    start_worker_process()
    _wait_until(lambda: _has_done(session, 1))

    actions.cancel_session(session)
    took = _wait_until(lambda: _is_in(session, SessionState.CANCELLED))

    assert took < 1
    assert b'"status":"cancelled"' in _frames(session)[-1]
    assert SessionLog.objects.get(session=session).is_finished
    document = session.results.document
    assert (document["status"], document["total_ticks"]) == ("cancelled", session.ticks_done)


def test_a_paced_run_takes_its_time(session: BacktestSession, start_worker_process: StartWorker) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=200.0)
    start_worker_process()

    _wait_until(lambda: _is_in(session, SessionState.COMPLETED))

    assert session.started_at is not None
    assert session.finished_at is not None
    # 300 ticks at 200 a second.
    assert (session.finished_at - session.started_at).total_seconds() > 1.4
