"""
The worker: takes queued sessions, runs the engine, and has its events published.

A job is a session's primary key, and running it twice is harmless: the session's lock lets one worker in, the claim
finds out whether there is anything to do, and the log takes each event once. A worker that dies leaves its session
`running` without a lock; `recover` puts such sessions into the queue again, and the next worker reruns silently up to
the log's head and goes on: the engine is deterministic, so no checkpoint is needed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import django.db
import procrastinate
from procrastinate import exceptions as queue_exceptions
from procrastinate.contrib.django import app as queue
from procrastinate.job_context import AbortReason
from structlog.contextvars import bound_contextvars

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import ACTIVE_STATES, FINAL_STATES, SessionState
from streaming import database_faults, event_log
from streaming.publisher import LogPublisher

if TYPE_CHECKING:
    from strategies.engine.centralized_backtest_engine import BacktestConfig

logger = logging.getLogger(__name__)

#: A session that ended this many workers is not given to another one.
MAX_ATTEMPTS: Final = 5

#: When a job is due that is due now, by the clock of the database: ours may be hours ahead of it.
AT_ONCE: Final = datetime(2000, 1, 1, tzinfo=UTC)

#: How long a paced run sleeps at most before it looks whether it should stop.
_LONGEST_SLEEP_SECONDS: Final = 0.1
#: A tick may be so much too early where more than one is due in that time.
_BUNCH_SECONDS: Final = 0.005
#: A paced run that is later than this does not hurry to catch up.
_LATEST_SECONDS: Final = 1.0


class _AgainAtOnce(procrastinate.BaseRetryStrategy):
    """Puts back the job of a worker that stops."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate.jobs.Job
    ) -> procrastinate.RetryDecision | None:
        """Decide about a job that raised."""
        if not isinstance(exception, queue_exceptions.JobAborted):
            return None
        return procrastinate.RetryDecision(retry_at=AT_ONCE)


def register_tasks() -> None:
    """Let the queue know the task; called once when Django starts."""
    if actions.RUN_SESSION_TASK not in queue.tasks:
        queue.task(
            name=actions.RUN_SESSION_TASK,
            queue=actions.QUEUE,
            pass_context=True,
            # A worker that is told to stop puts its job back; a job that fails is looked after by `recover`.
            retry=_AgainAtOnce(),
        )(run_session)


def run_session(context: procrastinate.JobContext, session_pk: int) -> None:
    """Run one session, if it is still to be run and nobody else does."""
    with event_log.session_lock(session_pk) as is_ours:
        if not is_ours:
            session_id = BacktestSession.objects.values_list("session_id", flat=True).filter(pk=session_pk).first()
            logger.info("Session %s is run by another worker.", session_id, extra={"session_id": session_id})
            return
        session = actions.claim_session(session_pk)
        if session is None:
            return
        with bound_contextvars(session_id=session.session_id):
            was_stopped = _run_claimed(session, context)
    if was_stopped:
        raise queue_exceptions.JobAborted


def _run_claimed(session: BacktestSession, context: procrastinate.JobContext) -> bool:
    """Run a session that is ours, and tell how it went; return whether it was stopped before its end."""
    logger.info("Session %s starts (attempt %d).", session, session.attempts, extra={"head": _head(session)})
    began = time.monotonic()
    was_stopped = _run(session, context.should_abort)
    if was_stopped and context.abort_reason() == AbortReason.USER_REQUEST:
        # Somebody aborted the job with the queue's own tools.
        actions.end_session(session.pk, state=SessionState.CANCELLED)
    elif was_stopped:
        actions.put_back_session(session.pk)
        logger.info("Session %s is put back: this worker stops.", session)
        return True
    found = BacktestSession.objects.values("state", "ticks_done").filter(pk=session.pk).first()
    facts = {"head": _head(session), "duration_seconds": round(time.monotonic() - began, 3), **(found or {})}
    logger.info("Session %s has ended.", session, extra=facts)
    return was_stopped


def _head(session: BacktestSession) -> int | None:
    return event_log.read_state(session.pk).head


def recover() -> list[str]:
    """
    Put sessions into the queue that nobody runs and nobody will: their worker died, or their job got lost.

    Returns:
        Their session ids.
    """
    unfinished = BacktestSession.objects.filter(state__in=ACTIVE_STATES)
    candidates = {session.pk: session for session in unfinished}
    candidates = {pk: candidates[pk] for pk in candidates.keys() - event_log.locked_sessions(list(candidates))}
    busy = _sessions_with_a_job()
    recovered = []
    for pk, session in candidates.items():
        if pk in busy:
            continue
        try:
            actions.enqueue(pk)
        except queue_exceptions.AlreadyEnqueued:
            continue
        recovered.append(session.session_id)
    _tell_missing_ends()
    return recovered


def _tell_missing_ends() -> None:
    """Tell the logs of sessions that ended while there was no room to say so; viewers wait for it."""
    for session in BacktestSession.objects.filter(state__in=FINAL_STATES, log__is_finished=False):
        with event_log.session_lock(session.pk) as is_ours:
            if not is_ours:
                continue
            try:
                actions.session_ended.send(sender=BacktestSession, session=session)
            except django.db.Error as error:
                logger.warning("The end of session %s cannot be told yet: %s", session, error)


def _sessions_with_a_job() -> frozenset[int]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    jobs = ProcrastinateJob.objects.filter(task_name=actions.RUN_SESSION_TASK, status__in=["todo", "doing"])
    return frozenset(arguments["session_pk"] for arguments in jobs.values_list("args", flat=True))


def _run(session: BacktestSession, should_stop: Callable[[], bool]) -> bool:
    """Run a claimed session to its end; return whether it was stopped before it, to be put back."""
    if session.cancel_requested:
        actions.end_session(session.pk, state=SessionState.CANCELLED)
        return False
    if session.attempts > MAX_ATTEMPTS:
        _fail(session, f"{MAX_ATTEMPTS} workers died while they ran this session; it is not tried again.")
        return False
    try:
        return _drive(session, _read_config(session), should_stop)
    except django.db.Error as error:
        _end_unpublished(session, error)
    except Exception as error:
        # Whatever is wrong with what it should run on, the session says it.
        logger.exception("Session %s cannot start.", session)
        _fail(session, _sentence(error))
    return False


def _read_config(session: BacktestSession) -> BacktestConfig:
    # The engine's world is read by workers alone; the web side starts faster without it.
    from strategies.engine.centralized_backtest_engine import BacktestConfig
    from strategies.engine.cost_config import parse_cost_model
    from strategies.engine.fills import read_policy
    from strategies.engine.graph import parse_strategy

    strategy = parse_strategy(session.strategy_version.graph)
    market_data = actions.load_data_set(session.data_set)
    actions.note_total_ticks(session.pk, max(market_data.total_ticks, session.ticks_done))
    return BacktestConfig(
        strategy=strategy,
        market_data=market_data,
        start_date=session.start_date,
        end_date=session.end_date,
        fills=read_policy(session.fills),
        costs=parse_cost_model(session.costs),
        capital=session.capital,
    )


def _facts_of_data(config: BacktestConfig) -> dict[str, Any]:
    """Say what the engine cannot know of its data: days that are missing, and whether candles stood in for ticks."""
    from strategies.market_data import skipped_days

    skipped = skipped_days.skipped_days(config.market_data, start=config.start_date, end=config.end_date)
    return {
        "skipped_days": skipped_days.as_document(skipped),
        "candle_walk": getattr(config.market_data, "candle_walk", None),
    }


def _drive(session: BacktestSession, config: BacktestConfig, should_stop: Callable[[], bool]) -> bool:
    from strategies.engine.result_document import result_document
    from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE

    error: Exception | None = None
    with LogPublisher(session, underlying=config.strategy.underlying) as publisher:
        throttle = _Throttle(publisher, pace=session.pace, ticks_done=session.ticks_done, should_stop=should_stop)
        try:
            engine = CentralizedBacktestEngineWithSSE(config=config, session_id=session.session_id)
            engine.register_encoded_callback(publisher.publish)
            engine.register_result_callback(
                lambda result: publisher.take_results({**result_document(result), **_facts_of_data(config)})
            )
            engine.run(should_continue=throttle.should_continue)
        except Exception as engine_error:
            logger.exception("The engine failed in session %s.", session)
            error = engine_error
    if publisher.failure is not None:
        _end_unpublished(session, publisher.failure)
        return False
    if throttle.is_stopped:
        return True
    if error is not None and not _is_finished(session):
        # It failed before it could tell so.
        _fail(session, _sentence(error))
    return False


def _end_unpublished(session: BacktestSession, failure: Exception) -> None:
    """End a session whose events could not be published, unless what stood in the way passes."""
    if _is_finished(session):
        return
    if database_faults.is_passing(failure):
        # The lock and maybe the server are gone. The job fails; `recover` finds the session and it is tried again.
        raise failure
    logger.error("The log of session %s could not be written.", session, exc_info=failure)
    reason = database_faults.lasting_reason(failure) or _sentence(failure)
    error = f"The event log could not be written: {reason}"
    try:
        _fail(session, error)
    except django.db.Error as again:
        if database_faults.lasting_reason(again) is None:
            raise
        # No room for the last event either. The session's row needs none; `recover` tells the log as soon as it can.
        actions.finish_session(session.pk, state=SessionState.FAILED, error=error)


def _is_finished(session: BacktestSession) -> bool:
    """Tell whether nothing is left to be said of a session: it has its end, or was deleted."""
    return not BacktestSession.objects.filter(pk=session.pk, state__in=ACTIVE_STATES).exists()


def _fail(session: BacktestSession, error: str) -> None:
    actions.end_session(session.pk, state=SessionState.FAILED, error=error)


def _sentence(error: Exception) -> str:
    """Say what went wrong; an error that is not about the input is named by its class as well."""
    from strategies.engine.errors import EngineError

    text = str(error).strip()
    if text and isinstance(error, EngineError | actions.ActionError | event_log.LogError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Throttle:
    """Decides before each tick whether the run goes on, and when."""

    def __init__(
        self, publisher: LogPublisher, *, pace: float | None, ticks_done: int, should_stop: Callable[[], bool]
    ) -> None:
        #: Whether the worker stops: the session is not at its end.
        self.is_stopped = False
        self._publisher = publisher
        self._seconds_per_tick = None if pace is None else 1.0 / pace
        # To fall asleep and wake for each of thousands of ticks would cost more than the ticks: they come in bunches.
        self._soon = _BUNCH_SECONDS if pace is not None and pace * _BUNCH_SECONDS > 1 else 0.0
        self._should_stop = should_stop
        self._ticks_to_skip = ticks_done
        self._tick = 0
        self._due = 0.0
        self._never = threading.Event()

    def should_continue(self) -> bool:
        """Wait until the next tick is due; return whether it may run."""
        self._tick += 1
        # What the log has already is rerun as fast as possible.
        if self._seconds_per_tick is not None and self._tick > self._ticks_to_skip:
            return self._wait(self._seconds_per_tick)
        return self._may_go_on()

    def _wait(self, seconds_per_tick: float) -> bool:
        now = time.monotonic()
        self._due = max(self._due + seconds_per_tick, now - _LATEST_SECONDS)
        if self._tick == self._ticks_to_skip + 1:
            self._due = now
        while self._may_go_on():
            left = self._due - time.monotonic()
            if left <= self._soon:
                return True
            self._never.wait(min(left, _LONGEST_SLEEP_SECONDS))
        return False

    def _may_go_on(self) -> bool:
        if self._publisher.failure is not None or self._publisher.is_cancel_requested:
            return False
        if self._should_stop():
            self.is_stopped = True
            self._publisher.abandon()
            return False
        return True
