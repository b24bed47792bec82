"""Positions, trades and profit: exact money, each trade by itself."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.market import Quote
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
from tests.builders.market_data import at

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


def position(
    position_id: str = "pos", side: Side = "sell", *, price: float = 100.0, quantity: int = 75, re_entry_num: int = 0
) -> Position:
    return Position(
        position_id=position_id, re_entry_num=re_entry_num, entry_node_id="entry", entry_trigger="signal", symbol=PUT,
        side=side, quantity=quantity, entry_price=Decimal(str(price)), entry_time=at("09:19:00"), entry_tick=241,
        quote=Quote(price, 0, 0, at("09:19:00")),
    )  # fmt: skip


def trade_at(book: PositionBook, price: float, opened: Position) -> Trade:
    book.add(opened)
    opened.quote.ltp = price
    return book.close(opened.position_id, at=at("10:48:00"), exit_reason="exit")


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


def test_an_open_position_is_worth_what_its_live_quote_says() -> None:
    book, opened = PositionBook(), position(price=181.6)
    book.add(opened)
    opened.quote.ltp = 180.05

    assert book.marks() == (
        PositionMark(
            position_id="pos", re_entry_num=0, entry_node_id="entry", symbol=PUT, side="sell", quantity=75,
            entry_price=Decimal("181.60"), entry_time=at("09:19:00"), current_price=Decimal("180.05"),
            unrealized_pnl=Decimal("116.25"),
        ),
    )  # fmt: skip
    assert book.pnl() == PnlSummary(
        realized_pnl=Decimal("0.00"), unrealized_pnl=Decimal("116.25"), closed_trades=0, open_trades=1
    )


def test_closing_a_position_makes_a_trade_at_the_last_price() -> None:
    book = PositionBook()

    trade = trade_at(book, 260.05, position(price=181.6, re_entry_num=3))

    assert trade == Trade(
        trade_id="pos-r3", position_id="pos", re_entry_num=3, symbol=PUT, side="sell", quantity=75,
        entry_price=Decimal("181.60"), entry_time=at("09:19:00"), exit_price=Decimal("260.05"),
        exit_time=at("10:48:00"), pnl=Decimal("-5883.75"), entry_trigger="signal", exit_reason="exit", status="CLOSED",
    )  # fmt: skip
    assert (book.open, book.trades) == ({}, [trade])


def test_a_trade_keeps_its_price_when_the_market_moves_on() -> None:
    book, opened = PositionBook(), position(price=100.0)
    trade = trade_at(book, 110.0, opened)

    opened.quote.ltp = 500.0

    assert (trade.exit_price, trade.pnl) == (Decimal("110.00"), Decimal("-750.00"))


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
        opened.quote.ltp = price

    pnl = book.pnl()

    assert pnl == PnlSummary(
        realized_pnl=Decimal("-750.00"), unrealized_pnl=Decimal("450.00"), closed_trades=1, open_trades=2
    )
    assert pnl.total_pnl == Decimal("-300.00")


def test_entries_are_counted_by_position_and_marks_come_in_the_order_of_opening() -> None:
    book = PositionBook()
    for name in ("b", "a"):
        book.add(position(name))
    book.close("b", at=at("10:00:00"), exit_reason="exit")
    book.add(position("b", re_entry_num=1))

    assert (book.entries, [mark.position_id for mark in book.marks()]) == ({"a": 1, "b": 2}, ["a", "b"])


@given(moves=st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), max_size=30))
def test_the_total_is_the_sum_of_the_trades_to_the_last_cent(moves: list[tuple[int, int]]) -> None:
    book, moment = PositionBook(), at("10:00:00")

    for entry, leave in moves:
        opened = position(price=entry / 100)
        book.add(opened)
        opened.quote.ltp = leave / 100
        _close(book, moment)

    in_cents = sum((entry - leave) * 75 for entry, leave in moves)
    assert book.summary.total_pnl == sum((trade.pnl for trade in book.trades), Decimal(0))
    assert book.summary.total_pnl == Decimal(in_cents) / 100


def _close(book: PositionBook, moment: datetime) -> None:
    book.close("pos", at=moment, exit_reason="exit")
