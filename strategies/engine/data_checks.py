"""What a run asks of its market data before it begins."""

from __future__ import annotations

from datetime import date

from strategies.engine.chain import Chain
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.strategy import EntryNode, FuturePick, OptionPick, StrategyGraph
from strategies.engine.ticks import MarketData


def dates_of_run(data: MarketData, *, first: date | None, last: date | None) -> tuple[date, date]:
    """
    Return the first and last date of a run, within the market data.

    Args:
        data: What the run is over.
        first: First date asked for; None means all from the beginning.
        last: Last date asked for, included; None means all to the end.

    Raises:
        MarketDataInvalid: If no tick lies between them.
    """
    first = first or data.first_date
    last = last or data.last_date
    if first > last:
        raise MarketDataInvalid(f"the run would start on {first} and end before it, on {last}; swap the dates")
    if last < data.first_date or first > data.last_date:
        raise MarketDataInvalid(
            f"no tick lies between {first} and {last}; the market data hold {data.first_date} to {data.last_date}"
        )
    return first, last


def check_symbols(strategy: StrategyGraph, data: MarketData) -> None:
    """
    Check that what the strategy trades occurs in the market data.

    Raises:
        MarketDataInvalid: If something does not.
    """
    start = strategy.start
    known = data.symbols
    for instrument in (start.instrument, start.supporting):
        if instrument is not None and instrument.symbol not in known:
            others = ", ".join(sorted(symbol for symbol in known if ":" not in symbol)) or "none"
            raise MarketDataInvalid(
                f"the strategy uses the symbol {instrument.symbol!r}, which has no tick in the market data; "
                f"underlyings there: {others}"
            )
    chain = Chain(strategy.underlying, known)
    for kind, expiries, word in (
        (OptionPick, chain.option_expiries, "options"),
        (FuturePick, chain.future_expiries, "futures"),
    ):
        if not expiries and any(isinstance(pick, kind) for pick in _picks(strategy)):
            raise MarketDataInvalid(
                f"the strategy trades {word} on {strategy.underlying}, but the market data hold none of them"
            )


def _picks(strategy: StrategyGraph) -> list[object]:
    nodes = (node for node in strategy.nodes.values() if isinstance(node, EntryNode))
    return [position.contract for node in nodes for position in node.positions]
