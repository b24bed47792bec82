"""
The metrics, in the form that Prometheus reads: a `Status`, what was counted, and what was measured.

`families` is the whole list. Reading them changes nothing, and nothing is kept for them beyond what `status`, `counts`
and `meters` hold anyway. A database that does not answer is told by `backtest_database_up`; what only it knows is left
out then, for an old value would look like a new one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import prometheus_client
from django.conf import settings
from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from streaming import meters
from streaming.counts import Counts, counts
from streaming.status import DatabaseStatus, RelayStatus, Status
from streaming.stream_records import Sent
from streaming.wire import Encoding

# They would double the list: when a histogram began is when the process did, and that is told once.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the package's own omission

_process: Final = prometheus_client.ProcessCollector(registry=None)


def families(status: Status) -> Iterator[Metric]:
    """Tell everything there is to tell of a status and of this process."""
    yield from _of_streams(status.streams)
    if status.relay is not None:
        yield from _of_relay(status.relay)
    yield _gauge("writer_sessions", "Sessions that this worker runs now.", status.writer.sessions)
    yield _gauge("writer_events_waiting", "Events that wait to be committed.", status.writer.events_waiting)
    yield from _of_counts(counts)
    for meter in (meters.batch_seconds, meters.batch_events):
        yield from meter.collect()
    yield _gauge("database_up", "1 while the database answers, else 0.", int(status.database is not None))
    if status.database is not None:
        yield from _of_database(status.database)
    yield from _process.collect()


def render(status: Status, accept: str | None) -> tuple[bytes, str]:
    """
    Write the metrics in the form that a client asks for.

    Args:
        status: What to tell.
        accept: The request's `Accept` header.

    Returns:
        The text and its content type: OpenMetrics where the client reads it, else Prometheus' own.
    """
    try:
        encode, content_type = exposition.choose_encoder(accept or "")
    except (TypeError, ValueError):
        # A version that is none. The oldest form is understood by everybody.
        encode, content_type = exposition.choose_encoder("")
    return encode(_Collected(families(status))), content_type


def is_token(authorization: str | None) -> bool:
    """Tell whether an `Authorization` header carries METRICS_TOKEN; never, where none is set."""
    scheme, _, given = (authorization or "").partition(" ")
    wanted: str = settings.METRICS_TOKEN
    return (
        bool(wanted) and scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), wanted.encode())
    )


class _Collected:
    """What is told, as the encoders want it."""

    def __init__(self, collected: Iterable[Metric]) -> None:
        self._collected = collected

    def collect(self) -> Iterable[Metric]:
        return self._collected


def _of_streams(streams: Mapping[Encoding, Sent]) -> Iterator[Metric]:
    yield _by(
        GaugeMetricFamily("backtest_streams_open", "Streams that are open.", labels=["encoding"]),
        {encoding: sent.open_streams for encoding, sent in streams.items()},
    )
    yield from meters.connects.collect()
    yield from meters.closes.collect()
    yield from meters.missed_events.collect()
    events = _counter_by_encoding("stream_events_sent", "Events of logs handed to viewers; snapshots are not counted.")
    yield _by(events, {encoding: sent.events for encoding, sent in streams.items()})
    raw = _counter_by_encoding("stream_raw_bytes_sent", "Bytes handed to viewers, before compression.")
    yield _by(raw, {encoding: sent.raw_bytes for encoding, sent in streams.items()})
    wire = _counter_by_encoding("stream_wire_bytes_sent", "Bytes handed to viewers, as they were sent.")
    yield _by(wire, {encoding: sent.wire_bytes for encoding, sent in streams.items()})


def _of_relay(relay: RelayStatus) -> Iterator[Metric]:
    yield _gauge("relay_sessions_watched", "Sessions that somebody watches here.", relay.sessions_watched)
    yield _gauge(
        "relay_listening",
        "1 while notifications are heard, else 0; also 0 while nobody watches.",
        int(relay.is_listening),
    )
    yield _gauge(
        "relay_silent_seconds", "Since the relay last reached the log; 0 while nobody watches.", relay.silent_seconds
    )
    yield _gauge("relay_events_behind", "Events known to be in the log and not read yet.", relay.events_behind)
    yield _gauge("relay_buffer_bytes", "Memory of the shared buffers.", relay.buffer_bytes)
    yield _counter("relay_reads", "Reads of the log for all viewers together.", relay.reads)
    yield _counter("relay_failures", "Reads that failed and connections that the relay lost.", counts.relay_failures)
    yield from meters.relay_lag.collect()


def _of_counts(done: Counts) -> Iterator[Metric]:
    yield _counter("stream_skips_ahead", "Snapshots given to viewers that were far behind.", done.skips_ahead)
    yield _counter("snapshots_built", "Snapshots built from the log.", done.snapshots_built)
    yield _counter("texts_compressed", "Texts compressed outside the log: snapshots, catch-ups.", done.texts_compressed)
    yield _counter("blocks_decoded", "Blocks decoded for viewers without compression.", done.blocks_decoded)
    yield _counter("events_encoded", "Events written as JSON.", done.events_encoded)
    yield _counter("events_compressed", "Events compressed into the log.", done.events_compressed)
    yield _counter("writer_raw_bytes", "Bytes of the events compressed into the log, before.", done.bytes_encoded)
    yield _counter("writer_stored_bytes", "Bytes of the blocks that they became.", done.bytes_compressed)
    yield _counter("writer_batches_failed", "Batches that could not be committed.", done.batches_failed)


def _of_database(database: DatabaseStatus) -> Iterator[Metric]:
    yield _by(GaugeMetricFamily("backtest_sessions", "Sessions by state.", labels=["state"]), database.sessions)
    jobs = {"waiting": database.jobs_waiting, "running": database.jobs_running}
    yield _by(GaugeMetricFamily("backtest_queue_jobs", "Jobs in the queue by status.", labels=["status"]), jobs)
    yield _gauge("workers_alive", "Workers that gave a sign of life within 30 seconds.", database.workers_alive)
    yield _gauge("log_bytes", "What all logs take in the database, indexes included.", database.log_bytes)
    yield _gauge("log_events", "Events that the logs hold.", database.log_events)
    ages = {
        "queue_oldest_seconds": ("How long the session that waits longest has waited.", database.oldest_queued_seconds),
        "worker_heartbeat_age_seconds": ("Since any worker's last sign of life.", database.heartbeat_age_seconds),
        "log_last_batch_age_seconds": ("Since the newest batch of any session.", database.last_batch_age_seconds),
        "session_silent_seconds": (
            "Since the last batch, or the start, of the running session where that is longest ago.",
            database.most_silent_seconds,
        ),
    }
    for name, (meaning, age) in ages.items():
        family = GaugeMetricFamily(f"backtest_{name}", meaning)
        if age is not None:
            # Never below 0: a batch may be stamped a moment after the statement that reads began.
            family.add_metric([], max(0.0, age))
        yield family


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"backtest_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"backtest_{name}", meaning, value=value)


def _counter_by_encoding(name: str, meaning: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"backtest_{name}", meaning, labels=["encoding"])


def _by(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
