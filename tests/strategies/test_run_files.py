"""What a command runs: the options name strategy, market data, days and fills, or a sentence says what is wrong."""

import json
from argparse import ArgumentError, ArgumentParser
from datetime import date
from pathlib import Path

import pytest

from strategies import run_files, samples, strategy_documents
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import EngineError
from strategies.engine.fills import FillPolicy
from strategies.engine.graph import parse_strategy
from strategies.engine.text_documents import as_text_document
from strategies.market_data import simulator
from tests.builders.strategy_documents import start_node, strategy_document


def config_of(*arguments: object) -> BacktestConfig:
    """Read a command line."""
    parser = ArgumentParser(exit_on_error=False)
    run_files.add_arguments(parser)
    return run_files.read_config(vars(parser.parse_args([str(argument) for argument in arguments])))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file for each of three days."""
    days = tmp_path / "days"
    days.mkdir()
    for day in ("2024-10-28", "2024-10-29", "2024-10-31"):
        (days / f"{day}.csv").write_text(f"timestamp,symbol,ltp\n{day} 09:15:00,NIFTY,100\n")
    return days


def test_without_a_name_the_samples_are_run() -> None:
    config = config_of()

    assert config.strategy == parse_strategy(samples.sample_strategy())
    assert config.market_data.fingerprint == simulator.sample_day().fingerprint
    assert (config.start_date, config.end_date, config.fills) == (None, None, FillPolicy())


def test_a_folder_and_its_files_are_the_same_days(folder: Path) -> None:
    prints = {
        config_of("--ticks", *ticks).market_data.fingerprint
        for ticks in ([folder], sorted(folder.iterdir(), reverse=True))
    }

    assert len(prints) == 1
    assert [day.day.day for day in config_of("--ticks", folder).market_data.days()] == [28, 29, 31]


def test_a_range_of_days_and_one_day_are_taken(folder: Path) -> None:
    some = config_of("--ticks", folder, "--start", "2024-10-29", "--end", "2024-11-04")
    one = config_of("--ticks", folder, "--date", "2024-10-29")

    assert [day.day.day for day in some.market_data.days()] == [29, 31]
    assert (some.start_date, some.end_date) == (date(2024, 10, 29), date(2024, 11, 4))
    assert [day.day.isoformat() for day in run_files.skipped_days_of(some)] == [
        "2024-10-30",
        "2024-11-01",
        "2024-11-04",
    ]
    assert one.market_data.total_ticks == 1
    assert (one.start_date, one.end_date) == (date(2024, 10, 29), date(2024, 10, 29))


def test_a_strategy_may_be_yaml_with_text(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(strategy_documents.yaml_text(as_text_document(strategy_document(start_node()))))

    assert config_of("--strategy", path).strategy.nodes.keys() == {"start"}


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("this_tick", FillPolicy()),
        ("next_tick", FillPolicy(timing="next_tick")),
        ("bid_ask", FillPolicy(price="bid_ask")),
        ("bid_ask_next_tick", FillPolicy(price="bid_ask", timing="next_tick")),
        ('{"slippage_points": 0.5}', FillPolicy(slippage_points=0.5)),
        (json.dumps(FillPolicy(timing="next_tick").as_document()), FillPolicy(timing="next_tick")),
    ],
)
def test_fills_are_named_or_said_as_json(said: str, policy: FillPolicy) -> None:
    assert config_of("--fills", said).fills == policy


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("tomorrow", "'tomorrow' is neither JSON nor one of this_tick, next_tick"),
        ("[]", "is no JSON object such as"),
        ('{"slipage": 1}', "'slipage' is unknown"),
        ('{"slippage_points": -1}', "slippage_points is -1; expected a number from 0"),
        ('{"timing": "soon"}', "timing is 'soon'; allowed: this_tick, next_tick"),
    ],
)
def test_fills_that_are_not_understood_are_refused(said: str, fault: str) -> None:
    with pytest.raises(ArgumentError, match="--fills") as refused:
        config_of("--fills", said)

    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--date", "2024-10-29", "--end", "2024-10-30"], "--date is short for one day; leave it out where you give"),
        (["--start", "2024-10-30", "--end", "2024-10-29"], "--start 2024-10-30 lies after --end 2024-10-29; swap"),
        (["--start", "2024-10-30"], "The sample day is 2024-10-29, not 2024-10-30; name files with --ticks"),
        (["--end", "2024-10-28"], "The sample day is 2024-10-29, not 2024-10-28"),
        (["--warmup", "w.csv"], "--warmup belongs to --ticks"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(arguments: list[str], fault: str) -> None:
    with pytest.raises(EngineError) as refused:
        config_of(*arguments)

    assert str(refused.value).startswith(fault)


def test_a_folder_among_files_is_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match="is a folder; give one folder alone, or files"):
        config_of("--ticks", folder / "2024-10-28.csv", folder)


def test_days_that_the_files_do_not_have_are_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match="no row from 2024-11-04; they hold 2024-10-28"):
        config_of("--ticks", folder, "--start", "2024-11-04")


def test_the_sample_day_may_lie_within_a_range() -> None:
    config = config_of("--start", "2024-10-28", "--end", "2024-10-29")

    assert [day.day for day in run_files.skipped_days_of(config)] == [date(2024, 10, 28)]
