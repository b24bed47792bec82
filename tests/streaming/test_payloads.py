"""Engine outcomes as payloads: every field that the stream protocol names, in its type."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from strategies.engine.candles import Candle
from strategies.engine.outcomes import (
    NodeCompletion,
    NodeExecution,
    OrderFilled,
    QuoteView,
    SeriesView,
    TickOutcome,
)
from strategies.engine.positions import NO_TRADES, PnlSummary, PositionMark, Trade, TradeSummary
from streaming import payloads
from streaming.payloads import TickWriter
from streaming.protocol import json_text
from tests.builders.market_data import at

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
CONDITIONS: dict[str, Any] = {"logic": "AND", "result": True, "conditions": []}
NOW: datetime = at("09:19:01")

MARK = PositionMark(
    position_id="entry-2-pos1", re_entry_num=1, entry_node_id="entry-2", symbol=PUT, side="sell", quantity=75,
    entry_price=Decimal("181.60"), entry_time=at("09:19:00"), current_price=Decimal("180.05"),
    unrealized_pnl=Decimal("116.25"), stop_loss_price=Decimal("217.92"), trailing_stop_price=Decimal("184.335"),
)  # fmt: skip
TRADE = Trade(
    trade_id="entry-2-pos1-r0", position_id="entry-2-pos1", re_entry_num=0, symbol=PUT, side="sell", quantity=75,
    entry_price=Decimal("181.60"), entry_time=at("09:19:00"), exit_price=Decimal("260.05"), exit_time=at("10:48:00"),
    pnl=Decimal("-5883.75"), entry_trigger="entry-condition-1", exit_reason="exit-3", exit_type="stop_loss",
    trigger_price=Decimal("259.95"), entry_node_id="entry-2",
)  # fmt: skip
PNL = PnlSummary(Decimal("-5883.75"), Decimal("116.25"), Decimal("-5767.50"), 1, 1)
EXECUTION = NodeExecution(
    execution_id="exec_a", parent_execution_id="exec_b", node_id="entry-condition-1", node_name="Bullish",
    node_type="EntrySignalNode", signal_emitted=True, evaluated_conditions=CONDITIONS, note="",
)  # fmt: skip
SILENT = NodeExecution(
    execution_id="exec_c", parent_execution_id=None, node_id="entry-2", node_name="Entry", node_type="EntryNode",
    signal_emitted=False, evaluated_conditions=None, note="limit reached: maxEntries 9",
)  # fmt: skip
QUOTES = {"NIFTY": QuoteView(ltp=24_262.5, at=NOW), PUT: QuoteView(ltp=180.05, at=at("09:19:00"))}

MARK_PAYLOAD = {
    "position_id": "entry-2-pos1",
    "symbol": PUT,
    "side": "sell",
    "quantity": 75,
    "entry_price": "181.60",
    "current_price": "180.05",
    "unrealized_pnl": "116.25",
    "entry_time": "2024-10-29 09:19:00+05:30",
    "re_entry_num": 1,
    "entry_node_id": "entry-2",
    "stop_loss_price": "217.92",
    "take_profit_price": None,
    "trailing_stop_price": "184.34",
}
TRADE_PAYLOAD = {
    "trade_id": "entry-2-pos1-r0",
    "position_id": "entry-2-pos1",
    "re_entry_num": 0,
    "symbol": PUT,
    "side": "sell",
    "quantity": 75,
    "entry_price": "181.60",
    "entry_time": "2024-10-29 09:19:00+05:30",
    "exit_price": "260.05",
    "exit_time": "2024-10-29 10:48:00+05:30",
    "pnl": "-5883.75",
    "status": "CLOSED",
    "entry_trigger": "entry-condition-1",
    "exit_reason": "exit-3",
    "closed_by": "exit-3",
    "exit_type": "stop_loss",
    "trigger_price": "259.95",
    "exit_difference": "0.10",
}
PNL_PAYLOAD = {
    "realized_pnl": "-5883.75",
    "unrealized_pnl": "116.25",
    "total_pnl": "-5767.50",
    "closed_trades": 1,
    "open_trades": 1,
}
LTP_PAYLOAD = {
    "NIFTY": {"ltp": 24_262.5, "timestamp": "2024-10-29 09:19:01.000000"},
    PUT: {"ltp": 180.05, "timestamp": "2024-10-29 09:19:00.000000"},
}


def outcome() -> TickOutcome:
    return TickOutcome(
        tick=242, timestamp=NOW, executions=(EXECUTION, SILENT), completions=(), trades=(), summaries=(),
        positions=(MARK,), pnl=PNL, quotes=QUOTES, active_nodes=("square-off-1", "exit-condition-1"),
    )  # fmt: skip


def completion() -> NodeCompletion:
    series = SeriesView(
        finished=(Candle(at("09:17:00"), 1.0, 4.0, 0.5, 2.0, 7),),
        current=Candle(at("09:19:00"), 2.0, 3.0, 2.0, 2.5, 0),
        indicators={"rsi(14,close)": 26.97, "rsi(50,close)": None},
    )
    return NodeCompletion(
        execution=EXECUTION, tick=242, timestamp=NOW, conditions_preview="TI.ltp > 1",
        variables={"SignalLow": 24_250.5},
        orders=(
            OrderFilled(
                position_id="entry-2-pos1", symbol=PUT, side="sell", quantity=75, order_type="market",
                fill_price=Decimal("181.6"), filled_at=NOW, quote_age_seconds=3,
            ),
        ),
        opened=(MARK,), closed=(TRADE,), activated=("entry-2",),
        series={"TI.1m": series, "SI.1d": SeriesView(finished=(), current=None, indicators={})}, quotes=QUOTES,
        known_variables={"entry-condition-1.SignalLow": 24_250.5}, positions=(MARK,), pnl=PNL,
        active_nodes=("exit-condition-1",),
    )  # fmt: skip


def test_a_tick_update_has_exactly_the_fields_of_the_protocol() -> None:
    assert TickWriter().tick_update(outcome()) == {
        "tick": 242,
        "timestamp": "2024-10-29 09:19:01+05:30",
        "execution_count": 2,
        "node_executions": {
            "exec_a": {
                "node_id": "entry-condition-1",
                "node_name": "Bullish",
                "node_type": "EntrySignalNode",
                "signal_emitted": True,
                "evaluated_conditions": CONDITIONS,
                "parent_execution_id": "exec_b",
            },
            "exec_c": {
                "node_id": "entry-2",
                "node_name": "Entry",
                "node_type": "EntryNode",
                "signal_emitted": False,
                "evaluated_conditions": None,
                "parent_execution_id": None,
                "note": "limit reached: maxEntries 9",
            },
        },
        "open_positions": [MARK_PAYLOAD],
        "pnl_summary": PNL_PAYLOAD,
        "ltp": LTP_PAYLOAD,
        "active_nodes": ["square-off-1", "exit-condition-1"],
    }


def test_the_fields_of_a_tick_update_come_in_the_order_of_the_protocol() -> None:
    payload = TickWriter().tick_update(outcome())

    assert list(payload) == [
        "tick", "timestamp", "execution_count", "node_executions", "open_positions", "pnl_summary", "ltp",
        "active_nodes",
    ]  # fmt: skip
    assert list(payload["node_executions"]) == ["exec_a", "exec_c"]


def test_the_pieces_of_what_did_not_change_are_written_once() -> None:
    writer = TickWriter()
    first = writer.tick_update(outcome())

    same = writer.tick_update(outcome()._replace(tick=243))
    moved = MARK._replace(current_price=Decimal("179.00"), unrealized_pnl=Decimal("195.00"))
    other = writer.tick_update(
        outcome()._replace(positions=(moved,), quotes={**QUOTES, PUT: QuoteView(ltp=179.0, at=NOW)}, active_nodes=())
    )

    assert same == {**first, "tick": 243}
    assert same["open_positions"][0] is first["open_positions"][0]
    assert same["pnl_summary"] is first["pnl_summary"]
    assert other["open_positions"] == [{**MARK_PAYLOAD, "current_price": "179.00", "unrealized_pnl": "195.00"}]
    assert other["ltp"] == {
        "NIFTY": LTP_PAYLOAD["NIFTY"], PUT: {"ltp": 179.0, "timestamp": "2024-10-29 09:19:01.000000"},
    }  # fmt: skip
    assert (other["active_nodes"], first["open_positions"]) == ([], [MARK_PAYLOAD])


def test_a_symbol_that_is_told_of_no_more_is_left_out() -> None:
    writer = TickWriter()
    writer.tick_update(outcome())

    later = writer.tick_update(outcome()._replace(quotes={PUT: QUOTES[PUT]}, positions=()))

    assert (later["ltp"], later["open_positions"]) == ({PUT: LTP_PAYLOAD[PUT]}, [])


def test_a_node_event_has_the_fields_of_the_protocol_and_the_full_record() -> None:
    assert payloads.node_event(completion()) == {
        "execution_id": "exec_a",
        "parent_execution_id": "exec_b",
        "node_id": "entry-condition-1",
        "node_name": "Bullish",
        "node_type": "EntrySignalNode",
        "tick": 242,
        "timestamp": "2024-10-29 09:19:01+05:30",
        "event_type": "logic_completed",
        "signal_emitted": True,
        "conditions_preview": "TI.ltp > 1",
        "evaluated_conditions": CONDITIONS,
        "node_variables": {"SignalLow": 24_250.5},
        "action": {
            "orders": [
                {
                    "position_id": "entry-2-pos1",
                    "symbol": PUT,
                    "side": "sell",
                    "quantity": 75,
                    "order_type": "market",
                    "status": "filled",
                    "fill_price": "181.60",
                    "filled_at": "2024-10-29 09:19:01+05:30",
                    "quote_age_seconds": 3,
                }
            ],
            "activated_nodes": ["entry-2"],
        },
        "opened_positions": [MARK_PAYLOAD],
        "exit_result": [TRADE_PAYLOAD],
        "market": {
            "ltp": LTP_PAYLOAD,
            "series": {
                "TI.1m": {
                    "finished": [
                        {
                            "start": "2024-10-29 09:17:00+05:30",
                            "open": 1.0,
                            "high": 4.0,
                            "low": 0.5,
                            "close": 2.0,
                            "volume": 7,
                        }
                    ],
                    "current": {
                        "start": "2024-10-29 09:19:00+05:30",
                        "open": 2.0,
                        "high": 3.0,
                        "low": 2.0,
                        "close": 2.5,
                        "volume": 0,
                    },
                    "indicators": {"rsi(14,close)": 26.97, "rsi(50,close)": None},
                },
                "SI.1d": {"finished": [], "current": None, "indicators": {}},
            },
        },
        "variables": {"entry-condition-1.SignalLow": 24_250.5},
        "open_positions": [MARK_PAYLOAD],
        "pnl_summary": PNL_PAYLOAD,
        "active_nodes": ["exit-condition-1"],
    }


def test_a_trade_update_is_the_trade_and_the_summary_after_it() -> None:
    summary = TradeSummary(total_trades=3, total_pnl=Decimal("-5883.75"), winning_trades=1, losing_trades=2)

    assert payloads.trade_update(TRADE, summary) == {
        "trade": TRADE_PAYLOAD,
        "summary": {
            "total_trades": 3,
            "total_pnl": "-5883.75",
            "winning_trades": 1,
            "losing_trades": 2,
            "win_rate": "33.33",
        },
    }


def test_without_a_trade_the_summary_is_all_zero() -> None:
    assert payloads.trade_summary(NO_TRADES) == {
        "total_trades": 0,
        "total_pnl": "0.00",
        "winning_trades": 0,
        "losing_trades": 0,
        "win_rate": "0.00",
    }


@pytest.mark.parametrize(
    ("amount", "text"),
    [("-0.00", "0.00"), ("0.004", "0.00"), ("84.2575", "84.26"), ("-0.005", "-0.01"), ("1E+5", "100000.00")],
)
def test_money_has_two_places_whatever_it_was_computed_with(amount: str, text: str) -> None:
    pnl = PnlSummary(Decimal(amount), Decimal(0), Decimal(amount), 0, 0)

    assert payloads.pnl_summary(pnl)["realized_pnl"] == text


def test_every_payload_is_plain_json_and_reads_back_as_it_was() -> None:
    summary = TradeSummary(total_trades=1, total_pnl=Decimal(1), winning_trades=1, losing_trades=0)
    all_payloads = [
        TickWriter().tick_update(outcome()), payloads.node_event(completion()), payloads.trade_update(TRADE, summary)
    ]  # fmt: skip

    assert [json_text.decode(json_text.encode(payload)) for payload in all_payloads] == all_payloads
