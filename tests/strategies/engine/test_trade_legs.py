"""Trades become the fills that a cost model charges, by instrument, order and day."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from strategies.engine.cost_rates import CostDateUnknown, InstrumentKind
from strategies.engine.costs import Fill, indian_fno, no_costs
from strategies.engine.graph import parse_strategy
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.ticks import EXCHANGE_ZONE
from strategies.engine.trade_legs import check_dates, entry_leg, kind_of, legs_of
from tests.oracles import strategy_writer as write

OPTION = "NIFTY:2024-11-07:OPT:24250:PE"
AT = datetime(2024, 10, 29, 9, 20, tzinfo=EXCHANGE_ZONE)
LATER = datetime(2024, 10, 29, 10, 5, tzinfo=EXCHANGE_ZONE)
DAY = date(2024, 10, 29)


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        (OPTION, "option"),
        ("NIFTY:2024-11-28:FUT", "future"),
        ("NIFTY", "future"),
        ("NIFTY BANK", "future"),
        ("SENSEX", "future"),
        ("NIFTYNXT50", "future"),
        ("RELIANCE", "equity_intraday"),
        ("NIFTYBEES", "equity_intraday"),
    ],
)
def test_a_symbol_says_which_rates_apply_and_an_index_has_those_of_its_future(
    symbol: str, kind: InstrumentKind
) -> None:
    assert kind_of(symbol) == kind


def test_a_trade_is_an_entry_and_an_exit_of_the_other_side() -> None:
    trade = Trade(
        trade_id="put-r2-p1", position_id="put", re_entry_num=2, symbol=OPTION, side="sell", quantity=25,
        entry_price=Decimal("181.60"), entry_time=AT, exit_price=Decimal("168.55"), exit_time=LATER,
        pnl=Decimal("326.25"), entry_trigger="in", exit_reason="out", exit_type="signal",
        trigger_price=Decimal("168.55"), entry_node_id="entry",
    )  # fmt: skip

    assert legs_of(trade) == (
        Fill(order_id="put-r2 entry", trade_date=DAY, kind="option", side="sell", quantity=25, price=Decimal("181.60")),
        Fill(
            order_id="put-r2-p1 exit", trade_date=DAY, kind="option", side="buy", quantity=25, price=Decimal("168.55")
        ),
    )


def test_what_is_open_still_has_its_part_of_the_entry_order() -> None:
    mark = PositionMark(
        "put", 2, "entry", OPTION, "sell", 50, Decimal("181.60"), AT, Decimal("170.00"), Decimal("580.00")
    )

    assert entry_leg(mark) == Fill(
        order_id="put-r2 entry", trade_date=DAY, kind="option", side="sell", quantity=50, price=Decimal("181.60")
    )


def test_a_first_day_before_the_rates_of_what_is_traded_is_refused() -> None:
    strategy = parse_strategy(
        write.document(
            [
                write.start([write.timeframe("seconds", 1)], symbol="RELIANCE"),
                write.entry_signal("in", write.always()),
                write.entry("entry", write.position("bought", "buy")),
            ],
            [("start", "in"), ("in", "entry")],
        )
    )

    check_dates(indian_fno(), strategy, date(2021, 1, 1))
    check_dates(no_costs(), strategy, date(1999, 1, 1))
    with pytest.raises(CostDateUnknown, match="within a day on NSE are not known for 2020-12-31"):
        check_dates(indian_fno(), strategy, date(2020, 12, 31))
