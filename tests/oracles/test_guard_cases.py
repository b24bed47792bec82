"""Stops, targets and trailing stops, case by case: what the table of ``guard_cases`` works out by hand."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.fills import FillPolicy
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.ticks import EXCHANGE_ZONE, Tick, TickList, TickSecond
from tests.builders.runs import RecordingEngine, guards_told
from tests.oracles import guard_cases
from tests.oracles import strategy_writer as write
from tests.oracles.guard_cases import GuardCase
from tests.oracles.strategy_writer import Json

OPEN = datetime(2024, 10, 29, 9, 15, tzinfo=EXCHANGE_ZONE)
OPTION = "NIFTY:2024-11-07:OPT:24000:CE"
FOUR_PLACES = Decimal("0.0001")


@pytest.mark.parametrize("case", guard_cases.CASES, ids=lambda case: case.name)
def test_a_case_ends_as_worked_out_by_hand(case: GuardCase) -> None:
    result = _engine(case).run()

    assert [_trade_text(trade) for trade in result.trades] == list(case.expected)
    assert [_mark_text(mark) for mark in result.open_positions] == list(case.still_open)


@pytest.mark.parametrize("case", guard_cases.CASES, ids=lambda case: case.name)
def test_a_case_ends_the_same_way_headless(case: GuardCase) -> None:
    full, headless = _engine(case).run(), _engine(case).run_headless()

    assert headless.trades == full.trades
    assert headless.open_positions == full.open_positions


@pytest.mark.parametrize("case", guard_cases.CASES, ids=lambda case: case.name)
def test_the_level_told_before_an_exit_is_the_one_that_triggers(case: GuardCase) -> None:
    engine = _engine(case)
    result = engine.run()

    told = guards_told(engine.outcomes)

    guarded = [trade for trade in result.trades if trade.exit_type in ("stop_loss", "take_profit", "trailing_stop")]
    assert [trigger for _, trigger in told] == [trade.trigger_price for trade in guarded]
    assert [level for level, _ in told] == [trigger for _, trigger in told]


def test_a_guard_whose_order_waits_to_be_filled_is_told_no_more() -> None:
    engine = _engine(
        GuardCase(
            name="", prices="100 99 98 97", guards=write.stop_loss(2), fills=FillPolicy(timing="next_tick"), expected=()
        )
    )  # fmt: skip

    engine.run()

    levels = [[mark.stop_loss_price for mark in outcome.positions] for outcome in engine.outcomes]
    assert levels == [[], [Decimal("97.02")], [Decimal("97.02")], [None]]


def test_there_are_sixty_small_cases_each_with_a_name_of_its_own() -> None:
    assert len({case.name for case in guard_cases.CASES}) == len(guard_cases.CASES) >= 60
    assert all(len(case.prices.split()) <= 10 for case in guard_cases.CASES)


def test_of_two_exit_nodes_with_one_level_the_first_of_the_document_closes() -> None:
    case = GuardCase(
        name="", prices="100 98", guards=write.stop_loss(2), more_guards=write.stop_loss(2), expected=()
    )  # fmt: skip
    result: BacktestResult = _engine(case).run()

    assert [trade.exit_reason for trade in result.trades] == ["exit"]


def _engine(case: GuardCase) -> RecordingEngine:
    seconds = []
    for tick, price in enumerate(case.prices.split()):
        ticks = [Tick("NIFTY", 24_000.0)] + ([] if price == "-" else [Tick(OPTION, float(price))])
        seconds.append(TickSecond(OPEN + timedelta(seconds=tick), ticks))
    return RecordingEngine(
        BacktestConfig(strategy=parse_strategy(_document(case)), market_data=TickList(seconds), fills=case.fills)
    )


def _document(case: GuardCase) -> Json:
    call = write.option("CE")
    positions = [
        write.position(
            "first", case.side, quantity=case.quantity, max_entries=case.max_entries, option=call, **case.entry_order
        )
    ]
    exits = [write.exit_node("exit", "first", guards=case.guards, **case.exit_order)]
    if case.more_guards:
        exits.append(write.exit_node("exit-2", "first", guards=case.more_guards))
    if case.beside:
        positions.append(write.position("second", case.beside[0], option=call))
        exits.append(write.exit_node("exit-3", "second", guards=case.beside[1]))
    nodes = [
        write.start([], traded="options"),
        write.entry_signal("entry-signal", write.always()),
        write.entry("entry", *positions),
        write.exit_signal("exit-signal", _from_tick(case.signal_from)),
        *exits,
    ]
    edges = [("start", "entry-signal"), ("entry-signal", "entry"), ("entry", "exit-signal")]
    edges += [("exit-signal", node["id"]) for node in exits]
    if case.square_off_at is not None or case.ends:
        at = None if case.square_off_at is None else _clock(case.square_off_at)
        nodes.append(write.square_off(at=at, **case.ends))
        edges.append(("start", "square-off"))
    if case.re_entries is not None:
        nodes.append(write.re_entry("re-entry", case.re_entry_target, write.always(), most=case.re_entries))
        edges += [(node["id"], "re-entry") for node in exits]
    return write.document(nodes, edges)


def _from_tick(tick: int | None) -> Json:
    if tick is None:
        return write.group(write.condition(write.constant(1), "==", write.constant(2)))
    return write.group(write.condition(write.time_now(), ">=", write.time_of_day(_clock(tick))))


def _clock(tick: int) -> str:
    return f"{OPEN + timedelta(seconds=tick):%H:%M:%S}"


def _trade_text(trade: Trade) -> str:
    entry = f"{_tick(trade.entry_time)}@{_plain(trade.entry_price)}"
    exit_ = f"{_tick(trade.exit_time)}@{_plain(trade.exit_price)}"
    return f"{entry} > {exit_} {trade.exit_type} {_plain(trade.trigger_price)} x{trade.quantity}"


def _mark_text(mark: PositionMark) -> str:
    return f"{_tick(mark.entry_time)}@{_plain(mark.entry_price)} x{mark.quantity}"


def _tick(at: datetime) -> int:
    return int((at - OPEN).total_seconds())


def _plain(price: Decimal) -> str:
    """Write a price with at most four places and no zeros at the end."""
    return f"{price.quantize(FOUR_PLACES):f}".rstrip("0").rstrip(".")
