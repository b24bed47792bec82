"""
Two to four sessions beside each other: figures with the best marked, settings that differ, trades matched, profit on
one clock, and the first moment at which they decided differently.

Nothing is computed anew: figures come from the results, profit from the log's series, decisions from the histories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from strategies import document_diff
from strategies.models import BacktestSession, SessionResult, Trade
from streaming import divergence, event_log
from streaming.models import EventBlock

Json = dict[str, Any]

LEAST: Final = 2
MOST: Final = 4
LETTERS: Final = "ABCD"
#: How many moments the profit is told at; a day of seconds is thinned, its last moment stays.
MAX_POINTS: Final = 5000

#: Figure, its words, which is better ("more", "less" or "" for neither), and where it stands in the result.
_FIGURES: Final = (
    ("net_pnl", "Net P&L", "more", ("net_pnl",)),
    ("gross_pnl", "Gross P&L", "more", ("gross_pnl",)),
    ("costs", "Costs", "less", ("costs",)),
    ("max_drawdown", "Max drawdown", "less", ("drawdown", "max_amount")),
    ("trades", "Trades", "", ("totals", "trades")),
    ("win_rate_percent", "Win rate, %", "more", ("totals", "win_rate_percent")),
    ("profit_factor", "Profit factor", "more", ("totals", "profit_factor")),
    ("expectancy", "Expectancy a trade", "more", ("totals", "expectancy")),
    ("largest_win", "Largest win", "more", ("trades", "largest_win")),
    ("largest_loss", "Largest loss", "more", ("trades", "largest_loss")),
    ("average_mae", "Average MAE", "more", ("trades", "average_mae")),
    ("average_mfe", "Average MFE", "more", ("trades", "average_mfe")),
    ("exposure_percent", "Exposure, %", "", ("exposure_percent",)),
    ("return_percent", "Return, %", "more", ("return_percent",)),
)


def compare(sessions: Sequence[BacktestSession]) -> Json:
    """
    Compare sessions.

    Args:
        sessions: Two to four, each once; the first one is what the others are held against.
    """
    return {
        "sessions": [_session(letter, session) for letter, session in zip(LETTERS, sessions, strict=False)],
        "kpis": _kpis(sessions),
        "config": [
            {"path": each.path, "values": list(each.values)}
            for each in document_diff.differences([_config(session) for session in sessions])
        ],
        "trades": match_trades([_trades(session) for session in sessions]),
        "first_divergence": divergence.first_divergence(sessions),
        "equity": equity([_profits(session.pk) for session in sessions]),
    }


def _session(letter: str, session: BacktestSession) -> Json:
    version = session.strategy_version
    return {
        "letter": letter,
        "session_id": session.session_id,
        "state": session.state,
        "strategy": version.strategy.name,
        "strategy_slug": version.strategy.slug,
        "version": version.number,
        "data_set": session.data_set.name,
        "ticks_done": session.ticks_done,
    }


def _kpis(sessions: Sequence[BacktestSession]) -> list[Json]:
    results = {
        result.session_id: result.document["metrics"] for result in SessionResult.objects.filter(session__in=sessions)
    }
    rows = []
    for name, label, better, path in _FIGURES:
        values = [_at(results.get(session.pk), path) for session in sessions]
        if name in ("net_pnl", "trades"):
            short = {"net_pnl": "total_pnl", "trades": "total_trades"}[name]
            values = [
                (session.result or {}).get(short) if value is None else value
                for value, session in zip(values, sessions, strict=True)
            ]
        rows.append({"name": name, "label": label, "better": better, "values": values, "best": _best(values, better)})
    return rows


def _at(document: Json | None, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - a figure: number, decimal text or None
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _best(values: Sequence[Any], better: str) -> list[int]:
    """Find the places of the best value; none where all are equal, or it is no question of better."""
    numbers = {place: Decimal(str(value)) for place, value in enumerate(values) if value is not None}
    if not better or len(set(numbers.values())) < 2:
        return []
    best = max(numbers.values()) if better == "more" else min(numbers.values())
    return [place for place, number in numbers.items() if number == best]


def _config(session: BacktestSession) -> Json:
    version = session.strategy_version
    return {
        "strategy": version.strategy.slug,
        "version": version.number,
        "data set": session.data_set.slug,
        "start date": session.start_date and session.start_date.isoformat(),
        "end date": session.end_date and session.end_date.isoformat(),
        "fills": session.fills,
        "costs": session.costs,
        "capital": None if session.capital is None else str(session.capital),
        "graph": {name: version.graph.get(name) for name in ("nodes", "edges")},
    }


# Trades


def _trades(session: BacktestSession) -> list[Json]:
    columns = (
        "trade_id", "position_id", "symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price",
        "exit_reason", "exit_type", "trigger_price", "pnl", "event_id",
    )  # fmt: skip
    rows = Trade.objects.filter(session=session).order_by("entry_time", "event_id")
    return [{name: trade.record.get(name, getattr(trade, name)) for name in columns} for trade in rows]


def match_trades(of_sessions: Sequence[Sequence[Json]]) -> Json:
    """
    Match trades by the second of their entry, their contract and their side.

    Returns:
        `rows` in the order of entry, each with `kind` and a trade or None for each session; and `counts` by kind:
        `same` (all have it, with the same exit and profit), `differing` (all have it), `missing` (some do not).
    """
    keyed = [dict(_keyed(trades)) for trades in of_sessions]
    keys = sorted({key for found in keyed for key in found})
    rows = []
    for key in keys:
        trades = [found.get(key) for found in keyed]
        rows.append({"kind": _kind(trades), "entry_time": key[0], "symbol": key[1], "side": key[2], "trades": trades})
    counts = Counter(row["kind"] for row in rows)
    return {"rows": rows, "counts": {kind: counts[kind] for kind in ("same", "differing", "missing")}}


def _keyed(trades: Sequence[Json]) -> Iterator[tuple[tuple[str, str, str, int], Json]]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for trade in trades:
        key = (str(trade["entry_time"]), trade["symbol"], trade["side"])
        # A position that is closed in parts is several trades of one entry.
        yield (*key, seen[key]), trade
        seen[key] += 1


def _kind(trades: Sequence[Json | None]) -> str:
    present = [trade for trade in trades if trade is not None]
    if len(present) < len(trades):
        return "missing"
    compared = ("quantity", "entry_price", "exit_time", "exit_price", "pnl")
    outcomes = {tuple(str(trade[name]) for name in compared) for trade in present}
    return "same" if len(outcomes) == 1 else "differing"


# Profit


def _profits(session_pk: int) -> dict[int, int]:
    """Read the total P&L by Unix second, in hundredths."""
    blocks = EventBlock.objects.filter(session_id=session_pk).exclude(series=b"").order_by("first_event_id")
    return {
        point.epoch_second: point.total_pnl_cents
        for series in blocks.values_list("series", flat=True).iterator()
        for point in event_log.unpack_series(series)
    }


def equity(profits: Sequence[dict[int, int]]) -> Json:
    """
    Put the profits of sessions on one clock.

    Args:
        profits: For each session, total P&L in hundredths by Unix second.

    Returns:
        `time` (Unix seconds, ascending), `values` (for each session a column, quote currency; None before its first
        tick and after its last) and `difference` (each column less the first; None where either has none).
    """
    seconds = _thinned(sorted({second for found in profits for second in found}))
    values = [_column(found, seconds) for found in profits]
    differences = [[_less(value, first) for value, first in zip(column, values[0], strict=True)] for column in values]
    return {"time": seconds, "values": values, "difference": differences}


def _thinned(seconds: list[int]) -> list[int]:
    if len(seconds) <= MAX_POINTS:
        return seconds
    return [seconds[(number + 1) * len(seconds) // MAX_POINTS - 1] for number in range(MAX_POINTS)]


def _column(profits: dict[int, int], seconds: Sequence[int]) -> list[float | None]:
    last = max(profits, default=0)
    known = iter(sorted(profits))
    following = next(known, None)
    current: float | None = None
    column: list[float | None] = []
    for second in seconds:
        while following is not None and following <= second:
            current, following = profits[following] / 100, next(known, None)
        column.append(current if second <= last else None)
    return column


def _less(value: float | None, first: float | None) -> float | None:
    return None if value is None or first is None else round(value - first, 2)
