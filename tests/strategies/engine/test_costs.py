"""
Costs by component: other people's worked examples, both sides of every change, and what a profile decides.

The vectors and where they come from:

- 982.63, 179.97, 224.61, 1,112.41: Zerodha's calculator for 500 units at 1,000, bought and sold, as quoted in
  marketcalls/vectorbt-backtesting-skills, ``indian-market-costs.md``.
- 75.83: ``ChargeCalculatorTest.java`` of com.algotrader.unit.pnl, with its own rates and each component rounded to the
  paisa.
- 56.99: sayujks0071/antidhan, ``test_fee_calculation.py``, with its own rates.
- 55.55 and 56.01: one lot of the reference day, by hand.
"""

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from strategies.engine import contract_notes, costs
from strategies.engine.cost_rates import CostDateUnknown, InstrumentKind, RateComponent, RateRow, RateTable
from strategies.engine.costs import COMPONENTS, FLAT_20, PAISA, CostModel, Costs, Fill, FnoProfile
from tests.strategies.engine.cost_examples import SIDES, fill


def unrounded(model: CostModel, *fills: Fill) -> Decimal:
    """Add the exact costs of fills."""
    return costs.total_costs(model.fill_costs(fills)).total


def to_paisa(amount: Decimal) -> Decimal:
    """Round halves up, as people do when they compare with a calculator."""
    return amount.quantize(PAISA, ROUND_HALF_UP)


def own_rates(*, stt_sell: str, exchange: str) -> RateTable:
    """Return other people's old rates as a table: percent; no IPFT, the rest as today."""

    def row(component: RateComponent, *, buy: str, sell: str) -> RateRow:
        return RateRow(
            component=component,
            kinds=("option",),
            exchange=None,
            since=date(2000, 1, 1),
            buy=Decimal(buy) / 100,
            sell=Decimal(sell) / 100,
            source="the example's own",
        )

    return RateTable(
        (
            row("stt", buy="0", sell=stt_sell),
            row("exchange", buy=exchange, sell=exchange),
            row("sebi", buy="0.0001", sell="0.0001"),
            row("stamp_duty", buy="0.003", sell="0"),
            row("gst", buy="18", sell="18"),
        )
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("option", "982.63"), ("future", "179.97"), ("equity_intraday", "224.61"), ("equity_delivery", "1112.41")],
)
def test_500_units_at_1000_cost_what_zerodhas_calculator_says(kind: InstrumentKind, expected: str) -> None:
    fills = [fill(side, "1000", quantity=500, kind=kind) for side in SIDES]

    assert to_paisa(unrounded(costs.indian_fno(), *fills)) == Decimal(expected)


def test_the_components_of_500_options_are_those_of_the_calculator() -> None:
    fills = [fill(side, "1000", quantity=500) for side in SIDES]

    (note,) = contract_notes.write_notes(costs.indian_fno(), fills)

    assert note.rounded == Costs(
        brokerage=Decimal("40.00"),
        stt=Decimal("500.00"),
        exchange=Decimal("350.30"),
        ipft=Decimal("5.00"),
        sebi=Decimal("1.00"),
        stamp_duty=Decimal("15.00"),
        gst=Decimal("71.33"),
    )


def test_one_lot_shorted_on_the_reference_day_costs_55_55_and_56_01_rounded() -> None:
    fills = [fill("sell", "181.60"), fill("buy", "168.55")]

    (note,) = contract_notes.write_notes(costs.indian_fno(), fills)

    assert to_paisa(note.unrounded.total) == Decimal("55.55")
    assert note.unrounded.stt == Decimal("4.54")
    assert note.rounded == Costs(
        brokerage=Decimal("40.00"),
        stt=Decimal("5.00"),
        exchange=Decimal("3.07"),
        ipft=Decimal("0.04"),
        sebi=Decimal("0.01"),
        stamp_duty=Decimal("0.13"),
        gst=Decimal("7.76"),
    )
    assert note.rounded.total == Decimal("56.01")


def test_75_units_at_200_cost_75_83_with_their_own_rates_and_stt_to_the_paisa() -> None:
    model = costs.indian_fno(replace(FLAT_20, stt_unit=PAISA), rates=own_rates(stt_sell="0.0625", exchange="0.053"))

    (note,) = contract_notes.write_notes(model, [fill(side, "200", quantity=75) for side in SIDES])

    assert note.rounded.total == Decimal("75.83")


def test_50_units_from_100_to_110_cost_56_99_with_their_own_rates() -> None:
    model = costs.indian_fno(rates=own_rates(stt_sell="0.0625", exchange="0.05"))

    assert to_paisa(unrounded(model, fill("buy", "100", quantity=50), fill("sell", "110", quantity=50))) == Decimal(
        "56.99"
    )


@pytest.mark.parametrize(
    ("on", "option", "future"),
    [
        # 40 + STT + exchange + IPFT + SEBI + stamp duty + GST, in the order of ``COMPONENTS``.
        ("2021-03-31", "40 250 530 0.001 0.5 15 102.69018", "40 50 20 0.001 0.5 10 10.89018"),
        ("2021-04-01", "40 250 530 0.001 1 15 102.78018", "40 50 20 0.001 1 10 10.98018"),
        ("2023-03-31", "40 250 530 0.001 1 15 102.78018", "40 50 20 0.001 1 10 10.98018"),
        ("2023-04-01", "40 312.5 500 5 1 15 98.28", "40 62.5 19 1 1 10 10.98"),
        ("2024-03-31", "40 312.5 500 5 1 15 98.28", "40 62.5 19 1 1 10 10.98"),
        ("2024-04-01", "40 312.5 495 5 1 15 97.38", "40 62.5 18.8 1 1 10 10.944"),
        ("2024-09-30", "40 312.5 495 5 1 15 97.38", "40 62.5 18.8 1 1 10 10.944"),
        ("2024-10-01", "40 500 350.3 5 1 15 71.334", "40 100 17.3 1 1 10 10.674"),
        ("2026-02-28", "40 500 350.3 5 1 15 71.334", "40 100 17.3 1 1 10 10.674"),
        ("2026-03-01", "40 500 355.299 0.001 1 15 71.334", "40 100 18.299 0.001 1 10 10.674"),
        ("2026-03-31", "40 500 355.299 0.001 1 15 71.334", "40 100 18.299 0.001 1 10 10.674"),
        ("2026-04-01", "40 750 355.299 0.001 1 15 71.334", "40 250 18.299 0.001 1 10 10.674"),
    ],
)
def test_both_sides_of_every_change_of_rates(on: str, option: str, future: str) -> None:
    """A round trip of 500 units at 1,000 on NSE, by component."""
    examples: tuple[tuple[InstrumentKind, str], ...] = (("option", option), ("future", future))
    for kind, expected in examples:
        fills = [fill(side, "1000", quantity=500, kind=kind, on=date.fromisoformat(on)) for side in SIDES]

        total = costs.total_costs(costs.indian_fno().fill_costs(fills))

        assert [getattr(total, name) for name in COMPONENTS] == [Decimal(amount) for amount in expected.split()]


def test_bse_options_pay_their_own_charge_and_no_ipft() -> None:
    fills = [fill(side, "1000", quantity=500) for side in SIDES]

    total = costs.total_costs(costs.indian_fno(FnoProfile(exchange="BSE")).fill_costs(fills))

    assert (total.exchange, total.ipft) == (Decimal(325), Decimal(0))
    assert total.gst == Decimal("0.18") * (40 + 325 + 1)


def test_gst_may_leave_ipft_out() -> None:
    fills = [fill(side, "1000", quantity=500) for side in SIDES]

    total = costs.total_costs(costs.indian_fno(FnoProfile(is_gst_on_ipft=False)).fill_costs(fills))

    assert (total.ipft, total.gst) == (Decimal(5), Decimal("0.18") * Decimal("391.30"))


def test_futures_pay_three_hundredths_of_a_percent_where_that_is_less_than_20() -> None:
    (small, large) = costs.indian_fno().fill_costs(
        [fill("buy", "1000", quantity=50, kind="future"), fill("sell", "1001", quantity=500, kind="future")]
    )

    assert (small.brokerage, large.brokerage) == (Decimal(15), Decimal(20))


def test_the_parts_of_one_order_share_its_brokerage_and_two_orders_do_not() -> None:
    parts = [fill("sell", "100", quantity=quantity, order_id="entry") for quantity in (25, 50)]
    exits = [fill("buy", "90", quantity=quantity, order_id=f"exit of {quantity}") for quantity in (25, 50)]

    shares = [cost.brokerage for cost in costs.indian_fno().fill_costs([*parts, *exits])]

    assert sum(shares[:2]) == Decimal(20)
    assert to_paisa(shares[0]) == Decimal("6.67")
    assert shares[2:] == [Decimal(20), Decimal(20)]


def test_a_day_before_the_table_begins_is_refused_with_the_first_day_known() -> None:
    with pytest.raises(CostDateUnknown) as refused:
        costs.indian_fno().fill_costs([fill("buy", "100", on=date(2020, 12, 31))])

    assert refused.value.first_date == date(2021, 1, 1)
    assert str(refused.value) == (
        "the costs of options on NSE are not known for 2020-12-31: the table begins on 2021-01-01; "
        'choose a later day, or the cost model "percent" or "none"'
    )
    assert unrounded(costs.indian_fno(), fill("buy", "100", on=date(2021, 1, 1))) > 20


def test_an_exercised_option_costs_its_holder_that_tax_and_its_writer_nothing() -> None:
    held, written = costs.indian_fno().fill_costs(
        [fill("sell", "250", kind="exercised_option"), fill("buy", "250", kind="exercised_option")]
    )

    assert held == Costs(stt=Decimal("7.8125"))
    assert written.total == 0


def test_percent_and_fixed_charges_both_on_each_side() -> None:
    model = costs.percent_and_fixed(Decimal("0.05"), Decimal(20))

    (note,) = contract_notes.write_notes(model, [fill("buy", "100"), fill("sell", "110.33")])

    assert note.unrounded == Costs(brokerage=Decimal("42.629125"))
    assert note.rounded == Costs(brokerage=Decimal("42.63"))
