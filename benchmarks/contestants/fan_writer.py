"""
Our writer: publishes the day's events into a session's log, as a worker does.

    python -m benchmarks.contestants.fan_writer EVENTS

Commands, one line of JSON each (see ``benchmarks.talk``):

    {"do": "begin", "pace": 20}
        Create a session and publish its first events. Answers `session_id`.
    {"do": "publish", "rate": 20, "seconds": 3.0}
        Publish the following events, so many a second; as fast as it takes them where there is no rate, until the
        time is up. Answers `times`: event id and when it was committed, ns of the machine's monotonic clock; and
        `events_per_second`.
    {"do": "counts"}
        Answers what ``streaming.counts`` says.
    {"do": "end"}
        Commit what waits and leave the session as it is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import orjson

from benchmarks.talk import serve
from streaming.counts import counts
from streaming.protocol import segments

if TYPE_CHECKING:
    from streaming.sse_event_emitter import EncodedEvent


class Writer:
    """One session at a time."""

    def __init__(self, events: list[tuple[str, bytes]]) -> None:
        self._events = events

    def answer(self, command: dict[str, Any]) -> dict[str, object]:
        """Do what is wanted."""
        answers: dict[str, Callable[..., dict[str, object]]] = {
            "begin": self.begin,
            "publish": self.publish,
            "counts": self.counts,
            "end": self.end,
        }
        return answers[command.pop("do")](**command)

    def begin(self, *, pace: float | None) -> dict[str, object]:
        """Create a session and publish its first segment."""
        from strategies import actions
        from strategies.models import DataSet, StrategyVersion

        version, data_set = StrategyVersion.objects.first(), DataSet.objects.first()
        assert version is not None
        assert data_set is not None
        queued = actions.queue_session(version=version, data_set=data_set, pace=pace)
        session = actions.claim_session(queued.pk)
        assert session is not None
        self._publisher = _publisher(session)
        self._session_id = session.session_id
        self._waiting = self._follow()
        self._publisher.__enter__()
        # A whole segment: what follows begins the next one, so that viewers share its bytes from the first event on.
        for event in islice(self._waiting, segments.DEFAULT_EVENTS_PER_SEGMENT):
            self._publisher.publish(event)
        self._publisher.wait_until_empty()
        return {"session_id": session.session_id}

    def publish(self, *, rate: float | None, seconds: float) -> dict[str, object]:
        """Publish events for a time."""
        self._publisher.committed.clear()
        # Made before: what is measured is the publisher.
        ready = list(islice(self._waiting, len(self._events) if rate is None else round(rate * seconds)))
        began = time.monotonic()
        for number, event in enumerate(ready):
            if rate is not None and (left := began + number / rate - time.monotonic()) > 0:
                time.sleep(left)
            if time.monotonic() - began > seconds:
                break
            self._publisher.publish(event)
        self._publisher.wait_until_empty()
        took = time.monotonic() - began
        if self._publisher.failure is not None:
            raise self._publisher.failure
        times = list(self._publisher.committed.items())
        return {"times": times, "events_per_second": len(times) / took}

    def counts(self) -> dict[str, object]:
        """Tell what was encoded and compressed so far."""
        return asdict(counts)

    def end(self) -> dict[str, object]:
        """Close the publisher."""
        self._publisher.abandon()
        self._publisher.close()
        return {}

    def _follow(self) -> Iterator[EncodedEvent]:
        from streaming.sse_event_emitter import EncodedEvent

        for event_type, text in self._events:
            data = orjson.loads(text)
            data["session_id"] = self._session_id
            yield EncodedEvent(event_type, data["event_id"], data=data)


def read_events(path: Path) -> list[tuple[str, bytes]]:
    """Read what ``benchmarks.day`` has written: type and payload of each event."""
    rows = (line.partition(b"\t") for line in path.read_bytes().splitlines())
    return [(event_type.decode(), text) for event_type, _, text in rows]


def _publisher(session: Any) -> Any:  # noqa: ANN401 - Django's models exist only after its start
    from streaming.publisher import LogPublisher, Waiting

    class TimedPublisher(LogPublisher):
        """Notes when each event was committed."""

        def __init__(self) -> None:
            super().__init__(session, underlying="NIFTY")
            self.committed: dict[int, int] = {}

        def wait_until_empty(self) -> None:
            """Wait until nothing waits to be committed."""
            while self.failure is None and self._newest not in self.committed:
                time.sleep(0.001)

        def publish(self, event: EncodedEvent) -> None:
            """Note the newest event."""
            self._newest = event.event_id
            super().publish(event)

        def _commit(self, batch: Sequence[Waiting]) -> None:
            super()._commit(batch)
            first, last = batch[0].stretch.rows[0].first_event_id, batch[-1].stretch.last_event_id
            self.committed.update(dict.fromkeys(range(first, last + 1), time.monotonic_ns()))

    return TimedPublisher()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
    django.setup()
    serve({"version": "this project"}, Writer(read_events(Path(sys.argv[1]))).answer)
