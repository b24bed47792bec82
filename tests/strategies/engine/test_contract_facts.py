"""
Lot sizes and expiry days of index contracts, on both sides of every change.

The calendar of NIFTY expiries from 2021 to 2026 (NSE's F&O bhavcopies, collected by Kd6669/nifty-options-vrp-research)
is optional reference data: with it, every expiry's lot and weekday are compared.
"""

import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet
import pytest

from strategies.engine import contract_facts
from strategies.engine.contract_facts import ContractFactUnknown
from strategies.engine.contract_tables import (
    EXPIRY_RULES,
    INDEX_CONTRACTS,
    LOT_CHANGES,
    Cycle,
    ExpiryRule,
    LotChange,
    Weekday,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("underlying", "expiry", "trade_date", "lot"),
    [
        # The reference day.
        ("NIFTY", "2024-11-07", "2024-10-29", 25),
        # 75 to 50: July 2021's monthly contract before the weekly ones of its own month.
        ("NIFTY", "2021-07-22", "2021-07-01", 75),
        ("NIFTY", "2021-07-29", "2021-07-01", 50),
        ("NIFTY", "2021-08-05", "2021-07-30", 50),
        ("NIFTY", "2021-09-30", "2021-06-24", 75),
        ("NIFTY", "2021-09-30", "2021-06-25", 50),
        # 50 to 25: listed contracts too, on 2024-04-26.
        ("NIFTY", "2024-04-25", "2024-04-25", 50),
        ("NIFTY", "2024-05-02", "2024-04-25", 50),
        ("NIFTY", "2024-05-02", "2024-04-26", 25),
        ("NIFTY", "2024-05-30", "2024-04-25", 50),
        ("NIFTY", "2024-05-30", "2024-04-26", 25),
        # 25 to 75: contracts introduced from 2024-11-20; January's monthly one was listed before.
        ("NIFTY", "2024-11-21", "2024-11-20", 25),
        ("NIFTY", "2024-12-19", "2024-11-20", 25),
        ("NIFTY", "2024-12-26", "2024-12-26", 25),
        ("NIFTY", "2025-01-02", "2024-11-29", 75),
        ("NIFTY", "2025-01-23", "2025-01-20", 75),
        ("NIFTY", "2025-01-30", "2025-01-20", 25),
        ("NIFTY", "2025-02-27", "2024-11-29", 75),
        ("NIFTY", "2025-03-27", "2024-12-26", 25),
        ("NIFTY", "2025-03-27", "2024-12-27", 75),
        ("NIFTY", "2029-06-28", "2024-12-26", 25),
        ("NIFTY", "2029-06-28", "2024-12-27", 75),
        # 75 to 65: expiries of January 2026 and later; quarterly ones on 2025-12-31.
        ("NIFTY", "2025-12-30", "2025-12-30", 75),
        ("NIFTY", "2026-01-06", "2025-12-30", 65),
        ("NIFTY", "2026-01-27", "2025-12-30", 65),
        ("NIFTY", "2026-03-30", "2025-12-30", 75),
        ("NIFTY", "2026-03-30", "2025-12-31", 65),
        # A holiday moves an expiry back: the weekly one of 2025-05-01, the monthly one of 2023-01-26.
        ("NIFTY", "2025-04-30", "2025-04-28", 75),
        ("NIFTY", "2023-01-25", "2023-01-20", 50),
        ("BANKNIFTY", "2023-07-20", "2023-07-03", 25),
        ("BANKNIFTY", "2023-07-27", "2023-07-03", 15),
        ("BANKNIFTY", "2023-08-03", "2023-07-28", 15),
        ("BANKNIFTY", "2023-09-28", "2023-06-29", 25),
        ("BANKNIFTY", "2023-09-28", "2023-06-30", 15),
        ("BANKNIFTY", "2024-11-13", "2024-11-13", 15),
        # Listed for Wednesday 29, moved to Thursday 30 January 2025.
        ("BANKNIFTY", "2025-01-29", "2024-11-27", 15),
        ("BANKNIFTY", "2025-01-30", "2025-01-20", 15),
        ("BANKNIFTY", "2025-02-27", "2025-01-20", 30),
        ("BANKNIFTY", "2025-06-26", "2025-06-20", 30),
        ("BANKNIFTY", "2025-07-31", "2025-06-20", 35),
        ("BANKNIFTY", "2025-09-30", "2025-08-29", 35),
        ("BANKNIFTY", "2025-12-30", "2025-12-30", 35),
        ("BANKNIFTY", "2026-01-27", "2025-12-30", 30),
        ("FINNIFTY", "2024-07-23", "2024-07-22", 40),
        ("FINNIFTY", "2024-07-30", "2024-07-22", 25),
        ("FINNIFTY", "2024-08-06", "2024-07-31", 25),
        ("FINNIFTY", "2025-01-30", "2025-01-20", 25),
        ("FINNIFTY", "2025-02-27", "2025-01-20", 65),
        ("FINNIFTY", "2026-01-27", "2026-01-20", 60),
        ("MIDCPNIFTY", "2024-07-22", "2024-07-19", 75),
        ("MIDCPNIFTY", "2024-07-29", "2024-07-19", 50),
        ("MIDCPNIFTY", "2025-02-27", "2025-01-31", 120),
        ("MIDCPNIFTY", "2025-07-31", "2025-07-30", 140),
        ("MIDCPNIFTY", "2026-01-27", "2026-01-20", 120),
        ("SENSEX", "2025-01-03", "2025-01-02", 10),
        ("SENSEX", "2025-01-07", "2025-01-06", 20),
        # Listed for Friday 31, moved to Tuesday 28 January 2025.
        ("SENSEX", "2025-01-31", "2024-12-20", 10),
        ("SENSEX", "2025-01-28", "2025-01-20", 10),
        ("SENSEX", "2025-02-25", "2025-01-29", 20),
        ("BANKEX", "2024-11-18", "2024-11-18", 15),
        ("BANKEX", "2025-02-25", "2025-01-29", 30),
    ],
)
def test_a_contract_has_the_lot_of_its_expiry_and_trade_date(
    underlying: str, expiry: str, trade_date: str, lot: int
) -> None:
    found = contract_facts.lot_size(
        underlying, expiry=date.fromisoformat(expiry), trade_date=date.fromisoformat(trade_date)
    )

    assert found == lot


@pytest.mark.parametrize(
    ("underlying", "cycle", "last_of_the_old", "old", "new"),
    [
        ("NIFTY", "weekly", "2025-08-31", Weekday.THURSDAY, Weekday.TUESDAY),
        ("NIFTY", "monthly", "2025-08-31", Weekday.THURSDAY, Weekday.TUESDAY),
        ("BANKNIFTY", "weekly", "2023-09-03", Weekday.THURSDAY, Weekday.WEDNESDAY),
        ("BANKNIFTY", "weekly", "2024-11-13", Weekday.WEDNESDAY, None),
        ("BANKNIFTY", "monthly", "2024-02-29", Weekday.THURSDAY, Weekday.WEDNESDAY),
        ("BANKNIFTY", "monthly", "2024-12-31", Weekday.WEDNESDAY, Weekday.THURSDAY),
        ("BANKNIFTY", "monthly", "2025-08-31", Weekday.THURSDAY, Weekday.TUESDAY),
        ("FINNIFTY", "weekly", "2024-11-19", Weekday.TUESDAY, None),
        ("FINNIFTY", "monthly", "2024-12-31", Weekday.TUESDAY, Weekday.THURSDAY),
        ("MIDCPNIFTY", "weekly", "2024-11-18", Weekday.MONDAY, None),
        ("MIDCPNIFTY", "monthly", "2024-12-31", Weekday.MONDAY, Weekday.THURSDAY),
        ("SENSEX", "weekly", "2025-01-03", Weekday.FRIDAY, Weekday.TUESDAY),
        ("SENSEX", "weekly", "2025-08-31", Weekday.TUESDAY, Weekday.THURSDAY),
        ("BANKEX", "weekly", "2023-10-15", Weekday.FRIDAY, Weekday.MONDAY),
        ("BANKEX", "weekly", "2024-11-18", Weekday.MONDAY, None),
        ("BANKEX", "monthly", "2024-12-31", Weekday.MONDAY, Weekday.TUESDAY),
    ],
)
def test_an_expiry_day_changes_on_one_day(
    underlying: str, cycle: Cycle, last_of_the_old: str, old: Weekday, new: Weekday | None
) -> None:
    last = date.fromisoformat(last_of_the_old)

    assert contract_facts.expiry_weekday(underlying, last, cycle) is old
    assert contract_facts.expiry_weekday(underlying, last + timedelta(days=1), cycle) is new


def test_without_a_cycle_the_weekly_day_is_meant() -> None:
    assert contract_facts.expiry_weekday("NIFTY", date(2024, 10, 29)) is Weekday.THURSDAY
    assert contract_facts.expiry_weekday("BANKNIFTY", date(2025, 8, 29)) is None


@pytest.mark.parametrize(
    ("underlying", "exchange", "step"),
    [
        ("NIFTY", "NSE", 50),
        ("BANKNIFTY", "NSE", 100),
        ("FINNIFTY", "NSE", 50),
        ("MIDCPNIFTY", "NSE", 25),
        ("SENSEX", "BSE", 100),
        ("BANKEX", "BSE", 100),
    ],
)
def test_what_does_not_change(underlying: str, exchange: str, step: int) -> None:
    assert contract_facts.exchange_of(underlying) == exchange
    assert contract_facts.strike_step(underlying) == step
    assert contract_facts.tick_size(underlying) == Decimal("0.05")


def test_an_index_without_facts_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(ContractFactUnknown) as refused:
        contract_facts.lot_size("DAX", expiry=date(2024, 11, 7), trade_date=date(2024, 10, 29))

    assert str(refused.value) == (
        "DAX: no contract facts are known for it; known: NIFTY, BANKNIFTY, FINNIFTY, MIDCPNIFTY, SENSEX, BANKEX"
    )


@pytest.mark.parametrize(
    ("underlying", "expiry", "trade_date", "message"),
    [
        ("NIFTY", "2020-12-31", "2020-12-30", "NIFTY: the lot of the contract of 2020-12-31 is not known; the table"),
        ("NIFTY", "2024-11-07", "2024-11-08", "has expired before 2024-11-08"),
        ("BANKNIFTY", "2025-03-12", "2025-03-10", "BANKNIFTY: no weekly contract expires on 2025-03-12"),
        ("SENSEX", "2023-05-12", "2023-05-12", "SENSEX: the monthly expiry day of 2023-05-12 is not known; the table"),
    ],
)
def test_a_lot_outside_the_table_is_refused(underlying: str, expiry: str, trade_date: str, message: str) -> None:
    with pytest.raises(ContractFactUnknown, match=message):
        contract_facts.lot_size(
            underlying, expiry=date.fromisoformat(expiry), trade_date=date.fromisoformat(trade_date)
        )


def test_every_row_belongs_to_a_known_index_names_its_source_and_comes_after_the_one_before() -> None:
    for underlying in INDEX_CONTRACTS:
        lots = [change for change in LOT_CHANGES if change.underlying == underlying]
        assert [change.monthly_from for change in lots] == sorted({change.monthly_from for change in lots})
        for cycle in ("weekly", "monthly"):
            rules = [rule.since for rule in EXPIRY_RULES if (rule.underlying, rule.cycle) == (underlying, cycle)]
            assert rules == sorted(set(rules))
            assert rules
    sources = [(change.underlying, change.source) for change in LOT_CHANGES]
    sources += [(rule.underlying, rule.source) for rule in EXPIRY_RULES]
    assert {underlying for underlying, _ in sources} == set(INDEX_CONTRACTS)
    assert all(source for _, source in sources)


def test_every_nifty_expiry_since_2021_has_the_lot_and_weekday_of_the_exchanges_files() -> None:
    folder = Path(os.environ.get("REAL_DATA") or ROOT.parent / "shared" / "data" / "real")
    file = folder / "importer-samples" / "dhan-rolling" / "nse_actual_expiry_calendar.parquet"
    if not file.exists():
        missing = f"the expiry calendar is not at {file}: set REAL_DATA to the folder of real data"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    calendar = pyarrow.parquet.read_table(file).to_pylist()

    differing = [
        row["actual_expiry_date"]
        for row in calendar
        if not matches(
            expiry=date.fromisoformat(row["actual_expiry_date"]),
            scheduled=date.fromisoformat(row["original_scheduled_expiry"]),
            lot=row["market_lot"],
            cycle="monthly" if row["expiry_type"] == "monthly" else "weekly",
        )
    ]

    assert len(calendar) == 296
    assert differing == []


def test_the_page_of_contract_facts_lists_every_row_and_its_source() -> None:
    page = (ROOT / "docs" / "reference" / "contract-facts.md").read_text(encoding="utf-8")
    lines = [*map(documented_lot, LOT_CHANGES), *map(documented_expiry, EXPIRY_RULES)]

    missing = [line for line in lines if line not in page]

    assert not missing, "docs/reference/contract-facts.md lacks these rows:\n" + "\n".join(missing)


def documented_lot(change: LotChange) -> str:
    """Write a row of the lot table as the page shows it."""
    weekly = change.weekly_from.isoformat() if change.weekly_from else "none"
    listed = "yes" if change.is_for_listed else "no"
    return (
        f"| {change.underlying} | {change.lot} | {weekly} | {change.monthly_from.isoformat()} | "
        f"{change.long_dated_on.isoformat()} | {listed} | {change.source} |"
    )


def documented_expiry(rule: ExpiryRule) -> str:
    """Write a row of the expiry table as the page shows it."""
    weekday = rule.weekday.name.capitalize() if rule.weekday is not None else "none listed"
    return f"| {rule.underlying} | {rule.cycle} | {weekday} | {rule.since.isoformat()} | {rule.source} |"


def matches(*, expiry: date, scheduled: date, lot: int, cycle: Cycle) -> bool:
    """Compare one expiry with the tables, on its own day."""
    return (
        contract_facts.lot_size("NIFTY", expiry=expiry, trade_date=expiry) == lot
        and contract_facts.expiry_weekday("NIFTY", scheduled, cycle) == scheduled.weekday()
    )
