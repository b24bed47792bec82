"""
A session to take away: its trades and events as files, or all of it as one archive.

    GET /api/sessions/<session_id>/export/trades.csv
    GET /api/sessions/<session_id>/export/events.csv
    GET /api/sessions/<session_id>/export/events.jsonl
    GET /api/sessions/<session_id>/export/bundle.zip

What a cell of a table says can come from a strategy that somebody else wrote: a text that a spreadsheet would take for
a formula is given an apostrophe. Files are written to disk first and sent from there: a long day needs no memory.
Equal sessions give equal bytes: no time of writing stands in any of them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO, Any, Final, cast

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies.models import BacktestSession, SessionResult, Trade
from streaming import answers, event_log, replay
from streaming.history_cache import event_type, payload_json
from streaming.protocol import json_text, messages

Json = dict[str, Any]

_EVENTS_PER_READ: Final = 1024
_BYTES_PER_CHUNK: Final = 256 * 1024
_IN_MEMORY_BYTES: Final = 1 << 20
#: The earliest that a zip archive knows; the files have no other.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
#: What makes a spreadsheet take a text for a formula. OWASP, CSV Injection.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

TRADE_COLUMNS: Final = (
    "trade_id", "position_id", "re_entry_num", "symbol", "side", "quantity", "entry_time", "entry_price",
    "entry_reason", "exit_time", "exit_price", "exit_type", "exit_reason", "trigger_price", "pnl", "costs", "net_pnl",
    "mae", "mfe", "status", "event_id",
)  # fmt: skip
EVENT_COLUMNS: Final = (
    "id", "event", "tick", "timestamp", "node_id", "node_name", "node_type", "conditions", "trade_id", "symbol", "side",
    "quantity", "entry_price", "exit_price", "exit_reason", "pnl", "total_pnl", "open_positions", "status",
)  # fmt: skip


def write_trades(session: BacktestSession, file: IO[bytes]) -> None:
    """Write the closed trades as CSV: UTF-8, a head line, times of the exchange with their offset, decimal text."""
    rows = Trade.objects.filter(session=session).order_by("event_id").iterator()
    _write_csv(file, TRADE_COLUMNS, (_trade_row(trade) for trade in rows))


def _trade_row(trade: Trade) -> Json:
    told = trade.record
    row = {name: getattr(trade, name, None) for name in TRADE_COLUMNS}
    row |= {name: told[name] for name in ("entry_time", "exit_time", "entry_price", "exit_price", "pnl")}
    return row | {"entry_reason": trade.entry_trigger}


def write_events_csv(session: BacktestSession, file: IO[bytes]) -> None:
    """Write one line for each event, with what a table has room for."""
    _write_csv(file, EVENT_COLUMNS, (_event_row(event_id, frame) for event_id, frame in _frames(session.pk)))


def _event_row(event_id: int, frame: bytes) -> Json:
    kind, data = event_type(frame), json_text.decode(payload_json(frame))
    row: Json = {"id": event_id, "event": kind}
    if kind == messages.TICK_UPDATE:
        return row | {
            "tick": data["tick"],
            "timestamp": data["timestamp"],
            "total_pnl": data["pnl_summary"]["total_pnl"],
            "open_positions": len(data["open_positions"]),
        }
    if kind == messages.NODE_EVENT:
        names = ("tick", "timestamp", "node_id", "node_name", "node_type")
        return row | {name: data.get(name) for name in names} | {"conditions": data["conditions_preview"]}
    if kind == messages.TRADE_UPDATE:
        trade = data["trade"]
        of_trade = ("trade_id", "symbol", "side", "quantity", "entry_price", "exit_price", "exit_reason", "pnl")
        told = {name: trade[name] for name in of_trade}
        return row | told | {"timestamp": trade["exit_time"], "total_pnl": data["summary"]["total_pnl"]}
    return row | {"status": data.get("status"), "tick": data.get("total_ticks")}


def write_events(session: BacktestSession, file: IO[bytes]) -> None:
    """Write the events as JSON lines, each with `id`, `event` and `data` as the interface gives them."""
    for event_id, frame in _frames(session.pk):
        file.write(replay.event_json(event_id, frame) + b"\n")


def write_bundle(session: BacktestSession, file: IO[bytes]) -> None:
    """Write all that is known of a session as one zip archive, with the SHA-256 of each file in `manifest.json`."""
    members: dict[str, Callable[[IO[bytes]], object]] = {
        "session.json": lambda member: member.write(_pretty(_facts(session))),
        "strategy.json": lambda member: member.write(session.strategy_version.graph_json.encode()),
        "trades.csv": lambda member: write_trades(session, member),
        "events.jsonl": lambda member: write_events(session, member),
    }
    result = SessionResult.objects.filter(session=session).values_list("document_json", flat=True).first()
    if result is not None:
        members["result.json"] = lambda member: member.write(result.encode())
    sums: dict[str, Json] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, write in members.items():
            with archive.open(_member(name), "w", force_zip64=True) as member:
                counted = _Counted(member)
                write(cast(IO[bytes], counted))
            sums[name] = {"sha256": counted.sha256.hexdigest(), "bytes": counted.size}
        archive.writestr(_member("manifest.json"), _pretty({"session_id": session.session_id, "files": sums}))


def _facts(session: BacktestSession) -> Json:
    return {
        "session_id": session.session_id,
        "state": session.state,
        "strategy": session.strategy_version.strategy.slug,
        "version": session.strategy_version.number,
        "fingerprint": session.strategy_version.fingerprint,
        "data_set": session.data_set.slug,
        "data_set_fingerprint": session.data_set.fingerprint,
        "start_date": session.start_date and session.start_date.isoformat(),
        "end_date": session.end_date and session.end_date.isoformat(),
        "pace": session.pace,
        "fills": session.fills,
        "costs": session.costs,
        "capital": None if session.capital is None else str(session.capital),
        "started_by": session.owner and session.owner.get_username(),
        "created_at": session.created_at.isoformat(),
        "finished_at": session.finished_at and session.finished_at.isoformat(),
        "ticks_done": session.ticks_done,
        "total_ticks": session.total_ticks,
        "summary": session.result,
        "error": session.error,
    }


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _NO_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _pretty(document: Json) -> bytes:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


class _Counted(io.RawIOBase):
    """A file that adds up what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._file = file

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Write, and add up."""
        self.sha256.update(data)
        self.size += len(data)
        return self._file.write(data)


def _frames(session_pk: int) -> Iterator[tuple[int, bytes]]:
    after = event_log.read_state(session_pk).oldest_event_id - 1
    while frames := event_log.read_frames(session_pk, after=after, limit=_EVENTS_PER_READ):
        yield from frames
        after = frames[-1][0]


def _write_csv(file: IO[bytes], columns: tuple[str, ...], rows: Iterator[Json]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    text.flush()
    # The file stays the caller's.
    text.detach()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _is_number(value):
        return f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    """Tell whether a text is one of our own decimal numbers: "-12.50"."""
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


# The endpoint

_KINDS: Final[dict[str, tuple[str, Callable[[BacktestSession, IO[bytes]], None]]]] = {
    "trades.csv": ("text/csv; charset=utf-8", write_trades),
    "events.csv": ("text/csv; charset=utf-8", write_events_csv),
    "events.jsonl": ("application/jsonl", write_events),
    "bundle.zip": ("application/zip", write_bundle),
}


@extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
@api_view(["GET"])
@permission_classes([AllowAny])
def session_export(request: Request, session_id: str, name: str) -> HttpResponseBase:
    """Give a session's trades or events as a file, or all of it as an archive: trades.csv, events.csv and so on."""
    session = answers.asked_session(request, session_id)
    if name not in _KINDS:
        raise NotFound(f"There is no such export; there are {', '.join(_KINDS)}.")
    content_type, write = _KINDS[name]
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        with event_log.one_instant():
            write(session, file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    response: HttpResponseBase
    if size <= _IN_MEMORY_BYTES:
        with file:
            response = HttpResponse(file.read(), content_type=content_type)
    else:
        response = StreamingHttpResponse(_chunks(file), content_type=content_type)
        response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = f'attachment; filename="{session.session_id}-{name}"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while chunk := await sync_to_async(file.read, thread_sensitive=False)(_BYTES_PER_CHUNK):
            yield chunk
    finally:
        file.close()
