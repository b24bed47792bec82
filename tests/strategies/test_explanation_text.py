"""The answer to "why not?" as text."""

from typing import Any

from strategies import explanation_text, why_not
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.explain import explain_by_rerun
from strategies.engine.graph import parse_strategy
from strategies.engine.ticks import TickList
from tests.builders.market_data import DAY, NEXT_WEEK, Quotes, seconds
from tests.builders.strategy_documents import entry, entry_signal, position, start_node, strategy_document

QUOTES: tuple[Quotes, ...] = ({"NIFTY": 100}, {"NIFTY": 104}, {"NIFTY": 103}, {"NIFTY": 100})


def text_of(data: TickList, *nodes: str, from_: str = "") -> str:
    """Run a signal that waits for two things, and tell why it did not come."""
    signal = entry_signal("signal")
    signal["data"]["conditions"] = (
        "TI.underlying_ltp > 103 AND Current Time >= 09:15:02 AND Previous[TI.1m.rsi(14,close)] < 30"
    )
    document = strategy_document(start_node(), signal, entry("entry", position("pos")), edges="start > signal > entry")
    strategy = parse_strategy(document)
    names = why_not.names_of(strategy)
    days = why_not.Days(data.first_date, data.last_date)
    question = why_not.read_question(nodes=nodes, known=names, from_=from_, to="", day="", days=days)
    config = BacktestConfig(strategy=strategy, market_data=data)
    answer: dict[str, Any] = why_not.completed(explain_by_rerun(config, question.explainer()), names)
    return explanation_text.render(answer)


TEXT = """\
2024-10-29 09:15:00 to 2024-10-29 09:15:03: 4 ticks

start (Start, StartNode): 1 turn, 1 signal

signal (Signal, EntrySignalNode): 4 turns, 0 signals
  held          %  condition
  1 of 4    25.00  TI.underlying_ltp > 103
                   nearest miss 09:15:02: 103.00 > 103.00 (0 away)
                   held last 09:15:01
  2 of 4    50.00  Current Time >= 09:15:02
                   nearest miss 09:15:01: 09:15:01 >= 09:15:02 (1 away)
  0 of 4     0.00  Previous[TI.1m.rsi(14,close)] < 30
                   a value was missing 4 times
  closest turn 09:15:01, all but: Current Time >= 09:15:02 [09:15:01 >= 09:15:02] and \
Previous[TI.1m.rsi(14,close)] < 30 [no value < 30.00]
  last blocker 09:15:03: condition false: TI.underlying_ltp > 103 [100.00 > 103.00]
     ticks  what stood in the way
         3  condition false: TI.underlying_ltp > 103
         1  condition false: Current Time >= 09:15:02

entry (Entry, EntryNode): never active

All nodes
     ticks  node    what stood in the way
         3  signal  condition false: TI.underlying_ltp > 103
         1  signal  condition false: Current Time >= 09:15:02"""


def test_every_node_and_what_stood_in_the_way_of_all_is_told() -> None:
    assert text_of(TickList(seconds(*QUOTES))) == TEXT


def test_one_node_alone_needs_no_table_of_all() -> None:
    assert text_of(TickList(seconds(*QUOTES)), "entry") == (
        "2024-10-29 09:15:00 to 2024-10-29 09:15:03: 4 ticks\n\nentry (Entry, EntryNode): never active"
    )


def test_times_have_their_date_where_the_range_has_several() -> None:
    text = text_of(TickList([*seconds(*QUOTES), *seconds(*QUOTES, on=NEXT_WEEK)]))

    assert text.startswith(f"{DAY} 09:15:00 to {NEXT_WEEK} 09:15:03: 8 ticks\n")
    assert f"nearest miss {DAY} 09:15:02: 103.00 > 103.00" in text
    assert f"held last {NEXT_WEEK} 09:15:01" in text


def test_a_range_without_a_tick_is_told_as_one() -> None:
    assert text_of(TickList(seconds(*QUOTES)), from_="10:00") == "The run has no tick in this range."


def test_a_range_in_which_nothing_waited_is_told_as_such() -> None:
    assert text_of(TickList(seconds(*QUOTES)), "start", "entry").endswith("Nothing stood in any node's way.")
