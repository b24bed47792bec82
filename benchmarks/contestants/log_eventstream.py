"""
django-eventstream's own storage: appends the day's first events, one after the other, as its `send_event` does.

    python -m benchmarks.contestants.log_eventstream EVENTS HOST

HOST is the folder of a Postgres server's socket. Command: {"events": 1000}. Answers `seconds` and `events`.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import Any

from benchmarks.contestants import fan_eventstream
from benchmarks.contestants.fan_contest import read_events
from benchmarks.talk import serve


def main(events_file: str, host: str) -> None:
    """Serve."""
    fan_eventstream.configure(host)
    fan_eventstream.create_tables(host)
    from django_eventstream.storage import DjangoModelStorage

    events = read_events(events_file)
    storage = DjangoModelStorage()

    def append(command: dict[str, Any]) -> dict[str, object]:
        chosen = events[: command["events"]]
        began = time.perf_counter()
        for event in chosen:
            storage.append_event("run", event.event_type, event.text)
        return {"seconds": time.perf_counter() - began, "events": len(chosen)}

    serve({"version": f"django-eventstream {version('django-eventstream')}"}, append)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
