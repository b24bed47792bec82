"""
The day into the event log, and beside it without storing, and as one row for each event.

    python -m benchmarks.contestants.log_day

Commands, one line of JSON each (see ``benchmarks.talk``); all answer `seconds` and `events`:

    {"do": "encoded"}   run the engine and encode every event to JSON bytes, which are dropped
    {"do": "stored"}    run the engine and publish its events, as a worker does; `mb_stored`, `mb_raw`, `mb_blocks`, and
                        how often events were `encoded` and `compressed`
    {"do": "blocks"}    publish events that are there already
    {"do": "rows"}      write events that are there already as one row each, in batches, by COPY; `mb_stored`
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import django

from benchmarks import day
from benchmarks.contestants.our_day import run_encoded
from benchmarks.talk import serve
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.sse_event_emitter import EncodedEvent

if TYPE_CHECKING:
    from strategies.models import BacktestSession
    from streaming.publisher import LogPublisher

#: As many events as a segment has: what one batch of ours holds at least at full speed.
_BATCH = 64
_ROW_TABLE = "benchmark_event_rows"


class Runs:
    """The day, and what is made of it."""

    def __init__(self) -> None:
        self.day = day.load()
        self._events: list[EncodedEvent] = []

    def answer(self, command: dict[str, Any]) -> dict[str, object]:
        """Run once."""
        runs: dict[str, Callable[[], dict[str, object]]] = {
            "encoded": self.encoded,
            "stored": self.stored,
            "blocks": self.blocks,
            "rows": self.rows,
        }
        gc.collect()
        return runs[command["do"]]()

    def encoded(self) -> dict[str, object]:
        """Run without storing."""
        began = time.perf_counter()
        encoded = run_encoded(self.day.config)
        return {"seconds": time.perf_counter() - began, "events": encoded.events}

    def stored(self) -> dict[str, object]:
        """Run and store."""
        from streaming.counts import counts

        session, publisher = _new_publisher()
        before = asdict(counts)
        began = time.perf_counter()
        with publisher:
            engine = CentralizedBacktestEngineWithSSE(config=self.day.config, session_id=session.session_id)
            engine.register_encoded_callback(publisher.publish)
            engine.run()
        seconds = time.perf_counter() - began
        _check(publisher)
        made = {name: count - before[name] for name, count in asdict(counts).items()}
        return {
            "seconds": seconds,
            **_stored_in(session),
            "encoded": made["events_encoded"],
            "compressed": made["events_compressed"],
        }

    def blocks(self) -> dict[str, object]:
        """Store what is there already."""
        session, publisher = _new_publisher()
        events = self._ready_events()
        began = time.perf_counter()
        with publisher:
            for event in events:
                publisher.publish(event)
        seconds = time.perf_counter() - began
        _check(publisher)
        _forget(session)
        return {"seconds": seconds, "events": len(events)}

    def rows(self) -> dict[str, object]:
        """Store it as rows of JSON."""
        from django.db import connection, transaction

        events = self._ready_events()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {_ROW_TABLE}")
            cursor.execute(
                f"CREATE TABLE {_ROW_TABLE} (session bigint, event_id bigint, event_type text, payload bytea, "
                "PRIMARY KEY (session, event_id))"
            )
        began = time.perf_counter()
        for start in range(0, len(events), _BATCH):
            with transaction.atomic(), connection.cursor() as cursor:
                with cursor.copy(f"COPY {_ROW_TABLE} FROM STDIN") as copy:
                    for event in events[start : start + _BATCH]:
                        copy.write_row((1, event.event_id, event.event, event.data_json))
                cursor.execute("SELECT pg_notify('benchmark', %s)", [str(start)])
        seconds = time.perf_counter() - began
        size = _size_of(_ROW_TABLE)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {_ROW_TABLE}")
        return {"seconds": seconds, "events": len(events), "mb_stored": size}

    def _ready_events(self) -> list[EncodedEvent]:
        if not self._events:
            engine = CentralizedBacktestEngineWithSSE(config=self.day.config, session_id="benchmark")
            engine.register_encoded_callback(self._events.append)
            engine.run()
        return self._events


def _new_publisher() -> tuple[BacktestSession, LogPublisher]:
    from strategies import actions
    from strategies.models import DataSet, StrategyVersion
    from streaming.publisher import LogPublisher

    version, data_set = StrategyVersion.objects.first(), DataSet.objects.first()
    assert version is not None
    assert data_set is not None
    session = actions.claim_session(actions.queue_session(version=version, data_set=data_set).pk)
    assert session is not None
    return session, LogPublisher(session, underlying="NIFTY")


def _check(publisher: LogPublisher) -> None:
    if publisher.failure is not None:
        raise publisher.failure


def _stored_in(session: BacktestSession) -> dict[str, object]:
    """Measure what a session has left in the database, empty space included, and remove it."""
    from django.db.models import Sum
    from django.db.models.functions import Length

    from strategies.models import NodeEvent, Trade
    from streaming.models import EventBlock, SessionLog

    sums = EventBlock.objects.filter(session=session).aggregate(
        events=Sum("event_count"), raw=Sum("raw_bytes"), blocks=Sum(Length("body"))
    )
    stored = sum(_size_of(model._meta.db_table) for model in (EventBlock, SessionLog, NodeEvent, Trade))
    _forget(session)
    return {
        "events": sums["events"],
        "mb_stored": stored,
        "mb_raw": sums["raw"] / 1e6,
        "mb_blocks": sums["blocks"] / 1e6,
    }


def _forget(session: BacktestSession) -> None:
    """Remove a session and give its space back, so that the next one is measured alone."""
    from django.db import connection

    from strategies.models import NodeEvent, Trade
    from streaming.models import EventBlock, SessionLog

    session.delete()
    with connection.cursor() as cursor:
        for model in (EventBlock, SessionLog, NodeEvent, Trade):
            cursor.execute(f"VACUUM FULL {model._meta.db_table}")


def _size_of(table: str) -> float:
    """Return the megabytes of a table with its indexes and large values."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [table])
        return float(cursor.fetchone()[0]) / 1e6


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
    django.setup()
    runs = Runs()
    serve({"day": runs.day.name}, runs.answer)
