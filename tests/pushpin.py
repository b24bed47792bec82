"""
Pushpin for the tests of the GRIP proxy: found on the machine, else installed, and started with files of its own.

    python -m tests.pushpin

prints where Pushpin is, and installs it where there is none: Debian's packages `pushpin` and `zurl`, by apt, as root.
Only the standard library is needed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

#: Debian's package leaves its half of the files here.
_INTERNAL: Final = Path("/usr/lib/pushpin/internal.conf")
_ZURL_FOLDER: Final = "/var/run/zurl/"
_PROGRAMS: Final = ("pushpin", "zurl")
_READY_SECONDS: Final = 20.0
#: Plain letters: Pushpin reads a comma as the beginning of another key.
VERIFY_KEY: Final = "a-key-of-the-tests-that-is-long-enough"

_PUSHPIN_CONF: Final = """
[global]
include={folder}/internal.conf
rundir={folder}
ipc_prefix=pp-
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:{port}
logdir={folder}
log_level={log_level}
client_buffer_size=8192
client_maxconn=4000
[proxy]
routesfile={folder}/routes
sig_iss=pushpin
sig_key={key}
updates_check=off
[handler]
push_in_spec=ipc://{folder}/push
push_in_sub_specs=ipc://{folder}/sub
push_in_http_addr=127.0.0.1
push_in_http_port={control_port}
push_in_http_max_body_size=1000000
stats_spec=ipc://{folder}/stats
command_spec=ipc://{folder}/command
message_rate=100000
message_hwm=100000
message_wait={message_wait_ms}
id_cache_ttl=60
connection_subscription_max=20
"""
_ZURL_CONF: Final = """
[General]
in_spec=ipc://{folder}/zurl-in
in_stream_spec=ipc://{folder}/zurl-in-stream
out_spec=ipc://{folder}/zurl-out
in_req_spec=ipc://{folder}/zurl-req
ipc_file_mode=660
defpolicy=allow
allow=
deny=
max_open_requests=2000
buffer_size=200000
timeout=600
in_hwm=1000
out_hwm=1000
"""


class PushpinMissing(Exception):
    """No Pushpin can be had; the message says what was tried and what to do."""


@dataclass(frozen=True, slots=True)
class Pushpin:
    """A running Pushpin."""

    #: Where viewers come.
    url: str
    #: Where is published, as GRIP_URL has it.
    control_url: str
    #: What it has logged.
    log: Path


def is_here() -> bool:
    """Tell whether both programs and their files are on this machine."""
    return all(shutil.which(name) for name in _PROGRAMS) and _INTERNAL.exists()


def require() -> None:
    """
    Have Pushpin on this machine, installing it where it is not.

    Raises:
        PushpinMissing: If it cannot be installed.
    """
    if is_here():
        return
    reason = "only Debian and its kin have the packages, and only root may install them"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        reason = _install() or "the packages leave no such programs"
    if not is_here():
        raise PushpinMissing(
            f"No Pushpin for the tests of the GRIP proxy: {', '.join(_PROGRAMS)} and {_INTERNAL} are not all here, "
            f"and could not be installed ({reason}). Install Debian's packages pushpin and zurl."
        )


def _install() -> str:
    """Install by apt; return why it failed, or nothing."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "pushpin", "zurl"],
    ):
        outcome = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
        )
        if outcome.returncode != 0:
            words = (outcome.stderr or outcome.stdout).strip().splitlines()
            return f"apt-get: {words[-1] if words else 'failed'}"
    return ""


@contextmanager
def started(*, origin_port: int, message_wait_ms: int = 500, log_level: int = 2) -> Iterator[Pushpin]:
    """Run Pushpin before a web server on loopback."""
    # Not pytest's own folder: the path of a socket may have 107 bytes.
    with TemporaryDirectory(prefix="pp-", dir="/tmp") as name:
        folder = Path(name)
        port, control_port = _free_ports(2)
        facts = {
            "folder": name,
            "port": port,
            "control_port": control_port,
            "key": VERIFY_KEY,
            "message_wait_ms": message_wait_ms,
            "log_level": log_level,
        }
        (folder / "internal.conf").write_text(_INTERNAL.read_text().replace(_ZURL_FOLDER, f"{name}/"))
        (folder / "pushpin.conf").write_text(_PUSHPIN_CONF.format(**facts))
        (folder / "zurl.conf").write_text(_ZURL_CONF.format(**facts))
        (folder / "routes").write_text(f"* 127.0.0.1:{origin_port}\n")
        log = folder / "pushpin.log"
        with log.open("w") as output:
            # zurl fetches for Pushpin, and nobody starts it but us.
            processes = [
                subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
                for words in (
                    ["zurl", f"--config={folder}/zurl.conf"],
                    ["pushpin", f"--config={folder}/pushpin.conf", "--merge-output"],
                )
            ]
            try:
                _wait_for_ports(processes, log, port, control_port)
                yield Pushpin(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{control_port}", log)
            finally:
                for process in reversed(processes):
                    process.terminate()
                for process in processes:
                    process.wait(timeout=20)


def _free_ports(number: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _wait_for_ports(processes: list[subprocess.Popen[bytes]], log: Path, *ports: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    for port in ports:
        while not _is_open(port):
            said = log.read_text()[-2000:]
            assert all(process.poll() is None for process in processes), f"Pushpin ended: {said}"
            assert time.monotonic() < deadline, f"Pushpin was not ready after {_READY_SECONDS:g} s: {said}"
            time.sleep(0.02)


def _is_open(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    try:
        require()
        print(shutil.which("pushpin"))
    except PushpinMissing as error:
        sys.exit(str(error))
