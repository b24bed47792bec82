"""Fills: this tick or the next, slippage, bid and ask, limits, and quotes that are too old."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from strategies.engine.fills import Broker, Fill, FillPolicy, FillPolicyInvalid, Order, read_policy
from strategies.engine.graph import parse_strategy
from strategies.engine.market import Market
from strategies.engine.strategy import LimitPrice, Side
from strategies.engine.ticks import TickSecond
from tests.builders.market_data import WrittenDays, at, market_data, second
from tests.builders.runs import Run, run
from tests.builders.strategy_documents import (
    Json,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    option,
    position,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
    take_profit,
    when,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


def broker(policy: FillPolicy, data: WrittenDays) -> tuple[Broker, Market]:
    market = Market(parse_strategy(strategy_document(start_node(), square_off(is_immediate=True))), ())
    market.begin_day(next(data.days()))
    return Broker(market, policy), market


def filled(policy: FillPolicy, side: Side, price: float) -> Fill | str:
    """Fill a market order at a price."""
    found, _ = broker(policy, market_data({"NIFTY": price}))
    order = found.place("NIFTY", side, 1, None)
    assert isinstance(order, Order)
    return found.try_fill(order)


def outcomes(order_side: Side, limit: LimitPrice | None, policy: FillPolicy, data: WrittenDays) -> list[str]:
    """Place an order at the first second; return what comes of it at each second until it is filled."""
    found, market = broker(policy, data)
    order = found.place("NIFTY", order_side, 1, limit)
    assert isinstance(order, Order), order
    told: list[str] = []
    for place in range(len(market.tape)):
        market.move_to(place)
        fill = found.try_fill(order)
        told.append(str(fill.price) if isinstance(fill, Fill) else fill)
        if isinstance(fill, Fill):
            break
    return told


def index(*prices: float) -> WrittenDays:
    return market_data(*({"NIFTY": price} for price in prices))


@pytest.mark.parametrize(
    ("points", "percent", "side", "price", "expected"),
    [
        (0, 0, "buy", 100.0, "100.00"),
        (0.5, 0, "buy", 100.0, "100.50"),
        (0.5, 0, "sell", 100.0, "99.50"),
        (0, 0.1, "buy", 181.6, "181.78"),
        (0, 0.1, "sell", 181.6, "181.42"),
        (0.05, 1, "buy", 10.0, "10.15"),
        # As many places as the price has, at least two.
        (0, 0.1, "buy", 84.2525, "84.3368"),
        # A price stays above zero.
        (5, 0, "sell", 3.0, "0.01"),
    ],
)
def test_slippage_makes_a_market_order_worse_in_points_or_per_cent(
    points: float, percent: float, side: Side, price: float, expected: str
) -> None:
    fill = filled(FillPolicy(slippage_points=points, slippage_percent=percent), side, price)

    assert fill == Fill(price=Decimal(expected), quote_age_seconds=0)
    assert isinstance(fill, Fill)
    assert str(fill.price) == expected


def test_an_order_of_the_next_tick_takes_that_ticks_price() -> None:
    now, then = FillPolicy(), FillPolicy(timing="next_tick")

    assert outcomes("buy", None, now, index(100, 101)) == ["100.00"]
    assert outcomes("buy", None, then, index(100, 101)) == ["the order fills on the next tick", "101.00"]


def test_a_contract_without_a_price_is_waited_for() -> None:
    data = WrittenDays([second("09:15:00", {"OTHER": 1}), second("09:15:01", {"NIFTY": 100})])

    assert outcomes("buy", None, FillPolicy(), data) == ["waiting for the first price of NIFTY", "100.00"]


@pytest.mark.parametrize(("age", "is_filled"), [(0, True), (299, True), (300, True), (301, False), (3600, False)])
def test_a_quote_that_is_too_old_does_not_fill(age: int, is_filled: bool) -> None:
    written = [second("09:15:00", {"NIFTY": 100})]
    if age:
        written.append(TickSecond(at("09:15:00") + timedelta(seconds=age), second("09:15:00", {"OTHER": 1}).ticks))
    found, market = broker(FillPolicy(), WrittenDays(written))
    market.move_to(len(written) - 1)
    order = found.place("NIFTY", "sell", 1, None)
    assert isinstance(order, Order)

    fill = found.try_fill(order)

    if is_filled:
        assert fill == Fill(price=Decimal("100.00"), quote_age_seconds=age)
    else:
        assert fill == f"the last price of NIFTY is {age} seconds old, more than 300"


@pytest.mark.parametrize(("side", "price"), [("buy", "100.50"), ("sell", "99.50")])
def test_with_bid_and_ask_one_buys_at_the_ask_and_sells_at_the_bid(side: Side, price: str) -> None:
    data = WrittenDays([second("09:15:00", {"NIFTY": 100})], spread=0.5)

    assert outcomes(side, None, FillPolicy(price="bid_ask"), data) == [price]
    assert outcomes(side, None, FillPolicy(), data) == ["100.00"]


def test_data_without_bid_and_ask_fill_at_the_last_price_and_a_missing_quote_is_waited_for() -> None:
    policy = FillPolicy(price="bid_ask")
    unquoted = WrittenDays([second("09:15:00", {"NIFTY": 100})], spread=0.5, unquoted=["NIFTY"])

    assert outcomes("buy", None, policy, index(100)) == ["100.00"]
    assert outcomes("buy", None, policy, unquoted) == ["waiting for an ask of NIFTY"]
    assert outcomes("sell", None, policy, unquoted) == ["waiting for a bid of NIFTY"]


@pytest.mark.parametrize(
    ("side", "limit", "prices", "expected"),
    [
        # Marketable when it is placed: it takes the price that is there.
        ("buy", LimitPrice(unit="price", amount=101), (100,), ["100.00"]),
        ("sell", LimitPrice(unit="price", amount=99), (100,), ["100.00"]),
        ("buy", LimitPrice(unit="price", amount=100), (100,), ["100.00"]),
        # Otherwise it waits, and fills at the limit even where the price jumps over it.
        ("buy", LimitPrice(unit="price", amount=98.5), (100, 99, 97), ["wait", "wait", "98.50"]),
        ("sell", LimitPrice(unit="price", amount=101.5), (100, 101, 105), ["wait", "wait", "101.50"]),
        # Offsets count from the last price when the order is placed: below it for a buy, above it for a sell.
        ("buy", LimitPrice(unit="points", amount=2), (100, 105, 98), ["wait", "wait", "98.00"]),
        ("sell", LimitPrice(unit="points", amount=2), (100, 95, 102.05), ["wait", "wait", "102.00"]),
        ("buy", LimitPrice(unit="percentage", amount=1), (250, 247.5), ["wait", "247.50"]),
        ("sell", LimitPrice(unit="percentage", amount=1), (250, 252.4, 253), ["wait", "wait", "252.50"]),
    ],
)
def test_a_limit_order_fills_at_its_limit_or_better_when_it_is_placed(
    side: Side, limit: LimitPrice, prices: tuple[float, ...], expected: list[str]
) -> None:
    told = outcomes(side, limit, FillPolicy(), index(*prices))

    assert ["wait" if text.startswith("waiting for NIFTY to reach the limit") else text for text in told] == expected


def test_a_limit_order_has_no_slippage() -> None:
    policy = FillPolicy(slippage_points=3)

    assert outcomes("buy", LimitPrice(unit="price", amount=101), policy, index(100)) == ["100.00"]
    assert outcomes("buy", LimitPrice(unit="price", amount=99), policy, index(100, 98))[-1] == "99.00"


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ((98, 98.5), ["the order fills on the next tick", "98.50"]),
        # The limit was good when the order was placed, then it was not: from there on it waits like any other.
        ((98, 100, 98.5), ["the order fills on the next tick", "waiting for NIFTY to reach the limit 99.00", "99.00"]),
        ((100, 98.5), ["the order fills on the next tick", "99.00"]),
    ],
)
def test_a_limit_of_the_next_tick_is_looked_at_then(prices: tuple[float, ...], told: list[str]) -> None:
    policy = FillPolicy(timing="next_tick")

    assert outcomes("buy", LimitPrice(unit="price", amount=99), policy, index(*prices)) == told


def test_a_limit_beside_bid_and_ask_is_good_when_the_ask_is_and_fills_at_the_limit_once_it_has_waited() -> None:
    data = WrittenDays([second(f"09:15:0{place}", {"NIFTY": price}) for place, price in enumerate((100, 98))], spread=1)
    policy = FillPolicy(price="bid_ask")

    told = outcomes("buy", LimitPrice(unit="price", amount=100.5), policy, data)

    assert told == ["waiting for NIFTY to reach the limit 100.50", "100.50"]


def test_an_offset_needs_a_price_to_count_from_and_a_price_does_not() -> None:
    found, _ = broker(FillPolicy(), WrittenDays([second("09:15:00", {"OTHER": 1})]))

    offset = found.place("NIFTY", "buy", 1, LimitPrice(unit="points", amount=1))
    fixed = found.place("NIFTY", "buy", 1, LimitPrice(unit="price", amount=99))

    assert offset == "waiting for the first price of NIFTY"
    assert isinstance(fixed, Order)
    assert (fixed.limit, fixed.is_marketable) == (Decimal("99.00"), False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slippage_points": -1}, "slippage_points is -1; expected a number from 0 to 1e+06"),
        ({"slippage_percent": 51}, "slippage_percent is 51; expected a number from 0 to 50"),
        ({"slippage_percent": float("nan")}, "slippage_percent is nan; expected a number from 0 to 50"),
        ({"max_quote_age_seconds": 86_401}, "max_quote_age_seconds is 86401; expected a number from 0 to 86400"),
        ({"price": "middle"}, "price is 'middle'; allowed: last, bid_ask"),
        ({"timing": "soon"}, "timing is 'soon'; allowed: this_tick, next_tick"),
        ({"slipage": 1}, "'slipage' is unknown; allowed: price, timing, slippage_points, slippage_percent, "),
        ({"slippage_points": "1"}, "slippage_points is '1'; expected a value like 0.0"),
        ({"slippage_points": True}, "slippage_points is True; expected a value like 0.0"),
        ({"timing": 1}, "timing is 1; expected a value like 'this_tick'"),
    ],
)
def test_settings_out_of_range_or_unknown_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(FillPolicyInvalid) as caught:
        read_policy(settings)

    assert str(caught.value).startswith(message)


def test_a_policy_is_read_back_from_its_document_and_what_is_not_named_keeps_its_default() -> None:
    policy = FillPolicy(price="bid_ask", timing="next_tick", slippage_percent=0.5, max_quote_age_seconds=60)

    assert read_policy(policy.as_document()) == policy
    assert read_policy({"slippage_points": 2}) == FillPolicy(slippage_points=2)


def document(*, guards: Json | None = None, traded: Json | None = None, leave: float = 10**6) -> Json:
    """Buy above 100, leave above a price or by a guard, end the day at 15:20."""
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 100)),
        entry("entry", traded or position("pos")),
        exit_signal("leave", when(ltp(), ">", leave)),
        exit_node("exit", "pos", guards=guards),
        square_off(exit_time="15:20"),
        edges=["start > signal > entry > leave > exit", "start > square-off"],
    )


def prices_of(done: Run) -> list[tuple[str, str, str, str]]:
    return [
        (trade.exit_type, str(trade.entry_price), str(trade.trigger_price), str(trade.exit_price))
        for trade in done.result.trades
    ]


def test_a_run_fills_entries_and_exits_by_its_policy() -> None:
    data = index(101, 102, 106, 107, 108)

    at_once = run(document(leave=105), data)
    later = run(document(leave=105), data, fills=FillPolicy(timing="next_tick", slippage_points=0.5))

    assert prices_of(at_once) == [("signal", "101.00", "106.00", "106.00")]
    # The exit is decided at 106, and filled at the price after it, half a point worse.
    assert prices_of(later) == [("signal", "102.50", "106.00", "106.50")]
    assert str(later.result.trades[0].exit_difference) == "-0.50"
    assert later.notes == [
        (1, "entry", "the order fills on the next tick"), (3, "exit", "the order fills on the next tick"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("guards", "policy", "expected"),
    [
        (stop_loss(2, "points"), FillPolicy(), ("stop_loss", "101.00", "99.00", "98.00")),
        (stop_loss(2, "points"), FillPolicy(slippage_points=0.5), ("stop_loss", "101.50", "99.50", "97.50")),
        (stop_loss(2, "points"), FillPolicy(timing="next_tick"), ("stop_loss", "103.00", "101.00", "104.00")),
        (take_profit(1), FillPolicy(), ("take_profit", "101.00", "102.010", "103.00")),
    ],
)
def test_a_guard_says_its_level_and_fills_at_the_market(
    guards: Json, policy: FillPolicy, expected: tuple[str, str, str, str]
) -> None:
    done = run(document(guards=guards), index(101, 103, 98, 104, 104, 104), fills=policy)

    assert prices_of(done) == [expected]
    assert done.notes[-1] == (len([1 for ticks in done.open if ticks]) + done.open.index(["pos"]) + 1, "exit", (
        f"closed by its {expected[0].replace('_', ' ')}"
    ))  # fmt: skip


def test_a_stop_whose_quote_has_grown_too_old_waits_for_the_next_one_and_says_so() -> None:
    put = position("pos", "sell", option=option("PE"))
    written = [
        second("09:15:00", {"NIFTY": 24_260, PUT: 100}),
        second("09:15:01", {PUT: 100}),
        second("09:15:02", {PUT: 111}),
        second("09:20:03", {"NIFTY": 24_261}),
        second("09:20:04", {PUT: 130}),
    ]
    policy = FillPolicy(timing="next_tick")

    done = run(document(guards=stop_loss(10), traded=put), WrittenDays(written), fills=policy)

    assert done.notes[1:] == [
        (3, "exit", "the order fills on the next tick"),
        (4, "exit", f"the last price of {PUT} is 301 seconds old, more than 300"),
        (5, "exit", "closed by its stop loss"),
    ]
    assert prices_of(done) == [("stop_loss", "100.00", "110.000", "130.00")]
    # The stop has its node's turn; the node is not asked a second time in that tick.
    assert done.visited[2] == ["square-off", "exit", "leave"]


def test_an_exit_waits_for_a_fresh_quote_and_says_so() -> None:
    put = position("pos", "sell", option=option("PE"))
    written = [
        second("09:15:00", {"NIFTY": 24_260, PUT: 100}),
        second("09:20:00", {"NIFTY": 24_261}),
        second("09:20:01", {"NIFTY": 24_300}),
        second("09:20:02", {"NIFTY": 24_300}),
        second("09:20:03", {PUT: 80}),
    ]

    done = run(document(traded=put, leave=24_299), WrittenDays(written))

    assert done.notes == [
        (3, "exit", f"the last price of {PUT} is 301 seconds old, more than 300"),
        (4, "exit", f"the last price of {PUT} is 302 seconds old, more than 300"),
    ]
    assert done.trades == [("pos-r0", "09:15:00", "09:20:03", "20.00", "exit")]
    assert prices_of(done) == [("signal", "100.00", "100.00", "80.00")]
    assert done.completion("exit").orders[0].quote_age_seconds == 0


def test_a_fill_says_how_old_its_quote_was() -> None:
    put = position("pos", "sell", option=option("PE"))
    written = [second("09:15:00", {"NIFTY": 100, PUT: 90}), second("09:19:59", {"NIFTY": 24_300})]

    done = run(document(traded=put), WrittenDays(written))

    [order] = done.completion("entry").orders
    assert (order.quote_age_seconds, order.filled_at) == (299, at("09:19:59"))


def test_a_limit_entry_waits_for_its_price_and_is_told_as_a_limit() -> None:
    traded = position("pos", orderType="limit", limitOffset=2)

    done = run(document(traded=traded), index(101, 100.5, 98.5, 103))

    assert done.notes == [(tick, "entry", "waiting for NIFTY to reach the limit 99.00") for tick in (1, 2)]
    [order] = done.completion("entry").orders
    assert (order.order_type, str(order.fill_price), done.completion("entry").tick) == ("limit", "99.00", 3)
    # It was filled at the limit, and is worth what the market says.
    assert str(done.outcomes[2].positions[0].unrealized_pnl) == "-0.50"


def test_a_limit_exit_waits_for_its_price_and_says_it_as_its_trigger() -> None:
    found = document(leave=102)
    found["nodes"][4] = exit_node("exit", "pos", orderType="limit", limitPrice=105)

    done = run(found, index(101, 103, 104, 107, 90))

    assert prices_of(done) == [("signal", "101.00", "105.00", "105.00")]
    assert done.notes == [(tick, "exit", "waiting for NIFTY to reach the limit 105.00") for tick in (2, 3)]


def test_a_stop_closes_a_position_whose_limit_exit_still_waits() -> None:
    found = document(leave=102)
    found["nodes"][4] = exit_node("exit", "pos", orderType="limit", limitPrice=105, guards=stop_loss(2, "points"))

    done = run(found, index(101, 103, 98, 106))

    assert prices_of(done) == [("stop_loss", "101.00", "99.00", "98.00")]
    assert len(done.trades) == 1
