"""
A line: the short way to a viewer's connection, past the server's `send`.

`send` is a coroutine that takes a message, looks what kind it is, frames it and writes it: several times what the
writing alone costs, and the same for a thousand viewers who are sent the same. Where the server is known to do just
that, the bytes are framed once and written to each connection as the server itself would.

That is uvicorn with httptools, in the versions that were read for it, inside a response that goes on in HTTP/1.1
chunks. With any other server, and with any other application between it and us, there is no line, and viewers are
served through `send`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

#: Whose `send` does what `write_to_all` does.
KNOWN_VERSIONS: Final = frozenset({"0.54.0"})

#: A connection that a response goes on in.
Line = asyncio.Transport


def line_of(send: Callable[..., Any]) -> Line | None:
    """Find the line behind a server's `send`, once its response has begun; None where that is not known."""
    cycle = getattr(send, "__self__", None)
    if (
        uvicorn.__version__ not in KNOWN_VERSIONS
        or type(cycle) is not RequestResponseCycle
        or getattr(send, "__func__", None) is not RequestResponseCycle.send
    ):
        return None
    is_open = cycle.response_started and not cycle.response_complete
    if not is_open or cycle.chunked_encoding is not True or cycle.scope["method"] == "HEAD":
        return None
    return cycle.transport


def frame_chunk(body: bytes) -> bytes:
    """
    Frame a piece of a body, not an empty one, which would end it.

    Source:
        RFC 9112 §7.1: Chunked Transfer Coding.
    """
    return b"%x\r\n%b\r\n" % (len(body), body)


def write_to_all(lines: Iterable[Line], framed: bytes) -> list[Line]:
    """
    Write to all lines whose connection has taken what came before.

    Returns:
        Those that were not written to: something waits there to be taken, or they do not work any more. `send` knows
        how much may wait, and what is wrong.
    """
    left_out = []
    for line in lines:
        try:
            if line.get_write_buffer_size():
                left_out.append(line)
            else:
                line.write(framed)
        except Exception:  # noqa: BLE001 - the other viewers go on
            left_out.append(line)
    return left_out
