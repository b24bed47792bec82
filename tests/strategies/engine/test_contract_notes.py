"""
Contract notes: rounded once a day, split back to the paisa, and every sum holds.

2,892.06, 2,892.29 and 2,891.87 are the 52 trades of the synthetic day at one lot of 25: by the rule, unrounded, and
with every order rounded by itself.
"""

import csv
import os
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine import contract_notes, costs
from strategies.engine.contract_notes import TradeLegs
from strategies.engine.costs import COMPONENTS, PAISA, CostModel, Costs
from tests.strategies.engine.cost_examples import THE_DAY, fill, models, sessions

ROOT = Path(__file__).resolve().parents[3]


def to_paisa(amount: Decimal) -> Decimal:
    """Round halves up, as people do when they compare with a calculator."""
    return amount.quantize(PAISA, ROUND_HALF_UP)


@pytest.fixture(scope="module")
def synthetic_trades() -> list[TradeLegs]:
    """Return the 52 trades of the synthetic day as one-lot shorts of 25 units."""
    folder = Path(os.environ.get("SYNTHETIC_DAY") or ROOT.parent / "shared" / "data" / "synthetic-52-trades")
    file = folder / "expected_trades.csv"
    if not file.exists():
        missing = f"the synthetic day is not at {folder}: set SYNTHETIC_DAY to its folder"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with file.open(newline="") as lines:
        return [
            TradeLegs(
                trade_id=str(number),
                gross=Decimal(row["pnl"]) * 25,
                legs=(
                    fill("sell", row["entry_price"], order_id=f"{number} entry"),
                    fill("buy", row["exit_price"], order_id=f"{number} exit"),
                ),
            )
            for number, row in enumerate(csv.DictReader(lines))
        ]


def test_the_52_trades_cost_2892_06_rounded_once_and_net_is_gross_less_that(synthetic_trades: list[TradeLegs]) -> None:
    costed = contract_notes.cost_trades(costs.indian_fno(), synthetic_trades)

    assert len(costed.trades) == 52
    assert costed.costs == Costs(
        brokerage=Decimal("2080.00"),
        stt=Decimal("231.00"),
        exchange=Decimal("166.12"),
        ipft=Decimal("2.37"),
        sebi=Decimal("0.47"),
        stamp_duty=Decimal("7.29"),
        gst=Decimal("404.81"),
    )
    assert costed.costs.total == Decimal("2892.06")
    assert (costed.gross, costed.net) == (Decimal("-11778.75"), Decimal("-14670.81"))
    assert sum(trade.net for trade in costed.trades) == Decimal("-14670.81")


def test_the_52_trades_cost_2892_29_unrounded_and_2891_87_rounded_order_by_order(
    synthetic_trades: list[TradeLegs],
) -> None:
    model = costs.indian_fno()
    exact = model.fill_costs([leg for trade in synthetic_trades for leg in trade.legs])

    order_by_order = costs.total_costs(
        [Costs(**{name: to_paisa(getattr(one, name)) for name in COMPONENTS}) for one in exact]
    )

    assert to_paisa(costs.total_costs(exact).total) == Decimal("2892.29")
    assert order_by_order.total == Decimal("2891.87")
    assert order_by_order.sebi == Decimal("0.15")


def test_no_costs_leave_net_equal_to_gross() -> None:
    legs = TradeLegs(trade_id="1", gross=Decimal("-12.50"), legs=(fill("buy", "100"), fill("sell", "99.5")))

    costed = contract_notes.cost_trades(costs.no_costs(), [legs])

    assert (costed.gross, costed.net, costed.costs.total) == (Decimal("-12.50"), Decimal("-12.50"), Decimal(0))


def test_a_trade_over_two_days_stands_in_two_notes() -> None:
    """Each day rounds by itself: STT of 0.50 on the day of the sale is one rupee."""
    legs = TradeLegs(
        trade_id="overnight",
        gross=Decimal("-25.00"),
        legs=(fill("sell", "20"), fill("buy", "21", on=THE_DAY + timedelta(days=1))),
    )

    costed = contract_notes.cost_trades(costs.indian_fno(), [legs])

    assert [(note.trade_date, note.rounded.stt) for note in costed.notes] == [
        (THE_DAY, Decimal("1.00")),
        (THE_DAY + timedelta(days=1), Decimal("0.00")),
    ]
    assert costed.trades[0].net == costed.net


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1.00", ["1", "1", "1"], ["0.34", "0.33", "0.33"]),
        ("5.00", ["4.54"], ["5.00"]),
        ("0.02", ["0.001", "0.003", "0.006"], ["0.00", "0.01", "0.01"]),
        ("0.00", ["0", "0"], ["0.00", "0.00"]),
        ("0.00", ["0.001", "0.002"], ["0.00", "0.00"]),
    ],
)
def test_the_paise_left_over_go_to_those_who_lost_most(amount: str, weights: list[str], parts: list[str]) -> None:
    found = contract_notes.split(Decimal(amount), [Decimal(weight) for weight in weights])

    assert found == tuple(Decimal(part) for part in parts)


def is_whole_paise(amount: Decimal) -> bool:
    """Tell whether an amount can be paid."""
    return amount == amount.quantize(PAISA)


@settings(deadline=None)
@given(model=models(), trades=sessions())
def test_costs_add_up_over_components_fills_trades_and_days(model: CostModel, trades: list[TradeLegs]) -> None:
    costed = contract_notes.cost_trades(model, trades)

    for note in costed.notes:
        assert note.rounded.total == sum(getattr(note.rounded, name) for name in COMPONENTS)
        assert costs.total_costs(note.fill_costs) == note.rounded
        for name in COMPONENTS:
            shares = [getattr(share, name) for share in note.fill_costs]
            assert all(share >= 0 and is_whole_paise(share) for share in shares)
            unit = Decimal(1) if name == "stt" else PAISA
            assert abs(getattr(note.rounded, name) - getattr(note.unrounded, name)) <= unit / 2
    assert [trade.trade_id for trade in costed.trades] == [trade.trade_id for trade in trades]
    assert costs.total_costs([trade.costs for trade in costed.trades]) == costed.costs
    assert sum(trade.net for trade in costed.trades) == costed.net
    assert costed.net == sum(trade.gross for trade in trades) - sum(note.rounded.total for note in costed.notes)


@given(
    paise=st.integers(0, 10_000_000),
    weights=st.lists(st.decimals(0, 10_000, places=9, allow_nan=False), min_size=1, max_size=30),
)
def test_a_split_adds_up_and_no_part_is_a_paisa_off(paise: int, weights: list[Decimal]) -> None:
    amount = paise * PAISA if any(weights) else Decimal(0)

    parts = contract_notes.split(amount, weights)

    assert sum(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - amount * weight) <= PAISA * whole
