"""
What this process measures as it happens: things whose every value counts, and not only the newest.

Each is touched once a connection, a batch or a read, never once an event and viewer. `streaming.metrics` tells them,
beside what it reads from elsewhere when somebody asks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from prometheus_client import Counter, Histogram

from streaming.counts import counts

logger = logging.getLogger(__name__)

#: How a request for a stream was answered: as the resume decision says, or not at all.
CONNECT_MODES: Final = ("snapshot", "replay", "live", "complete", "wait", "nothing", "refused", "not_found")
#: Why a stream ended.
CLOSE_REASONS: Final = ("finished", "viewer_left", "permission_lost", "server_stops", "trimmed", "failed")

connects: Final = Counter(
    "backtest_stream_connects", "Requests for a stream, by how they were answered.", ["mode"], registry=None
)
closes: Final = Counter("backtest_stream_closes", "Streams that ended, by why.", ["reason"], registry=None)
missed_events: Final = Histogram(
    "backtest_stream_missed_events",
    "Events that a viewer with a cursor had missed when it connected.",
    buckets=(0, 1, 10, 50, 99, 1_000, 10_000, 100_000),
    registry=None,
)
relay_lag: Final = Histogram(
    "backtest_relay_lag_seconds",
    "Age of the newest batch of a log when the relay read it.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=None,
)
batch_seconds: Final = Histogram(
    "backtest_writer_batch_seconds",
    "Time to commit a batch.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=None,
)
batch_events: Final = Histogram(
    "backtest_writer_batch_events",
    "Events in a batch.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    registry=None,
)
for _mode in CONNECT_MODES:
    connects.labels(_mode)
for _reason in CLOSE_REASONS:
    closes.labels(_reason)


class _Publishing(Protocol):
    @property
    def waiting(self) -> int: ...


#: The publishers at work in this process.
publishers: Final[set[_Publishing]] = set()


@contextmanager
def timed_batch(events: int) -> Iterator[None]:
    """Measure the block as one batch of so many events; one that fails counts as failed and in nothing else."""
    began = time.perf_counter()
    try:
        yield
    except Exception:
        counts.batches_failed += 1
        raise
    seconds = time.perf_counter() - began
    batch_seconds.observe(seconds)
    batch_events.observe(events)
    logger.debug("Batch committed.", extra={"events": events, "duration_seconds": round(seconds, 6)})
