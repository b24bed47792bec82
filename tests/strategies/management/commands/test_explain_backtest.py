"""`manage.py explain_backtest`: why the nodes of a strategy did not act, told without a database."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from strategies import why_not
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.explain import explain_by_rerun
from strategies.engine.graph import parse_strategy
from strategies.market_data import simulator
from strategies.samples import sample_strategy

ROOT = Path(__file__).resolve().parents[4]


def told(*arguments: str) -> str:
    """Run the command and return what it prints."""
    printed = io.StringIO()
    call_command("explain_backtest", *arguments, stdout=printed)
    return printed.getvalue()


def test_the_answer_as_json_is_that_of_the_engine() -> None:
    strategy = parse_strategy(sample_strategy())
    names = why_not.names_of(strategy)
    data = simulator.sample_day()
    days = why_not.Days(data.first_date, data.last_date)
    question = why_not.read_question(
        nodes=["put-signal", "call-signal"], known=names, from_="09:16", to="10:00:30", day="", days=days
    )
    config = BacktestConfig(strategy=strategy, market_data=data)

    printed = told("--node", "put-signal", "call-signal", "--from", "09:16", "--to", "10:00:30", "--json")

    assert len(printed.splitlines()) == 1
    answer: dict[str, Any] = json.loads(printed)
    assert answer == why_not.completed(explain_by_rerun(config, question.explainer()), names)
    assert answer["from"] == "2024-10-29 09:16:00+05:30"


def test_the_sample_is_told_as_text() -> None:
    text = told("--node", "put-signal", "--node", "call-signal", "--to", "09:30")

    assert "put-signal (Bullish breakout, EntrySignalNode): 422 turns, 1 signal\n" in text
    assert "  303 of 422    71.80  Current Time >= 09:17\n" in text
    assert "last blocker 09:22:02: condition false: TI.underlying_ltp > Previous[TI.1m.High]" in text
    assert "start (Start" not in text


def test_skipped_days_are_told_beside_the_answer() -> None:
    errors = io.StringIO()

    call_command("explain_backtest", "--start=2024-10-28", "--node=start", stdout=io.StringIO(), stderr=errors)

    assert errors.getvalue() == "Skipped 2024-10-28: no data, though the exchange was open\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--node", "nope"], "--node 'nope' is no node of the strategy; it has start, put-signal, put-entry,"),
        (["--from", "9"], "--from '9' is no time; write a time of day as 09:15"),
        (["--from", "10:00", "--to", "09:00"], "--from 2024-10-29 10:00:00 lies after 2024-10-29 09:00:00; swap"),
        (
            ["--from", "09:15", "--start", "2024-10-28"],
            "--from 09:15 could be of any day: the run covers 2024-10-28 to",
        ),
        (["--strategy", "nowhere.yaml"], "nowhere.yaml cannot be read: No such file or directory."),
        (["--ticks", "nowhere.csv"], "nowhere.csv: the file does not exist"),
        (["--date", "2024-10-30"], "The sample day is 2024-10-29, not 2024-10-30"),
    ],
)
def test_bad_input_ends_with_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError) as refusal:
        told(*arguments)

    assert refusal.value.returncode == 2
    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).endswith(".")


def test_the_command_line_needs_no_database_and_exits_2_on_bad_input(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks.csv"
    ticks.write_text("timestamp,symbol,ltp\n2024-10-29 09:15:00,SENSEX,100\n", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "manage.py", "explain_backtest", "--ticks", str(ticks)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("CommandError: the strategy uses the symbol 'NIFTY'")
    assert len(done.stderr.splitlines()) == 1
