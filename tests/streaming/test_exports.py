"""A session to take away: the files say what the interface says, and harm no spreadsheet."""

import asyncio
import csv
import hashlib
import io
import json
import zipfile
from typing import Any

import httpx
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession, Trade
from streaming import exports
from tests import sessions


def fetch(session: BacktestSession, name: str) -> bytes:
    """Download one file."""
    response = Client().get(f"/api/sessions/{session.session_id}/export/{name}")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"] == f'attachment; filename="{session.session_id}-{name}"'
    return bytes(response.getvalue())


def table(content: bytes) -> list[dict[str, str]]:
    """Read a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_trades_have_their_reasons_and_excursions(session: BacktestSession) -> None:
    sessions.run_here(session)
    trades = Client().get(f"/api/sessions/{session.session_id}/trades/").json()["results"]

    rows = table(fetch(session, "trades.csv"))

    assert len(rows) == len(trades) == 2
    for row, trade in zip(rows, trades, strict=True):
        same = ("trade_id", "symbol", "side", "pnl", "net_pnl", "mae", "mfe", "exit_reason", "exit_type")
        assert {name: row[name] for name in same} == {name: trade[name] for name in same}
        assert row["entry_reason"] == trade["entry_trigger"] != ""
        assert row["entry_time"].endswith("+05:30")
        assert float(row["mae"]) <= 0 <= float(row["mfe"])


def test_events_are_those_of_the_session(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)

    lines = [json.loads(line) for line in fetch(session, "events.jsonl").splitlines()]
    rows = table(fetch(session, "events.csv"))

    assert [(line["id"], line["event"], line["data"]) for line in lines] == [
        (event["data"]["event_id"], event["event"], event["data"]) for event in events
    ]
    assert [(int(row["id"]), row["event"]) for row in rows] == [(line["id"], line["event"]) for line in lines]
    node = next(row for row in rows if row["node_id"] == "enter-1")
    assert (node["tick"], node["conditions"]) == ("22", "TI.underlying_ltp > 24310")
    assert rows[-1]["status"] == "completed"


def test_the_bundle_has_all_of_it_with_checksums_and_is_the_same_every_time(session: BacktestSession) -> None:
    sessions.run_here(session)

    content = fetch(session, "bundle.zip")

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["session_id"] == session.session_id
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(file).hexdigest(), "bytes": len(file)} for name, file in files.items()
    }
    assert set(files) == {"session.json", "strategy.json", "trades.csv", "events.jsonl", "result.json"}
    assert files["strategy.json"].decode() == session.strategy_version.graph_json
    assert files["trades.csv"] == fetch(session, "trades.csv")
    assert files["events.jsonl"] == fetch(session, "events.jsonl")
    assert files["result.json"] == Client().get(f"/api/sessions/{session.session_id}/results/").content
    assert fetch(session, "bundle.zip") == content


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_looks_like_a_formula_is_a_text(session: BacktestSession, start: str) -> None:
    """Requirement 28 of the monitor: no file runs anything in the spreadsheet that opens it."""
    sessions.run_here(session)
    evil = f'{start}HYPERLINK("http://example.org","click")'
    Trade.objects.filter(session=session).update(entry_trigger=evil, symbol=evil, pnl="-5.00")

    for row in table(fetch(session, "trades.csv")):
        assert row["entry_reason"] == row["symbol"] == f"'{evil}"
        # A number below zero stays one.
        assert not row["pnl"].startswith("'")
        assert row["mae"].startswith("-")


def test_a_long_file_is_sent_from_disk_to_its_end(
    session: BacktestSession, asgi_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.publish(session, sessions.events_of(session))
    whole = fetch(session, "events.jsonl")
    monkeypatch.setattr(exports, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(exports, "_BYTES_PER_CHUNK", 4096)

    sent = httpx.get(f"{asgi_server}/api/sessions/{session.session_id}/export/events.jsonl", timeout=20)

    assert sent.content == whole
    assert sent.headers["Content-Length"] == str(len(whole))


def test_a_download_that_is_given_up_closes_its_file() -> None:
    file = io.BytesIO(b"x" * 10_000_000)

    async def give_up() -> None:
        chunks: Any = exports._chunks(file)
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(give_up())
    assert file.closed


def test_what_is_not_there_or_may_not_be_seen_is_not_found(session: BacktestSession, settings: Settings) -> None:
    path = f"/api/sessions/{session.session_id}/export"
    assert Client().get(f"{path}/secrets.txt").status_code == 404
    settings.PUBLIC_VIEWING = False
    for name in ("trades.csv", "events.csv", "events.jsonl", "bundle.zip"):
        assert Client().get(f"{path}/{name}").status_code == 404
