"""The relay's own tasks and connections: what is left when the last viewer leaves."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from strategies.models import BacktestSession
from streaming import relay
from streaming.models import EventBlock
from tests import sessions


def test_a_connection_is_closed_only_when_no_read_waits_for_it_any_more(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the number of its socket may be another viewer's the moment after, which then never hears anything more."""
    sessions.publish(session, sessions.events_of(session)[:5])
    close = relay._close
    closed: list[tuple[object, list[str]]] = []

    async def note(one: psycopg.AsyncConnection[Any]) -> None:
        names = [task.get_name() for task in asyncio.all_tasks()]
        closed.append((one, [name for name in names if name.startswith("feed of")]))
        await close(one)

    monkeypatch.setattr(relay, "_close", note)
    with transaction.atomic(), connection.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        # A read that takes its time.
        cursor.execute(f"LOCK TABLE {EventBlock._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        # In a thread: a browser's tests keep a loop in this one.
        reader = pool.submit(lambda: asyncio.run(_leave_while_it_reads(session.pk))).result(timeout=30)

    assert [waiting for one, waiting in closed if one is reader] == [[]]


async def _leave_while_it_reads(session_pk: int) -> object:
    """Return the connection that was read from."""
    one = relay.Relay()
    async with asyncio.timeout(20):
        async with one.watch(session_pk):
            await _until(lambda: one.reads > 0)
            reader = one._reader
        await _until(lambda: len(asyncio.all_tasks()) == 1)
    return reader


async def _until(is_true: Callable[[], bool]) -> None:
    while not is_true():  # noqa: ASYNC110 - the relay tells nobody of what is looked at here
        await asyncio.sleep(0.01)
