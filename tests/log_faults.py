"""What tests do to the event log by hand: write single events, and end connections in the middle of something."""

from __future__ import annotations

import psycopg
from django.db import connection, transaction

from streaming.event_log import LogWriter
from streaming.sse_event_emitter import EncodedEvent


def append_and_lose_the_connection(writer: LogWriter, batch: list[EncodedEvent]) -> None:
    """
    Append a batch, and have the connection end before it is committed.

    Raises:
        DatabaseError: As it must; the caller closes Django's connection.
    """
    with transaction.atomic():
        writer.append(batch)
        end_connections(only_pid=own_pid())


def own_pid() -> int:
    """Return the server process of this thread's connection."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def end_connections(*, only_pid: int | None = None, but_pid: int | None = None) -> None:
    """End one connection to the test's database, or all but one, and wait until they are gone."""
    parameters = connection.get_connection_params()
    for of_django_alone in ("cursor_factory", "context", "prepare_threshold", "server_side_binding", "isolation_level"):
        parameters.pop(of_django_alone, None)
    with psycopg.connect(**parameters, autocommit=True) as own:
        own.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend' "
            "AND (%(only)s::int IS NULL OR pid = %(only)s) AND pid IS DISTINCT FROM %(but)s",
            {"only": only_pid, "but": but_pid},
        )
