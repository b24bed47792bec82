"""
Random small days, and strategies that do on them what a book can do: several positions, parts, guards, re-entries.

A case is a seed: the same seed, the same case. Some days end before the square-off, so that positions are left over.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.costs import CostModel, indian_fno, no_costs, percent_and_fixed
from strategies.engine.fills import FillPolicy
from strategies.engine.graph import parse_strategy
from strategies.engine.ticks import EXCHANGE_ZONE, Tick, TickList, TickSecond
from tests.oracles import strategy_writer as write
from tests.oracles.strategy_writer import Json

CALL, PUT = "NIFTY:2024-11-07:OPT:24000:CE", "NIFTY:2024-11-07:OPT:24000:PE"


def config(seed: int, **others: Any) -> BacktestConfig:  # noqa: ANN401 - any field of the record
    """Return a case: strategy, days, fills, costs and capital; ``others`` replaces what it names."""
    rng = random.Random(seed)
    fields: dict[str, Any] = {
        "strategy": parse_strategy(_document(rng)),
        "market_data": _days(rng),
        "fills": FillPolicy(
            timing=rng.choice(("this_tick", "this_tick", "next_tick")),
            slippage_points=rng.choice((0.0, 0.0, 0.1)),
            slippage_percent=rng.choice((0.0, 0.0, 0.37)),
        ),
        "costs": _costs(rng),
        "capital": rng.choice((None, Decimal(100_000))),
    }
    return BacktestConfig(**{**fields, **others})


def _costs(rng: random.Random) -> CostModel:
    models: tuple[CostModel, ...] = (no_costs(), indian_fno(), percent_and_fixed(Decimal("0.05"), Decimal(20)))
    return rng.choice(models)


def _days(rng: random.Random) -> TickList:
    seconds = []
    for day in range(rng.randint(1, 3)):
        at = datetime(2024, 10, 29 + day, 9, 15, tzinfo=EXCHANGE_ZONE)
        prices = {"NIFTY": 24_000.0, CALL: 130.0, PUT: 120.0}
        # Options come in late; one price in a hundred has more decimals than the grid.
        first = {"NIFTY": 0, CALL: rng.randint(0, 20), PUT: rng.randint(0, 20)}
        for index in range(rng.randint(21, 150)):
            at += timedelta(seconds=rng.choice((1, 1, 1, 2, 7)))
            ticks = []
            for symbol in prices:
                prices[symbol] = max(0.05, prices[symbol] * (1 + rng.gauss(0, 0.004)))
                places = 4 if rng.random() < 0.01 else 1
                if symbol == "NIFTY" or index == first[symbol] or (index > first[symbol] and rng.random() < 0.8):
                    ticks.append(Tick(symbol, max(0.05, round(prices[symbol], places))))
            seconds.append(TickSecond(at, ticks))
    return TickList(seconds)


def _document(rng: random.Random) -> Json:
    end = f"09:{rng.randint(15, 22)}:30"
    nodes: list[Json] = [write.start([write.timeframe("seconds", 1)]), write.square_off(at=end)]
    edges = [("start", "square-off")]
    for leg in range(rng.randint(1, 3)):
        nodes += _leg(rng, leg)
        edges += [
            ("start", f"in-{leg}"), (f"in-{leg}", f"entry-{leg}"), (f"entry-{leg}", f"out-{leg}"),
            (f"out-{leg}", f"part-{leg}"), (f"part-{leg}", f"rest-signal-{leg}"),
            (f"rest-signal-{leg}", f"rest-{leg}"), (f"rest-{leg}", f"again-{leg}"),
        ]  # fmt: skip
    return write.document(nodes, edges, name="Random")


def _leg(rng: random.Random, leg: int) -> list[Json]:
    name = f"pos-{leg}"
    contract = rng.choice((None, write.option("CE"), write.option("PE")))
    side, quantity = rng.choice(("buy", "sell")), rng.choice((1, 3, 75))
    limit: Json = rng.choice(({}, {}, {"orderType": "limit", "limitOffset": 0.137}))
    part: Json = rng.choice(
        ({}, {"quantity": "percentage", "quantityPercentage": 33}, {"quantity": "specific", "specificQuantity": 1})
    )
    guards: Json = rng.choice(
        (
            {}, write.stop_loss(1.5), {**write.stop_loss(0.7, "points"), **write.take_profit(1)},
            write.trailing_stop(1, activation=0.3), write.stop_loss(100, "pnl"),
        )
    )  # fmt: skip
    return [
        write.entry_signal(f"in-{leg}", _sometimes(rng)),
        write.entry(
            f"entry-{leg}", write.position(name, side, quantity=quantity, option=contract, **limit),
            write.position(f"{name}-b", side, quantity=2),
        ),
        write.exit_signal(f"out-{leg}", _sometimes(rng)),
        write.exit_node(f"part-{leg}", name, guards=guards, **part),
        write.exit_signal(f"rest-signal-{leg}", _sometimes(rng)),
        write.exit_node(f"rest-{leg}", rng.choice((name, f"{name}-b"))),
        write.re_entry(f"again-{leg}", rng.choice((f"entry-{leg}", f"in-{leg}")), _sometimes(rng)),
    ]  # fmt: skip


def _sometimes(rng: random.Random) -> Json:
    level = round(24_000 * (1 + rng.gauss(0, 0.01)), 2)
    return write.group(write.condition(write.price(), rng.choice((">", "<")), write.constant(level)))
