"""./run as a user meets it: one sentence where it cannot go on, and nothing left running afterwards."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtest_site import embedded_postgres, processes, run_record
from backtest_site.run_record import RunRecord

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "DATA_DIR", "PUBLIC_VIEWING", "ALLOWED_HOSTS", "RUN_HOST", "RUN_PORT", "RUN_DATA", "RUN_PACE")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Yield a data folder; whatever still runs on it is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir="/tmp"))
    folder.chmod(0o755)  # So that root's database, which runs as another account, can live in it.
    yield folder / "var"
    if (folder / "var").is_dir():
        run_record.stop_everything(folder / "var")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**variables: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in OURS} | variables


def run(*words: str, root: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Call ./run and wait until it ends."""
    return subprocess.run(
        [str(root / "run"), *words],
        env=clean_environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def is_one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and text.strip().endswith(".")


def test_help_names_every_option_and_its_variable() -> None:
    answer = run("--help")

    assert answer.returncode == 0
    words = (
        "--prepare",
        "stop",
        "--port",
        "--host",
        "--data",
        "--pace",
        "RUN_PORT",
        "RUN_HOST",
        "RUN_DATA",
        "RUN_PACE",
    )
    assert [word for word in words if word not in answer.stdout] == []


@pytest.mark.parametrize(
    "words", [("--port", "abc"), ("--pace", "0"), ("--pace", "soon"), ("--nonsense",), ("--host", "")]
)
def test_what_is_not_understood_is_one_sentence_and_exit_code_2(words: tuple[str, ...], data_dir: Path) -> None:
    answer = run("--data", str(data_dir), *words)

    assert answer.returncode == 2
    assert is_one_sentence(answer.stderr)
    assert answer.stdout == ""


def test_a_taken_port_is_told_at_once_and_nothing_is_left(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        answer = run("--port", str(other.getsockname()[1]), "--data", str(data_dir))

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "is taken by another program: choose another with --port" in answer.stderr
    assert run_record.read(data_dir) is None
    assert not (data_dir / "postgres").exists()


def test_an_address_of_another_machine_is_told(data_dir: Path, port: int) -> None:
    answer = run("--host", "192.0.2.7", "--port", str(port), "--data", str(data_dir))

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "192.0.2.7 is no address of this machine" in answer.stderr


def test_a_second_run_on_the_same_data_is_refused(data_dir: Path, port: int) -> None:
    launcher = processes.mark(os.getpid())
    assert launcher is not None
    with run_record.locked(data_dir):
        run_record.write(data_dir, RunRecord(launcher=launcher, url="http://127.0.0.1:1234"))

        answer = run("--port", str(port), "--data", str(data_dir))

        run_record.clear(data_dir)

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "at http://127.0.0.1:1234: stop it with './run stop'" in answer.stderr


def test_a_data_folder_that_is_a_file_is_told(data_dir: Path, port: int) -> None:
    data_dir.write_text("")

    answer = run("--port", str(port), "--data", str(data_dir))

    data_dir.unlink()
    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "choose another one with --data" in answer.stderr


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "env"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)

    answer = run(PATH=str(tmp_path), PYTHON="")

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "Python 3.11 or newer is needed and Python 3.9.2 was found" in answer.stderr


def test_stopping_where_nothing_runs_is_no_error(data_dir: Path) -> None:
    answer = run("stop", "--data", str(data_dir))

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "Nothing was running.\n", "")
    assert not data_dir.exists()


def test_what_a_killed_run_left_is_stopped(data_dir: Path) -> None:
    orphan = subprocess.Popen(["sleep", "60"])
    with run_record.locked(data_dir):
        launcher = processes.ProcessMark(999_999_999, "long ago")
        run_record.write(data_dir, RunRecord(launcher=launcher, url="http://127.0.0.1:1").with_child(orphan.pid))

    answer = run("stop", "--data", str(data_dir))

    assert (answer.returncode, answer.stdout) == (0, "Stopped.\n")
    assert orphan.wait(timeout=5) == -signal.SIGTERM


def test_a_damaged_record_does_not_stand_in_the_way(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "run.json").write_text("{half")

    assert run("stop", "--data", str(data_dir)).stdout == "Nothing was running.\n"


@pytest.mark.slow
def test_without_a_network_the_installation_is_one_sentence_and_nothing_is_left(
    tmp_path: Path, data_dir: Path, port: int
) -> None:
    shutil.copytree(ROOT / "backtest_site", tmp_path / "backtest_site", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": "",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }

    answer = run("--port", str(port), "--data", str(data_dir), root=tmp_path, **nowhere)

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "the package index cannot be reached. Connect to a network" in answer.stderr
    assert run_record.read(data_dir) is None


@pytest.mark.slow
def test_a_database_that_cannot_be_reached_is_one_sentence(data_dir: Path, port: int) -> None:
    answer = run(
        "--port",
        str(port),
        "--data",
        str(data_dir),
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/none?connect_timeout=2",
    )

    assert answer.returncode == 1
    assert is_one_sentence(answer.stderr)
    assert "The database cannot be used: " in answer.stderr
    assert "127.0.0.1" in answer.stderr
    assert run_record.read(data_dir) is None


class Started:
    """A ./run that serves, with what it printed so far."""

    def __init__(self, data_dir: Path, port: int, **variables: str) -> None:
        began = time.monotonic()
        self.process = subprocess.Popen(
            [str(ROOT / "run"), "--port", str(port), "--data", str(data_dir), "--pace", "400"],
            env=clean_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = self.process.stdout.readline()
            assert line, f"./run ended: {self.printed}"
            self.printed += line
        self.seconds = time.monotonic() - began
        found = re.search(r"http://\S+/sessions/\S+", self.printed)
        assert found is not None, self.printed
        self.page = found[0]

    def end(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        rest, _ = self.process.communicate(timeout=40)
        self.printed += rest
        return self.process.returncode


def status_of(page: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(page, timeout=20) as response:
        return int(response.status)


@pytest.mark.slow
def test_a_run_shows_the_sample_ends_cleanly_and_keeps_everything(data_dir: Path, port: int) -> None:
    first = Started(data_dir, port)
    password = (data_dir / "admin-password.txt").read_text().strip()
    record = run_record.read(data_dir)
    assert record is not None

    assert status_of(first.page) == 200
    assert f"user admin, password {password}" in first.printed
    assert (data_dir / "admin-password.txt").stat().st_mode & 0o777 == 0o600
    assert first.end(signal.SIGINT) == 0
    assert [child for child in record.children if processes.is_running(child)] == []
    assert not embedded_postgres.is_running(data_dir / "postgres")

    second = Started(data_dir, port)

    # The run that was cut short goes on; it is not queued a second time.
    assert second.page == first.page
    assert status_of(first.page) == 200
    assert (data_dir / "admin-password.txt").read_text().strip() == password
    # 2.5 s on an idle machine; the bound is for a busy one.
    assert second.seconds < 15
    assert second.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_what_a_killed_run_left_is_stopped_by_the_stop_command_with_its_database(data_dir: Path, port: int) -> None:
    started = Started(data_dir, port)
    record = run_record.read(data_dir)
    assert record is not None
    started.process.kill()
    started.process.wait()
    assert started.process.stdout is not None
    assert any(processes.is_running(child) for child in record.children)

    answer = run("stop", "--data", str(data_dir))

    started.process.stdout.close()
    assert (answer.returncode, answer.stdout) == (0, "Stopped.\n")
    assert not any(processes.is_running(child) for child in record.children)
    assert not embedded_postgres.is_running(data_dir / "postgres")


@pytest.mark.slow
def test_a_database_that_ends_while_the_site_runs_is_started_again(data_dir: Path, port: int) -> None:
    started = Started(data_dir, port, PUBLIC_VIEWING="0")
    health = f"http://127.0.0.1:{port}/readyz"
    before = status_of(health)

    embedded_postgres.stop(data_dir / "postgres")
    deadline = time.monotonic() + 30
    while not embedded_postgres.is_running(data_dir / "postgres") and time.monotonic() < deadline:
        time.sleep(0.1)
    embedded_postgres.ensure(data_dir / "postgres")

    assert "Who may look    only who has signed in" in started.printed
    assert (before, status_of(health)) == (200, 200)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        status_of(started.page)
    assert started.end(signal.SIGTERM) == 0
    assert "The database ended; starting it again." in started.printed


@pytest.mark.slow
def test_preparing_sets_up_and_leaves_nothing_running(data_dir: Path) -> None:
    answer = run("--prepare", "--data", str(data_dir))

    assert answer.returncode == 0
    assert answer.stdout.endswith("Everything is set up: start it with ./run.\n")
    assert (data_dir / "admin-password.txt").exists()
    assert not embedded_postgres.is_running(data_dir / "postgres")
    assert run_record.read(data_dir) is None
