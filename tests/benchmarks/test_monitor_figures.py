"""The monitor's benchmark: which figures there are, from what; its frames, its three days."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import monitor
from benchmarks.monitor import Followed, Results
from benchmarks.monitor_page import Heap, Stretch
from benchmarks.monitor_sessions import three_days
from strategies.market_data import simulator

_BEAT = 1000 / 60


def _followed(*beats: int, lag: float | None = 0.2) -> Followed:
    frames = tuple(number * _BEAT for number in beats)
    return Followed(
        ticks=100,
        seconds=sum(frames) / 1000,
        stretch=Stretch(frames=frames, page_ms=10.0 * len(beats), browser_ms=20.0 * len(beats)),
        lag_seconds=lag,
    )


@pytest.fixture
def results() -> Results:
    """Return what a run of the benchmark might have measured."""
    return Results(
        day="a day",
        runs={
            600: [_followed(1, 1, lag=None)],
            2_235: [_followed(*[1] * 19, 2), _followed(*[1] * 20)],
            11_000: [_followed(1, 1, 1, 3)],
            None: [_followed(1, 1, lag=0.9), _followed(1, 2, lag=0.4), _followed(1, 1, lag=0.3)],
        },
        heaps=(Heap(objects=4.0, columns=7.0), Heap(objects=4.2, columns=20.0)),
        paints={"a session's page": 0.5, "the list of sessions": 0.7},
        live_ms=[90.0, 70.0, 80.0],
    )


def test_the_figures_join_the_rounds_of_a_pace_and_take_the_worse_page(results: Results) -> None:
    figures = monitor.figures(results)

    assert {key: figure.value for key, figure in figures.items()} == {
        "fps_2235": pytest.approx(60 * 40 / 41),
        "p95_ms_2235": pytest.approx(_BEAT),
        "fps_11000": pytest.approx(60 * 4 / 6),
        "lag_s_full": 0.4,
        "heap_growth": pytest.approx(0.05),
        "first_paint_s": 0.7,
        "first_tick_ms": 90.0,
    }
    assert all(figure.is_met for figure in figures.values())


def test_a_page_that_drops_frames_misses_its_goals(results: Results) -> None:
    slow = replace(results, runs={**results.runs, 2_235: [_followed(1, 1, 1, 3)]}, live_ms=[600.0])

    missed = {key for key, figure in monitor.figures(slow).items() if not figure.is_met}

    assert missed == {"fps_2235", "p95_ms_2235", "first_tick_ms"}


def test_the_text_has_a_row_for_each_pace_and_tells_what_was_not_measured(results: Results) -> None:
    told = monitor.text(results)

    assert [line.split("  ")[0] for line in told.splitlines()[4:8]] == ["600", "2,235", "11,000", "full speed"]
    # Left before its end, so that it has no lag.
    assert told.splitlines()[4].rstrip().endswith("20.0")
    assert "first 90 ms, median 80, slowest 90" in told


def test_frames_are_counted_by_beats_of_the_screen() -> None:
    stretch = Stretch(frames=(16.6, 16.7, 16.7, 33.4, 50.0, 400.0), page_ms=0.0, browser_ms=0.0)

    assert stretch.histogram() == {"1": 3 / 6, "2": 1 / 6, "3": 1 / 6, "more": 1 / 6}
    assert (stretch.frame_ms(0.5), stretch.frame_ms(0.99)) == (33.4, 400.0)


def test_a_page_that_drew_nothing_has_no_frames_and_breaks_nothing(results: Results) -> None:
    nothing = Stretch(frames=(), page_ms=0.0, browser_ms=0.0)

    assert (nothing.fps, nothing.frame_ms(0.95)) == (0.0, float("inf"))
    assert sum(nothing.histogram().values()) == 0.0


def test_three_days_are_the_day_three_times_over() -> None:
    day = simulator.sample_day()

    longer = three_days(day)

    assert longer.total_ticks == 3 * day.total_ticks
    assert [(later - day.first_date).days for later in longer.dates] == [0, 1, 2]
    (one,), days = tuple(day.days()), tuple(longer.days())
    for each in days:
        assert np.array_equal(each.ltp, one.ltp)
        assert each.symbols == one.symbols
