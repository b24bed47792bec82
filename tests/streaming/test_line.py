"""The short way past the server's `send`: where there is one, and that it writes what the server would have written."""

import asyncio
import http.client
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
import uvicorn

from streaming import line

_BODIES: Final = (b"x", b"event: a\ndata: {}\nid: 1\n\n", b"\x00" * 70_000)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def test_the_installed_server_is_one_that_was_read_for_it() -> None:
    """
    Read uvicorn's httptools_impl.RequestResponseCycle.send, and flow_control, before adding a version.

    What is written to a chunked response has to be what `line.frame_chunk` gives, and nothing else may be noted of it.
    """
    assert uvicorn.__version__ in line.KNOWN_VERSIONS


class Application:
    """Answers with some bodies, through `send` and past it."""

    def __init__(self) -> None:
        self.lines: list[bool] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer one request."""
        self.lines.append(line.line_of(send) is not None)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        direct = line.line_of(send) if scope["path"] == "/past" else None
        self.lines.append(line.line_of(send) is not None)
        for body in _BODIES:
            if direct is None:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            else:
                while line.write_to_all([direct], line.frame_chunk(body)):  # noqa: ASYNC110 - the transport tells nobody
                    await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"last", "more_body": False})
        self.lines.append(line.line_of(send) is not None)


@contextmanager
def _served(application: Any, server_kind: str, loop: str) -> Iterator[int]:  # noqa: ANN401 - any will do
    config = uvicorn.Config(
        application,
        port=0,
        http="h11" if server_kind == "h11" else "httptools",
        loop="asyncio" if loop == "asyncio" else "uvloop",
        lifespan="off",
        log_level="warning",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _answer(port: int, path: str, method: str = "GET") -> bytes:
    """Return everything that came, framing included."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.putheader("Connection", "close")
    connection.endheaders()
    assert connection.sock is not None
    received = b""
    while more := connection.sock.recv(65_536):
        received += more
    connection.close()
    return received.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_what_is_written_past_send_is_what_send_would_have_written(loop: str) -> None:
    application = Application()

    with _served(application, "httptools", loop) as port:
        through, past = _answer(port, "/through"), _answer(port, "/past")

    assert past == through
    # Before the response begins, while it goes on, and when it is over.
    assert application.lines == [False, True, False] * 2


def test_a_server_that_frames_by_itself_has_no_line() -> None:
    application = Application()

    with _served(application, "h11", "asyncio") as port:
        _answer(port, "/past")

    assert application.lines == [False] * 3


def test_a_response_of_known_length_or_to_head_has_no_line() -> None:
    application = Application()

    with _served(application, "httptools", "uvloop") as port:
        _answer(port, "/past", "HEAD")
        application.headers = [(b"content-length", b"%d" % (9 + sum(map(len, _BODIES))))]
        _answer(port, "/past")

    assert application.lines == [False] * 6


def test_another_version_of_the_server_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn, "__version__", "0.0.1")
    application = Application()

    with _served(application, "httptools", "uvloop") as port:
        _answer(port, "/past")

    assert application.lines == [False] * 3


def test_an_application_between_the_server_and_us_leaves_no_line() -> None:
    application = Application()

    async def between(scope: Mapping[str, Any], receive: object, send: Send) -> None:
        async def pass_on(message: Mapping[str, Any]) -> None:
            await send(message)

        await application(scope, receive, pass_on)

    with _served(between, "httptools", "uvloop") as port:
        _answer(port, "/past")

    assert application.lines == [False] * 3
