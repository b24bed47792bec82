"""Frames: no payload injects a field (S17), and any chunking reads alike."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.protocol import json_text
from streaming.protocol.errors import FrameInvalid
from streaming.protocol.frames import Frame, FrameParser, encode_comment, encode_frame, encode_frames, encode_retry
from tests.streaming.protocol import vectors

FRAMES = vectors.load("frames")
PARSER = vectors.load("parser")

#: The pieces that event streams are made of, so that random bodies hit the corners of the format.
_PIECES = st.sampled_from(
    [
        "data",
        "event",
        "id",
        "retry",
        ":",
        " ",
        "\r",
        "\n",
        "\r\n",
        "\0",
        "\ufeff",
        "\u2028",
        "₹",
        "x",
        "12",
        "\n\n",
        "data: a\n",
    ]
)
_HOSTILE = st.text(alphabet=st.sampled_from("\r\n\0\u2028\u2029\u0085\ufeff: abdeintv1"), max_size=40)


@pytest.mark.parametrize("case", FRAMES["cases"], ids=vectors.name_of)
def test_an_event_is_written_as_its_frame(case: dict[str, Any]) -> None:
    frame = encode_frame(case["event"], json_text.encode(case["data"]), case["event_id"])

    assert frame == case["text"].encode()


@pytest.mark.parametrize("case", FRAMES["cases"], ids=vectors.name_of)
def test_a_frame_reads_back_as_its_event(case: dict[str, Any]) -> None:
    (frame,) = FrameParser().feed(case["text"].encode())

    assert (frame.event, json.loads(frame.data), frame.last_event_id) == (
        case["event"],
        case["data"],
        str(case["event_id"]),
    )


@pytest.mark.parametrize("case", FRAMES["refused"], ids=vectors.name_of)
def test_what_would_break_out_of_a_field_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(FrameInvalid):
        encode_frame(case["event"], case["data_text"].encode(), case["event_id"])


def test_many_events_are_written_as_each_would_be() -> None:
    events = [("tick_update", b'{"n":%d}' % number, number) for number in range(3)]

    assert encode_frames(events) == b"".join([encode_frame(*event) for event in events])
    for bad in (("tick_update", b"{\n}", 3), ("tick\nupdate", b"{}", 3), ("", b"{}", 3), ("tick_update", b"{}", -1)):
        with pytest.raises(FrameInvalid):
            encode_frames([*events, bad])


@given(key=_HOSTILE, value=_HOSTILE)
@example(key="a", value='"}\n\nevent: forged\ndata: {}\nid: 99\n\n')
def test_no_payload_injects_a_field(key: str, value: str) -> None:
    """S17."""
    parser = FrameParser()

    frames = parser.feed(encode_frame("node_event", json_text.encode({key: value}), 7))

    assert [(frame.event, json.loads(frame.data), frame.last_event_id) for frame in frames] == [
        ("node_event", {key: value}, "7")
    ]
    assert parser.retry_ms is None


def test_a_comment_and_a_retry_dispatch_nothing() -> None:
    parser = FrameParser()

    frames = parser.feed(encode_retry(2500) + encode_comment("keep-alive"))

    assert frames == []
    assert parser.retry_ms == 2500


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_a_comment_of_two_lines_is_refused(text: str) -> None:
    with pytest.raises(FrameInvalid):
        encode_comment(text)


def test_a_negative_retry_is_refused() -> None:
    with pytest.raises(FrameInvalid):
        encode_retry(-1)


@pytest.mark.parametrize("case", PARSER["cases"], ids=vectors.name_of)
def test_a_body_dispatches_its_events(case: dict[str, Any]) -> None:
    parser = FrameParser()

    frames = [frame for chunk in _chunks_of(case) for frame in parser.feed(chunk)]

    assert [frame._asdict() for frame in frames] == case["events"]
    assert (parser.last_event_id, parser.retry_ms) == (case["last_event_id"], case["retry_ms"])


@pytest.mark.parametrize("case", PARSER["cases"], ids=vectors.name_of)
def test_a_body_reads_alike_byte_by_byte(case: dict[str, Any]) -> None:
    body = b"".join(_chunks_of(case))
    parser = FrameParser()

    frames = [frame for byte in body for frame in parser.feed(bytes([byte]))]

    assert [frame._asdict() for frame in frames] == case["events"]


@given(st.lists(_PIECES, max_size=60).map("".join), st.data())
def test_a_body_reads_alike_however_it_is_cut(body_text: str, data: st.DataObject) -> None:
    body = body_text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    whole, pieces = FrameParser(), FrameParser()

    expected = whole.feed(body)
    frames = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)
        for frame in pieces.feed(body[start:end])
    ]

    assert frames == expected
    assert (pieces.last_event_id, pieces.retry_ms) == (whole.last_event_id, whole.retry_ms)


@given(st.lists(_PIECES, max_size=60).map("".join))
def test_the_parser_agrees_with_the_standard_written_out(body: str) -> None:
    """The same algorithm in its plainest form: the whole body at once, line by line."""
    assert FrameParser().feed(body.encode()) == _read_plainly(body)


def test_an_id_from_an_earlier_connection_stays() -> None:
    parser = FrameParser(last_event_id="41")

    assert parser.feed(b"data: a\n\n") == [Frame("message", "a", "41")]


def _chunks_of(case: dict[str, Any]) -> list[bytes]:
    if "chunks" in case:
        return [chunk.encode() for chunk in case["chunks"]]
    return [base64.b64decode(chunk) for chunk in case["chunks_base64"]]


def _read_plainly(body: str) -> list[Frame]:
    lines = body.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    frames, data, event, last_id = [], "", "", ""
    for line in lines:
        name, value = line.split(":", 1) if ":" in line else (line, "")
        value = value.removeprefix(" ")
        if line == "":
            if data != "":
                frames.append(Frame(event or "message", data[:-1], last_id))
            data, event = "", ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
    return frames
