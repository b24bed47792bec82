"""What the tests of costs share: fills, models and sessions, made by hand and drawn at random."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from strategies.engine import cost_rates, costs
from strategies.engine.contract_notes import TradeLegs
from strategies.engine.cost_rates import InstrumentKind
from strategies.engine.costs import PAISA, CostModel, Fill, FnoProfile
from strategies.engine.strategy import Side

#: The reference day.
THE_DAY = date(2024, 10, 29)
SIDES: tuple[Side, Side] = ("buy", "sell")


def fill(
    side: Side,
    price: str,
    *,
    quantity: int = 25,
    kind: InstrumentKind = "option",
    on: date = THE_DAY,
    order_id: str = "",
) -> Fill:
    """Make a fill that is an order of its own unless it is told which."""
    return Fill(
        order_id=order_id or f"{side} {price}",
        trade_date=on,
        kind=kind,
        side=side,
        quantity=quantity,
        price=Decimal(price),
    )


def prices() -> st.SearchStrategy[Decimal]:
    """Return prices on the 0.05 grid, from worthless to 5,000."""
    return st.integers(0, 100_000).map(lambda steps: steps * Decimal("0.05"))


@st.composite
def sessions(draw: st.DrawFn) -> list[TradeLegs]:
    """Draw trades of all kinds over a few days, some of them parts of one order."""
    trades = []
    for number in range(draw(st.integers(1, 12))):
        kind: InstrumentKind = draw(st.sampled_from(cost_rates.KINDS))
        entry: Side = draw(st.sampled_from(SIDES))
        quantity = draw(st.integers(1, 1800))
        days = sorted(draw(st.tuples(*[st.integers(0, 600)] * 2)))
        sides = SIDES if entry == "buy" else SIDES[::-1]
        legs = tuple(
            Fill(
                order_id=draw(st.sampled_from(("shared", f"own {number}"))),
                trade_date=date(2024, 9, 1) + timedelta(days=day),
                kind=kind,
                side=side,
                quantity=quantity,
                price=draw(prices()),
            )
            for side, day in zip(sides, days, strict=True)
        )
        bought, sold = (next(leg.turnover for leg in legs if leg.side == side) for side in SIDES)
        trades.append(TradeLegs(trade_id=str(number), gross=sold - bought, legs=legs))
    return trades


def models() -> st.SearchStrategy[CostModel]:
    """Return models of each kind."""
    amounts = st.integers(0, 10_000).map(lambda paise: paise * PAISA)
    return st.one_of(
        st.builds(
            FnoProfile,
            exchange=st.sampled_from(cost_rates.EXCHANGES),
            brokerage_per_order=amounts,
            is_gst_on_ipft=st.booleans(),
        ).map(costs.indian_fno),
        st.builds(costs.percent_and_fixed, amounts, amounts),
        st.just(costs.no_costs()),
    )
