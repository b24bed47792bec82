"""Several days in one run: what goes on over night, what begins anew, and what the close of a session does."""

from datetime import date

import pytest

from strategies.engine.fills import FillPolicy
from strategies.engine.ticks import TickSecond
from tests.builders.market_data import DAY, NEXT_DAY, THIS_WEEK, WrittenDays, index, seconds
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    Json,
    always,
    candle,
    current_time,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    indicator,
    ltp,
    never,
    option,
    pnl_data,
    position,
    re_entry_signal,
    rsi,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
    time_of_day,
    timeframe,
    variable,
    when,
)

EXPIRY = THIS_WEEK
AFTER = date(2024, 11, 1)


def document(*, leave: Json | None = None, guards: Json | None = None, option_of_week: str | None = None) -> Json:
    """Buy above 100 (once a day), leave when asked to, with another entry allowed after it."""
    traded = None if option_of_week is None else option("PE", expiry=option_of_week)
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100), variables={"Seen": ltp()}),
        entry("entry", position("pos", max_entries=2, option=traded)),
        exit_signal("leave", leave or never()),
        exit_node("exit", "pos", guards=guards),
        re_entry_signal("again", "entry", always(), max_re_entries=1),
        edges="start > signal > entry > leave > exit > again > entry",
    )


def of_index(*prices: float, on: date, start: str = "09:15:00") -> tuple[TickSecond, ...]:
    return seconds(*({"NIFTY": price} for price in prices), on=on, start=start)


def test_every_node_begins_anew_on_each_day_and_ticks_are_counted_on() -> None:
    days = WrittenDays([*of_index(99, 101, on=DAY), *of_index(99, 99, 102, on=NEXT_DAY)])

    done = run(document(), days)

    assert done.completed == [(1, "start"), (2, "signal"), (2, "entry"), (3, "start"), (5, "signal"), (5, "entry")]
    assert [outcome.tick for outcome in done.outcomes] == [1, 2, 3, 4, 5]
    assert done.visited[2] == ["start", "signal"]


def test_entries_and_re_entries_are_counted_by_the_day() -> None:
    days = WrittenDays([*of_index(*[101] * 8, on=DAY), *of_index(*[101] * 8, on=NEXT_DAY)])

    done = run(document(leave=always()), days)

    assert [(trade.trade_id, trade.re_entry_num) for trade in done.result.trades] == [
        ("pos-r0", 0), ("pos-r1", 1), ("pos-r0@20241030", 0), ("pos-r1@20241030", 1),
    ]  # fmt: skip


def test_variables_are_forgotten_over_night() -> None:
    found = document()
    found["nodes"].append(entry_signal("reader", when(variable("signal", "Seen"), ">", 0)))
    found["edges"].append({"source": "start", "target": "reader"})
    days = WrittenDays([*of_index(101, 101, on=DAY), *of_index(99, 101, 101, on=NEXT_DAY)])

    done = run(found, days)

    assert [tick for tick, node_id in done.completed if node_id == "reader"] == [1, 4]
    [record] = [each for each in done.outcomes[2].executions if each.node_id == "reader"]
    assert record.evaluated_conditions is not None
    assert record.evaluated_conditions["conditions"][0]["reason"] == "signal has not recorded Seen yet"


def test_what_the_data_of_a_day_end_on_is_closed_at_its_last_price_and_told_with_the_next_days_first_tick() -> None:
    days = WrittenDays([*of_index(101, 105, 103, on=DAY), *of_index(90, 90, on=NEXT_DAY)])

    done = run(document(), days)

    assert done.trades == [("pos-r0", "09:15:00", "09:15:02", "2.00", "market_close")]
    [trade] = done.result.trades
    assert (trade.exit_type, trade.exit_time.date(), trade.exit_price) == ("market_close", DAY, trade.trigger_price)
    assert [len(outcome.trades) for outcome in done.outcomes] == [0, 0, 0, 1, 0]
    assert done.open == [["pos"]] * 3 + [[], []]


def test_what_the_last_day_ends_on_stays_open_and_is_told() -> None:
    done = run(document(), index(101, 105))

    assert (done.trades, [mark.position_id for mark in done.result.open_positions]) == ([], ["pos"])


def test_at_the_close_of_the_session_everything_open_is_closed_and_every_node_inactive() -> None:
    done = run(document(), index(101, 104, 105, 106, start="15:29:58"))

    assert done.trades == [("pos-r0", "15:29:58", "15:30:00", "4.00", "market_close")]
    assert done.active == [("leave",), ("leave",), (), ()]
    assert done.visited[2:] == [[], []]


def test_where_the_close_itself_has_no_tick_the_first_one_after_it_closes() -> None:
    days = WrittenDays([*of_index(101, on=DAY, start="15:29:00"), *of_index(107, on=DAY, start="15:31:00")])

    assert run(document(), days).trades == [("pos-r0", "15:29:00", "15:31:00", "6.00", "market_close")]


def test_nothing_opens_at_the_close_or_after_it() -> None:
    done = run(document(), index(99, 101, 102, start="15:29:59"))

    assert (done.completed, done.open) == ([(1, "start")], [[], [], []])


def test_a_special_session_closes_at_its_own_time() -> None:
    special = of_index(101, 104, on=DAY, start="19:14:59")

    muhurat = run(document(), WrittenDays(special, closes={DAY: "19:15"}))
    ordinary = run(document(), WrittenDays(special))

    assert muhurat.trades == [("pos-r0", "19:14:59", "19:15:00", "3.00", "market_close")]
    # By the regular close the session was over long before.
    assert ordinary.completed == [(1, "start")]


def test_a_square_off_at_the_close_comes_before_the_close() -> None:
    found = document()
    found["nodes"].append(square_off(exit_time="15:30"))
    found["edges"].append({"source": "start", "target": "square-off"})

    done = run(found, index(101, 104, start="15:29:59"))

    assert [trade[4] for trade in done.trades] == ["square-off"]


def test_an_order_of_yesterday_is_not_filled_today() -> None:
    put = "NIFTY:2024-10-31:OPT:24250:PE"
    found = document(option_of_week="W0")
    days = WrittenDays(
        [*of_index(24_250, 24_250, on=DAY), *seconds({"NIFTY": 90, put: 7}, {put: 7}, on=NEXT_DAY)], symbols=[put]
    )

    done = run(found, days)

    assert done.notes == [(tick, "entry", f"waiting for the first price of {put}") for tick in (1, 2)]
    assert done.open == [[]] * 4


def test_the_next_expiry_moves_on_from_day_to_day() -> None:
    this, following = ("NIFTY:2024-10-31:OPT:24250:PE", "NIFTY:2024-11-07:OPT:24250:PE")
    days = WrittenDays(
        [
            each
            for day in (NEXT_DAY, EXPIRY, AFTER)
            for each in seconds({"NIFTY": 24_250, this: 1, following: 2}, on=day)
        ]
    )

    done = run(document(option_of_week="W0"), days)

    # On the day of its expiry a contract is still the next one.
    assert [trade.symbol for trade in done.result.trades] == [this, this]
    assert [mark.symbol for mark in done.result.open_positions] == [following]
    assert [list(outcome.quotes) for outcome in done.outcomes] == [
        ["NIFTY", this], ["NIFTY", this], ["NIFTY", following],
    ]  # fmt: skip


def test_candles_and_indicators_go_on_over_night() -> None:
    found = strategy_document(
        start_node("start", timeframe("1m", rsi_2=rsi(2)), timeframe("1d", unit="days")),
        entry_signal("signal", when(candle("High", -1, "1d"), "==", 110), when(indicator("rsi_2"), "==", 100)),
        edges="start > signal",
    )
    minutes = [each for place in (0, 1, 2) for each in of_index(100 + place * 5, on=DAY, start=f"09:1{place}:00")]

    done = run(found, WrittenDays([*minutes, *of_index(90, on=NEXT_DAY)]))

    assert done.completed[-1] == (4, "signal")
    series = done.completion("signal").series
    assert ([each.close for each in series["TI.1m"].finished], series["TI.1m"].indicators) == (
        [100, 105, 110], {"rsi(2,close)": 100.0},
    )  # fmt: skip
    assert [each.high for each in series["TI.1d"].finished] == [110]


def test_the_profit_of_the_day_is_counted_from_each_morning_and_that_of_the_session_is_not() -> None:
    found = document(leave=when(ltp(), "<", 95))
    found["nodes"] += [
        entry_signal("day", when(pnl_data("day_pnl"), "<=", -8)),
        entry_signal("session", when(pnl_data("total_pnl"), "<=", -8)),
    ]
    found["edges"] += [{"source": "start", "target": name} for name in ("day", "session")]
    found["nodes"][5] = re_entry_signal("again", "entry", never())
    days = WrittenDays([*of_index(101, 94, 94, on=DAY), *of_index(101, 97, 92, on=NEXT_DAY)])

    done = run(found, days)

    assert [done_at for done_at in done.completed if done_at[1] in ("day", "session")] == [
        # 7 lost on the first day; 4, then 9 on the second.
        (5, "session"), (6, "day"),
    ]  # fmt: skip


def test_guards_are_planned_on_the_day_of_the_position_alone() -> None:
    days = WrittenDays([*of_index(101, 99, on=DAY), *of_index(99, 101, 100, 97, on=NEXT_DAY)])

    done = run(document(guards=stop_loss(3, "points")), days)

    assert [(trade.trade_id, trade.exit_type, str(trade.trigger_price)) for trade in done.result.trades] == [
        ("pos-r0", "market_close", "99.00"), ("pos-r0@20241030", "stop_loss", "98.00"),
    ]  # fmt: skip


def test_a_condition_on_the_time_of_day_is_true_on_each_day() -> None:
    found = strategy_document(
        start_node(),
        entry_signal("signal", when(current_time(), ">=", time_of_day("09:15:01"))),
        edges="start > signal",
    )
    days = WrittenDays([*of_index(1, 1, 1, on=DAY), *of_index(1, 1, 1, on=NEXT_DAY)])

    assert [tick for tick, node_id in run(found, days).completed if node_id == "signal"] == [2, 5]


def test_execution_ids_of_two_days_differ_though_the_time_of_day_is_the_same() -> None:
    days = WrittenDays([*of_index(101, on=DAY), *of_index(101, on=NEXT_DAY)])

    names = [each.execution_id for outcome in run(document(), days).outcomes for each in outcome.executions]

    assert len(set(names)) == len(names) == 8
    assert {name.split("_")[-3] for name in names} == {"20241029", "20241030"}


@pytest.mark.parametrize("timing", ["this_tick", "next_tick"])
def test_a_run_of_the_second_day_alone_has_the_trades_of_that_day(timing: str) -> None:
    policy = FillPolicy(timing="next_tick" if timing == "next_tick" else "this_tick")
    days = WrittenDays([*of_index(101, 105, 103, 99, on=DAY), *of_index(99, 101, 102, 105, 103, 101, on=NEXT_DAY)])
    found = document(leave=when(ltp(), ">", 104))

    both, alone = run(found, days, fills=policy), run(found, days, fills=policy, start_date=NEXT_DAY)

    ours = [trade for trade in both.result.trades if trade.entry_time.date() == NEXT_DAY]
    assert [(trade.entry_price, trade.exit_price, trade.exit_time) for trade in ours] == [
        (trade.entry_price, trade.exit_price, trade.exit_time) for trade in alone.result.trades
    ]
    assert len(ours) == 1
    assert alone.result.trades[0].trade_id == "pos-r0"


def test_a_contract_that_trades_on_a_later_day_alone_is_not_in_todays_chain() -> None:
    put = "NIFTY:2024-10-31:OPT:24250:PE"
    data = WrittenDays(
        [*of_index(24_250, on=DAY), *seconds({"NIFTY": 24_250, put: 5}, on=NEXT_DAY)]
    )  # fmt: skip

    done = run(document(option_of_week="W0"), data)

    assert done.notes == [(1, "entry", "the chain has no contract for pos now")]
    assert done.open == [[], ["pos"]]
