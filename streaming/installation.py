"""
How the installation does, for a person: does the database answer, do workers give signs of life, what waits, what is
streamed, which build is this?
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Sum
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming.counts import counts
from streaming.models import EventBlock, SessionLog
from streaming.stream_places import places

#: A worker without a sign of life for this long counts as dead.
STALLED_AFTER: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """How it does at a moment."""

    at: datetime
    database: str
    is_database_well: bool
    #: By state; every state is there.
    sessions: Mapping[str, int] = field(default_factory=dict)
    workers_alive: int = 0
    #: The newest sign of life of any worker; None where there never was one.
    last_heartbeat: datetime | None = None
    jobs_waiting: int = 0
    jobs_running: int = 0
    oldest_queued: datetime | None = None
    log_events: int = 0
    log_bytes: int = 0
    open_streams: int = 0
    events_compressed: int = 0
    snapshots_built: int = 0
    build: Mapping[str, str] = field(default_factory=dict)
    has_scripts: bool = True

    @property
    def is_well(self) -> bool:
        """Whether the database answers; all else can wait."""
        return self.is_database_well

    @property
    def is_waiting_in_vain(self) -> bool:
        """Whether sessions wait and nobody is there to run them."""
        return not self.workers_alive and (self.sessions.get("queued", 0) + self.sessions.get("running", 0)) > 0


def read() -> Installation:
    """Ask everything; where the database does not answer, what can be said without it."""
    now = timezone.now()
    try:
        with transaction.atomic():
            return _read(now)
    except DatabaseError:
        return Installation(
            at=now, database="does not answer", is_database_well=False, build=_build(), has_scripts=_has_scripts(),
            open_streams=places.taken,
        )  # fmt: skip


def _read(now: datetime) -> Installation:
    by_state = dict(BacktestSession.objects.order_by().values_list("state").annotate(Count("pk")))
    jobs = ProcrastinateJob.objects.filter(queue_name=actions.QUEUE)
    by_status = dict(jobs.order_by().values_list("status").annotate(Count("pk")))
    queued = BacktestSession.objects.filter(state=SessionState.QUEUED).order_by("created_at")
    workers = ProcrastinateWorker.objects.order_by("-last_heartbeat")
    return Installation(
        at=now,
        database=_server_version(),
        is_database_well=True,
        sessions={state.value: by_state.get(state.value, 0) for state in SessionState},
        workers_alive=workers.filter(last_heartbeat__gt=now - STALLED_AFTER).count(),
        last_heartbeat=workers.values_list("last_heartbeat", flat=True).first(),
        jobs_waiting=by_status.get("todo", 0),
        jobs_running=by_status.get("doing", 0),
        oldest_queued=queued.values_list("created_at", flat=True).first(),
        log_events=SessionLog.objects.aggregate(all=Sum(F("head") - F("oldest_event_id") + 1))["all"] or 0,
        log_bytes=_bytes_of(EventBlock._meta.db_table) + _bytes_of(SessionLog._meta.db_table),
        open_streams=places.taken,
        events_compressed=counts.events_compressed,
        snapshots_built=counts.snapshots_built,
        build=_build(),
        has_scripts=_has_scripts(),
    )


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"Postgres {cursor.fetchone()[0]} answers"


def _bytes_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
        return int(cursor.fetchone()[0])


def _build() -> dict[str, str]:
    packages = {"Django": django.get_version(), "Python": platform.python_version()}
    packages |= {name: version(name) for name in ("procrastinate", "uvicorn", "orjson")}
    return packages | {"Zone": settings.TIME_ZONE}


def _has_scripts() -> bool:
    return finders.find("monitor/session.js") is not None
