"""The stream's three benchmarks: which figures there are, from what, and which of two directions is better."""

import json
import zlib
from dataclasses import replace

import pytest

from benchmarks import bandwidth, fanout, harness, log
from benchmarks.fan_measure import Load, Measured, median_of, percentile, slowdown
from benchmarks.harness import Figure
from streaming.protocol import frames


def _measured(per_core: float, *, viewers: int = 1000) -> Measured:
    load = Load(viewers=viewers, rate=20, seconds=2)
    return Measured(
        load=load,
        published=40,
        delivered=per_core,
        cpu_seconds=1.0,
        kb_per_viewer=30.0,
        latencies_ms=(1.0, 2.0, 30.0),
        viewers_share=0.1,
    )


@pytest.fixture
def fan() -> fanout.Results:
    """Return what a run of the fan-out might have measured."""
    slow = {fanout.OURS: 80_000, fanout.UNSTORED: 10_000, fanout.RAW: 100_000}
    fast = {fanout.OURS: 1_200_000, fanout.STORED: 6_000, fanout.UNSTORED: 10_000, fanout.RAW: 2_000_000}
    return fanout.Results(
        day="a day",
        versions=dict.fromkeys(fast, "1.0"),
        levels={(name, 100): _measured(number, viewers=100) for name, number in slow.items()},
        slow={name: _measured(number) for name, number in slow.items()},
        fast={name: _measured(number) for name, number in fast.items()},
        calm_p99_ms=20.0,
        kb_per_viewer={fanout.OURS: 31.0},
        slowdown=-0.01,
    )


def test_the_fan_out_compares_events_per_core_and_takes_the_peers_better_way(fan: fanout.Results) -> None:
    values = {key: figure.value for key, figure in fanout.figures(fan).items()}

    assert values == {
        "vs_eventstream_fast": 120.0,
        "vs_eventstream_slow": 8.0,
        "vs_raw": 0.8,
        "p99_ms_1000": 20.0,
        "writer_slowdown": -0.01,
        "kb_per_viewer": 31.0,
    }
    assert all(figure.is_met for figure in fanout.figures(fan).values())


def test_a_goal_may_be_the_least_or_the_most() -> None:
    assert [Figure(5, 5, is_more_better=True).is_met, Figure(4.9, 5, is_more_better=True).is_met] == [True, False]
    assert [Figure(5, 5).is_met, Figure(5.1, 5).is_met, Figure(5.1).is_met] == [True, False, True]
    assert "≥ 5" in harness.figure_table({"ratio": Figure(4.9, 5, is_more_better=True)})


def test_the_fan_outs_tables_have_a_row_for_everybody(fan: fanout.Results) -> None:
    told = fanout.text(fan)

    assert told.count(fanout.RAW) == 4
    assert "of wanted" in told


def test_a_peer_that_delivers_nothing_is_told_so_and_breaks_nothing(fan: fanout.Results) -> None:
    nothing = replace(fan.slow[fanout.UNSTORED], delivered=0, latencies_ms=(), cpu_seconds=0)

    assert (nothing.per_core, nothing.us_per_event, nothing.latency_ms(0.99)) == (0, float("inf"), float("inf"))
    assert "inf" in fanout.text(replace(fan, slow={fanout.UNSTORED: nothing}))


def test_the_middle_run_is_that_of_the_middle_figure() -> None:
    runs = [_measured(per_core) for per_core in (50.0, 90.0, 70.0)]

    assert median_of(runs).per_core == 70.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    # Round by round: a machine that was slow in one of them was so for both.
    assert slowdown(without=[100.0, 20.0, 80.0], watched=[95.0, 19.0, 96.0]) == pytest.approx(0.05)


def test_the_bandwidth_counts_every_byte_on_the_wire() -> None:
    encoded = [frames.encode_frame("tick_update", b'{"event_id":%d}' % number, number) for number in range(100)]

    size = bandwidth.size_of(encoded)

    assert (size.events, size.raw_bytes) == (100, len(b"".join(encoded)))
    assert len(zlib.compress(b"".join(encoded))) < size.batched_bytes < size.wire_bytes
    assert [bandwidth.on_wire(number) for number in (15, 16, 4096)] == [20, 22, 4104]


def test_the_bandwidths_figures_are_those_of_the_worse_run() -> None:
    size = bandwidth.DaySize(events=20_000, raw_bytes=70_000_000, wire_bytes=3_500_000, batched_bytes=2_500_000)
    one = bandwidth.Followed(
        viewers=1, events=100, encodes=100, compressions=100, cpu_seconds=0.1, bytes_per_viewer=15_000
    )
    many = replace(one, viewers=1000, compressions=110, cpu_seconds=1.0)
    results = bandwidth.Results(day="a day", size=size, followed=(one, many))

    values = {key: figure.value for key, figure in bandwidth.figures(results).items()}

    assert values == {
        "mb_raw": 70.0,
        "mb_gzip": 3.5,
        "encodes_per_event": 1.0,
        "compressions_per_event": 1.1,
        "day_cpu_seconds": pytest.approx(0.2),
    }
    assert "1,000" in bandwidth.text(results)


def test_the_logs_figures_are_shares_and_ratios_of_medians() -> None:
    results = log.Results(
        day="a day",
        seconds={
            log.WITHOUT: [0.8, 5.0, 0.9],
            log.STORED: [1.0, 1.0, 9.0],
            log.BLOCKS: [0.5],
            log.ROWS: [1.0],
            log.EVENTSTREAM: [0.7],
        },
        answers={
            log.WITHOUT: {"events": 1000},
            log.STORED: {"events": 1000, "mb_stored": 3.7},
            log.BLOCKS: {"events": 1000},
            log.ROWS: {"events": 1000, "mb_stored": 31.0},
            log.EVENTSTREAM: {"events": 100},
        },
    )

    line = json.loads(harness.json_line(log.figures(results)))["figures"]

    assert line == {"mb_stored": 3.7, "share_of_run": 0.1, "vs_row_per_event": 2.0, "vs_eventstream": 14.0}
    assert "append" not in log.text(results)
    assert "31.0" in log.text(results)
