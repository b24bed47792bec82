"""What ./run tells the site's processes about who may look and under which names they are reached."""

from pathlib import Path

import pytest

from backtest_site import launcher, run_options
from backtest_site.refusals import Refusal


def environment_for(host: str, **variables: str) -> dict[str, str]:
    options = run_options.parse(["--host", host], {}, root=Path("/project"), caller_dir=Path("/"))
    return launcher.site_environment(options, variables)


def test_on_this_machines_own_address_anyone_may_look() -> None:
    assert environment_for("127.0.0.1")["PUBLIC_VIEWING"] == "1"


@pytest.mark.parametrize(("wish", "outcome"), [("0", "0"), ("No", "0"), ("true", "1"), (" ", "1")])
def test_on_this_machines_own_address_viewing_can_be_closed(wish: str, outcome: str) -> None:
    assert environment_for("127.0.0.1", PUBLIC_VIEWING=wish)["PUBLIC_VIEWING"] == outcome


def test_a_mistyped_wish_does_not_open_the_pages() -> None:
    with pytest.raises(Refusal, match="PUBLIC_VIEWING is 'nope': write 1 or 0"):
        environment_for("127.0.0.1", PUBLIC_VIEWING="nope")


def test_on_any_other_address_nobody_may_look_without_signing_in_whatever_is_set() -> None:
    assert environment_for("0.0.0.0", PUBLIC_VIEWING="1")["PUBLIC_VIEWING"] == "0"
    assert environment_for("192.168.1.7", PUBLIC_VIEWING="1")["PUBLIC_VIEWING"] == "0"


def test_only_names_of_this_machine_are_answered() -> None:
    names = environment_for("0.0.0.0")["ALLOWED_HOSTS"].split(",")

    assert {"localhost", "127.0.0.1", "[::1]"} <= set(names)
    assert "*" not in names
    assert "0.0.0.0" not in names


def test_names_that_were_given_are_kept() -> None:
    assert environment_for("0.0.0.0", ALLOWED_HOSTS="trades.example.org")["ALLOWED_HOSTS"] == "trades.example.org"


def test_the_processes_find_the_data_folder() -> None:
    assert environment_for("127.0.0.1")["DATA_DIR"] == "/project/var"


def test_a_disk_without_room_for_the_database_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_NEEDED_BYTES", 10**18)

    with pytest.raises(Refusal, match=r"MB left and the database needs about .* choose another folder with --data"):
        launcher._require_space(tmp_path)
