"""
Indicators: against implementations written here from their definitions, against TA-Lib, and their own laws.

The definitions are in plain Python, candle by candle, so that they share nothing with what they check.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import indicators
from strategies.engine.candles import Candle, CandleColumns, Timeframe, from_minutes, no_candles
from strategies.engine.indicators import ALIASES, INDICATORS, IndicatorSpec
from tests.builders.market_data import NEXT_DAY, at, minutes

Values = list[float | None]
ONE_MINUTE = Timeframe("1m", "minutes", 1)


def spec(name: str, *arguments: float, price_field: str = "close") -> IndicatorSpec:
    return IndicatorSpec(key="key", name=name, display_name=name, arguments=arguments, price_field=price_field)


def compute(wanted: IndicatorSpec, candles: Sequence[Candle]) -> tuple[Values, ...]:
    columns = from_minutes(candles, ONE_MINUTE) if candles else no_candles()
    return tuple(
        [None if math.isnan(value) else value for value in output.tolist()]
        for output in indicators.compute(wanted, columns)
    )


def of_closes(name: str, closes: Sequence[float], *arguments: float) -> Values:
    return compute(spec(name, *arguments), minutes(*closes) if closes else ())[0]


def walk(count: int, seed: int = 7) -> tuple[Candle, ...]:
    """Build a random walk of candles on the grid of five paise, with gaps, plateaus and volume."""
    rng = np.random.default_rng(seed)
    made, close = [], 24_000.0
    for place in range(count):
        opened = close + rng.choice([0.0, 0.0, -3.5, 2.0])
        close = opened + round(float(rng.normal(0, 8)) / 0.05) * 0.05 * rng.choice([0, 1, 1, 1])
        high = max(opened, close) + rng.choice([0.0, 1.15, 4.0])
        low = min(opened, close) - rng.choice([0.0, 0.85, 6.0])
        day, minute = divmod(place, 370)
        start = at("09:15:00", NEXT_DAY if day else at("09:15:00").date())
        start = start.replace(hour=9 + (15 + minute) // 60, minute=(15 + minute) % 60)
        prices = [round(float(price), 2) for price in (opened, high, low, close)]
        made.append(Candle(start, prices[0], prices[1], prices[2], prices[3], int(rng.integers(0, 900))))
    return tuple(made)


CANDLES = walk(700)


def mean(values: Sequence[float], length: int) -> Values:
    return [None if k + 1 < length else sum(values[k + 1 - length : k + 1]) / length for k in range(len(values))]


def wilder(values: Sequence[float | None], length: int) -> Values:
    """Smooth as Wilder did: a simple mean first, then (before * (length - 1) + now) / length."""
    found: Values = []
    seen: list[float] = []
    last: float | None = None
    for value in values:
        if value is not None:
            seen.append(value)
            if len(seen) == length:
                last = sum(seen) / length
            elif last is not None:
                last = (last * (length - 1) + value) / length
        found.append(last)
    return found


def exponential(values: Sequence[float | None], length: int) -> Values:
    """Smooth exponentially with 2 / (length + 1), a simple mean first."""
    found: Values = []
    seen: list[float] = []
    last: float | None = None
    for value in values:
        if value is not None:
            seen.append(value)
            if len(seen) == length:
                last = sum(seen) / length
            elif last is not None:
                last += (value - last) * 2 / (length + 1)
        found.append(last)
    return found


def closes() -> list[float]:
    return [candle.close for candle in CANDLES]


def rsi(prices: Sequence[float], length: int) -> Values:
    changes: Values = [None, *(after - before for before, after in pairwise(prices))]
    gains = wilder([None if change is None else max(change, 0.0) for change in changes], length)
    losses = wilder([None if change is None else max(-change, 0.0) for change in changes], length)
    found: Values = []
    for gain, loss in zip(gains, losses, strict=True):
        if gain is None or loss is None:
            found.append(None)
        elif gain + loss == 0:
            found.append(50.0)
        else:
            found.append(100.0 if loss == 0 else 100 - 100 / (1 + gain / loss))
    return found


def true_ranges() -> Values:
    return [None] + [
        max(now.high - now.low, abs(now.high - before.close), abs(now.low - before.close))
        for before, now in pairwise(CANDLES)
    ]


def atr(length: int) -> Values:
    return wilder(true_ranges(), length)


def weighted(length: int) -> Values:
    prices = closes()
    return [
        None
        if k + 1 < length
        else sum(prices[k - back] * (length - back) for back in range(length)) / (length * (length + 1) / 2)
        for k in range(len(prices))
    ]


def deviation(length: int) -> Values:
    prices, means = closes(), mean(closes(), length)
    return [
        None
        if middle is None
        else math.sqrt(sum((price - middle) ** 2 for price in prices[k + 1 - length : k + 1]) / length)
        for k, middle in enumerate(means)
    ]


def bands(length: int, factor: float) -> tuple[Values, ...]:
    middle, away = mean(closes(), length), deviation(length)
    pairs = [(m, d) for m, d in zip(middle, away, strict=True)]
    upper = [None if m is None or d is None else m + factor * d for m, d in pairs]
    lower = [None if m is None or d is None else m - factor * d for m, d in pairs]
    return middle, upper, lower


def window(length: int, choose: Callable[[Sequence[float]], float], values: Sequence[float]) -> Values:
    return [None if k + 1 < length else choose(values[k + 1 - length : k + 1]) for k in range(len(values))]


def donchian(length: int) -> tuple[Values, ...]:
    upper = window(length, max, [candle.high for candle in CANDLES])
    lower = window(length, min, [candle.low for candle in CANDLES])
    middle = [None if u is None or v is None else (u + v) / 2 for u, v in zip(upper, lower, strict=True)]
    return middle, upper, lower


def stochastic(k: int, smooth: int, d: int) -> tuple[Values, ...]:
    _, highs, lows = donchian(k)
    raw: list[float] = []
    for candle, high, low in zip(CANDLES, highs, lows, strict=True):
        if high is not None and low is not None:
            raw.append(0.0 if high == low else 100 * (candle.close - low) / (high - low))
    slow = [value for value in mean(raw, smooth) if value is not None]
    signal = mean(slow, d)
    # Both begin where the later one does.
    missing = len(CANDLES) - len(slow) + d - 1
    blank: Values = [None] * missing
    return blank + slow[d - 1 :], blank + signal[d - 1 :]


def cci(length: int) -> Values:
    typical = [(candle.high + candle.low + candle.close) / 3 for candle in CANDLES]
    found: Values = []
    for k, middle in enumerate(mean(typical, length)):
        if middle is None:
            found.append(None)
            continue
        away = sum(abs(price - middle) for price in typical[k + 1 - length : k + 1]) / length
        found.append(0.0 if away == 0 else (typical[k] - middle) / (0.015 * away))
    return found


def mfi(length: int) -> Values:
    typical = [(candle.high + candle.low + candle.close) / 3 for candle in CANDLES]
    ups, downs = [0.0], [0.0]
    for k in range(1, len(CANDLES)):
        flow = typical[k] * CANDLES[k].volume
        ups.append(flow if typical[k] > typical[k - 1] else 0.0)
        downs.append(flow if typical[k] < typical[k - 1] else 0.0)
    found: Values = []
    for k in range(len(CANDLES)):
        if k < length:
            found.append(None)
            continue
        up, down = sum(ups[k + 1 - length : k + 1]), sum(downs[k + 1 - length : k + 1])
        found.append(100 * up / (up + down))
    return found


def obv() -> Values:
    total = float(CANDLES[0].volume)
    found: Values = [total]
    for before, now in pairwise(CANDLES):
        total += now.volume * ((now.close > before.close) - (now.close < before.close))
        found.append(total)
    return found


def williams(length: int) -> Values:
    _, highs, lows = donchian(length)
    return [
        None if high is None or low is None else -100 * (high - candle.close) / (high - low)
        for candle, high, low in zip(CANDLES, highs, lows, strict=True)
    ]


def day_vwap() -> Values:
    found: Values = []
    day, money, traded = None, 0.0, 0.0
    for candle in CANDLES:
        if candle.start.date() != day:
            day, money, traded = candle.start.date(), 0.0, 0.0
        money += (candle.high + candle.low + candle.close) / 3 * candle.volume
        traded += candle.volume
        found.append(money / traded if traded else None)
    return found


def supertrend(length: int, factor: float) -> tuple[Values, ...]:
    """Follow the usual recipe: bands that only tighten, until a close beyond one of them turns the direction."""
    line: Values = []
    direction: Values = []
    upper = lower = 0.0
    is_known = False
    is_up = True
    for k, (candle, reach) in enumerate(zip(CANDLES, atr(length), strict=True)):
        if reach is None:
            line.append(None)
            direction.append(None)
            continue
        middle = (candle.high + candle.low) / 2
        basic_upper, basic_lower = middle + factor * reach, middle - factor * reach
        before = CANDLES[k - 1].close
        if not is_known:
            upper, lower, is_known = basic_upper, basic_lower, True
        else:
            upper = basic_upper if basic_upper < upper or before > upper else upper
            lower = basic_lower if basic_lower > lower or before < lower else lower
        if is_up and candle.close < lower:
            is_up = False
        elif not is_up and candle.close > upper:
            is_up = True
        line.append(lower if is_up else upper)
        direction.append(1.0 if is_up else -1.0)
    return line, direction


def macd(fast: int, slow: int, signal: int) -> tuple[Values, ...]:
    """Take the difference of two exponential means. TA-Lib begins both at the slow one's first value."""
    prices = closes()
    quick = exponential([None] * (slow - fast) + list(prices[slow - fast :]), fast)
    slowly = exponential(prices, slow)
    line = [None if q is None or s is None else q - s for q, s in zip(quick, slowly, strict=True)]
    smooth = exponential(line, signal)
    return (
        [None if s is None else value for value, s in zip(line, smooth, strict=True)],
        smooth,
        [None if s is None or v is None else v - s for v, s in zip(line, smooth, strict=True)],
    )


def double(length: int) -> Values:
    once = exponential(closes(), length)
    twice = exponential(once, length)
    return [None if a is None or b is None else 2 * a - b for a, b in zip(once, twice, strict=True)]


def aroon(length: int) -> tuple[Values, ...]:
    """Count the candles since the highest high and the lowest low of the last ``length + 1``, the latest of equals."""
    up: Values = []
    down: Values = []
    for k in range(len(CANDLES)):
        if k < length:
            up.append(None)
            down.append(None)
            continue
        last = CANDLES[k - length : k + 1]
        highest = max(range(length + 1), key=lambda place: (last[place].high, place))
        lowest = min(range(length + 1), key=lambda place: (last[place].low, -place))
        up.append(100 * highest / length)
        down.append(100 * lowest / length)
    both = zip(up, down, strict=True)
    return up, down, [None if u is None or d is None else u - d for u, d in both]


def changes(length: int, *, is_per_cent: bool) -> Values:
    prices = closes()
    found: Values = [None] * length
    for before, now in zip(prices, prices[length:], strict=False):
        found.append((now / before - 1) * 100 if is_per_cent else now - before)
    return found


DEFINITIONS: list[tuple[str, tuple[float, ...], Callable[[], tuple[Values, ...]]]] = [
    ("sma", (20,), lambda: (mean(closes(), 20),)),
    ("sma", (1,), lambda: (list(closes()),)),
    ("ema", (20,), lambda: (exponential(closes(), 20),)),
    ("wma", (9,), lambda: (weighted(9),)),
    ("dema", (5,), lambda: (double(5),)),
    ("rsi", (14,), lambda: (rsi(closes(), 14),)),
    ("rsi", (2,), lambda: (rsi(closes(), 2),)),
    ("macd", (12, 26, 9), lambda: macd(12, 26, 9)),
    ("bbands", (20, 2.0), lambda: bands(20, 2.0)),
    ("bbands", (5, 1.5), lambda: bands(5, 1.5)),
    ("atr", (14,), lambda: (atr(14),)),
    ("stochastic", (14, 3, 3), lambda: stochastic(14, 3, 3)),
    ("stochastic", (5, 1, 4), lambda: stochastic(5, 1, 4)),
    ("supertrend", (10, 3.0), lambda: supertrend(10, 3.0)),
    ("supertrend", (3, 1.0), lambda: supertrend(3, 1.0)),
    ("vwap", (), lambda: (day_vwap(),)),
    ("cci", (20,), lambda: (cci(20),)),
    ("mfi", (14,), lambda: (mfi(14),)),
    ("obv", (), lambda: (obv(),)),
    ("williams_r", (14,), lambda: (williams(14),)),
    ("roc", (10,), lambda: (changes(10, is_per_cent=True),)),
    ("momentum", (10,), lambda: (changes(10, is_per_cent=False),)),
    ("stddev", (20,), lambda: (deviation(20),)),
    ("aroon", (14,), lambda: aroon(14)),
    ("donchian", (20,), lambda: donchian(20)),
    ("highest", (7,), lambda: (window(7, max, closes()),)),
    ("lowest", (7,), lambda: (window(7, min, closes()),)),
]


@pytest.mark.parametrize(
    ("name", "arguments", "definition"), DEFINITIONS, ids=[f"{name}{arguments}" for name, arguments, _ in DEFINITIONS]
)
def test_an_indicator_equals_its_definition_over_700_candles(
    name: str, arguments: tuple[float, ...], definition: Callable[[], tuple[Values, ...]]
) -> None:
    found = compute(spec(name, *arguments), CANDLES)

    expected = definition()
    assert len(found) == len(expected) == len(INDICATORS[name].outputs)
    for output, ours, theirs in zip(INDICATORS[name].outputs, found, expected, strict=True):
        assert [value is None for value in ours] == [value is None for value in theirs], output
        assert ours == [None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6) for value in theirs], output


@pytest.mark.parametrize(
    ("name", "arguments", "by_talib"),
    [
        ("rsi", (14,), lambda c: (talib.RSI(c.close, 14),)),
        ("tema", (5,), lambda c: (talib.TEMA(c.close, 5),)),
        ("kama", (10,), lambda c: (talib.KAMA(c.close, 10),)),
        ("trima", (9,), lambda c: (talib.TRIMA(c.close, 9),)),
        ("natr", (14,), lambda c: (talib.NATR(c.high, c.low, c.close, 14),)),
        (
            "adx",
            (14,),
            lambda c: tuple(f(c.high, c.low, c.close, 14) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)),
        ),
        ("psar", (0.02, 0.2), lambda c: (talib.SAR(c.high, c.low, 0.02, 0.2),)),
    ],
)
def test_an_indicator_is_that_of_talib(
    name: str, arguments: tuple[float, ...], by_talib: Callable[[CandleColumns], tuple[np.ndarray, ...]]
) -> None:
    columns = from_minutes(CANDLES, ONE_MINUTE)

    for ours, theirs in zip(indicators.compute(spec(name, *arguments), columns), by_talib(columns), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_every_indicator_of_the_table_is_proved_here() -> None:
    proved = {name for name, _, _ in DEFINITIONS} | {"tema", "kama", "trima", "natr", "adx", "psar"}

    assert proved == set(INDICATORS)
    assert set(ALIASES.values()) <= set(INDICATORS)
    assert set(ALIASES).isdisjoint(INDICATORS)


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_a_value_never_changes_when_later_candles_come(name: str) -> None:
    wanted = spec(name, *(parameter.default for parameter in INDICATORS[name].parameters))
    whole = compute(wanted, CANDLES[:120])

    for count in (1, 2, 15, 60, 119):
        cut = compute(wanted, CANDLES[:count])
        assert cut == tuple(
            [None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9) for value in output[:count]]
            for output in whole
        )


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_without_a_candle_there_is_no_value_and_with_one_no_error(name: str) -> None:
    wanted = spec(name, *(parameter.default for parameter in INDICATORS[name].parameters))

    assert compute(wanted, ()) == tuple([] for _ in wanted.kind.outputs)
    assert all(len(output) == 1 for output in compute(wanted, CANDLES[:1]))


@given(
    steps=st.lists(st.sampled_from([-2.5, -1.0, 0.0, 0.05, 1.0, 3.0]), min_size=1, max_size=80),
    length=st.integers(2, 20),
)
def test_the_rsi_equals_the_books_definition(steps: list[float], length: int) -> None:
    prices = [1_000.0]
    for step in steps:
        prices.append(round(prices[-1] + step, 2))

    found = of_closes("rsi", prices, length)

    assert found == [None if value is None else pytest.approx(value, abs=1e-6) for value in rsi(prices, length)]


def test_the_rsi_has_its_first_value_after_as_many_changes_as_its_length() -> None:
    found = of_closes("rsi", [100.0, 101.0, 100.5, 102.0], 3)

    assert found == [None, None, None, pytest.approx(100 * 2.5 / 3.0)]


def test_the_rsi_of_prices_that_do_not_move_is_fifty() -> None:
    assert of_closes("rsi", [100.0] * 5, 3) == [None, None, None, 50.0, 50.0]


def test_the_rsi_is_a_hundred_when_prices_only_rise_and_zero_when_they_only_fall() -> None:
    rising, falling = of_closes("rsi", [1.0, 2.0, 3.0], 2), of_closes("rsi", [3.0, 2.0, 1.0], 2)

    assert (rising[-1], falling[-1]) == (100.0, 0.0)


@given(
    prices=st.lists(st.floats(min_value=1, max_value=1e6, allow_nan=False), min_size=1, max_size=40),
    length=st.integers(2, 10),
)
def test_the_rsi_lies_between_zero_and_a_hundred(prices: list[float], length: int) -> None:
    assert all(value is None or -1e-9 <= value <= 100 + 1e-9 for value in of_closes("rsi", prices, length))


@pytest.mark.parametrize("price_field", ["open", "high", "low", "close"])
def test_an_indicator_reads_the_price_that_it_is_told_to_read(price_field: str) -> None:
    candles = CANDLES[:10]

    found = compute(spec("sma", 1, price_field=price_field), candles)

    assert found == ([getattr(candle, price_field) for candle in candles],)


@given(
    ticks=st.lists(st.integers(1, 10**7), min_size=1, max_size=60), length=st.integers(1, 12), shift=st.integers(0, 500)
)
def test_equal_windows_have_exactly_equal_means_wherever_they_stand(ticks: list[int], length: int, shift: int) -> None:
    """A running sum of floats would drift, and two means that are equal would seem to cross."""
    prices = [tick / 20 for tick in ticks]
    drifted = [0.05 + 7.35 * place for place in range(shift)] + prices

    alone, later = of_closes("sma", prices, length), of_closes("sma", drifted, length)[shift:]

    assert later[length - 1 :] == alone[length - 1 :]


def test_prices_off_the_grid_have_a_mean_all_the_same() -> None:
    assert of_closes("sma", [1.0, 1 / 3, 2 / 3], 3) == [None, None, pytest.approx(2 / 3)]


def test_the_vwap_has_no_value_before_any_volume_and_begins_anew_each_day() -> None:
    made = [
        Candle(start, price, price, price, price, volume)
        for start, price, volume in (
            (at("15:28:00"), 100.0, 0),
            (at("15:29:00"), 100.0, 10),
            (at("15:30:00"), 110.0, 10),
            (at("09:15:00", NEXT_DAY), 200.0, 0),
            (at("09:16:00", NEXT_DAY), 200.0, 5),
        )
    ]

    assert compute(spec("vwap"), made) == ([None, 100.0, 105.0, None, 200.0],)


def test_the_first_output_is_meant_where_none_is_named() -> None:
    wanted = spec("bbands", 20, 2.0)

    assert [wanted.output_index(name) for name in (None, "", "middle", "upper", "lower")] == [0, 0, 0, 1, 2]
