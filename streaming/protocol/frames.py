"""
Frames of `text/event-stream`: writing them, and reading them back from any chunks of bytes.

The writer refuses whatever could end a field early, so that no payload can inject another field or event. The reader
follows the interpretation algorithm of the standard, for use by clients and tests; it is told bytes as they come,
never when the stream ends (an unfinished frame at the end is discarded, as the standard demands).

Source:
    WHATWG HTML, §9.2.5 "Parsing an event stream" and §9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from streaming.protocol.errors import FrameInvalid

_LINE_END = re.compile(rb"\r\n?|\n")
_FORBIDDEN = re.compile(rb"[\r\n\0]")
_BYTE_ORDER_MARK = "\ufeff"
_NUL: Final = 0
_LF: Final = 10
_CR: Final = 13


def encode_frame(event: str, data: bytes, event_id: int) -> bytes:
    """
    Write one event as one frame.

    Args:
        event: Its type; not empty.
        data: One line of JSON, UTF-8, as `json_text.encode` writes it.
        event_id: >= 0.

    Returns:
        The frame with its closing blank line: `event`, `data`, `id`, in this order.

    Raises:
        FrameInvalid: If a CR, LF or NUL stands in the type or the data, the type is empty or the id is negative.
    """
    return encode_frames([(event, data, event_id)])


def encode_frames(events: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Write events as frames, one after the other; each is given, and refused, as `encode_frame` does it."""
    parts: list[bytes] = []
    for event, data, event_id in events:
        # Looking for a number is one memchr; looking for a byte string takes ten times as long.
        if _LF in data or _CR in data or _NUL in data:
            raise FrameInvalid(f"The data of event {event_id} hold a CR, LF or NUL; write them with json_text.encode.")
        if event_id < 0:
            raise FrameInvalid(f"The event id {event_id} is negative; the first event of a session is 0.")
        parts += (_before_data(event), data, b"\nid: %d\n\n" % event_id)
    return b"".join(parts)


@lru_cache(maxsize=32)
def _before_data(event: str) -> bytes:
    name = event.encode()
    if not name or _FORBIDDEN.search(name):
        raise FrameInvalid(f"The event type {event!r} is empty or holds a CR, LF or NUL; use one of the known types.")
    return b"event: %b\ndata: " % name


def encode_comment(text: str) -> bytes:
    """
    Write a comment, which every client ignores.

    Raises:
        FrameInvalid: If the text holds a CR, LF or NUL.
    """
    line = text.encode()
    if _FORBIDDEN.search(line):
        raise FrameInvalid(f"The comment {text!r} holds a CR, LF or NUL; a comment is one line.")
    return b": %b\n\n" % line


def encode_retry(milliseconds: int) -> bytes:
    """
    Write the time after which a client that lost the stream connects again.

    Raises:
        FrameInvalid: If it is negative.
    """
    if milliseconds < 0:
        raise FrameInvalid(f"A retry delay of {milliseconds} ms is negative; give 0 or more.")
    return b"retry: %d\n\n" % milliseconds


class Frame(NamedTuple):
    """One dispatched event, as a client sees it."""

    #: "message" where the frame names no type.
    event: str
    data: str
    #: The last id seen so far, also when it came with an earlier frame; "" before the first.
    last_event_id: str


class FrameParser:
    """Read events from the bytes of one connection."""

    def __init__(self, last_event_id: str = "") -> None:
        """Begin a connection; the id that an earlier connection ended with stays until a frame changes it."""
        #: The id to send as `Last-Event-ID` on the next connection.
        self.last_event_id = last_event_id
        #: The last valid retry delay, milliseconds; None before the first.
        self.retry_ms: int | None = None
        self._id = last_event_id
        self._event = ""
        self._data: list[str] = []
        self._buffer = bytearray()
        self._scanned = 0
        self._is_first_line = True
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the events that they complete, oldest first."""
        if not chunk:
            return []
        if self._is_after_cr and chunk.startswith(b"\n"):
            # The CR has ended its line already; its LF may come in a later chunk.
            chunk = chunk[1:]
            self._is_after_cr = False
            if not chunk:
                return []
        self._is_after_cr = chunk.endswith(b"\r")
        self._buffer += chunk
        return [frame for line in self._take_lines() if (frame := self._read_line(line)) is not None]

    def _take_lines(self) -> list[str]:
        lines = []
        start = 0
        for end in _LINE_END.finditer(self._buffer, self._scanned):
            # Line ends are ASCII, so no character is cut by splitting before decoding.
            lines.append(self._buffer[start : end.start()].decode(errors="replace"))
            start = end.end()
        del self._buffer[:start]
        self._scanned = len(self._buffer)
        return lines

    def _read_line(self, line: str) -> Frame | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        self._set_field(field, value.removeprefix(" "))
        return None

    def _set_field(self, field: str, value: str) -> None:
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)

    def _dispatch(self) -> Frame | None:
        self.last_event_id = self._id
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Frame(event, "\n".join(data), self.last_event_id) if data else None
