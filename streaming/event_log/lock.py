"""The lock that a session's one writer holds, and who holds one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import connection

#: The first key of every session's advisory lock; the second is the session's primary key.
_LOCK_CLASS: Final = 0x5E55
_LOCK_KEYS: Final = 2**31


@contextmanager
def session_lock(session_pk: int) -> Iterator[bool]:
    """
    Hold the lock of a session's one writer while the block runs.

    It is bound to this thread's database connection: where the process dies, the server lets go of it.

    Yields:
        Whether the lock was free; without it the caller must not write.
    """
    keys = [_LOCK_CLASS, session_pk % _LOCK_KEYS]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)


def locked_sessions(session_pks: Sequence[int]) -> frozenset[int]:
    """Return those of the sessions that have a writer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_LOCK_CLASS],
        )
        locked = {row[0] for row in cursor.fetchall()}
    return frozenset(pk for pk in session_pks if pk % _LOCK_KEYS in locked)
