"""Guards of any kind and unit, and the positions and days that they are tried on."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from strategies.engine.guards import Guarded
from strategies.engine.strategy import Protection, Unit
from strategies.engine.tape import DayTape
from tests.builders.market_data import market_data

LONG = Guarded(symbol="NIFTY", direction=1, quantity=10, entry_price=Decimal("100.00"))
SHORT = replace(LONG, direction=-1)
UNITS: tuple[Unit, ...] = ("percentage", "points", "pnl")


def tape_of(*prices: float) -> DayTape:
    [day] = market_data(*({"NIFTY": price} for price in prices)).days()
    return DayTape(day)


@st.composite
def protections(draw: st.DrawFn) -> Protection:
    kind = draw(st.sampled_from(["stop_loss", "take_profit", "trailing_stop"]))
    unit = draw(st.sampled_from(UNITS))
    distance = draw(st.sampled_from([0.5, 1.0, 2.5, 3.0, 40.0]))
    if kind != "trailing_stop":
        return Protection(kind="stop_loss" if kind == "stop_loss" else "take_profit", unit=unit, distance=distance)
    return Protection(
        kind="trailing_stop", unit=unit, distance=distance, activation=draw(st.sampled_from([0.0, 0.5, 2.0])),
        step=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )  # fmt: skip
