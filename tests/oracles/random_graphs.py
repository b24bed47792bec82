"""
Random strategy graphs on random small days: most can run, some are damaged and must be refused.

Everything that the format has is drawn: every node, expression and operator, nested groups, several timeframes, a
supporting instrument, variables, limit orders, parts, guards, re-entries and ends of the day. A damaged graph has a
piece missing, of the wrong kind, doubled or pointing nowhere; some damage is harmless.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from strategies.engine.candles import Candle
from strategies.engine.expressions import ARITHMETIC_SIGNS, CANDLE_FIELDS, LIVE_FIELDS, PNL_FIELDS, POSITION_FIELDS
from strategies.engine.fills import FillPolicy
from strategies.engine.indicators import INDICATORS
from strategies.engine.ticks import EXCHANGE_ZONE, Tick, TickList, TickSecond
from tests.oracles import strategy_writer as write
from tests.oracles.strategy_writer import Json

DAYS = 24
"""How many different days there are; graphs share them."""

_FIRST_DAY = datetime(2024, 10, 29, tzinfo=EXCHANGE_ZONE)
_STRIKES = (23_900, 23_950, 24_000, 24_050, 24_100)
_OPTIONS = tuple(
    f"NIFTY:{expiry}:OPT:{strike}:{right}"
    for expiry in ("2024-10-31", "2024-11-07")
    for strike in _STRIKES
    for right in ("CE", "PE")
)
_FUTURE = "NIFTY:2024-11-28:FUT"
_TIMEFRAMES = (("1s", "seconds", 1), ("7s", "seconds", 7), ("1m", "minutes", 1), ("1h", "hours", 1), ("1d", "days", 1))
_COMPARISONS = (">", "<", ">=", "<=", "crosses_above", "crosses_below")
_JUNK: tuple[Any, ...] = (None, "", "nonsense", -1, 0, 1e308, float("nan"), True, [], {}, [[]], {"type": "constant"})


@dataclass(frozen=True, slots=True)
class Graph:
    """A strategy document with the data and the fills to run it with."""

    document: Json
    seconds: list[TickSecond]
    market_data: TickList
    fills: FillPolicy
    #: Seconds from midnight at which an undamaged graph squares off every day; None where nothing is promised.
    square_off_at: int | None
    is_damaged: bool


@dataclass(slots=True)
class _Names:
    """What expressions may name."""

    #: Timeframe id to (indicator key, name in the table).
    indicators: dict[str, list[tuple[str, str]]]
    has_supporting: bool
    positions: list[str]
    variables: list[tuple[str, str]]
    first_second: int


def graph(seed: int) -> Graph:
    """Return the graph of a seed: the same seed, the same graph."""
    rng = random.Random(seed)
    seconds, data = day(rng.randrange(DAYS))
    document, square_off_at = _strategy(rng, _second_of_day(seconds[0].timestamp))
    is_damaged = rng.random() < 0.2
    if is_damaged:
        document = _damaged(rng, document)
    fills = FillPolicy(
        timing="next_tick" if rng.random() < 0.3 else "this_tick",
        slippage_points=rng.choice((0.0, 0.0, 0.05, 0.35)),
        slippage_percent=rng.choice((0.0, 0.0, 0.25)),
    )
    return Graph(document, seconds, data, fills, None if is_damaged else square_off_at, is_damaged)


@lru_cache(maxsize=DAYS)
def day(number: int) -> tuple[list[TickSecond], TickList]:
    """Return the seconds of one or two small days, and the same as market data."""
    rng = random.Random(f"day {number}")
    seconds: list[TickSecond] = []
    # Some begin three minutes before the close, so that the session ends them.
    opening = timedelta(hours=15, minutes=28) if number % 4 == 3 else timedelta(hours=9, minutes=15)
    for later in range(1 + number % 2):
        begin = _FIRST_DAY + timedelta(days=later) + opening
        seconds += _day_seconds(rng, begin, rng.randint(50, 180))
    warmup = [
        Candle(_FIRST_DAY - timedelta(hours=9) + timedelta(minutes=minute), 24_000, 24_010, 23_990, 24_000 + minute, 0)
        for minute in range(30 if number % 3 == 0 else 0)
    ]
    return seconds, TickList(seconds, warmup)


def _day_seconds(rng: random.Random, begin: datetime, count: int) -> list[TickSecond]:
    index, seconds = 24_000.0, []
    premiums = {symbol: rng.uniform(20, 300) for symbol in _OPTIONS}
    for offset in range(count):
        index += rng.gauss(0, 6)
        chance = 1.0 if offset == 0 else 0.9
        ticks = [Tick("NIFTY", round(index, 2), rng.randint(0, 50))] if rng.random() < chance else []
        ticks += [Tick("BANKNIFTY", round(2 * index + rng.gauss(0, 3), 2))] if rng.random() < 0.5 else []
        ticks += [Tick(_FUTURE, round(index + 40, 2), 5, 100)] if rng.random() < 0.4 else []
        for symbol in _OPTIONS:
            premiums[symbol] = max(0.05, premiums[symbol] * (1 + rng.gauss(0, 0.01)))
            if rng.random() < 0.4:
                ticks.append(Tick(symbol, round(round(premiums[symbol] * 20) / 20, 2) or 0.05, rng.randint(0, 9), 7))
        if ticks:
            seconds.append(TickSecond(begin + timedelta(seconds=offset), ticks))
    return seconds


def _strategy(rng: random.Random, first_second: int) -> tuple[Json, int | None]:
    names = _Names({}, rng.random() < 0.3, [], [], first_second)
    nodes = [_start(rng, names)]
    edges: list[tuple[str, str]] = []
    branches = range(rng.randint(1, 3))
    names.positions = [f"b{branch}-p{place}" for branch in branches for place in range(rng.randint(1, 2))]
    names.variables = [(f"b{branch}-signal", "Level") for branch in branches]
    for branch in branches:
        _add_branch(rng, names, branch, nodes, edges)
    at = None
    if rng.random() < 0.8:
        at = first_second + rng.randint(2, 150)
        nodes.append(write.square_off("square-off-time", at=_clock(at)))
    if rng.random() < 0.3:
        nodes.append(write.square_off("square-off-other", **_other_end(rng)))
    edges += [("start", node["id"]) for node in nodes if node["type"] == "squareOffNode"]
    rng.shuffle(nodes)
    rng.shuffle(edges)
    return write.document(nodes, edges, name="Random graph"), at


def _start(rng: random.Random, names: _Names) -> Json:
    frames = []
    for name, unit, number in rng.sample(_TIMEFRAMES, rng.randint(1, 3)):
        kinds = rng.sample(sorted(INDICATORS), rng.randint(0, 3))
        names.indicators[name] = [(f"{kind}_key", kind) for kind in kinds]
        chosen = {
            key: {"indicator_name": kind, "length": rng.randint(2, 8), "price_field": rng.choice(("close", "high"))}
            for key, kind in names.indicators[name]
        }
        frames.append(write.timeframe(unit, number, chosen, name))
    supporting = ("BANKNIFTY", frames) if names.has_supporting else None
    return write.start(frames, traded="options", supporting=supporting)


def _add_branch(
    rng: random.Random, names: _Names, branch: int, nodes: list[Json], edges: list[tuple[str, str]]
) -> None:
    signal, entry = f"b{branch}-signal", f"b{branch}-entry"
    positions = [name for name in names.positions if name.startswith(f"b{branch}-")]
    variables = {"Level": _expression(rng, names)}
    often = rng.random() < 0.5
    nodes.append(write.entry_signal(signal, _early_group(rng, names) if often else _group(rng, names), variables))
    nodes.append(write.entry(entry, *(_position(rng, name) for name in positions)))
    edges += [("start", signal), (signal, entry)]
    for place, target in enumerate(positions):
        leave, close = f"b{branch}-leave{place}", f"b{branch}-exit{place}"
        again = _group(rng, names) if rng.random() < 0.2 else None
        nodes.append(write.exit_signal(leave, _group(rng, names), again))
        nodes.append(write.exit_node(close, target, guards=_guards(rng), **_exit_order(rng)))
        edges += [(entry, leave), (leave, close)]
        if rng.random() < 0.8:
            back = f"b{branch}-again{place}"
            conditions = write.always() if rng.random() < 0.6 else _group(rng, names)
            nodes.append(write.re_entry(back, rng.choice((entry, signal)), conditions, most=rng.choice((0, 2, 50, 50))))
            edges.append((close, back))
            if rng.random() < 0.5:
                edges.append((back, rng.choice((entry, signal))))


def _position(rng: random.Random, name: str) -> Json:
    order: Json = {}
    if rng.random() < 0.2:
        kind = rng.choice(("points", "percentage"))
        order = {"orderType": "limit", "limitOffset": rng.choice((0.05, 0.5, 2.0)), "limitOffsetType": kind}
    strike = rng.choice(("ATM", "ATM", "ITM1", "OTM1", "OTM9", "premium"))
    option = write.option(
        rng.choice(("CE", "PE")),
        expiry=rng.choice(("W0", "W0", "W1", "M0", "M1")),
        strike=strike,
        premium=rng.uniform(20, 300) if strike == "premium" else None,
    )
    return write.position(
        name,
        rng.choice(("buy", "sell")),
        quantity=rng.randint(1, 75),
        max_entries=rng.choice((1, 3, 100, 100)),
        option=option,
        **order,
    )


def _guards(rng: random.Random) -> Json:
    found: Json = {}
    unit = rng.choice(("percentage", "points", "pnl"))
    size = {"percentage": 3.0, "points": 4.0, "pnl": 100.0}[unit]
    if rng.random() < 0.5:
        found |= write.stop_loss(round(rng.uniform(0.1, 1) * size, 2), unit)
    if rng.random() < 0.4:
        found |= write.take_profit(round(rng.uniform(0.1, 1) * size, 2), unit)
    if rng.random() < 0.4:
        activation, step = rng.choice((0, round(0.3 * size, 2))), rng.choice((0, round(0.1 * size, 2)))
        found |= write.trailing_stop(round(rng.uniform(0.1, 1) * size, 2), unit, activation=activation, step=step)
    return found


def _exit_order(rng: random.Random) -> Json:
    order: Json = {}
    if rng.random() < 0.2:
        order |= {"orderType": "limit", "limitOffset": rng.choice((0.05, 0.5, 2.0))}
    if rng.random() < 0.3:
        order |= rng.choice(
            (
                {"quantity": "percentage", "quantityPercentage": rng.choice((1, 33.3, 50, 100))},
                {"quantity": "specific", "specificQuantity": rng.randint(1, 90)},
            )
        )
    return order


def _other_end(rng: random.Random) -> Json:
    kind = rng.choice(("profit or loss", "minutes", "at once"))
    if kind == "minutes":
        minutes = rng.randint(0, 375)
        return {"timeBasedExit": {"enabled": True, "exitAtMarketClose": True, "minutesBeforeClose": minutes}}
    if kind == "at once":
        return {"immediateExit": {"enabled": True}}
    amounts = {"profitTarget": rng.uniform(1, 500), "lossLimit": rng.uniform(1, 500)}
    return {"performanceBasedExit": {"enabled": True, **amounts}}


def _early_group(rng: random.Random, names: _Names) -> Json:
    """Return a group that is true soon."""
    soon = write.time_of_day(_clock(names.first_second + rng.randint(0, 40)))
    return write.group(write.condition(write.time_now(), ">=", soon), _condition(rng, names), logic="OR")


def _group(rng: random.Random, names: _Names, depth: int = 0) -> Json:
    members = [
        _group(rng, names, depth + 1) if depth < 2 and rng.random() < 0.2 else _condition(rng, names)
        for _ in range(rng.choice((1, 1, 2, 3)))
    ]
    return write.group(*members, logic=rng.choice(("AND", "OR")))


def _condition(rng: random.Random, names: _Names) -> Json:
    if rng.random() < 0.3:
        moment = write.time_of_day(_clock(names.first_second + rng.randint(0, 120)))
        return write.condition(write.time_now(), rng.choice((">=", "<", "==", "crosses_above")), moment)
    operator = rng.choice((">", "<", ">=", "<=", "==", "!=", "crosses_above", "crosses_below", "between"))
    if rng.random() < 0.5:
        # Two prices of the underlying: now this one is higher, now the other.
        prices = rng.sample(("Open", "High", "Low", "Close"), 2)
        frame = rng.choice(sorted(names.indicators))
        left = write.price() if rng.random() < 0.5 else write.candle(prices[0], -rng.randint(0, 2), frame)
        return write.condition(left, rng.choice(_COMPARISONS), write.candle(prices[1], -rng.randint(0, 2), frame))
    left, right = _expression(rng, names), _expression(rng, names)
    return write.condition(left, operator, right, _expression(rng, names) if operator == "between" else None)


def _expression(rng: random.Random, names: _Names, depth: int = 0) -> Json:
    return rng.choice(_EXPRESSIONS)(rng, names, depth)


def _constant(rng: random.Random, names: _Names, depth: int) -> Json:
    return write.constant(rng.choice((0, 1, -3.5, 50, 24_000, 24_000.37, 1e-9, "text", True)))


def _price(rng: random.Random, names: _Names, depth: int) -> Json:
    return write.price(rng.choice(LIVE_FIELDS), _instrument(rng, names))


def _candle(rng: random.Random, names: _Names, depth: int) -> Json:
    frame = rng.choice(sorted(names.indicators))
    return write.candle(rng.choice(CANDLE_FIELDS), -rng.randint(0, 3), frame, _instrument(rng, names))


def _indicator(rng: random.Random, names: _Names, depth: int) -> Json:
    frames = [frame for frame in sorted(names.indicators) if names.indicators[frame]]
    if not frames:
        return _price(rng, names, depth)
    frame = rng.choice(frames)
    key, kind = rng.choice(names.indicators[frame])
    output = rng.choice((None, *INDICATORS[kind].outputs))
    return write.indicator(key, -rng.choice((0, 1, 1, 2)), frame, output, _instrument(rng, names))


def _variable(rng: random.Random, names: _Names, depth: int) -> Json:
    if not names.variables:
        return _price(rng, names, depth)
    node_id, name = rng.choice(names.variables)
    return {"type": "node_variable", "nodeId": node_id, "variableName": name}


def _position_data(rng: random.Random, names: _Names, depth: int) -> Json:
    return {
        "type": "position_data",
        "positionId": rng.choice(names.positions),
        "field": rng.choice(POSITION_FIELDS),
    }


def _pnl(rng: random.Random, names: _Names, depth: int) -> Json:
    return {"type": "pnl_data", "field": rng.choice(PNL_FIELDS)}


def _arithmetic(rng: random.Random, names: _Names, depth: int) -> Json:
    if depth >= 2:
        return _price(rng, names, depth)
    return {
        "type": "expression",
        "operation": rng.choice(ARITHMETIC_SIGNS),
        "left": _expression(rng, names, depth + 1),
        "right": _expression(rng, names, depth + 1),
    }


_EXPRESSIONS: tuple[Callable[[random.Random, _Names, int], Json], ...] = (
    _constant,
    _price,
    _price,
    _candle,
    _candle,
    _indicator,
    _indicator,
    _indicator,
    _variable,
    _position_data,
    _pnl,
    _arithmetic,
)


def _instrument(rng: random.Random, names: _Names) -> str:
    return "SI" if names.has_supporting and rng.random() < 0.3 else "TI"


def _damaged(rng: random.Random, document: Json) -> Json:
    """Return the document with one to three pieces missing, of the wrong kind, doubled or pointing nowhere."""
    damaged = copy.deepcopy(document)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(damaged))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.choice(("drop", "junk", "junk", "double", "edge")):
            case "drop":
                del holder[key]
            case "junk":
                holder[key] = copy.deepcopy(rng.choice(_JUNK))
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _ if isinstance(damaged.get("edges"), list) and isinstance(damaged.get("nodes"), list):
                ids = [node["id"] for node in damaged["nodes"] if isinstance(node, dict) and node.get("id")]
                damaged["edges"].append({"source": rng.choice([*ids, "nowhere"]), "target": rng.choice([*ids, ""])})
    return damaged


def _places(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Return every place of a document: the object or list, and the key or index."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        found.extend(_places(value[key]))
    return found


def _clock(second: int) -> str:
    return f"{datetime.combine(date.min, datetime.min.time()) + timedelta(seconds=second):%H:%M:%S}"


def _second_of_day(at: datetime) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
