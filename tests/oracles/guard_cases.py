"""
Small cases of stops, targets, trailing stops and what meets them: at most ten ticks each, worked out by hand.

Prices are those of one option, tick by tick, "-" where it does not tick; the index ticks always. The entry signal is
true from tick 0 on, and the market order of a flat strategy fills in its own tick. What is expected reads

    0@100 > 3@98 stop_loss 98 x1

entered in tick 0 at 100, left in tick 3 at 98 by the stop whose level was 98, one unit.

The rules that the cases follow, as ``guards``, ``fills`` and the exit node document them: a guard works from the tick
after the entry on; it triggers where the price reaches its level, and fills at the price that is there, worse than the
level after a gap; the stop loss comes before the trailing stop, this before the target; guards come before signals,
the square-off before both; a trailing stop stands where the best price *before* the tick put it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from strategies.engine.fills import FillPolicy
from tests.oracles.strategy_writer import UNLIMITED, Json, stop_loss, take_profit, trailing_stop


@dataclass(frozen=True, kw_only=True)
class GuardCase:
    """A case and what must come of it."""

    name: str
    prices: str
    #: Closed trades, in the order of closing.
    expected: tuple[str, ...]
    #: Positions that the data end on.
    still_open: tuple[str, ...] = ()
    side: str = "buy"
    quantity: int = 1
    guards: Json = field(default_factory=dict)
    #: Guards of a second exit node of the same position.
    more_guards: Json = field(default_factory=dict)
    #: Side and guards of a second position of the same entry node.
    beside: tuple[str, Json] | None = None
    #: Fields of the entry's and of the exit's order.
    entry_order: Json = field(default_factory=dict)
    exit_order: Json = field(default_factory=dict)
    #: Tick from which on the exit signal is true.
    signal_from: int | None = None
    square_off_at: int | None = None
    #: Further ends of the day.
    ends: Json = field(default_factory=dict)
    #: Most re-entries, after every exit at once; None for no re-entry signal.
    re_entries: int | None = None
    re_entry_target: str = "entry"
    max_entries: int = UNLIMITED
    fills: FillPolicy = field(default_factory=FillPolicy)


def limit(amount: float, kind: str = "points") -> Json:
    """Write a limit order, its limit so far from the last price; kind ``price`` gives the limit itself."""
    if kind == "price":
        return {"orderType": "limit", "limitPrice": amount}
    return {"orderType": "limit", "limitOffset": amount, "limitOffsetType": kind}


def part(kind: str, amount: float) -> Json:
    """Write an exit of a part of the position."""
    return {"quantity": kind, "quantityPercentage" if kind == "percentage" else "specificQuantity": amount}


def session_ends(**amounts: float) -> Json:
    """Write a square-off on the day's profit or loss."""
    return {"performanceBasedExit": {"enabled": True, **amounts}}


STOPS = (
    GuardCase(
        name="a bought position's stop is hit where the price is exactly at its level",
        prices="100 99 98.05 98 97",
        guards=stop_loss(2),
        expected=("0@100 > 3@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="a sold position's stop is hit where the price is exactly at its level",
        prices="100 101 101.95 102 103",
        side="sell",
        guards=stop_loss(2),
        expected=("0@100 > 3@102 stop_loss 102 x1",),
    ),
    GuardCase(
        name="a gap through a bought position's stop fills at the price behind the gap",
        prices="100 99 95 99",
        guards=stop_loss(2),
        expected=("0@100 > 2@95 stop_loss 98 x1",),
    ),
    GuardCase(
        name="a gap through a sold position's stop fills at the price behind the gap",
        prices="100 101 110 101",
        side="sell",
        guards=stop_loss(2),
        expected=("0@100 > 2@110 stop_loss 102 x1",),
    ),
    GuardCase(
        name="one step of the grid short of the level is not there",
        prices="100 98.05 98.05 98.05",
        guards=stop_loss(2),
        expected=(),
        still_open=("0@100 x1",),
    ),
    GuardCase(
        name="a level between two prices of the grid is hit by the one behind it",
        # 33.35 less 10 % is 30.015.
        prices="33.35 30.05 30",
        guards=stop_loss(10),
        expected=("0@33.35 > 2@30 stop_loss 30.015 x1",),
    ),
    GuardCase(
        name="a bought level that floats would put too high is exact",
        # 1.1 * 0.9 is 0.9900000000000001 in floats; 0.99 must not be hit by 1.00 nor missed by 0.99.
        prices="1.1 1 0.99",
        guards=stop_loss(10),
        expected=("0@1.1 > 2@0.99 stop_loss 0.99 x1",),
    ),
    GuardCase(
        name="a sold level that floats would put too high is exact",
        # 1.1 * 1.1 is 1.2100000000000002 in floats, which 1.21 would not reach.
        prices="1.1 1.2 1.21",
        side="sell",
        guards=stop_loss(10),
        expected=("0@1.1 > 2@1.21 stop_loss 1.21 x1",),
    ),
    GuardCase(
        name="a stop in points, bought",
        prices="100 98.55 98.5",
        guards=stop_loss(1.5, "points"),
        expected=("0@100 > 2@98.5 stop_loss 98.5 x1",),
    ),
    GuardCase(
        name="a stop in points, sold",
        prices="100 101.45 101.5",
        side="sell",
        guards=stop_loss(1.5, "points"),
        expected=("0@100 > 2@101.5 stop_loss 101.5 x1",),
    ),
    GuardCase(
        name="a stop in money counts the whole position: 25 over 10 units are 2.5 points",
        prices="100 97.55 97.5",
        quantity=10,
        guards=stop_loss(25, "pnl"),
        expected=("0@100 > 2@97.5 stop_loss 97.5 x10",),
    ),
    GuardCase(
        name="a stop in money, sold: 10 over 4 units are 2.5 points",
        prices="100 102.45 102.5",
        side="sell",
        quantity=4,
        guards=stop_loss(10, "pnl"),
        expected=("0@100 > 2@102.5 stop_loss 102.5 x4",),
    ),
    GuardCase(
        name="a stop in money that no decimal can hold: 10 over 3 units",
        prices="100 96.7 96.65",
        quantity=3,
        guards=stop_loss(10, "pnl"),
        expected=("0@100 > 2@96.65 stop_loss 96.6667 x3",),
    ),
    GuardCase(
        name="a stop that is reached in the entry tick itself waits for the next tick",
        # Bought 3 points worse, at 103; the level 100.94 is above the last price from the start.
        prices="100 100 100",
        guards=stop_loss(2),
        fills=FillPolicy(slippage_points=3),
        expected=("0@103 > 1@97 stop_loss 100.94 x1",),
    ),
    GuardCase(
        name="slippage worsens entry and exit, and the stop counts from the worse entry",
        # 100.5 less 2 % is 98.49.
        prices="100 98.5 98",
        guards=stop_loss(2),
        fills=FillPolicy(slippage_points=0.5),
        expected=("0@100.5 > 2@97.5 stop_loss 98.49 x1",),
    ),
)

TARGETS = (
    GuardCase(
        name="a bought position's target is hit where the price is exactly at its level",
        prices="100 101.95 102 103",
        guards=take_profit(2),
        expected=("0@100 > 2@102 take_profit 102 x1",),
    ),
    GuardCase(
        name="a gap through a bought position's target fills at the better price",
        prices="100 105",
        guards=take_profit(2),
        expected=("0@100 > 1@105 take_profit 102 x1",),
    ),
    GuardCase(
        name="a sold position's target is hit where the price is exactly at its level",
        prices="100 98.05 98",
        side="sell",
        guards=take_profit(2),
        expected=("0@100 > 2@98 take_profit 98 x1",),
    ),
    GuardCase(
        name="a gap through a sold position's target fills at the better price",
        prices="100 90",
        side="sell",
        guards=take_profit(2),
        expected=("0@100 > 1@90 take_profit 98 x1",),
    ),
    GuardCase(
        name="a target in points",
        prices="100 101.45 101.5",
        guards=take_profit(1.5, "points"),
        expected=("0@100 > 2@101.5 take_profit 101.5 x1",),
    ),
    GuardCase(
        name="a target in money, sold: 50 over 20 units are 2.5 points",
        prices="100 97.55 97.5",
        side="sell",
        quantity=20,
        guards=take_profit(50, "pnl"),
        expected=("0@100 > 2@97.5 take_profit 97.5 x20",),
    ),
    GuardCase(
        name="stop and target: the one that is reached first closes",
        prices="100 101 99 98 102",
        guards=stop_loss(2) | take_profit(2),
        expected=("0@100 > 3@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="stop and target: the other one",
        prices="100 99 101 102 98",
        guards=stop_loss(2) | take_profit(2),
        expected=("0@100 > 3@102 take_profit 102 x1",),
    ),
)

TRAILING = (
    GuardCase(
        name="a trailing stop follows the best price",
        # Best 103 in tick 2: the stop stands at 101 from tick 3 on.
        prices="100 101 103 102 101",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 4@101 trailing_stop 101 x1",),
    ),
    GuardCase(
        name="a sold position's trailing stop follows the lowest price",
        prices="100 99 97 98 99",
        side="sell",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 4@99 trailing_stop 99 x1",),
    ),
    GuardCase(
        name="a trailing stop never goes back",
        prices="100 105 104 103.05 103",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 4@103 trailing_stop 103 x1",),
    ),
    GuardCase(
        name="a trailing stop that the price never left behind is the entry's",
        prices="100 99 98",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 2@98 trailing_stop 98 x1",),
    ),
    GuardCase(
        name="a gap through a trailing stop fills at the price behind the gap",
        prices="100 103 90",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 2@90 trailing_stop 101 x1",),
    ),
    GuardCase(
        name="a trailing stop in per cent counts from the best price",
        # 120 less 10 % of 120.
        prices="100 120 108.05 108",
        guards=trailing_stop(10),
        expected=("0@100 > 3@108 trailing_stop 108 x1",),
    ),
    GuardCase(
        name="a sold position's trailing stop in per cent",
        # 80 plus 10 % of 80.
        prices="100 80 87.95 88",
        side="sell",
        guards=trailing_stop(10),
        expected=("0@100 > 3@88 trailing_stop 88 x1",),
    ),
    GuardCase(
        name="a trailing stop in money: 30 over 10 units are 3 points",
        prices="100 104 101.05 101",
        quantity=10,
        guards=trailing_stop(30, "pnl"),
        expected=("0@100 > 3@101 trailing_stop 101 x10",),
    ),
    GuardCase(
        name="a trailing stop does nothing before its activation, however far the price falls",
        prices="100 102 90 80",
        guards=trailing_stop(1, "points", activation=3),
        expected=(),
        still_open=("0@100 x1",),
    ),
    GuardCase(
        name="a trailing stop works from the tick after its activation on",
        # 100.5 would have been below 102 - 1; at 103 the profit is 3, and the stop stands at 102.
        prices="100 102 100.5 103 102.05 102",
        guards=trailing_stop(1, "points", activation=3),
        expected=("0@100 > 5@102 trailing_stop 102 x1",),
    ),
    GuardCase(
        name="an activation in per cent counts from the entry",
        # 105 less 2 % of 105 is 102.9.
        prices="100 104 101 105 102.95 102.9",
        guards=trailing_stop(2, activation=5),
        expected=("0@100 > 5@102.9 trailing_stop 102.9 x1",),
    ),
    GuardCase(
        name="an activation in money counts the whole position",
        prices="100 102 100 103 102.05 102",
        quantity=10,
        guards=trailing_stop(10, "pnl", activation=30),
        expected=("0@100 > 5@102 trailing_stop 102 x10",),
    ),
    GuardCase(
        name="a sold position's activation",
        prices="100 98 99.5 97 97.95 98",
        side="sell",
        guards=trailing_stop(1, "points", activation=3),
        expected=("0@100 > 5@98 trailing_stop 98 x1",),
    ),
    GuardCase(
        name="a step holds the stop back until the profit has grown by a whole one",
        # Best 101.9: one whole step of 1, so the stop stands at 101 - 2.
        prices="100 100.9 101.9 99.05 99",
        guards=trailing_stop(2, "points", step=1),
        expected=("0@100 > 4@99 trailing_stop 99 x1",),
    ),
    GuardCase(
        name="three steps of 0.1 are 0.3, whatever floats say",
        prices="100 100.3 98.35 98.3",
        guards=trailing_stop(2, "points", step=0.1),
        expected=("0@100 > 3@98.3 trailing_stop 98.3 x1",),
    ),
    GuardCase(
        name="a step in per cent counts from the entry, the distance from where the steps lead",
        # Best 102.5: two steps of 1, so 102 less 5 % of 102.
        prices="100 102.5 96.95 96.9",
        guards=trailing_stop(5, step=1),
        expected=("0@100 > 3@96.9 trailing_stop 96.9 x1",),
    ),
    GuardCase(
        name="a sold position's steps",
        # Best 98.1: one whole step of 1, so the stop stands at 99 + 3.
        prices="100 98.1 101.95 102",
        side="sell",
        guards=trailing_stop(3, "points", step=1),
        expected=("0@100 > 3@102 trailing_stop 102 x1",),
    ),
    GuardCase(
        name="activation and step together",
        # Active from 102 on; best 103.7 is three steps: the stop stands at 103 - 1.
        prices="100 101.9 100 103.7 102.05 102",
        guards=trailing_stop(1, "points", activation=2, step=1),
        expected=("0@100 > 5@102 trailing_stop 102 x1",),
    ),
    GuardCase(
        name="a stop tighter than the trailing stop closes first",
        prices="100 99.05 99",
        guards=stop_loss(1, "points") | trailing_stop(2, "points"),
        expected=("0@100 > 2@99 stop_loss 99 x1",),
    ),
    GuardCase(
        name="a trailing stop that has overtaken the stop closes first",
        prices="100 105 103",
        guards=stop_loss(1, "points") | trailing_stop(2, "points"),
        expected=("0@100 > 2@103 trailing_stop 103 x1",),
    ),
    GuardCase(
        name="a gap through stop and trailing stop is the stop's",
        prices="100 94",
        guards=stop_loss(5, "points") | trailing_stop(3, "points"),
        expected=("0@100 > 1@94 stop_loss 95 x1",),
    ),
    GuardCase(
        name="a target ends what trails",
        prices="100 104 105 103",
        guards=take_profit(5, "points") | trailing_stop(2, "points"),
        expected=("0@100 > 2@105 take_profit 105 x1",),
    ),
)

MEETINGS = (
    GuardCase(
        name="stop and target on one tick: a bought and a sold position of one entry",
        prices="100 98",
        guards=stop_loss(2),
        beside=("sell", take_profit(2)),
        expected=("0@100 > 1@98 stop_loss 98 x1", "0@100 > 1@98 take_profit 98 x1"),
    ),
    GuardCase(
        name="two exit nodes with a stop: the tighter one closes",
        prices="100 98.5 98 97",
        guards=stop_loss(3),
        more_guards=stop_loss(2),
        expected=("0@100 > 2@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="two stops that a gap leaps over: the nearer one decides",
        prices="100 97",
        guards=stop_loss(2),
        more_guards=stop_loss(1),
        expected=("0@100 > 1@97 stop_loss 99 x1",),
    ),
    GuardCase(
        name="the stop of one exit node and the target of another",
        prices="100 101 102 98",
        guards=stop_loss(2),
        more_guards=take_profit(2),
        expected=("0@100 > 2@102 take_profit 102 x1",),
    ),
    GuardCase(
        name="stop and signal on one tick: the stop closes",
        prices="100 99 98",
        guards=stop_loss(2),
        signal_from=2,
        expected=("0@100 > 2@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="target and signal on one tick: the target closes",
        prices="100 101 102",
        guards=take_profit(2),
        signal_from=2,
        expected=("0@100 > 2@102 take_profit 102 x1",),
    ),
    GuardCase(
        name="stop and square-off on one tick: the square-off closes",
        prices="100 99 90",
        guards=stop_loss(2),
        square_off_at=2,
        expected=("0@100 > 2@90 square_off 90 x1",),
    ),
    GuardCase(
        name="signal and square-off on one tick: the square-off closes",
        prices="100 99 101",
        signal_from=2,
        square_off_at=2,
        expected=("0@100 > 2@101 square_off 101 x1",),
    ),
    GuardCase(
        name="a signal that is true in the entry tick waits for the next",
        prices="100 101 102",
        signal_from=0,
        expected=("0@100 > 1@101 signal 101 x1",),
    ),
    GuardCase(
        name="nothing enters in the tick that squares off",
        prices="100 101",
        square_off_at=0,
        expected=(),
    ),
    GuardCase(
        name="nothing enters again after the square-off",
        prices="100 101 102 103",
        square_off_at=1,
        re_entries=5,
        expected=("0@100 > 1@101 square_off 101 x1",),
    ),
    GuardCase(
        name="the day's loss limit squares off: 20 over 10 units are 2 points",
        prices="100 98.05 98 97",
        quantity=10,
        ends=session_ends(lossLimit=20),
        expected=("0@100 > 2@98 square_off 98 x10",),
    ),
    GuardCase(
        name="the day's profit target squares off",
        prices="100 98.05 98 97",
        side="sell",
        quantity=10,
        ends=session_ends(profitTarget=20),
        expected=("0@100 > 2@98 square_off 98 x10",),
    ),
    GuardCase(
        name="the day's loss counts closed trades and the open one",
        # Lost 1 by the stop; bought again at 98, the day is at -3 when the price is 96.
        prices="100 99 98 97.5 96",
        guards=stop_loss(1, "points"),
        re_entries=9,
        ends=session_ends(lossLimit=3),
        expected=("0@100 > 1@99 stop_loss 99 x1", "2@98 > 4@96 square_off 96 x1"),
    ),
    GuardCase(
        name="stop and the day's loss limit on one tick: the square-off closes",
        prices="100 98",
        guards=stop_loss(2),
        ends=session_ends(lossLimit=2),
        expected=("0@100 > 1@98 square_off 98 x1",),
    ),
)

QUOTES = (
    GuardCase(
        name="without a tick the last price stands, and a stop is not hit",
        prices="100 - - 97",
        guards=stop_loss(2),
        expected=("0@100 > 3@97 stop_loss 98 x1",),
    ),
    GuardCase(
        name="an order waits for the contract's first price",
        prices="- - 100 98",
        guards=stop_loss(2),
        expected=("2@100 > 3@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="a trailing stop keeps its best price over ticks without a price",
        prices="100 103 - - 101",
        guards=trailing_stop(2, "points"),
        expected=("0@100 > 4@101 trailing_stop 101 x1",),
    ),
)

LIMITS = (
    GuardCase(
        name="a limit exit that the price comes to later fills at the limit",
        # Sell at 101 + 2; the 104 of tick 3 was not there to be had.
        prices="100 101 102 104",
        exit_order=limit(2),
        signal_from=1,
        expected=("0@100 > 3@103 signal 103 x1",),
    ),
    GuardCase(
        name="a limit exit that is good already fills at the price",
        prices="100 101 102",
        exit_order=limit(99, "price"),
        signal_from=1,
        expected=("0@100 > 1@101 signal 99 x1",),
    ),
    GuardCase(
        name="a limit exit in per cent",
        prices="100 100 100.95 101",
        exit_order=limit(1, "percentage"),
        signal_from=1,
        expected=("0@100 > 3@101 signal 101 x1",),
    ),
    GuardCase(
        name="a sold position's limit exit buys below",
        prices="100 100 98.05 97",
        side="sell",
        exit_order=limit(2),
        signal_from=1,
        expected=("0@100 > 3@98 signal 98 x1",),
    ),
    GuardCase(
        name="a stop takes the place of a limit exit that waits",
        prices="100 101 98",
        guards=stop_loss(2),
        exit_order=limit(2),
        signal_from=1,
        expected=("0@100 > 2@98 stop_loss 98 x1",),
    ),
    GuardCase(
        name="a square-off takes the place of a limit exit that waits",
        prices="100 101 102 102.5",
        exit_order=limit(2),
        signal_from=1,
        square_off_at=3,
        expected=("0@100 > 3@102.5 square_off 102.5 x1",),
    ),
    GuardCase(
        name="a limit entry fills at the limit, and its stop counts from there, from the next tick on",
        # Filled at 98 in tick 2, whose 97 is below the level 97.02 already.
        prices="100 99 97 97",
        entry_order=limit(2),
        guards=stop_loss(1),
        expected=("2@98 > 3@97 stop_loss 97.02 x1",),
    ),
    GuardCase(
        name="a sold limit entry that is good already fills at the price",
        prices="100 99 98",
        side="sell",
        entry_order=limit(95, "price"),
        guards=take_profit(2),
        expected=("0@100 > 2@98 take_profit 98 x1",),
    ),
    GuardCase(
        name="a limit entry that is never reached trades nothing",
        prices="100 99 98.05 99",
        entry_order=limit(2),
        guards=stop_loss(1),
        expected=(),
    ),
)

PARTS = (
    GuardCase(
        name="half of a position is closed, the square-off closes the rest",
        prices="100 101 102 103",
        quantity=10,
        exit_order=part("percentage", 50),
        signal_from=1,
        square_off_at=3,
        expected=("0@100 > 1@101 signal 101 x5", "0@100 > 3@103 square_off 103 x5"),
    ),
    GuardCase(
        name="three of ten units are closed",
        prices="100 101 102",
        quantity=10,
        exit_order=part("specific", 3),
        signal_from=1,
        expected=("0@100 > 1@101 signal 101 x3",),
        still_open=("0@100 x7",),
    ),
    GuardCase(
        name="more units than there are close the position",
        prices="100 101 102",
        quantity=10,
        exit_order=part("specific", 30),
        signal_from=1,
        expected=("0@100 > 1@101 signal 101 x10",),
    ),
    GuardCase(
        name="half a unit is one",
        prices="100 101 102",
        quantity=2,
        exit_order=part("percentage", 25),
        signal_from=1,
        expected=("0@100 > 1@101 signal 101 x1",),
        still_open=("0@100 x1",),
    ),
    GuardCase(
        name="a stop closes what a part has left",
        prices="100 101 99 98",
        quantity=10,
        guards=stop_loss(2),
        exit_order=part("percentage", 50),
        signal_from=1,
        expected=("0@100 > 1@101 signal 101 x5", "0@100 > 3@98 stop_loss 98 x5"),
    ),
    GuardCase(
        name="a stop in money moves away when half of the position is gone: 20 over 5 units are 4 points",
        prices="100 100 97 96",
        quantity=10,
        guards=stop_loss(20, "pnl"),
        exit_order=part("percentage", 50),
        signal_from=1,
        expected=("0@100 > 1@100 signal 100 x5", "0@100 > 3@96 stop_loss 96 x5"),
    ),
    GuardCase(
        name="a trailing stop remembers the best price from before a part was closed",
        prices="100 105 104 103",
        quantity=10,
        guards=trailing_stop(2, "points"),
        exit_order=part("percentage", 50),
        signal_from=2,
        expected=("0@100 > 2@104 signal 104 x5", "0@100 > 3@103 trailing_stop 103 x5"),
    ),
)

RE_ENTRIES = (
    GuardCase(
        name="after a stop the entry node is sent in again one tick later, its stop counting from the new price",
        # 97 less 2 % is 95.06.
        prices="100 99 98 97 95.1 95",
        guards=stop_loss(2),
        re_entries=1,
        expected=("0@100 > 2@98 stop_loss 98 x1", "3@97 > 5@95 stop_loss 95.06 x1"),
    ),
    GuardCase(
        name="a sold position after its stop",
        prices="100 102 103 105.05 105.1",
        side="sell",
        guards=stop_loss(2),
        re_entries=1,
        expected=("0@100 > 1@102 stop_loss 102 x1", "2@103 > 4@105.1 stop_loss 105.06 x1"),
    ),
    GuardCase(
        name="an entry signal that is sent in again enters in the tick after the stop, too",
        prices="100 98 97 96",
        guards=stop_loss(2),
        re_entries=1,
        re_entry_target="entry-signal",
        expected=("0@100 > 1@98 stop_loss 98 x1",),
        still_open=("2@97 x1",),
    ),
    GuardCase(
        name="no re-entry beyond the limit",
        prices="100 99 98 97 96 95",
        guards=stop_loss(1, "points"),
        re_entries=1,
        expected=("0@100 > 1@99 stop_loss 99 x1", "2@98 > 3@97 stop_loss 97 x1"),
    ),
    GuardCase(
        name="a limit of no re-entries",
        prices="100 99 98 97",
        guards=stop_loss(1, "points"),
        re_entries=0,
        expected=("0@100 > 1@99 stop_loss 99 x1",),
    ),
    GuardCase(
        name="the entry's own limit holds against the re-entry's",
        prices="100 99 98 97 96 95 94",
        guards=stop_loss(1, "points"),
        re_entries=9,
        max_entries=2,
        expected=("0@100 > 1@99 stop_loss 99 x1", "2@98 > 3@97 stop_loss 97 x1"),
    ),
    GuardCase(
        name="after a target",
        prices="100 102 103 105.06",
        guards=take_profit(2),
        re_entries=1,
        expected=("0@100 > 1@102 take_profit 102 x1", "2@103 > 3@105.06 take_profit 105.06 x1"),
    ),
    GuardCase(
        name="a re-entry's trailing stop knows nothing of the first entry's best price",
        # Left at 103 after a best of 105; bought again at 102: the stop stands at 100.
        prices="100 105 103 102 100.05 100",
        guards=trailing_stop(2, "points"),
        re_entries=1,
        expected=("0@100 > 2@103 trailing_stop 103 x1", "3@102 > 5@100 trailing_stop 100 x1"),
    ),
)

NEXT_TICK = (
    GuardCase(
        name="next tick: entry and stop fill one tick after they are decided",
        prices="100 101 98.98 97",
        guards=stop_loss(2),
        fills=FillPolicy(timing="next_tick"),
        expected=("1@101 > 3@97 stop_loss 98.98 x1",),
    ),
    GuardCase(
        name="next tick: a stop that is reached in the filling tick counts from the tick after it",
        prices="100 101 98 97 96",
        guards=stop_loss(2),
        fills=FillPolicy(timing="next_tick"),
        expected=("1@101 > 3@97 stop_loss 98.98 x1",),
    ),
    GuardCase(
        name="next tick: a signal's order that is on its way is not put off by a stop",
        # The signal of tick 2 fills in tick 3, in which the stop would have triggered.
        prices="100 100 99 97 90",
        guards=stop_loss(2),
        signal_from=2,
        fills=FillPolicy(timing="next_tick"),
        expected=("1@100 > 3@97 signal 99 x1",),
    ),
    GuardCase(
        name="next tick: a stop's order that is on its way is not put off by a signal",
        prices="100 100 97 96 95",
        guards=stop_loss(2),
        signal_from=3,
        fills=FillPolicy(timing="next_tick"),
        expected=("1@100 > 3@96 stop_loss 98 x1",),
    ),
)

CASES = (*STOPS, *TARGETS, *TRAILING, *MEETINGS, *QUOTES, *LIMITS, *PARTS, *RE_ENTRIES, *NEXT_TICK)
