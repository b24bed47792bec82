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

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import status
from streaming.counts import counts
from streaming.models import SessionLog
from streaming.stream_places import places


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
    told = status.read_database()
    queued = BacktestSession.objects.filter(state=SessionState.QUEUED).order_by("created_at")
    silent = told.heartbeat_age_seconds
    return Installation(
        at=now,
        database=_server_version(),
        is_database_well=True,
        sessions=told.sessions,
        workers_alive=told.workers_alive,
        last_heartbeat=None if silent is None else now - timedelta(seconds=silent),
        jobs_waiting=told.jobs_waiting,
        jobs_running=told.jobs_running,
        oldest_queued=queued.values_list("created_at", flat=True).first(),
        log_events=told.log_events,
        log_bytes=told.log_bytes + _bytes_of(SessionLog._meta.db_table),
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
