"""Positions, trades and profit: exact money, each trade by itself."""

from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.money import to_money
from strategies.engine.positions import (
    NO_TRADES,
    PnlSummary,
    Position,
    PositionBook,
    PositionMark,
    Trade,
    TradeSummary,
    profit,
)
from strategies.engine.strategy import Side
from tests.builders.market_data import DAY, at

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


def position(
    position_id: str = "pos", side: Side = "sell", *, price: float = 100.0, quantity: int = 75, re_entry_num: int = 0
) -> Position:
    return Position(
        position_id=position_id, re_entry_num=re_entry_num, entry_node_id="entry", entry_trigger="signal", symbol=PUT,
        side=side, quantity=quantity, entry_quantity=quantity, entry_price=Decimal(str(price)),
        entry_time=at("09:19:00"), entry_day=DAY, entry_tick=241, last_price=price,
    )  # fmt: skip


def trade_at(book: PositionBook, price: float, opened: Position) -> Trade:
    book.add(opened)
    return close(book, opened.position_id, price)


def close(book: PositionBook, position_id: str, price: float, *, quantity: int | None = None) -> Trade:
    return book.close(
        position_id, quantity=quantity, price=to_money(price), at=at("10:48:00"), trigger_price=to_money(price),
        exit_reason="exit", exit_type="signal",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "entry", "now", "amount"),
    [
        ("buy", "181.60", "260.05", "5883.75"),
        ("sell", "181.60", "260.05", "-5883.75"),
        ("sell", "234.35", "229.25", "382.50"),
        ("buy", "100.00", "100.00", "0.00"),
        ("buy", "0.05", "0.10", "3.75"),
    ],
)
def test_profit_is_exit_minus_entry_for_a_buy_and_the_other_way_round_for_a_sell(
    side: Side, entry: str, now: str, amount: str
) -> None:
    assert profit(side, 75, Decimal(entry), Decimal(now)) == Decimal(amount)


@given(entry=st.integers(1, 10**7), now=st.integers(1, 10**7), quantity=st.integers(1, 10**6))
def test_what_the_buyer_wins_the_seller_loses(entry: int, now: int, quantity: int) -> None:
    prices = Decimal(entry) / 100, Decimal(now) / 100

    assert profit("buy", quantity, *prices) == -profit("sell", quantity, *prices)


def test_an_open_position_is_worth_what_its_last_price_says() -> None:
    book, opened = PositionBook(), position(price=181.6)
    book.add(opened)
    opened.move_to(180.05, 1)

    assert book.marks() == (
        PositionMark(
            position_id="pos", re_entry_num=0, entry_node_id="entry", symbol=PUT, side="sell", quantity=75,
            entry_price=Decimal("181.60"), entry_time=at("09:19:00"), current_price=Decimal("180.05"),
            unrealized_pnl=Decimal("116.25"),
        ),
    )  # fmt: skip
    assert book.pnl() == PnlSummary(Decimal("0.00"), Decimal("116.25"), Decimal("116.25"), 0, 1)


def test_a_mark_is_the_same_object_while_the_price_stays_and_a_missing_price_changes_nothing() -> None:
    opened = position(price=100.0)
    marks = [opened.mark()]

    for price in (100.0, nan, 101.0, nan):
        opened.move_to(price, 1)
        marks.append(opened.mark())

    assert marks[0] is marks[1] is marks[2]
    assert marks[3] is marks[4]
    assert [str(mark.current_price) for mark in marks] == ["100.00", "100.00", "100.00", "101.00", "101.00"]


def test_the_summary_of_profit_is_the_same_object_while_nothing_changes() -> None:
    book, opened = PositionBook(), position(price=100.0)
    book.add(opened)

    first, same = book.pnl(), book.pnl()
    opened.move_to(99.0, 1)
    other = book.pnl()

    assert first is same
    assert (first.total_pnl, other.total_pnl) == (Decimal("0.00"), Decimal("75.00"))


def test_closing_a_position_makes_a_trade_at_the_fill_price() -> None:
    book = PositionBook()

    trade = trade_at(book, 260.05, position(price=181.6, re_entry_num=3))

    assert trade == Trade(
        trade_id="pos-r3", position_id="pos", re_entry_num=3, symbol=PUT, side="sell", quantity=75,
        entry_price=Decimal("181.60"), entry_time=at("09:19:00"), exit_price=Decimal("260.05"),
        exit_time=at("10:48:00"), pnl=Decimal("-5883.75"), entry_trigger="signal", exit_reason="exit", status="CLOSED",
        exit_type="signal", trigger_price=Decimal("260.05"), entry_node_id="entry",
    )  # fmt: skip
    assert (book.open, book.trades) == ({}, [trade])


def test_a_trade_keeps_its_price_when_the_market_moves_on() -> None:
    book, opened = PositionBook(), position(price=100.0)
    trade = trade_at(book, 110.0, opened)

    opened.move_to(500.0, 1)

    assert (trade.exit_price, trade.pnl) == (Decimal("110.00"), Decimal("-750.00"))


@pytest.mark.parametrize(("side", "difference"), [("buy", "0.50"), ("sell", "-0.50")])
def test_the_difference_of_an_exit_is_what_the_fill_was_worse_than_the_trigger(side: Side, difference: str) -> None:
    book = PositionBook()
    book.add(position(side=side))

    trade = book.close(
        "pos", price=Decimal("99.50"), at=at("10:48:00"), trigger_price=Decimal("100.00"), exit_reason="exit",
        exit_type="stop_loss",
    )  # fmt: skip

    assert str(trade.exit_difference) == difference


def test_parts_of_a_position_are_trades_of_their_own_and_the_rest_stays_open() -> None:
    book = PositionBook()
    book.add(position(side="buy", quantity=75, re_entry_num=1))

    parts = [close(book, "pos", price, quantity=quantity) for price, quantity in ((110.0, 25), (90.0, 25))]
    [mark] = book.marks()
    rest = close(book, "pos", 101.0, quantity=99)

    assert [(trade.trade_id, trade.quantity, str(trade.pnl)) for trade in (*parts, rest)] == [
        ("pos-r1-p1", 25, "250.00"),
        ("pos-r1-p2", 25, "-250.00"),
        ("pos-r1", 25, "25.00"),
    ]
    assert (mark.quantity, book.open, book.entries) == (25, {}, {"pos": 1})


def test_from_the_second_day_on_trade_ids_name_their_day_and_entries_are_counted_anew() -> None:
    book = PositionBook()
    trade_at(book, 90.0, position())
    book.begin_day("@20241030")
    entries_at_first = dict(book.entries)

    trade = trade_at(book, 90.0, position())

    assert (trade.trade_id, entries_at_first, book.entries) == ("pos-r0@20241030", {}, {"pos": 1})
    assert (book.realized_before_today, book.summary.total_pnl) == (Decimal("750.00"), Decimal("1500.00"))


def test_the_summary_counts_winners_and_losers_and_a_trade_of_zero_as_neither() -> None:
    book = PositionBook()

    for price in (90.0, 110.0, 100.0, 95.0):
        trade_at(book, price, position(price=100.0))

    assert book.summaries == [
        TradeSummary(total_trades=1, total_pnl=Decimal("750.00"), winning_trades=1, losing_trades=0),
        TradeSummary(total_trades=2, total_pnl=Decimal("0.00"), winning_trades=1, losing_trades=1),
        TradeSummary(total_trades=3, total_pnl=Decimal("0.00"), winning_trades=1, losing_trades=1),
        TradeSummary(total_trades=4, total_pnl=Decimal("375.00"), winning_trades=2, losing_trades=1),
    ]
    assert book.summary == book.summaries[-1]


def test_before_the_first_trade_the_summary_is_all_zero() -> None:
    assert PositionBook().summary == NO_TRADES
    assert (NO_TRADES.total_trades, NO_TRADES.total_pnl, NO_TRADES.win_rate) == (0, Decimal("0.00"), Decimal("0.00"))


@pytest.mark.parametrize(
    ("won", "total", "rate"),
    [(0, 0, "0.00"), (1, 1, "100.00"), (1, 3, "33.33"), (2, 3, "66.67"), (1, 9, "11.11"), (1, 800, "0.13")],
)
def test_the_win_rate_is_per_hundred_trades_with_two_places(won: int, total: int, rate: str) -> None:
    summary = TradeSummary(total_trades=total, total_pnl=Decimal(0), winning_trades=won, losing_trades=total - won)

    assert str(summary.win_rate) == rate


def test_realised_and_unrealised_profit_are_added_up() -> None:
    book = PositionBook()
    trade_at(book, 110.0, position("a", price=100.0))
    for name, price in (("b", 90.0), ("c", 104.0)):
        opened = position(name, price=100.0)
        book.add(opened)
        opened.move_to(price, 1)

    assert book.pnl() == PnlSummary(Decimal("-750.00"), Decimal("450.00"), Decimal("-300.00"), 1, 2)


def test_entries_are_counted_by_position_and_marks_come_in_the_order_of_opening() -> None:
    book = PositionBook()
    for name in ("b", "a"):
        book.add(position(name))
    close(book, "b", 100.0)
    book.add(position("b", re_entry_num=1))

    assert (book.entries, [mark.position_id for mark in book.marks()]) == ({"a": 1, "b": 2}, ["a", "b"])


@given(moves=st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), max_size=30))
def test_the_total_is_the_sum_of_the_trades_to_the_last_cent(moves: list[tuple[int, int]]) -> None:
    book = PositionBook()

    for entry, leave in moves:
        trade_at(book, leave / 100, position(price=entry / 100))

    in_cents = sum((entry - leave) * 75 for entry, leave in moves)
    assert book.summary.total_pnl == sum((trade.pnl for trade in book.trades), Decimal(0))
    assert book.summary.total_pnl == Decimal(in_cents) / 100
