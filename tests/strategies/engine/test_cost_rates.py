"""The rate table answers from its first day on, has no contradictions, and stands whole on its page."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from strategies.engine import cost_rates
from strategies.engine.cost_rates import (
    INDIAN_RATES,
    CostDateUnknown,
    Exchange,
    InstrumentKind,
    RateRow,
    RateTable,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("exchange", cost_rates.EXCHANGES)
@pytest.mark.parametrize("kind", cost_rates.KINDS)
def test_the_first_date_is_the_first_that_is_answered(exchange: Exchange, kind: InstrumentKind) -> None:
    first = INDIAN_RATES.first_date(exchange, kind)

    assert INDIAN_RATES.on(exchange, kind, first).gst in {Decimal("0.18"), Decimal(0)}
    with pytest.raises(CostDateUnknown):
        INDIAN_RATES.on(exchange, kind, first - timedelta(days=1))


def test_two_rows_for_the_same_day_contradict_each_other() -> None:
    row = INDIAN_RATES.rows[0]

    with pytest.raises(ValueError, match=r"two rows for stt, option on NSE from 2016-06-01"):
        RateTable((row, row))


def test_the_page_of_costs_lists_every_rate_and_its_source() -> None:
    page = (ROOT / "docs" / "reference" / "costs.md").read_text(encoding="utf-8")

    missing = [line for line in map(documented, INDIAN_RATES.rows) if line not in page]

    assert not missing, "docs/reference/costs.md lacks these rows:\n" + "\n".join(missing)


def documented(row: RateRow) -> str:
    """Write a row of the rate table as the page shows it."""
    sides = ("buy", row.buy), ("sell", row.sell)
    if row.buy == row.sell:
        rate = f"{percent(row.buy)} both sides" if row.component != "gst" else percent(row.buy)
    else:
        rate = ", ".join(f"{percent(fraction)} {side}" for side, fraction in sides if fraction)
    kinds = ", ".join(row.kinds)
    return f"| {row.component} | {row.exchange or 'both'} | {kinds} | {row.since.isoformat()} | {rate} | {row.source} |"


def percent(fraction: Decimal) -> str:
    """Write a fraction as percent without needless zeros."""
    text = f"{fraction * 100:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
