"""What each check makes of what it is told."""

import pytest

from streaming import health
from streaming.status import RelayStatus


def relay(*, watched: int = 1, is_listening: bool = True, silent_seconds: float = 0.3) -> RelayStatus:
    return RelayStatus(
        sessions_watched=watched,
        is_listening=is_listening,
        silent_seconds=silent_seconds,
        events_behind=0,
        buffer_bytes=0,
        reads=0,
    )


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (relay(), health.Check("relay", True, "listening")),
        (relay(watched=0, is_listening=False, silent_seconds=0), health.Check("relay", True, "idle")),
        (relay(is_listening=False), health.Check("relay", True, "polling")),
        (relay(is_listening=False, silent_seconds=10.1), health.Check("relay", False, "silent")),
        (relay(silent_seconds=10.1), health.Check("relay", False, "silent")),
    ],
)
def test_a_relay_that_is_watched_must_reach_the_log(found: RelayStatus, check: health.Check) -> None:
    assert health.check_relay(found) == check


@pytest.mark.parametrize(("seconds", "state"), [(0.0, "beating"), (10.0, "beating"), (10.1, "hanging")])
def test_a_loop_that_does_not_come_round_hangs(seconds: float, state: str) -> None:
    assert health.check_loop(seconds_since_beat=seconds) == ("loop", state == "beating", state)


def test_one_bad_check_is_enough_to_be_unavailable() -> None:
    good, bad = health.Check("database", True, "reachable"), health.Check("migrations", False, "missing")

    assert health.as_document([good])["status"] == "ready"
    assert health.as_document([good, bad]) == {
        "status": "unavailable",
        "checks": {
            "database": {"ok": True, "state": "reachable"},
            "migrations": {"ok": False, "state": "missing"},
        },
    }
