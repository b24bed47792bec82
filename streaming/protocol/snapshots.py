"""
Snapshots: a viewer's whole state in one payload.

A snapshot holds two JSON documents (`messages.Diagnostics` and `messages.TradesDocument`), each as base64 of gzip, so
that any client can open them with what it has at hand. The bytes depend on the documents alone: no time, no file name
and no operating system stands in the gzip header.

A session's log keeps the parts of the documents as JSON text already; `assemble_diagnostics` joins them without
reading them again.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import Any

from streaming.protocol import json_text
from streaming.protocol.errors import SnapshotInvalid
from streaming.protocol.messages import CompletionStatus

#: RFC 1952 §2.3: magic, deflate, no flags, no time, best compression, unknown operating system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def pack(document: bytes) -> str:
    """Compress one JSON document with gzip (level 9) and write it as base64."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(document) + deflate.flush()
    trailer = struct.pack("<II", zlib.crc32(document), len(document) & 0xFFFFFFFF)
    return base64.b64encode(_GZIP_HEADER + body + trailer).decode("ascii")


def unpack(text: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """
    Read the document that `pack` wrote.

    Raises:
        SnapshotInvalid: If the text is not base64 of gzip of one JSON document.
    """
    try:
        return json_text.decode(zlib.decompress(base64.b64decode(text, validate=True), _GZIP_WINDOW))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise SnapshotInvalid(f"A snapshot of {len(text)} characters cannot be opened: {error}.") from error


def assemble_diagnostics(events_history_json: bytes, current_state_json: bytes) -> bytes:
    """
    Join the parts of a diagnostics document.

    Args:
        events_history_json: A JSON object, execution id to node event without its envelope.
        current_state_json: The payload of the last tick_update, or `null`.
    """
    return b'{"events_history":%b,"current_state":%b}' % (events_history_json, current_state_json)


def snapshot_fields(
    *, diagnostics: bytes, trades: bytes, strategy_id: str, start_date: str, end_date: str
) -> dict[str, Any]:
    """
    Build what `initial_state` and `backtest_complete` have in common, without the envelope.

    Args:
        diagnostics: The diagnostics document, JSON.
        trades: The trades document, JSON.
        strategy_id: As the strategy names itself.
        start_date: First day of market data, ISO 8601.
        end_date: Last day of market data, ISO 8601.
    """
    return {
        "diagnostics": pack(diagnostics),
        "trades": pack(trades),
        "uncompressed_sizes": {"diagnostics": len(diagnostics), "trades": len(trades)},
        "strategy_id": strategy_id,
        "start_date": start_date,
        "end_date": end_date,
    }


def initial_state_payload(
    *,
    event_id: int,
    session_id: str,
    diagnostics: bytes,
    trades: bytes,
    strategy_id: str,
    start_date: str,
    end_date: str,
) -> dict[str, Any]:
    """Build the payload of an `initial_state` that holds everything up to `event_id`. See `snapshot_fields`."""
    fields = snapshot_fields(
        diagnostics=diagnostics, trades=trades, strategy_id=strategy_id, start_date=start_date, end_date=end_date
    )
    return {"event_id": event_id, "session_id": session_id, **fields}


def completion_fields(*, total_ticks: int, status: CompletionStatus, error: str | None = None) -> dict[str, Any]:
    """Build what `backtest_complete` adds to `snapshot_fields`; `error` is one sentence, only where it failed."""
    fields: dict[str, Any] = {"total_ticks": total_ticks, "status": status}
    return fields if error is None else {**fields, "error": error}
