"""Snapshots: any gzip opens them, and the same documents give the same text."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import json_text, snapshots
from streaming.protocol.errors import SnapshotInvalid
from tests.streaming.protocol import vectors

SNAPSHOTS = vectors.load("snapshots")


@pytest.mark.parametrize("case", SNAPSHOTS["cases"], ids=vectors.name_of)
def test_a_packed_text_gives_its_document(case: dict[str, Any]) -> None:
    assert snapshots.unpack(case["packed"]) == json.loads(case["document"])


@pytest.mark.parametrize("case", SNAPSHOTS["refused"], ids=vectors.name_of)
def test_a_text_that_is_no_snapshot_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(SnapshotInvalid):
        snapshots.unpack(case["packed"])


@given(st.binary(max_size=2000))
def test_any_gzip_opens_what_is_packed(document: bytes) -> None:
    assert gzip.decompress(base64.b64decode(snapshots.pack(document))) == document


def test_the_gzip_header_names_no_time_file_or_system() -> None:
    """S2: nothing but the document decides the bytes."""
    packed = base64.b64decode(snapshots.pack(b'{"a":1}'))

    assert packed[:10] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255])


def test_diagnostics_are_joined_from_their_parts() -> None:
    joined = snapshots.assemble_diagnostics(b'{"exec_a":{"node_id":"a"}}', b"null")

    assert joined == json_text.encode({"events_history": {"exec_a": {"node_id": "a"}}, "current_state": None})


def test_an_initial_state_holds_both_documents_and_their_sizes() -> None:
    payload = snapshots.initial_state_payload(
        event_id=12,
        session_id="s",
        diagnostics=b'{"events_history":{},"current_state":null}',
        trades=b'{"trades":[]}',
        strategy_id="rsi",
        start_date="2024-10-29",
        end_date="2024-10-29",
    )

    assert payload == {
        "event_id": 12,
        "session_id": "s",
        "diagnostics": snapshots.pack(b'{"events_history":{},"current_state":null}'),
        "trades": snapshots.pack(b'{"trades":[]}'),
        "uncompressed_sizes": {"diagnostics": 42, "trades": 13},
        "strategy_id": "rsi",
        "start_date": "2024-10-29",
        "end_date": "2024-10-29",
    }
    assert list(payload)[:2] == ["event_id", "session_id"]


def test_a_completion_names_its_error_only_where_it_failed() -> None:
    completed = snapshots.completion_fields(total_ticks=5, status="completed")
    failed = snapshots.completion_fields(total_ticks=3, status="failed", error="The disk is full.")

    assert completed == {"total_ticks": 5, "status": "completed"}
    assert failed == {"total_ticks": 3, "status": "failed", "error": "The disk is full."}
