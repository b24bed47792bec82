"""Runs a small strategy and prints all that came of it. test_centralized_backtest_engine starts it as a process."""

from tests.builders.market_data import market_data
from tests.builders.runs import run
from tests.builders.strategy_documents import (
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    option,
    position,
    re_entry_signal,
    square_off,
    start_node,
    strategy_document,
    when,
)

PUT, CALL = (f"NIFTY:2024-11-07:OPT:24250:{right}" for right in ("PE", "CE"))
OTHERS = [f"NIFTY:2024-11-07:OPT:{strike}:{right}" for strike in (24150, 24200, 24300) for right in ("PE", "CE")]


def main() -> None:
    """Print every outcome and the result, one a line."""
    document = strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 0), variables={"Price": ltp()}),
        entry(
            "entry",
            position("p", "sell", option=option("PE"), max_entries=9),
            position("c", "sell", option=option("CE"), max_entries=9),
        ),
        exit_signal("leave", when(ltp(), ">", 24_260)),
        exit_node("exit-p", "p"),
        exit_node("exit-c", "c"),
        re_entry_signal("again", "entry", always(), max_re_entries=3),
        square_off(minutes_before_close=5),
        edges=["start > signal > entry > leave > exit-p > again > entry", "leave > exit-c", "start > square-off"],
    )
    prices = [24_260, 24_261, 24_240, 24_250, 24_270, 24_230] * 5
    days = [{"NIFTY": price, PUT: 24_500 - price, CALL: price - 24_000} for price in prices]
    done = run(document, market_data(*days, symbols=OTHERS))
    for record in (*done.outcomes, done.result):
        print(record)


if __name__ == "__main__":
    main()
