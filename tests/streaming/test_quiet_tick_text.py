"""Quiet ticks as JSON: byte for byte what recording each tick gives (S2), whatever stands in them, however they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import TickOutcome
from strategies.engine.quiet_ticks import LONGEST, SHORTEST, QuietTeller, QuietTicks
from strategies.engine.ticks import MarketData, TickList
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text, snapshots
from streaming.sse_event_emitter import EncodedEvent, SSEEvent
from tests.builders.market_data import NEXT_DAY, Quotes, market_data, seconds
from tests.builders.strategy_documents import (
    Json,
    always,
    arithmetic,
    candle,
    current_time,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    group,
    indicator,
    indicator_of,
    ltp,
    option,
    pnl_data,
    position,
    position_data,
    re_entry_signal,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
    take_profit,
    time_of_day,
    timeframe,
    trailing_stop,
    variable,
    when,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
LOWER_PUT = "NIFTY:2024-11-07:OPT:24200:PE"
SMA = indicator_of("sma", length=20)

Events = list[tuple[str, bytes]]


class Watched(CentralizedBacktestEngineWithSSE):
    """The engine, noting which ticks it told of as quiet ones."""

    def __init__(self, config: BacktestConfig, session_id: str = "run-1") -> None:
        super().__init__(config, session_id)
        self.quiet: list[range] = []

    def quiet_teller(self) -> QuietTeller | None:
        """Note what is told."""
        tell = super().quiet_teller()

        def noted(quiet: QuietTicks) -> Iterator[object]:
            assert tell is not None
            self.quiet.append(range(quiet.tick, quiet.tick + quiet.last - quiet.first))
            return tell(quiet)

        return None if tell is None else noted


def engine_of(document: Json, data: MarketData) -> Watched:
    return Watched(BacktestConfig(strategy=parse_strategy(document), market_data=data))


def as_data(document: Json, data: MarketData) -> Events:
    """Return every event, as plain data that is encoded afterwards: each tick is recorded."""
    engine, events = engine_of(document, data), Events()
    engine.register_sse_callback(lambda event: events.append((event["event"], json_text.encode(event["data"]))))
    engine.run()
    assert engine.quiet == []
    return events


def as_bytes(engine: Watched, **how: Callable[[], bool]) -> Events:
    events = Events()
    engine.register_encoded_callback(lambda event: events.append((event.event, event.data_json)))
    engine.run(**how)
    return events


def day(count: int = 80, **changes: Quotes) -> MarketData:
    """Return seconds of an index that falls, rises and falls, and of a put; some symbols tick in some seconds only."""
    rows = []
    for second in range(count):
        index = 24_250 + abs(second % 40 - 20) * 1.5
        rows.append({"NIFTY": index, PUT: 24_500.05 - index} if second % 3 else {"NIFTY": index})
    return market_data(*rows)


def strategy(
    *conditions: Json, name: str = "signal", leave: Json | None = None, guards: Json | None = None, side: str = "sell"
) -> Json:
    return strategy_document(
        start_node("start", timeframe("1s", unit="seconds", sma=SMA), timeframe("1m", number=1)),
        entry_signal(name, *conditions, variables={"Price": ltp()}),
        entry("entry", position("pos", side, quantity=75, max_entries=9, option=option("PE"))),
        exit_signal("leave", leave or when(ltp(), ">", 99_999)),
        exit_node("exit", "pos", guards=guards or stop_loss(20)),
        re_entry_signal("again", "entry", always(), max_re_entries=1),
        square_off(minutes_before_close=5),
        edges=[f"start > {name} > entry > leave > exit > again > entry", "start > square-off"],
    )


LATE = when(current_time(), ">", time_of_day("15:00"))
NEVER = when(ltp(), ">", 99_999)
NOTHING = arithmetic(ltp(), "-", ltp())

CONDITIONS = {
    "a price": [when(ltp(), ">", 99_999)],
    "a crossing of an average": [NEVER, when(ltp(), "crosses_above", indicator("sma", 0, "1s"))],
    "a range": [NEVER, when(ltp(), "between", 24_255, upper=arithmetic(ltp(), "+", 1.25))],
    "times of day": [LATE, when(time_of_day("09:15:30"), "<", current_time())],
    "a candle that is missing at first": [NEVER, when(candle("Close"), ">", 0)],
    "groups in groups": [NEVER, group("OR", when(ltp(), ">", 24_260), group("AND", always(), NEVER))],
    "a reason that changes": [NEVER, when(arithmetic(1, "/", arithmetic(ltp(), "-", 24_250)), ">", 2)],
    "zeros of both signs": [NEVER, when(arithmetic(NOTHING, "*", arithmetic(current_time(), "-", 33_340)), "<=", 0)],
    "a text beside a number": [NEVER, when("high\u2028\"er\ue000.0\ue000", "==", ltp())],
    "what is never recorded": [NEVER, when(variable("signal", "Price"), ">", 5)],
    "the session's profit": [NEVER, when(pnl_data("total_pnl"), ">=", 0), when(pnl_data("closed_trades"), "==", 0)],
}  # fmt: skip


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
def test_waiting_for_conditions_is_told_in_the_same_bytes(conditions: list[Json]) -> None:
    """S2."""
    document = strategy(*conditions)
    engine = engine_of(document, day())

    assert as_bytes(engine) == as_data(document, day())
    assert sum(map(len, engine.quiet)) > 30


LEAVES = {
    "a position's profit": when(position_data("pos", "unrealized_pnl"), ">", 99_999),
    "a position's price against a variable": group(
        "AND", NEVER, when(position_data("pos", "current_price"), "<", variable("signal", "Price"))
    ),
    "the session's profit": when(arithmetic(pnl_data("unrealized_pnl"), "*", 2), "<", -99_999),
}


@pytest.mark.parametrize("leave", LEAVES.values(), ids=LEAVES)
def test_an_open_position_is_told_in_the_same_bytes(leave: Json) -> None:
    """S2."""
    document = strategy(when(ltp(), ">", 24_279), leave=leave)
    engine = engine_of(document, day())

    events = as_bytes(engine)

    assert events == as_data(document, day())
    assert sum(len(ticks) for ticks in engine.quiet if ticks.start > 2) > 30
    assert any(b'"current_price"' in text for event, text in events if event == "tick_update")


GUARDS = {
    "a stop and a target": stop_loss(20) | take_profit(40),
    "a trailing stop that follows": trailing_stop(30),
    "a trailing stop that moves in steps": trailing_stop(12, "points", step=3.5),
    "a trailing stop that begins to work later": stop_loss(20) | trailing_stop(15, "points", activation=10),
}


@pytest.mark.parametrize("guards", GUARDS.values(), ids=GUARDS)
@pytest.mark.parametrize("side", ["sell", "buy"])
def test_the_guards_of_an_open_position_are_told_in_the_same_bytes(guards: Json, side: str) -> None:
    """S2: bought where the put is cheapest, sold where it is dearest, so that a trailing stop has a way to go."""
    begins = when(ltp(), ">", 24_279) if side == "buy" else when(ltp(), "<", 24_251)
    document = strategy(begins, guards=guards, side=side)
    engine = engine_of(document, day())

    events = as_bytes(engine)

    assert events == as_data(document, day())
    ticks = [json_text.decode(text) for event, text in events if event == "tick_update"]
    of_quiet = [tick for tick in ticks if any(tick["tick"] in quiet for quiet in engine.quiet)]
    marks = [mark for tick in of_quiet for mark in tick["open_positions"]]
    assert len(marks) > 20
    levels = {mark["trailing_stop_price"] for mark in marks}
    assert len(levels) > 2 if "trailingStop" in guards else levels == {None}
    assert {mark["stop_loss_price"] is None for mark in marks} == {"stopLoss" not in guards}


def test_names_of_people_stay_as_they_are() -> None:
    """S2, S17: whatever a node is called, also what marks the places that change, or ends a line."""
    document = strategy(NEVER, name='पहला "₹"\\ \u2028\u2029\u0085 \ue000 \ue0000\ue000,",')
    engine = engine_of(document, day())

    events = as_bytes(engine)

    assert events == as_data(document, day())
    assert len(engine.quiet) > 0
    assert all(b"\xe2\x80\xa8" not in text for _, text in events)


def test_a_pick_that_moves_with_the_underlying_is_told_in_the_same_bytes() -> None:
    """S2: the contracts shown are those that the entry would pick now."""
    rows: list[Quotes] = [{"NIFTY": 24_260.0 - second, PUT: 9.5, LOWER_PUT: 5.05} for second in range(80)]
    document = strategy(NEVER)
    engine = engine_of(document, market_data(*rows))

    events = as_bytes(engine)

    assert events == as_data(document, market_data(*rows))
    assert {PUT.encode() in text for event, text in events if event == "tick_update"} == {True, False}
    assert len(engine.quiet) > 1


def test_a_contract_without_a_price_at_first_is_told_from_its_first_tick_on() -> None:
    """S2."""
    rows: list[Quotes] = [
        {"NIFTY": 24_250.0 + second / 8, **({PUT: 9.5} if second > 40 else {})} for second in range(80)
    ]
    document = strategy(NEVER)
    engine = engine_of(document, market_data(*rows))

    assert as_bytes(engine) == as_data(document, market_data(*rows))
    assert sum(map(len, engine.quiet)) > 40


def test_several_days_are_told_in_the_same_bytes() -> None:
    """S2: a crossing looks back to the day before, a position of the day before is closed."""
    document = strategy(when(ltp(), ">", 24_279), leave=when(ltp(), "crosses_below", 24_000))

    def data() -> MarketData:
        first = [{"NIFTY": 24_280.0 - second / 4, PUT: 180.0 + second / 4} for second in range(50)]
        return TickList([*seconds(*first), *seconds(*first, on=NEXT_DAY)])

    engine = engine_of(document, data())

    assert as_bytes(engine) == as_data(document, data())
    assert {ticks.start > 50 for ticks in engine.quiet} == {True, False}


def test_a_long_quiet_time_is_prepared_in_parts() -> None:
    rows: list[Quotes] = [{"NIFTY": 24_250.0 + second % 7, PUT: 9.5} for second in range(LONGEST + 300)]
    engine = engine_of(strategy(NEVER), market_data(*rows))

    as_bytes(engine)

    assert max(map(len, engine.quiet)) == LONGEST
    assert sum(map(len, engine.quiet)) > LONGEST + 250


@pytest.mark.parametrize("ticks", [30, 31, 45])
def test_a_run_that_is_stopped_in_quiet_times_has_told_the_same_until_then(ticks: int) -> None:
    """S4: asked before every tick, once; what was open is valued at the last price told."""
    document, asked = strategy(when(ltp(), ">", 24_279)), []

    def answer() -> bool:
        asked.append(True)
        return len(asked) <= ticks

    def stopped(*, is_plain: bool) -> tuple[Events, object]:
        asked.clear()
        engine, events = engine_of(document, day()), Events()
        if is_plain:
            engine.register_sse_callback(lambda event: events.append((event["event"], json_text.encode(event["data"]))))
        else:
            engine.register_encoded_callback(lambda event: events.append((event.event, event.data_json)))
        result = engine.run(should_continue=answer)
        assert len(asked) == ticks + 1
        return events, result

    assert stopped(is_plain=False) == stopped(is_plain=True)


def test_a_run_that_fails_in_quiet_times_says_how_far_it_came() -> None:
    """S4."""
    engine, told = engine_of(strategy(NEVER), day()), list[EncodedEvent]()
    engine.register_encoded_callback(told.append)
    answers = iter([True] * 40)

    with pytest.raises(RuntimeError, match="the worker lost it"):
        engine.run(should_continue=lambda: next(answers, None) or _lose())

    last = told[-1].data
    assert (last["status"], last["total_ticks"], last["error"]) == ("failed", 40, "RuntimeError: the worker lost it")
    state = snapshots.unpack(last["diagnostics"])["current_state"]
    assert state == told[-2].data


def _lose() -> bool:
    raise RuntimeError("the worker lost it")


def test_a_callback_for_plain_data_that_comes_late_gets_every_later_event() -> None:
    """S13: registered in the middle of quiet times."""
    engine, late, texts = engine_of(strategy(NEVER), day()), list[SSEEvent](), list[bytes]()

    def take(event: EncodedEvent) -> None:
        texts.append(event.data_json)
        if len(texts) == 50:
            engine.register_sse_callback(late.append)

    engine.register_encoded_callback(take)
    engine.run()

    assert [json_text.encode(event["data"]) for event in late] == texts[50:]


def test_who_overrides_on_tick_gets_every_tick() -> None:
    class Counting(Watched):
        ticks = 0

        def on_tick(self, outcome: TickOutcome) -> None:
            super().on_tick(outcome)
            self.ticks += 1

    engine = Counting(BacktestConfig(strategy=parse_strategy(strategy(NEVER)), market_data=day()))
    events = as_bytes(engine)

    assert (engine.ticks, engine.quiet) == (80, [])
    assert events == as_bytes(engine_of(strategy(NEVER), day()))


def test_times_that_are_hardly_quiet_are_recorded_tick_by_tick() -> None:
    rows: list[Quotes] = [{"NIFTY": 24_250.0 + second % (SHORTEST - 2), PUT: 9.5} for second in range(80)]
    again = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", "sell", quantity=75, max_entries=99, option=option("PE"))),
        re_entry_signal("again", "entry", when(ltp(), "==", 24_250), max_re_entries=99),
        edges=["start > signal > entry > again"],
    )
    engine = engine_of(again, market_data(*rows))

    assert as_bytes(engine) == as_data(again, market_data(*rows))
    assert engine.quiet == []
