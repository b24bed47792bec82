"""The engine as a whole: what it refuses, where it ends, what it hands out, and that it does the same every time."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from strategies.engine.candles import Candle
from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.errors import MarketDataInvalid, SymbolInvalid
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import QuoteView, SeriesView
from strategies.engine.positions import NO_TRADES, PnlSummary
from tests.builders.market_data import WrittenDays, at, market_data, minutes, seconds
from tests.builders.runs import Run, run
from tests.builders.strategy_documents import (
    Json,
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    option,
    position,
    re_entry_signal,
    rsi,
    square_off,
    start_node,
    strategy_document,
    timeframe,
    when,
)

ROOT = Path(__file__).resolve().parents[3]
PUT = "NIFTY:2024-11-07:OPT:24250:PE"
CALL = "NIFTY:2024-11-07:OPT:24250:CE"
OTHER = "NIFTY:2024-11-07:OPT:24200:CE"


def document() -> Json:
    """Sell a put when the index is above 24,250, buy it back above 24,260, enter again as long as that may be."""
    return strategy_document(
        start_node("start", timeframe("1m", rsi_2=rsi(2))),
        entry_signal("signal", when(ltp(), ">", 24_250), variables={"Price": ltp()}),
        entry("entry", position("pos", "sell", quantity=75, max_entries=9, option=option("PE"))),
        exit_signal("leave", when(ltp(), ">", 24_260)),
        exit_node("exit", "pos"),
        re_entry_signal("again", "entry", always(), max_re_entries=5),
        square_off(minutes_before_close=5),
        edges=["start > signal > entry > leave > exit > again > entry", "start > square-off"],
    )


def day(*prices: float) -> WrittenDays:
    return market_data(*({"NIFTY": price, PUT: 24_500 - price, CALL: price - 24_000, OTHER: 1.0} for price in prices))


def idle() -> Json:
    return strategy_document(start_node(), square_off(minutes_before_close=5), edges="start > square-off")


def three_days() -> WrittenDays:
    found = [
        each for number in (28, 29, 30) for each in seconds({"NIFTY": 100}, {"NIFTY": 101}, on=date(2024, 10, number))
    ]
    return WrittenDays(found)


def test_a_run_goes_to_the_end_of_the_data() -> None:
    done = run(document(), day(24_240, 24_255, 24_265, 24_255, 24_255))

    result = done.result
    assert (result.status, result.total_ticks, len(done.outcomes)) == ("completed", 5, 5)
    assert [outcome.tick for outcome in done.outcomes] == [1, 2, 3, 4, 5]
    assert [outcome.timestamp for outcome in done.outcomes] == [at(f"09:15:0{index}") for index in range(5)]
    assert done.trades == [("pos-r0", "09:15:01", "09:15:02", "750.00", "exit")]
    assert done.completed == [
        (1, "start"), (2, "signal"), (2, "entry"), (3, "leave"), (3, "exit"), (3, "again"), (4, "entry"),
    ]  # fmt: skip


def test_the_result_names_the_strategy_and_the_data_that_it_is_of() -> None:
    data = day(24_240)

    result = run(document(), data).result

    assert result.strategy_fingerprint == parse_strategy(document()).fingerprint
    assert result.market_data_fingerprint == data.fingerprint


def test_a_run_without_a_trade_has_an_empty_summary() -> None:
    assert run(document(), day(24_240)).result.summary == NO_TRADES


@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_a_run_that_is_told_to_stop_is_cancelled_before_the_next_tick(ticks: int) -> None:
    answers: Iterator[bool] = iter([True] * ticks + [False])

    done = run(document(), day(24_255, 24_265, 24_255, 24_255), should_continue=lambda: next(answers))

    assert (done.result.status, done.result.total_ticks, len(done.outcomes)) == ("cancelled", ticks, ticks)


def test_a_run_that_is_cancelled_leaves_its_positions_open() -> None:
    answers = iter([True, False])

    done = run(document(), day(24_255, 24_265), should_continue=lambda: next(answers))

    assert (done.trades, done.open) == ([], [["pos"]])


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, [28, 28, 29, 29, 30, 30]),
        (date(2024, 10, 29), None, [29, 29, 30, 30]),
        (None, date(2024, 10, 29), [28, 28, 29, 29]),
        (date(2024, 10, 29), date(2024, 10, 29), [29, 29]),
        (date(2024, 1, 1), date(2024, 12, 31), [28, 28, 29, 29, 30, 30]),
    ],
)
def test_only_the_days_from_start_to_end_are_run_both_included(
    start: date | None, end: date | None, days: list[int]
) -> None:
    done = run(idle(), three_days(), start_date=start, end_date=end)

    assert [outcome.timestamp.day for outcome in done.outcomes] == days


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            date(2024, 10, 30),
            date(2024, 10, 28),
            "the run would start on 2024-10-30 and end before it, on 2024-10-28; swap the dates",
        ),
        (
            date(2024, 11, 1),
            date(2024, 11, 2),
            "no tick lies between 2024-11-01 and 2024-11-02; the market data hold 2024-10-28 to 2024-10-30",
        ),
        (
            date(2024, 10, 1),
            date(2024, 10, 2),
            "no tick lies between 2024-10-01 and 2024-10-02; the market data hold 2024-10-28 to 2024-10-30",
        ),
    ],
)
def test_days_that_the_data_do_not_hold_are_refused(start: date, end: date, message: str) -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        run(idle(), three_days(), start_date=start, end_date=end)

    assert str(caught.value) == message


def test_a_symbol_that_the_data_do_not_hold_is_refused_with_those_that_they_do() -> None:
    found = strategy_document(start_node(symbol="FINNIFTY"), square_off(is_immediate=True))

    with pytest.raises(MarketDataInvalid) as caught:
        run(found, market_data({"NIFTY": 1, "BANKNIFTY": 1, PUT: 1}))

    assert str(caught.value) == (
        "the strategy uses the symbol 'FINNIFTY', which has no tick in the market data; underlyings there: "
        "BANKNIFTY, NIFTY"
    )


def test_a_supporting_instrument_that_the_data_do_not_hold_is_refused() -> None:
    config = {"symbol": "BANKNIFTY", "timeframes": []}
    start = start_node(supportingInstrumentEnabled=True, supportingInstrumentConfig=config)

    with pytest.raises(MarketDataInvalid, match="the strategy uses the symbol 'BANKNIFTY'"):
        run(strategy_document(start, square_off(is_immediate=True)), market_data({"NIFTY": 1}))


def test_options_cannot_be_traded_where_the_data_hold_none_of_the_underlying() -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        run(document(), market_data({"NIFTY": 1, "BANKNIFTY:2024-11-07:OPT:51000:PE": 1}))

    assert str(caught.value) == "the strategy trades options on NIFTY, but the market data hold none of them"


def test_a_strategy_without_options_needs_no_contract() -> None:
    assert run(idle(), market_data({"NIFTY": 1})).result.status == "completed"


def test_a_symbol_of_the_data_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SymbolInvalid):
        run(document(), market_data({"NIFTY": 1, PUT: 1}, symbols=["NIFTY:soon:FUT"]))


def test_the_engine_counts_ticks_and_trades_as_it_goes() -> None:
    config = BacktestConfig(strategy=parse_strategy(document()), market_data=day(24_255, 24_265, 24_240))
    engine, seen = CentralizedBacktestEngine(config), []

    def look() -> bool:
        seen.append((engine.ticks_run, engine.trade_summary.total_trades))
        return True

    engine.run(should_continue=look)

    assert seen == [(0, 0), (1, 0), (2, 1)]


def test_a_tick_hands_out_prices_of_the_underlying_of_what_was_traded_and_of_what_would_be_picked_now() -> None:
    done = run(document(), day(24_240, 24_255, 24_265, 24_205))

    shown = [set(outcome.quotes) for outcome in done.outcomes]
    # No contract at 24,205: the chain's only put is at 24,250, and it was traded.
    assert shown == [{"NIFTY", PUT}] * 4
    assert done.outcomes[1].quotes == {
        "NIFTY": QuoteView(ltp=24_255, at=at("09:15:01")),
        PUT: QuoteView(ltp=245, at=at("09:15:01")),
    }


def test_a_contract_that_was_traded_stays_among_the_prices_when_the_money_has_moved_away() -> None:
    higher = "NIFTY:2024-11-07:OPT:24300:PE"
    ticks = [{"NIFTY": 24_251, PUT: 180, higher: 210}, {"NIFTY": 24_255, PUT: 181}, {"NIFTY": 24_299, higher: 190}]

    done = run(document(), market_data(*ticks))

    assert [list(outcome.quotes) for outcome in done.outcomes] == [
        ["NIFTY", PUT],
        ["NIFTY", PUT],
        ["NIFTY", PUT, higher],
    ]
    assert done.outcomes[2].quotes[PUT] == QuoteView(ltp=181, at=at("09:15:01"))


def test_after_the_end_of_the_day_nothing_would_be_picked_any_more() -> None:
    found = document()
    found["nodes"][-1] = square_off(exit_time="09:15:01")

    done = run(found, day(24_240, 24_240))

    assert [list(outcome.quotes) for outcome in done.outcomes] == [["NIFTY", PUT], ["NIFTY"]]


def test_a_completion_is_the_whole_state_after_its_tick() -> None:
    warmup = minutes(24_250.0, 24_251.0, 24_252.0, 24_251.0, 24_253.0, 24_254.0, start="09:09:00")
    ticks = [{"NIFTY": 24_240, PUT: 200}, {"NIFTY": 24_255, PUT: 190}]

    done = run(document(), market_data(*ticks, warmup_candles=warmup))

    completion = done.completion("signal")
    current = Candle(at("09:15:00"), 24_240, 24_255, 24_240, 24_255, 0)
    assert completion.series == {
        "TI.1m": SeriesView(finished=warmup[-4:], current=current, indicators={"rsi(2,close)": 90.0})
    }
    assert (completion.tick, completion.timestamp, completion.conditions_preview) == (
        2,
        at("09:15:01"),
        "TI.underlying_ltp > 24250",
    )
    assert (completion.variables, completion.known_variables) == ({"Price": 24_255}, {"signal.Price": 24_255})
    # The entry that followed in the same tick is part of it already.
    assert [mark.position_id for mark in completion.positions] == ["pos"]
    assert completion.pnl == PnlSummary(Decimal("0.00"), Decimal("0.00"), Decimal("0.00"), 0, 1)
    assert completion.active_nodes == ("square-off", "leave")
    assert (completion.opened, completion.closed, completion.orders) == ((), (), ())


def test_nodes_without_conditions_have_no_record_of_any() -> None:
    done = run(document(), day(24_255, 24_265))

    without = {
        execution.node_type
        for outcome in done.outcomes
        for execution in outcome.executions
        if execution.evaluated_conditions is None
    }
    assert without == {"StartNode", "EntryNode", "ExitNode"}


def test_executions_are_named_after_node_and_time_and_no_two_are_alike() -> None:
    done = run(document(), day(*[24_255, 24_265, 24_240] * 20))

    executions = [execution for outcome in done.outcomes for execution in outcome.executions]
    names = [execution.execution_id for execution in executions]
    assert len(set(names)) == len(names) > 90
    assert all(re.fullmatch(rf"exec_{e.node_id}_20241029_09\d{{4}}_[0-9a-f]{{6}}", e.execution_id) for e in executions)


def test_every_execution_but_the_first_has_a_parent_that_completed() -> None:
    done = run(document(), day(*[24_255, 24_265, 24_240] * 5))

    completed = {completion.execution.execution_id for completion in done.result.completions}
    parents = {execution.parent_execution_id for outcome in done.outcomes for execution in outcome.executions}
    assert parents - {None} <= completed
    assert len(parents) > 5


def test_a_rerun_gives_the_same_outcomes_to_the_last_field() -> None:
    """S2."""
    first, again = (run(document(), day(*[24_255, 24_265, 24_240] * 10)) for _ in range(2))

    assert again.outcomes == first.outcomes
    assert again.result == first.result


def test_another_strategy_gives_other_execution_ids() -> None:
    renamed = {**document(), "name": "Another"}

    ids = [
        {completion.execution.execution_id for completion in run(each, day(24_255)).result.completions}
        for each in (document(), renamed)
    ]

    assert ids[0].isdisjoint(ids[1])


def test_no_outcome_depends_on_the_order_in_which_a_process_hashes() -> None:
    """S2."""
    first, other = (_printed_run(seed) for seed in ("0", "1"))

    assert len(first.splitlines()) == 31
    assert other == first


def _printed_run(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.strategies.engine.print_run"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_small_runs_are_recorded_whole() -> None:
    done: Run = run(document(), day(24_255, 24_265))

    assert done.result.completions == tuple(
        completion for outcome in done.outcomes for completion in outcome.completions
    )
    assert done.result.trades == tuple(trade for outcome in done.outcomes for trade in outcome.trades)
    assert [summary for outcome in done.outcomes for summary in outcome.summaries][-1] == done.result.summary
