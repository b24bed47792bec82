"""Stops and targets as steps: what the ticks told, told again by its changes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streaming.guard_history import LEVELS, GuardHistory

CALL = "NIFTY:2024-10-31:OPT:24300:CE"
EVERY_TICK = {"after_tick": 0, "through_tick": 10**9}
levels = st.one_of(st.none(), st.sampled_from(["98.00", "0.05", "-0.05", "1204.35"]))


def position(
    name: str = "call", *, entered: str = "09:15:01", symbol: str = CALL, **known: str | None
) -> dict[str, Any]:
    return {"position_id": name, "entry_time": entered, "symbol": symbol, **known}


def history(*ticks: list[dict[str, Any]]) -> GuardHistory:
    found = GuardHistory()
    for tick, positions in enumerate(ticks, start=1):
        found.add_tick(tick, positions)
    return found


@given(st.lists(st.lists(levels, min_size=3, max_size=3), min_size=1, max_size=12))
def test_the_steps_say_what_every_tick_said(told: list[list[str | None]]) -> None:
    ticks = [[position() | dict(zip(LEVELS, row, strict=True))] for row in told]

    found = history(*ticks).of_symbols({CALL}, **EVERY_TICK)

    steps = found[0] if found else {}
    for place, name in enumerate(LEVELS):
        changes = dict(steps.get(name, []))
        level: str | None = None
        for tick, row in enumerate(told, start=1):
            before, level = level, changes.get(tick, level)
            assert level == row[place]
            assert (tick in changes) == (level != before)


def test_a_position_that_closes_and_is_entered_again_is_told_twice() -> None:
    first = position(stop_loss_price="98.00")
    again = position(entered="09:15:04", stop_loss_price="97.50", trailing_stop_price="99.00")

    found = history([first], [first], [], [again], [again | {"trailing_stop_price": "99.50"}])

    assert found.of_symbols({CALL}, **EVERY_TICK) == [
        {
            "position_id": "call",
            "entry_time": "09:15:01",
            "symbol": CALL,
            "stop_loss_price": [(1, "98.00"), (3, None)],
        },
        {
            "position_id": "call",
            "entry_time": "09:15:04",
            "symbol": CALL,
            "stop_loss_price": [(4, "97.50")],
            "trailing_stop_price": [(4, "99.00"), (5, "99.50")],
        },
    ]


def test_only_the_steps_of_the_contracts_and_ticks_that_were_asked_for_are_told() -> None:
    rising = [position(trailing_stop_price=f"{tick}.00") for tick in range(1, 6)]
    other = position("put", symbol="a put", stop_loss_price="5.00")

    found = history(*[[each, other] for each in rising])

    assert found.of_symbols({CALL}, after_tick=2, through_tick=4) == [
        {
            "position_id": "call",
            "entry_time": "09:15:01",
            "symbol": CALL,
            "trailing_stop_price": [(3, "3.00"), (4, "4.00")],
        }
    ]
    assert found.of_symbols({"a put"}, after_tick=1, through_tick=5) == []


def test_positions_that_nothing_guards_or_of_which_nothing_was_told_leave_no_trace() -> None:
    unguarded = position() | dict.fromkeys(LEVELS)

    assert history([unguarded], [position("older")], []).of_symbols({CALL}, **EVERY_TICK) == []
