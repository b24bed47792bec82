"""Schedules: the same seed draws the same one, and many seeds draw everything there is."""

from benchmarks import schedules


def test_the_same_seed_draws_the_same_schedule() -> None:
    assert [schedules.draw(seed) for seed in range(50)] == [schedules.draw(seed) for seed in range(50)]


def test_every_seed_draws_another_one() -> None:
    assert len({repr(schedules.draw(seed)) for seed in range(200)}) == 200


def test_a_few_seeds_draw_everything_that_can_happen() -> None:
    drawn = [schedules.draw(seed) for seed in range(60)]
    connections = [connection for schedule in drawn for viewer in schedule.viewers for connection in viewer]

    assert {schedule.writer.kind for schedule in drawn} == {"flat out", "paced", "killed"}
    assert {schedule.length for schedule in drawn} == set(schedules.LENGTHS)
    assert {len(schedule.viewers) for schedule in drawn} == {1, 2, 3, 4, 5, 6}
    assert any(schedule.writer.keep_events for schedule in drawn)
    assert {connection.cursor_by for connection in connections} == {
        "header",
        "query",
        "both",
        "older",
        "none",
        "unusable",
    }
    for trait in ("is_gzip", "skips", "is_reset", "slow_seconds", "stall_seconds", "cut_after_bytes"):
        assert len({bool(getattr(connection, trait)) for connection in connections}) == 2, trait


def test_only_a_killed_writer_is_killed_and_every_viewer_may_get_to_the_end() -> None:
    for seed in range(200):
        schedule = schedules.draw(seed)

        assert bool(schedule.writer.killed_after_seconds) == (schedule.writer.kind == "killed")
        # A session that has cost five workers is given up.
        assert len(schedule.writer.killed_after_seconds) < 5
        assert all(viewer[-1].cut_after_bytes is None for viewer in schedule.viewers)
