"""
How it goes, at one moment: the streams and the relay of this process, its writers, and what the database says of all.

The metrics tell it to machines; a page may tell it to people. Reading it costs one statement in the database and a walk
over the open streams, when somebody asks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError, connection
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import meters
from streaming.models import EventBlock, SessionLog
from streaming.relay import Relay
from streaming.stream_records import Sent, stream_records
from streaming.wire import Encoding

logger = logging.getLogger(__name__)

#: A worker without a sign of life for this long counts as dead; what `run_worker` does unless told otherwise.
STALLED_AFTER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStatus:
    """The relay of a web process."""

    #: Sessions that somebody watches; where there is none the relay sleeps, and hears nothing.
    sessions_watched: int
    #: Whether notifications are heard.
    is_listening: bool
    #: Since the relay last reached the log; 0 where nobody watches.
    silent_seconds: float
    #: Events that are known of and not here yet.
    events_behind: int
    #: What the rings hold.
    buffer_bytes: int
    #: Reads of the log since the relay began.
    reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStatus:
    """The publishers of a worker process."""

    sessions: int
    events_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """What the database knows of sessions, queue, workers and logs. Ages are by its own clock; None for none."""

    #: By state; every state is there.
    sessions: Mapping[str, int]
    jobs_waiting: int
    jobs_running: int
    #: Of the session that waits longest.
    oldest_queued_seconds: float | None
    workers_alive: int
    #: Since the newest sign of life of any worker.
    heartbeat_age_seconds: float | None
    #: What all logs take in the database, indexes included.
    log_bytes: int
    log_events: int
    #: Since the newest batch of any session.
    last_batch_age_seconds: float | None
    #: Of the running session whose last batch, or start, is longest ago.
    most_silent_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All of it."""

    streams: Mapping[Encoding, Sent]
    #: None in a process without viewers.
    relay: RelayStatus | None
    writer: WriterStatus
    #: None where it does not answer.
    database: DatabaseStatus | None


def read_here(*, relay: Relay | None, database: DatabaseStatus | None) -> Status:
    """Read what this process knows. A relay is read in its own event loop."""
    return Status(
        streams=stream_records.sent(),
        relay=None if relay is None else read_relay(relay, now=time.monotonic()),
        writer=_read_writer(),
        database=database,
    )


def read_relay(relay: Relay, *, now: float) -> RelayStatus:
    """Read how a relay goes at a time of `time.monotonic`."""
    feeds = relay.feeds
    return RelayStatus(
        sessions_watched=len(feeds),
        is_listening=relay.is_listening,
        silent_seconds=max(0.0, now - relay.reached_at) if feeds else 0.0,
        events_behind=sum(max(0, feed.announced_head - feed.head) for feed in feeds),
        buffer_bytes=sum(feed.ring.size for feed in feeds),
        reads=relay.reads,
    )


def _read_writer() -> WriterStatus:
    # Copied in one step: publishers come and go in other threads.
    publishers = meters.publishers.copy()
    return WriterStatus(sessions=len(publishers), events_waiting=sum(each.waiting for each in publishers))


_SESSIONS: Final = BacktestSession._meta.db_table
_LOGS: Final = SessionLog._meta.db_table
_JOBS: Final = ProcrastinateJob._meta.db_table
_WORKERS: Final = ProcrastinateWorker._meta.db_table
_READ: Final = f"""
    SELECT
        (SELECT array_agg(state) FROM (SELECT state FROM {_SESSIONS} GROUP BY state ORDER BY state) s),
        (SELECT array_agg(n) FROM (SELECT count(*) AS n FROM {_SESSIONS} GROUP BY state ORDER BY state) s),
        (SELECT count(*) FROM {_JOBS} WHERE queue_name = %(queue)s AND status = 'todo'),
        (SELECT count(*) FROM {_JOBS} WHERE queue_name = %(queue)s AND status = 'doing'),
        (SELECT extract(epoch FROM clock_timestamp() - min(greatest(s.created_at, l.written_at)))::float8
            FROM {_SESSIONS} s LEFT JOIN {_LOGS} l ON l.session_id = s.id WHERE s.state = 'queued'),
        (SELECT count(*) FROM {_WORKERS} WHERE last_heartbeat > clock_timestamp() - make_interval(secs => %(stalled)s)),
        (SELECT extract(epoch FROM clock_timestamp() - max(last_heartbeat))::float8 FROM {_WORKERS}),
        pg_total_relation_size(%(blocks)s::regclass),
        (SELECT coalesce(sum(head - oldest_event_id + 1), 0)::bigint FROM {_LOGS} WHERE head IS NOT NULL),
        (SELECT extract(epoch FROM clock_timestamp() - max(written_at))::float8 FROM {_LOGS}),
        (SELECT extract(epoch FROM clock_timestamp() - min(greatest(s.started_at, l.written_at)))::float8
            FROM {_SESSIONS} s LEFT JOIN {_LOGS} l ON l.session_id = s.id WHERE s.state = 'running')
"""


def read_database(*, stalled_after: float = STALLED_AFTER_SECONDS) -> DatabaseStatus:
    """
    Ask the database how it goes.

    Args:
        stalled_after: Seconds without a sign of life after which a worker counts as dead.

    Raises:
        DatabaseError: If it does not answer.
    """
    values: dict[str, str | float] = {
        "queue": actions.QUEUE,
        "stalled": stalled_after,
        "blocks": EventBlock._meta.db_table,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, values)
        row: tuple[Any, ...] = cursor.fetchone()
    states, counts, *others = row
    by_state = dict(zip(states or [], counts or [], strict=True))
    return DatabaseStatus(
        sessions={state.value: by_state.get(state.value, 0) for state in SessionState},
        jobs_waiting=others[0],
        jobs_running=others[1],
        oldest_queued_seconds=others[2],
        workers_alive=others[3],
        heartbeat_age_seconds=others[4],
        log_bytes=others[5],
        log_events=others[6],
        last_batch_age_seconds=others[7],
        most_silent_seconds=others[8],
    )


def read_database_or_none(*, stalled_after: float = STALLED_AFTER_SECONDS) -> DatabaseStatus | None:
    """Ask the database from a thread that is not to keep its connection; None where it does not answer."""
    try:
        return read_database(stalled_after=stalled_after)
    except DatabaseError as error:
        logger.warning("The database does not tell how it goes: %s", error)
        return None
    finally:
        connection.close()
