"""
The worker's own small HTTP endpoint: `/healthz`, `/readyz` and `/metrics`, on WORKER_METRICS_PORT; off where that is 0.

It runs in threads of its own, so that it answers also while the worker's event loop hangs, and can say so.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from prometheus_client.exposition import ThreadingWSGIServer

from streaming import health, metrics, status

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_BEAT_SECONDS: Final = 1.0
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


class PortTaken(Exception):
    """Nothing can listen on the port of the settings."""


class Heart:
    """Tells whether an event loop comes round."""

    def __init__(self) -> None:
        #: A time of `time.monotonic`.
        self.last_beat = time.monotonic()

    async def beat_for_ever(self) -> None:
        """Beat once a second in the running loop."""
        while True:
            self.last_beat = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    def seconds_since_beat(self) -> float:
        """Return how long ago it last beat."""
        return time.monotonic() - self.last_beat


@contextmanager
def served(heart: Heart, *, stalled_after: float) -> Iterator[int]:
    """
    Serve the endpoint while the block runs.

    Args:
        heart: The one of the worker's event loop.
        stalled_after: Seconds without a sign of life after which a worker counts as dead.

    Yields:
        Its port; 0 where the settings ask for none.

    Raises:
        PortTaken: If the port cannot be had.
    """
    host, port = settings.WORKER_METRICS_HOST, settings.WORKER_METRICS_PORT
    if not port:
        yield 0
        return
    try:
        server = make_server(host, port, _Endpoint(heart, stalled_after).answer, _server_class(host), _Handler)
    except OSError as error:
        raise PortTaken(
            f"The worker's metrics cannot be served on {host}, port {port} ({error.strerror}): give each worker of "
            "this machine a WORKER_METRICS_PORT of its own, or 0 for none."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="worker-endpoint", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _server_class(host: str) -> type[ThreadingWSGIServer]:
    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server


class _Handler(WSGIRequestHandler):
    #: A client that says nothing for this long is let go.
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's signature
        """Say nothing: a probe each second is no news."""


_Answer = tuple[str, str, bytes]


class _Endpoint:
    """What is answered under each address."""

    def __init__(self, heart: Heart, stalled_after: float) -> None:
        self._heart = heart
        self._stalled_after = stalled_after
        self._pages: dict[str, Callable[[WSGIEnvironment], _Answer]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    def answer(self, environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        page = self._pages.get(environment.get("PATH_INFO", ""))
        if page is None:
            outcome, kind, body = "404 Not Found", _TEXT, f"Here are {', '.join(self._pages)}.\n".encode()
        elif environment.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            outcome, kind, body = "405 Method Not Allowed", _TEXT, b"Only GET and HEAD are answered.\n"
        else:
            outcome, kind, body = page(environment)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        if outcome.startswith("401"):
            headers.append(("WWW-Authenticate", "Bearer"))
        start_response(outcome, headers)
        return [] if environment.get("REQUEST_METHOD") == "HEAD" else [body]

    def _healthz(self, _environment: WSGIEnvironment) -> _Answer:
        return _as_answer([self._loop()])

    def _readyz(self, _environment: WSGIEnvironment) -> _Answer:
        checks = [self._loop(), *health.check_database()]
        # The heartbeats are looked up where they are written: one that cannot write its own has none there.
        found = status.read_database_or_none(stalled_after=self._stalled_after) if health.are_ok(checks) else None
        if found is not None:
            checks.append(health.check_workers(found))
        return _as_answer(checks)

    def _loop(self) -> health.Check:
        return health.check_loop(seconds_since_beat=self._heart.seconds_since_beat())

    def _metrics(self, environment: WSGIEnvironment) -> _Answer:
        # Without a token only this machine reaches the port: the settings see to that.
        if settings.METRICS_TOKEN and not metrics.is_token(environment.get("HTTP_AUTHORIZATION")):
            return "401 Unauthorized", _TEXT, b"Send 'Authorization: Bearer <METRICS_TOKEN>'.\n"
        text, kind = metrics.render(
            status.read_here(relay=None, database=status.read_database_or_none()), environment.get("HTTP_ACCEPT")
        )
        return "200 OK", kind, text


def _as_answer(checks: list[health.Check]) -> _Answer:
    outcome = "200 OK" if health.are_ok(checks) else "503 Service Unavailable"
    return outcome, _JSON, json.dumps(health.as_document(checks)).encode() + b"\n"
