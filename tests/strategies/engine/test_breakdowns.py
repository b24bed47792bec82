"""Breakdowns: every trade is in one group of each, and the groups add up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import breakdowns, money, trade_statistics
from strategies.engine.breakdowns import Group
from tests.strategies.engine.outcomes_made import outcome

DAY = 24 * 60


def totals(groups: tuple[Group, ...]) -> list[tuple[str, int, str]]:
    """Return each group's key, number of trades and net profit."""
    return [(group.key, group.tally.trades, money.text(group.tally.net_pnl)) for group in groups]


OUTCOMES = (
    # Tuesday 09:20 to 09:59:30, Tuesday 10:15 to Wednesday 10:15, the next Friday.
    outcome(5, opened=5, closed=44.5, exit_type="stop_loss", exit_reason="exit-2"),
    outcome(-3, opened=60, closed=DAY + 60, exit_type="signal", exit_reason="exit-1", costs=1),
    outcome(8, opened=3 * DAY, closed=3 * DAY + 1, exit_type="stop_loss", exit_reason="exit-1"),
)


def test_a_trade_belongs_to_the_day_and_weekday_of_its_exit() -> None:
    found = breakdowns.of(OUTCOMES)

    assert totals(found.by_day) == [("2024-10-29", 1, "5.00"), ("2024-10-30", 1, "-4.00"), ("2024-11-01", 1, "8.00")]
    assert totals(found.by_weekday) == [("Tuesday", 1, "5.00"), ("Wednesday", 1, "-4.00"), ("Friday", 1, "8.00")]


def test_hours_go_by_exit_and_by_entry() -> None:
    found = breakdowns.of(OUTCOMES)

    assert totals(found.by_hour) == [("09", 2, "13.00"), ("10", 1, "-4.00")]
    assert totals(found.by_entry_hour) == [("09", 2, "13.00"), ("10", 1, "-4.00")]


def test_exits_go_by_type_and_by_the_node_that_closed() -> None:
    found = breakdowns.of(OUTCOMES)

    assert totals(found.by_exit_type) == [("signal", 1, "-4.00"), ("stop_loss", 2, "13.00")]
    assert totals(found.by_exit_reason) == [("exit-1", 2, "4.00"), ("exit-2", 1, "5.00")]


def test_an_entry_in_another_hour_than_the_exit_is_told_apart() -> None:
    found = breakdowns.of([outcome(1, opened=0, closed=100)])

    assert (totals(found.by_entry_hour), totals(found.by_hour)) == ([("09", 1, "1.00")], [("10", 1, "1.00")])


@given(
    pnls=st.lists(
        st.tuples(st.decimals(-500, 500, places=2), st.integers(0, 20 * DAY), st.sampled_from(["signal", "stop_loss"])),
        max_size=25,
    )
)
def test_the_groups_of_each_breakdown_add_up_to_the_run(pnls: list[tuple[Decimal, int, str]]) -> None:
    outcomes = [outcome(str(pnl), closed=minute, exit_type=kind) for pnl, minute, kind in pnls]
    whole, found = trade_statistics.tally(outcomes), breakdowns.of(outcomes)

    for groups in (found.by_day, found.by_hour, found.by_entry_hour, found.by_weekday, found.by_exit_type):
        assert sum(group.tally.trades for group in groups) == whole.trades
        assert sum(group.tally.net_pnl for group in groups) == whole.net_pnl
        assert len({group.key for group in groups}) == len(groups)
