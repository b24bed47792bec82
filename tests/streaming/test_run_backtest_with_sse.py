"""
The runner, over the reference day and over bad input.

No test here may use the database (pytest-django refuses it), and the command line is given an address where none is.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import itertools
import json
import os
import pty
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from strategies import samples, strategy_documents
from streaming.jsonl_recorder import FILE_NAMES
from streaming.protocol import fold, json_text

ROOT = Path(__file__).resolve().parents[2]
NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}


def command_line(*arguments: object) -> list[str]:
    """Build the command as a person types it."""
    return [sys.executable, "manage.py", "run_backtest_with_sse", *map(str, arguments)]


def reference_arguments(reference_day: Path) -> list[object]:
    """Name the reference day's files."""
    return [
        *("--strategy", reference_day / "strategy.json"),
        *("--ticks", reference_day / "ticks.parquet"),
        *("--warmup", reference_day / "warmup_candles_1m.csv"),
    ]


@dataclass(frozen=True)
class Recording:
    """What a run left."""

    folder: Path
    console: str

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Read the events of one type, or all in the order of their ids."""
        names = [FILE_NAMES[event]] if event else list(FILE_NAMES.values())
        lines = [line for name in names for line in (self.folder / name).read_bytes().splitlines()]
        # Not the standard library's reader: it takes seconds for a day.
        return sorted((json_text.decode(line) for line in lines), key=lambda item: int(item["data"]["event_id"]))


@pytest.fixture(scope="module")
def recording(reference_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Run the reference day once, for all tests that only read."""
    folder, console = tmp_path_factory.mktemp("reference") / "out", io.StringIO()
    call_command("run_backtest_with_sse", *reference_arguments(reference_day), output=folder, stdout=console)
    return Recording(folder, console.getvalue())


@pytest.mark.slow
def test_the_reference_day_gives_exactly_its_trades(recording: Recording, reference_day: Path) -> None:
    with (reference_day / "expected_trades.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))

    trades = [event["data"]["trade"] for event in recording.events("trade_update")]

    told = [{name: str(trade[name]).removesuffix("+05:30") for name in expected[0]} for trade in trades]
    assert told == expected
    assert len(told) == 9
    assert sum(Decimal(trade["pnl"]) for trade in trades) == Decimal("-12630.00")


@pytest.mark.slow
def test_the_reference_day_gives_exactly_its_node_events(recording: Recording, reference_day: Path) -> None:
    with (reference_day / "expected_node_events.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))

    events = [event["data"] for event in recording.events("node_event")]

    told = [{name: str(event[name]).removesuffix("+05:30") for name in expected[0]} for event in events]
    assert told == expected


@pytest.mark.slow
def test_every_tick_is_told_and_the_ids_have_no_hole(recording: Recording) -> None:
    """S1."""
    events = recording.events()

    assert [event["data"]["event_id"] for event in events] == list(range(len(events)))
    assert len(recording.events("tick_update")) == 22_351
    assert (events[0]["event"], events[-1]["event"]) == ("initial_state", "backtest_complete")


@pytest.mark.slow
def test_within_a_tick_come_its_update_its_node_events_and_its_trades(recording: Recording) -> None:
    """S3."""
    rank = {"tick_update": 0, "node_event": 1, "trade_update": 2}
    events = recording.events()[1:-1]

    steps = [(rank[a["event"]], rank[b["event"]]) for a, b in itertools.pairwise(events)]

    assert all(later == 0 or earlier <= later for earlier, later in steps)
    assert events[0]["event"] == "tick_update"


@pytest.mark.slow
def test_folding_the_files_gives_the_final_state(recording: Recording) -> None:
    """S4, with the snapshots opened by the standard library's gzip."""
    *events, last = recording.events()
    state = fold.nothing_seen()
    for event in events:
        state = fold.fold(state, event["event"], event["data"])

    final = {
        name: json.loads(gzip.decompress(base64.b64decode(last["data"][name]))) for name in ("diagnostics", "trades")
    }

    assert state.canonical() == json_text.canonical(final)
    assert len(final["diagnostics"]["events_history"]) == 36
    assert len(final["trades"]["trades"]) == 9


@pytest.mark.slow
def test_payloads_have_the_promised_sizes(recording: Recording) -> None:
    ticks = [len(json_text.encode(event["data"])) for event in recording.events("tick_update")]
    (last,) = recording.events("backtest_complete")
    packed = last["data"]["diagnostics"], last["data"]["trades"]

    assert 3_000 <= statistics.median(ticks) <= 5_000
    assert 85_000 <= sum(last["data"]["uncompressed_sizes"].values()) <= 120_000
    assert sum(map(len, packed)) <= 15_000
    assert last["data"]["uncompressed_sizes"] == {
        name: len(gzip.decompress(base64.b64decode(last["data"][name]))) for name in ("diagnostics", "trades")
    }


@pytest.mark.slow
def test_the_console_tells_the_run(recording: Recording) -> None:
    lines = recording.console.splitlines()

    assert lines[:7] == [
        "[Event 0] initial_state",
        "  Diagnostics: 42 bytes uncompressed, 61 bytes compressed",
        "  Trades: 136 bytes uncompressed, 112 bytes compressed",
        "[Event 1] tick_update #1: 4 nodes, 0 positions",
        "[Event 2] node_event: strategy-controller (signal=True)",
        "[Event 101] tick_update #100: 3 nodes, 0 positions",
        "[Event 201] tick_update #200: 3 nodes, 0 positions",
    ]
    assert sum("tick_update #" in line for line in lines) == 1 + 223
    assert sum("] node_event: " in line for line in lines) == 36
    assert sum("] trade_update: " in line for line in lines) == 9
    assert "[Event 22397] backtest_complete" in lines
    assert "  Total ticks: 22,351" in lines
    assert lines[-1] == "9 trades, total P&L -12,630.00"


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes(recording: Recording, reference_day: Path, tmp_path: Path) -> None:
    """S2: another process, another hash seed, no database, another folder."""
    environment = {**os.environ, **NO_DATABASE, "PYTHONHASHSEED": "4711"}

    subprocess.run(
        command_line(*reference_arguments(reference_day), "--output", tmp_path / "out"),
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )

    for name in FILE_NAMES.values():
        assert (tmp_path / "out" / name).read_bytes() == (recording.folder / name).read_bytes(), name


# --- A few seconds of market data, and what can be wrong with them -------------------------------------------------

CONTRACTS = ("NIFTY", "NIFTY:2024-11-07:OPT:24350:PE", "NIFTY:2024-11-07:OPT:24350:CE")
Lines = list[str]


def good_ticks() -> Lines:
    """Write three seconds of ticks as CSV; the header is line 1, the first second lines 2 to 4."""
    rows = [
        f"2024-10-29 09:15:{second:02d},{symbol},{price}"
        for second in range(3)
        for symbol, price in zip(CONTRACTS, (24350.5, 181.6, 262.05), strict=True)
    ]
    return ["timestamp,symbol,ltp", *rows]


def with_cell(line: int, column: int, value: str) -> Callable[[Lines], Lines]:
    """Build a spoiler that replaces one cell."""

    def spoil(lines: Lines) -> Lines:
        cells = lines[line - 1].split(",")
        cells[column] = value
        return [*lines[: line - 1], ",".join(cells), *lines[line:]]

    return spoil


BAD_TICKS: dict[str, tuple[Callable[[Lines], Lines], str, str]] = {
    "empty file": (lambda lines: [], "", "empty"),
    "only a header": (lambda lines: lines[:1], "", "no rows"),
    "no price column": (lambda lines: [line.replace("ltp", "price") for line in lines], ", line 1", "'ltp' is missing"),
    "missing price": (with_cell(3, 2, ""), ", line 3", "ltp is empty"),
    "NaN price": (with_cell(3, 2, "nan"), ", line 3", "NaN"),
    "zero price": (with_cell(3, 2, "0"), ", line 3", "ltp is 0"),
    "negative price": (with_cell(3, 2, "-1.5"), ", line 3", "-1.5"),
    "infinite price": (with_cell(3, 2, "inf"), ", line 3", "inf"),
    "unknown symbol": (with_cell(3, 1, "NIFTY:soon"), ", line 3", "'NIFTY:soon'"),
    "no timestamp": (with_cell(5, 0, "noon"), ", line 5", "'noon'"),
    "out of order": (with_cell(5, 0, "2024-10-29 09:14:59"), ", line 5", "out of order"),
    "another underlying": (lambda lines: [line.replace("NIFTY", "SENSEX") for line in lines], "", "'NIFTY'"),
}


@pytest.mark.parametrize(("spoil", "place", "fault"), BAD_TICKS.values(), ids=BAD_TICKS)
def test_bad_ticks_end_with_one_sentence_and_no_output(
    tmp_path: Path, spoil: Callable[[Lines], Lines], place: str, fault: str
) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("".join(f"{line}\n" for line in spoil(good_ticks())), encoding="utf-8")

    message = refusal_of("--ticks", ticks, output=tmp_path / "out")

    assert message.startswith(f"{ticks}{place}: ")
    assert fault in message
    assert message.endswith(".")
    assert "\n" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["ticks.csv"]


def test_good_ticks_are_accepted(tmp_path: Path) -> None:
    """What the spoiled ones above are spoiled from."""
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("".join(f"{line}\n" for line in good_ticks()), encoding="utf-8")

    call_command("run_backtest_with_sse", ticks=ticks, output=tmp_path / "out", session_id="a.b_c-1")

    final = json.loads((tmp_path / "out" / "final_state.json").read_bytes())
    assert (final["data"]["total_ticks"], final["data"]["status"]) == (3, "completed")
    assert final["data"]["session_id"] == "a.b_c-1"


def write_days(folder: Path, *days: str) -> list[Path]:
    """Write a file with the three good seconds for each day."""
    folder.mkdir()
    paths = [folder / f"{day}.csv" for day in days]
    for path in paths:
        path.write_text("\n".join(good_ticks()).replace("2024-10-29", path.stem) + "\n", encoding="utf-8")
    return paths


def final_of(output: Path) -> dict[str, Any]:
    """Read the last event of a run."""
    data: dict[str, Any] = json.loads((output / "final_state.json").read_bytes())["data"]
    return data


def test_several_days_are_run_one_after_the_other_and_the_missing_ones_are_told(tmp_path: Path) -> None:
    days = write_days(tmp_path / "days", "2024-10-28", "2024-10-29", "2024-10-31")
    outputs: dict[str, bytes] = {}
    for name, ticks in {"files": days[::-1], "folder": [tmp_path / "days"]}.items():
        console = io.StringIO()
        arguments = ["--ticks", *map(str, ticks), "--output", str(tmp_path / name), "--session-id", "days"]
        call_command("run_backtest_with_sse", *arguments, stdout=console)
        outputs[name] = (tmp_path / name / FILE_NAMES["tick_update"]).read_bytes()
        assert console.getvalue().splitlines()[:2] == [
            "Skipped 2024-10-30: no data, though the exchange was open",
            "[Event 0] initial_state",
        ]

    final = final_of(tmp_path / "folder")

    assert (final["total_ticks"], final["start_date"], final["end_date"]) == (9, "2024-10-28", "2024-10-31")
    assert outputs["files"] == outputs["folder"]


def test_a_file_of_several_days_is_run_whole_unless_one_is_chosen(tmp_path: Path) -> None:
    ticks, (first, second) = tmp_path / "two.csv", write_days(tmp_path / "days", "2024-10-29", "2024-10-30")
    ticks.write_text(first.read_text() + second.read_text().partition("\n")[2], encoding="utf-8")

    totals = {}
    for name, days in {"whole": {}, "one": {"date": "2024-10-30"}, "rest": {"start": "2024-10-30"}}.items():
        arguments = [f"--{option}={day}" for option, day in days.items()]
        call_command(
            "run_backtest_with_sse", "--ticks", str(ticks), *arguments, output=tmp_path / name, stdout=io.StringIO()
        )
        final = final_of(tmp_path / name)
        totals[name] = (final["total_ticks"], final["start_date"], final["session_id"])

    assert totals == {
        "whole": (6, "2024-10-29", "sse-strategy-2024-10-29"),
        "one": (3, "2024-10-30", "sse-strategy-2024-10-30"),
        "rest": (3, "2024-10-30", "sse-strategy-2024-10-30"),
    }


def test_a_strategy_in_yaml_runs_to_the_same_bytes(tmp_path: Path) -> None:
    (ticks,) = write_days(tmp_path / "days", "2024-10-29")
    document = samples.sample_strategy()
    (tmp_path / "s.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "s.yaml").write_text(strategy_documents.yaml_text(document), encoding="utf-8")

    for name in ("s.json", "s.yaml"):
        arguments = [
            "--strategy",
            str(tmp_path / name),
            "--ticks",
            str(ticks),
            "--output",
            str(tmp_path / f"{name}-out"),
        ]
        call_command("run_backtest_with_sse", *arguments, stdout=io.StringIO())

    for file in FILE_NAMES.values():
        assert (tmp_path / "s.json-out" / file).read_bytes() == (tmp_path / "s.yaml-out" / file).read_bytes()


@pytest.mark.slow
def test_fills_on_the_next_tick_change_the_prices_and_not_the_number_of_trades(
    reference_day: Path, recording: Recording, tmp_path: Path
) -> None:
    arguments = [
        *map(str, reference_arguments(reference_day)),
        "--fills",
        "next_tick",
        "--output",
        str(tmp_path / "out"),
    ]

    call_command("run_backtest_with_sse", *arguments, stdout=io.StringIO())

    lines = (tmp_path / "out" / FILE_NAMES["trade_update"]).read_bytes().splitlines()
    late = [json_text.decode(line)["data"]["trade"] for line in lines]
    prompt = [event["data"]["trade"] for event in recording.events("trade_update")]
    assert len(late) == len(prompt)
    assert [trade["symbol"] for trade in late] == [trade["symbol"] for trade in prompt]
    assert all(after["entry_time"] > before["entry_time"] for after, before in zip(late, prompt, strict=True))


Document = dict[str, Any]


def rename_type(document: Document) -> None:
    """Give a node a type that does not exist."""
    document["nodes"][1]["type"] = "crystalBall"


def lead_nowhere(document: Document) -> None:
    """Add an edge to a node that does not exist."""
    document["edges"].append({"source": document["nodes"][0]["id"], "target": "nowhere"})


def close_a_cycle(document: Document) -> None:
    """Lead from an exit node back to the entry signal, without a re-entry between them."""
    ids = {node["type"]: node["id"] for node in document["nodes"]}
    document["edges"].append({"source": ids["exitNode"], "target": ids["entrySignalNode"]})
    document["edges"].append({"source": ids["entrySignalNode"], "target": ids["exitNode"]})


def drop_a_field(document: Document) -> None:
    """Remove what an entry node opens."""
    entry = next(node for node in document["nodes"] if node["type"] == "entryNode")
    del entry["data"]["positions"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [(rename_type, "crystalBall"), (lead_nowhere, "nowhere"), (close_a_cycle, "cycle"), (drop_a_field, "positions")],
)
def test_a_bad_strategy_ends_with_file_line_and_fault_and_no_output(
    tmp_path: Path, spoil: Callable[[Document], None], fault: str
) -> None:
    document = json.loads(json.dumps(samples.sample_strategy()))
    spoil(document)
    strategy = tmp_path / "strategy.json"
    strategy.write_text(json.dumps(document, indent=1), encoding="utf-8")

    message = refusal_of("--strategy", strategy, output=tmp_path / "out")

    first = message.splitlines()[0]
    assert first.startswith(f"{strategy}, line ")
    assert fault in message
    assert first.endswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["strategy.json"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--date", "2024-10-30"], "The sample day is 2024-10-29, not 2024-10-30"),
        (["--date", "tomorrow"], "'tomorrow' is no date"),
        (["--start", "2024-10-30"], "The sample day is 2024-10-29, not 2024-10-30"),
        (["--start", "2024-10-30", "--end", "2024-10-29"], "--start 2024-10-30 lies after --end 2024-10-29"),
        (["--date", "2024-10-29", "--end", "2024-10-29"], "--date is short for one day"),
        (["--fills", "never"], "'never' is neither JSON nor one of this_tick"),
        (["--session-id", "a/b"], "--session-id 'a/b' is not possible"),
        (["--session-id", "x" * 65], "1 to 64"),
        (["--warmup", "candles.csv"], "--warmup belongs to --ticks"),
        (["--ticks", "nowhere.csv"], "nowhere.csv: the file does not exist"),
        (["--strategy", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_a_bad_option_ends_with_one_sentence_and_no_output(tmp_path: Path, arguments: list[str], fault: str) -> None:
    assert fault in refusal_of(*arguments, output=tmp_path / "out", is_usage=arguments[-1] in ("tomorrow", "never"))
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    assert "thesis.txt" in refusal_of(output=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def refusal_of(*arguments: object, output: Path, is_usage: bool = False) -> str:
    """Run the command, which must refuse with exit code 2, and return its message."""
    with pytest.raises(CommandError) as refusal:
        call_command("run_backtest_with_sse", *map(str, arguments), "--output", str(output))
    # What argparse refuses carries its exit code only on the real command line.
    assert is_usage or refusal.value.returncode == 2
    return str(refusal.value)


# --- The real command line ---------------------------------------------------------------------------------------


def test_the_command_line_exits_2_on_bad_input_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "ticks.csv").write_bytes(b"")

    done = subprocess.run(
        command_line("--ticks", tmp_path / "ticks.csv", "--output", tmp_path / "out"),
        cwd=ROOT,
        env={**os.environ, **NO_DATABASE},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert str(tmp_path / "ticks.csv") in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_keeps_the_earlier_output_and_nothing_half_written(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "final_state.json").write_text("earlier", encoding="utf-8")
    process = subprocess.Popen(
        command_line("--output", tmp_path / "out"),
        cwd=ROOT,
        env={**os.environ, **NO_DATABASE},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any("tick_update #200" in line for line in process.stdout)
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(timeout=30) == exit_code
    finally:
        process.kill()
        process.wait()

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "final_state.json").read_text(encoding="utf-8") == "earlier"


def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("".join(f"{line}\n" for line in good_ticks()), encoding="utf-8")
    terminal, end = pty.openpty()

    process = subprocess.Popen(
        command_line("--ticks", ticks, "--output", tmp_path / "out"),
        cwd=ROOT,
        env={**os.environ, **NO_DATABASE, "TERM": "xterm", "COLUMNS": "100"},
        stdout=end,
    )
    os.close(end)
    seen = read_all(terminal)

    assert process.wait(timeout=60) == 0
    assert "━" in seen
    assert "3/3" in seen
    assert "[Event 1] tick_update #1: " in seen


def read_all(terminal: int) -> str:
    """Read what was written to a terminal whose other end is closed."""
    parts = []
    # Linux answers with an error where others answer with nothing.
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:
        pass
    finally:
        os.close(terminal)
    return b"".join(parts).decode()
