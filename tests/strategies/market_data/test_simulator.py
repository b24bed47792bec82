"""The sample day has the shape of 2024-10-29, and is the same day everywhere."""

import math
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import correlation, median, stdev
from zoneinfo import ZoneInfo

import pytest

from strategies.engine.symbols import Option, parse_symbol
from strategies.engine.ticks import TickSecond
from strategies.market_data.simulator import SAMPLE_SEED, sample_day
from strategies.market_data.tick_table import TickTable
from tests.strategies.market_data.seconds import seconds_of

KOLKATA = ZoneInfo("Asia/Kolkata")
OPEN = datetime(2024, 10, 29, 9, 15, tzinfo=KOLKATA)
FINGERPRINT = "9bc66572c9ee8cd71afca37082512595ebb204edac859ba41e376c01af503e2d"


@pytest.fixture(scope="module")
def day() -> TickTable:
    return sample_day()


@pytest.fixture(scope="module")
def seconds(day: TickTable) -> list[TickSecond]:
    return seconds_of(day)


@pytest.fixture(scope="module")
def index(seconds: list[TickSecond]) -> dict[datetime, float]:
    return {second.timestamp: tick.ltp for second in seconds for tick in second.ticks if tick.symbol == "NIFTY"}


def at(clock: str) -> datetime:
    return datetime.combine(OPEN.date(), datetime.strptime(clock, "%H:%M:%S").time(), KOLKATA)  # noqa: DTZ007


def returns_bp(prices: list[float]) -> list[float]:
    return [math.log(later / earlier) * 1e4 for earlier, later in pairwise(prices)]


def test_the_day_is_pinned(day: TickTable) -> None:
    """S2: the same input gives the same bytes, on every machine; whoever changes the day changes this literal."""
    assert day.fingerprint == FINGERPRINT


def test_the_same_seed_makes_the_same_day_and_another_seed_another(day: TickTable) -> None:
    assert sample_day(SAMPLE_SEED).fingerprint == day.fingerprint
    assert sample_day(SAMPLE_SEED + 1).fingerprint != day.fingerprint


def test_the_day_has_22351_seconds_from_open_to_close(day: TickTable, seconds: list[TickSecond]) -> None:
    moments = [second.timestamp for second in seconds]

    assert (day.total_ticks, len(moments), len(set(moments))) == (22_351, 22_351, 22_351)
    assert (moments[0], moments[-1]) == (OPEN, at("15:30:00"))
    assert moments == sorted(moments)
    assert (day.first_date, day.last_date) == (date(2024, 10, 29), date(2024, 10, 29))
    assert 480_000 <= day.total_raw_ticks <= 540_000


@pytest.mark.parametrize(
    ("clock", "price"),
    [
        ("09:15:00", 24_328.85),
        ("09:30:00", 24_258.90),
        ("10:00:00", 24_203.70),
        ("10:48:00", 24_149.35),
        ("11:42:00", 24_228.10),
        ("12:00:00", 24_237.40),
        ("13:00:00", 24_329.50),
        ("14:00:00", 24_329.50),
        ("14:30:00", 24_412.60),
        ("15:00:00", 24_464.85),
        ("15:30:00", 24_454.00),
    ],
)
def test_the_index_runs_through_the_public_prices(index: dict[datetime, float], clock: str, price: float) -> None:
    assert index[at(clock)] == price


def test_low_and_high_are_reached_once_at_their_minute(index: dict[datetime, float]) -> None:
    low, high = min(index.values()), max(index.values())

    assert [(low, f"{moment:%H:%M}") for moment, price in index.items() if price == low] == [(24_140.85, "10:47")]
    assert [(high, f"{moment:%H:%M}") for moment, price in index.items() if price == high] == [(24_484.50, "15:08")]


def test_the_index_ticks_in_every_second_and_every_price_lies_on_the_grid(
    seconds: list[TickSecond], index: dict[datetime, float]
) -> None:
    assert len(index) == len(seconds)
    assert all(tick.ltp > 0 and tick.ltp == round(tick.ltp * 20) / 20 for second in seconds for tick in second.ticks)


def test_a_minute_moves_as_much_as_on_the_day(index: dict[datetime, float]) -> None:
    closes: dict[datetime, float] = {}
    for moment, price in index.items():
        closes[moment.replace(second=0)] = price
    moves = returns_bp(list(closes.values())[:375])

    assert stdev(moves) == pytest.approx(3.53, abs=0.25)
    assert stdev(moves[:30]) == pytest.approx(6.2, abs=1.0)
    assert stdev(moves[120:]) == pytest.approx(3.0, abs=0.25)


def test_a_second_moves_as_an_index_does_and_bounces(index: dict[datetime, float]) -> None:
    moves = returns_bp(list(index.values()))

    assert 0.30 <= stdev(moves) <= 0.37
    assert correlation(moves[:-1], moves[1:]) == pytest.approx(-0.3, abs=0.03)
    assert correlation(moves[:-2], moves[2:]) == pytest.approx(0.0, abs=0.04)


def test_both_expiries_have_both_rights_at_every_strike_around(day: TickTable) -> None:
    options = {parse_symbol(symbol) for symbol in day.symbols} - {parse_symbol("NIFTY")}

    assert options == {
        Option("NIFTY", expiry, float(strike), right)
        for expiry in (date(2024, 10, 31), date(2024, 11, 7))
        for strike in range(24_000, 24_701, 50)
        for right in ("CE", "PE")
    }


def test_every_contract_has_a_price_in_the_first_second_and_trades_about_every_other_one_later(
    day: TickTable, seconds: list[TickSecond]
) -> None:
    counts: dict[str, int] = defaultdict(int)
    for second in seconds:
        for tick in second.ticks:
            counts[tick.symbol] += 1

    assert {tick.symbol for tick in seconds[0].ticks} == day.symbols
    shares = [count / len(seconds) for symbol, count in counts.items() if symbol != "NIFTY"]
    assert median(shares) == pytest.approx(0.45, abs=0.02)
    assert min(shares) > 0.2


def test_put_and_call_stay_near_parity_all_day(seconds: list[TickSecond]) -> None:
    last: dict[str, float] = {}
    for number, second in enumerate(seconds):
        last.update((tick.symbol, tick.ltp) for tick in second.ticks)
        if number % 600:
            continue
        for expiry, basis, days in (("2024-10-31", 25, 2.2), ("2024-11-07", 64, 9.2)):
            for strike in (24_200, 24_300, 24_400):
                call, put = (last[f"NIFTY:{expiry}:OPT:{strike}:{right}"] for right in ("CE", "PE"))
                forward = strike + (call - put) * math.exp(0.065 * days / 365)
                # Both legs bounce, and their last ticks may be some seconds old.
                assert forward == pytest.approx(last["NIFTY"] + basis, abs=6.0)


def test_options_cost_what_the_days_volatility_says(seconds: list[TickSecond]) -> None:
    """An option at the money costs about 0.4 σ √T of the forward, plus half of what it is in the money."""
    first = {tick.symbol: tick.ltp for tick in seconds[0].ticks}

    straddle = first["NIFTY:2024-11-07:OPT:24400:CE"] + first["NIFTY:2024-11-07:OPT:24400:PE"]
    expected = 0.8 * 0.149 * math.sqrt(9.26 / 365) * 24_393
    assert straddle == pytest.approx(expected, rel=0.02)


def test_volume_and_open_interest_come_in_lots_and_the_index_has_none(seconds: list[TickSecond]) -> None:
    options = [tick for second in seconds[::50] for tick in second.ticks if tick.symbol != "NIFTY"]

    assert all(tick.volume > 0 and tick.volume % 25 == 0 and tick.volume <= 1_000 for tick in options)
    assert all(tick.oi > 0 and tick.oi % 25 == 0 for tick in options)
    assert {(second.ticks[0].symbol, second.ticks[0].volume, second.ticks[0].oi) for second in seconds} == {
        ("NIFTY", 0, 0)
    }


def test_500_minutes_of_two_sessions_come_before_the_day(day: TickTable) -> None:
    candles = day.warmup_candles

    assert len(candles) == 500
    starts = [candle.start for candle in candles]
    assert starts[:125] == [datetime(2024, 10, 25, 13, 25, tzinfo=KOLKATA) + timedelta(minutes=n) for n in range(125)]
    assert starts[125:] == [datetime(2024, 10, 28, 9, 15, tzinfo=KOLKATA) + timedelta(minutes=n) for n in range(375)]
    assert all(candle.low <= min(candle.open, candle.close) for candle in candles)
    assert all(candle.high >= max(candle.open, candle.close) for candle in candles)
    assert (candles[0].open, candles[-1].close) == (24_104.40, 24_367.70)
