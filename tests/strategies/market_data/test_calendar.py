"""The exchange's calendar agrees with what is known of the exchange from elsewhere."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.market_data import calendar
from strategies.market_data.calendar import MissingDay

MINUTE, HOUR = 60, 3600
SATURDAY = 5


@pytest.mark.parametrize(
    "day",
    [
        "2022-10-05",  # Dussehra
        "2022-10-26",  # Diwali Balipratipada
        "2022-11-08",  # Guru Nanak Jayanti; a known data set has ticks of that day, those of the day before
        "2024-01-22",  # Ayodhya, announced two days before
        "2024-05-20",  # general election in Mumbai
        "2024-11-15",  # Guru Nanak Jayanti
        "2024-11-20",  # election of the Maharashtra assembly
        "2025-10-22",  # Diwali Balipratipada
        "2026-01-15",  # municipal elections
    ],
)
def test_holidays_of_the_nse_are_holidays(day: str) -> None:
    assert calendar.kind_of(date.fromisoformat(day)) == "holiday"
    assert not calendar.is_trading_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2024-10-29", "2024-10-31", "2022-11-07", "2022-11-09", "2024-11-14", "2025-09-02"])
def test_ordinary_days_are_sessions_until_half_past_three(day: str) -> None:
    assert calendar.kind_of(date.fromisoformat(day)) == "session"
    assert calendar.close_seconds(date.fromisoformat(day)) == 15 * HOUR + 30 * MINUTE


def test_muhurat_trading_is_an_hour_on_a_day_that_is_closed_otherwise() -> None:
    """Business Times 2024-10-21: Friday 2024-11-01, 18:00 to 19:00; Livemint 2022-10-24: 18:15 to 19:15."""
    for day, begin in ((date(2024, 11, 1), 18 * HOUR), (date(2022, 10, 24), 18 * HOUR + 15 * MINUTE)):
        session = calendar.session_of(day)

        assert (session.name, session.open_seconds, session.close_seconds) == ("Muhurat", begin, begin + HOUR)
        assert calendar.kind_of(day) == "special session"
        assert calendar.is_trading_day(day)


def test_a_budget_sunday_is_an_ordinary_session() -> None:
    assert calendar.kind_of(date(2026, 2, 1)) == "special session"
    assert calendar.session_of(date(2026, 2, 1)).parts == calendar.ORDINARY.parts


def test_a_session_in_two_parts_closes_with_the_second() -> None:
    session = calendar.session_of(date(2024, 3, 2))

    assert session.parts == (
        (9 * HOUR + 15 * MINUTE, 10 * HOUR),
        (11 * HOUR + 30 * MINUTE, 12 * HOUR + 30 * MINUTE),
    )
    assert session.close_seconds == 12 * HOUR + 30 * MINUTE


def test_every_special_session_is_in_order_and_on_a_day_that_needs_one() -> None:
    holidays = calendar.trading_days(date(2015, 1, 1), date(2026, 12, 31))
    for day, session in calendar.SPECIAL_SESSIONS.items():
        clocks = [clock for part in session.parts for clock in part]

        assert clocks == sorted(clocks)
        assert len(set(clocks)) == len(clocks)
        assert day in holidays
        assert day.weekday() >= SATURDAY or session.parts != calendar.ORDINARY.parts


def test_missing_days_say_why() -> None:
    have = [date(2022, 11, 4), date(2022, 11, 7)]

    missing = calendar.missing_days(have, start=date(2022, 11, 4), end=date(2022, 11, 9))

    assert missing == (
        MissingDay(date(2022, 11, 5), "weekend"),
        MissingDay(date(2022, 11, 6), "weekend"),
        MissingDay(date(2022, 11, 8), "holiday"),
        MissingDay(date(2022, 11, 9), "no data"),
    )


def test_a_day_with_muhurat_trading_that_the_data_lack_is_missing_data() -> None:
    assert calendar.missing_days((), start=date(2023, 11, 12), end=date(2023, 11, 12)) == (
        MissingDay(date(2023, 11, 12), "no data"),
    )


def test_beyond_its_years_the_calendar_says_that_it_does_not_know() -> None:
    assert calendar.kind_of(date(1995, 1, 2)) == "unknown"
    assert calendar.kind_of(date(2150, 1, 1)) == "unknown"
    assert calendar.is_trading_day(date(2150, 1, 1))
    assert calendar.missing_days((), start=date(2150, 1, 1), end=date(2150, 1, 3)) == (
        MissingDay(date(2150, 1, 1), "unknown"),
        MissingDay(date(2150, 1, 2), "unknown"),
        MissingDay(date(2150, 1, 3), "weekend"),
    )


def test_a_market_around_the_clock_is_open_every_day() -> None:
    assert calendar.trading_days(date(2022, 11, 5), date(2022, 11, 8), "24h") == tuple(
        date(2022, 11, day) for day in (5, 6, 7, 8)
    )
    assert calendar.session_of(date(2022, 11, 8), "24h").parts == ((0, 86_400),)


@given(st.dates(date(1996, 1, 1), date(2030, 12, 31)), st.integers(0, 40), st.sets(st.integers(0, 40)))
def test_every_day_of_a_range_is_either_there_or_missing(start: date, length: int, present: set[int]) -> None:
    end = start + timedelta(days=length)
    have = {start + timedelta(days=offset) for offset in present}

    missing = calendar.missing_days(have, start=start, end=end)

    days = {start + timedelta(days=offset) for offset in range(length + 1)}
    assert {gone.day for gone in missing} == days - have
    assert [gone.day for gone in missing] == sorted(gone.day for gone in missing)
    open_days = set(calendar.trading_days(start, end))
    assert all((gone.day in open_days) == (gone.reason in {"no data", "unknown"}) for gone in missing)


def test_the_close_of_a_day_is_known_without_loading_the_calendar_package() -> None:
    """The package takes most of a second to import; a run that needs no list of days does not pay for it."""
    program = (
        "import sys; from datetime import date; from strategies.market_data import files, calendar; "
        "calendar.close_seconds(date(2024, 11, 1)); print('exchange_calendars' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_the_days_of_the_nse_own_list_of_india_vix_are_the_trading_days(real_data: Path) -> None:
    """A year of the NSE's own closing values, 2024-06-14 to 2025-06-13: Muhurat and the budget Saturday included."""
    frame = pd.read_csv(real_data / "importer-samples" / "nse-eod" / "india_vix_nse_layout.csv")
    days = sorted(moment.date() for moment in pd.to_datetime(frame["Date "].str.strip(), format="%d-%b-%Y"))

    assert len(days) == 248
    assert list(calendar.trading_days(days[0], days[-1])) == days


def test_the_nse_expiries_are_trading_days_and_moved_ones_were_holidays(real_data: Path) -> None:
    """296 expiries of NIFTY, 2021 to 2026, from the NSE's daily lists; 16 of them were moved for a holiday."""
    frame = pd.read_parquet(real_data / "importer-samples" / "dhan-rolling" / "nse_actual_expiry_calendar.parquet")
    moved = frame[frame["expiry_holiday_adjusted"]]

    assert len(frame) == 296
    assert all(calendar.is_trading_day(date.fromisoformat(day)) for day in frame["actual_expiry_date"])
    assert len(moved) == 16
    assert not any(calendar.kind_of(date.fromisoformat(day)) == "session" for day in moved["original_scheduled_expiry"])
