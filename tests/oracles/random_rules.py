"""
Random rules on random days: what other engines are asked beside ours.

A case is plain JSON: a day of one-second prices on a grid of 0.05, and a rule. The rule, which each peer's program and
``document`` carry out in their own way:

* Flat at the start of the tick, inside the entry window, all entry conditions true: enter.
* Not in the tick of the entry: square off from a time on; else stop or target, in per cent of the entry price; else
  leave when any exit condition is true.
* An order fills at the price of its tick, or at that of the next one (``fills``). One position at a time, one unit.

A condition is ``[left, operator, right]``; a series is ``["constant", value]``, or a kind, a length and how many ticks
back. It has no value while there are too few prices, and a condition without a value is false.
"""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from strategies.engine.fills import FillPolicy
from strategies.engine.ticks import EXCHANGE_ZONE, FloatColumn
from strategies.market_data.tick_table import TickTable
from tests.oracles import strategy_writer as write
from tests.oracles.strategy_writer import Json

UNDERLYING = "NIFTY"
OPTION = "NIFTY:2024-11-07:OPT:24000:CE"
MIDNIGHT = datetime(2024, 10, 29, tzinfo=EXCHANGE_ZONE)
OPEN = 9 * 3600 + 15 * 60

_OPERATORS = (">", "<", ">=", "<=")
_CROSSINGS = ("crosses_above", "crosses_below")


def case(seed: int) -> Json:
    """Return the case of a seed: the same seed, the same case."""
    rng = random.Random(seed)
    seconds = [OPEN + offset for offset in range(rng.randint(1_200, 2_400)) if rng.random() > 0.02]
    index_step = rng.choice((2e-5, 6e-5, 2e-4))
    index = _walk(rng, rng.choice((180.0, 2_400.0, 24_000.0)), index_step, len(seconds))
    is_option = rng.random() < 0.5
    traded_step = 8e-4 if is_option else index_step
    fills = rng.choice(("this_tick", "this_tick", "next_tick"))
    return {
        "seed": seed,
        "seconds": seconds,
        "index": index,
        "option": _walk(rng, 130.0, traded_step, len(seconds)) if is_option else None,
        "rule": _rule(rng, fills, seconds, index, traded_step),
    }


def market_data(found: Json) -> TickTable:
    """Return a case's day as market data of the engine."""
    epochs = np.array(found["seconds"], dtype=np.int64) + int(MIDNIGHT.timestamp())
    columns: list[FloatColumn] = [np.array(found[name]) for name in ("index", "option") if found[name] is not None]
    ticks = len(epochs) * len(columns)
    return TickTable(
        epoch_seconds=np.repeat(epochs, len(columns)),
        symbol_codes=np.tile(np.arange(len(columns), dtype=np.uint32), len(epochs)),
        symbol_names=(UNDERLYING, OPTION)[: len(columns)],
        ltp=np.column_stack(columns).ravel(),
        volume=np.zeros(ticks, dtype=np.int64),
        oi=np.zeros(ticks, dtype=np.int64),
    )


def fill_policy(found: Json) -> FillPolicy:
    """Return when a case's orders fill."""
    return FillPolicy(timing=found["rule"]["fills"])


def document(found: Json) -> Json:
    """Write a case's rule as a strategy of the format."""
    rule = found["rule"]
    conditions = [*rule["entry"], *rule["exit"]]
    series = [side for left, _, right in conditions for side in (left, right) if len(side) == 3]
    indicators = {
        f"{kind}{length}": {"indicator_name": kind, "length": length, "price_field": "close"}
        for kind, length, _ in series
        if kind != "price"
    }
    window = [
        write.condition(write.time_now(), ">=", write.time_of_day(clock(rule["entry_from"]))),
        write.condition(write.time_now(), "<", write.time_of_day(clock(rule["entry_until"]))),
    ]
    leave = write.group(*map(_condition, rule["exit"]), logic="OR")
    if rule["exit_until"] is not None:
        leave = write.group(write.condition(write.time_now(), "<", write.time_of_day(clock(rule["exit_until"]))), leave)
    guards: Json = {}
    if rule["stop_percent"] is not None:
        guards |= write.stop_loss(rule["stop_percent"])
    if rule["target_percent"] is not None:
        guards |= write.take_profit(rule["target_percent"])
    contract = write.option("CE") if found["option"] is not None else None
    return write.document(
        [
            write.start(
                [write.timeframe("seconds", 1, indicators)], traded="options" if contract is not None else "index"
            ),
            write.square_off(at=clock(rule["square_off"])),
            write.entry_signal("entry-signal", write.group(*window, *map(_condition, rule["entry"]))),
            write.entry("entry", write.position("position", rule["side"], option=contract)),
            write.exit_signal("exit-signal", leave),
            write.exit_node("exit", "position", guards=guards),
            write.re_entry("re-entry", "entry-signal", write.always()),
        ],
        [
            ("start", "square-off"),
            ("start", "entry-signal"),
            ("entry-signal", "entry"),
            ("entry", "exit-signal"),
            ("exit-signal", "exit"),
            ("exit", "re-entry"),
        ],
        name=f"Rule {found['seed']}",
    )


def clock(seconds: int) -> str:
    """Write seconds from midnight as HH:MM:SS."""
    return f"{datetime.combine(date.min, datetime.min.time()) + timedelta(seconds=seconds):%H:%M:%S}"


def _rule(rng: random.Random, fills: str, seconds: list[int], index: list[float], step: float) -> Json:
    first, last = seconds[0], seconds[-1]
    has_guards = rng.random() < 0.6
    is_next = fills == "next_tick"
    # With next-tick fills an order that waits when the day ends is another question than the one asked here.
    square_off = last + 60 if is_next and has_guards else rng.randint(first + 600, last + 60)
    entry_from = first + rng.choice((0, 0, 30, 200))
    # Moves of about a hundred ticks, so that guards trigger now and then.
    usual = 100 * step * math.sqrt(100)
    return {
        "side": rng.choice(("buy", "sell")),
        "fills": fills,
        "entry_from": entry_from,
        "entry_until": min(square_off - 5, rng.choice((last + 60, rng.randint(entry_from + 300, last)))),
        "square_off": square_off,
        "exit_until": square_off - 5 if is_next else None,
        "entry": [_comparison(rng, index), *_sometimes(rng, _level(rng, index))],
        "exit": [_comparison(rng, index), *_sometimes(rng, _comparison(rng, index))],
        "stop_percent": _distance(rng, usual) if has_guards and rng.random() < 0.8 else None,
        "target_percent": _distance(rng, usual) if has_guards and rng.random() < 0.8 else None,
    }


def _distance(rng: random.Random, usual: float) -> float:
    return max(0.01, round(usual * rng.uniform(0.1, 0.8), 2))


def _sometimes(rng: random.Random, comparison: list[Any]) -> list[list[Any]]:
    return [comparison] if rng.random() < 0.3 else []


def _comparison(rng: random.Random, index: list[float]) -> list[Any]:
    """Return a condition that is true now and then."""
    back = rng.choice((0, 0, 0, 1, 3))
    operator = rng.choice(_CROSSINGS if rng.random() < 0.7 else _OPERATORS)
    kind = rng.choice(("averages", "averages", "price", "rsi"))
    if kind == "averages":
        name = rng.choice(("sma", "ema"))
        return [[name, rng.randint(2, 40), back], operator, [name, rng.randint(41, 200), back]]
    if kind == "price":
        return [["price", 1, back], operator, [rng.choice(("sma", "ema")), rng.randint(3, 150), back]]
    # Between the values that prices on a grid can give, so that no two engines round differently.
    return [["rsi", rng.randint(5, 30), back], operator, ["constant", rng.randint(35, 65) + 0.3719]]


def _level(rng: random.Random, index: list[float]) -> list[Any]:
    """Return a condition that is true for long."""
    level = round(rng.choice(index) + rng.choice((-1, 1)) * 0.0137, 4)
    return [[rng.choice(("price", "sma")), rng.randint(2, 30), 0], rng.choice(_OPERATORS), ["constant", level]]


def _condition(comparison: list[Any]) -> Json:
    left, operator, right = comparison
    return write.condition(_series(left), operator, _series(right))


def _series(series: list[Any]) -> Json:
    if series[0] == "constant":
        return write.constant(series[1])
    kind, length, back = series
    if kind == "price":
        return write.candle("Close", -back) if back else write.price()
    return write.indicator(f"{kind}{length}", -back)


def _walk(rng: random.Random, start: float, step: float, count: int) -> list[float]:
    """Return a random walk on a grid of 0.05."""
    level, prices = 0.0, []
    for _ in range(count):
        prices.append(round(max(1, round(start * math.exp(level) * 20)) / 20, 2))
        level += rng.gauss(0.0, step)
    return prices
