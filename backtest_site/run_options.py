"""
The words after ./run, and the environment variables that stand for them.

A word on the command line goes before its variable. Only the standard library is used: this runs before anything is
installed, so that a mistyped port is told at once and not after a minute.
"""

import argparse
import ipaddress
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from backtest_site.refusals import Refusal

DEFAULT_PORT = 8000
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PACE = "100"

_HELP = """\
Set up everything, start the database, a worker and the web server, and run the sample strategy for you to watch.
Needs Python 3.11 or newer and, the first time, a network. Ctrl-C stops everything; the next start keeps all data.
"""

_VARIABLES = """\
environment variables (a word on the command line goes before its variable):
  RUN_HOST, RUN_PORT, RUN_DATA, RUN_PACE   stand for the options above
  DATABASE_URL       a Postgres of your own instead of the embedded one: postgresql://user:password@host:5432/name
  PUBLIC_VIEWING     0: even on this machine's own address only who signs in may look (elsewhere that is always so)
  ALLOWED_HOSTS      names under which the site is reached, parted by commas (default: this machine's)
  SECRET_KEY, CSRF_TRUSTED_ORIGINS, SECURE_COOKIES, LOG_LEVEL, DEBUG   see backtest_site/settings.py
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What ./run was asked to do."""

    action: Literal["run", "prepare", "stop"]
    host: str
    #: 1 to 65535.
    port: int
    #: Absolute.
    data_dir: Path
    #: Market seconds per second, as the commands take it: a number above 0, or "max".
    pace: str

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can reach the site."""
        return is_loopback(self.host)

    @property
    def base_url(self) -> str:
        """Return the address at which this machine reaches the site."""
        host = _LOOPBACK_OF_WILDCARD.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


_LOOPBACK_OF_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def parse(arguments: Sequence[str], variables: Mapping[str, str], *, root: Path, caller_dir: Path) -> RunOptions:
    """
    Read the command line.

    Args:
        arguments: The words after ./run.
        variables: The environment.
        root: The project's folder; the default data folder lies in it.
        caller_dir: Where ./run was called; a relative --data is meant from there.

    Raises:
        Refusal: With exit code 2, if a word or a variable is not understood.
        SystemExit: With exit code 0, after --help.
    """
    parser = _parser()
    words = parser.parse_args(list(arguments))
    if words.action == "stop" and words.prepare:
        raise Refusal("./run stop takes no --prepare: choose one of the two.", exit_code=2)
    data = _given(words.data, variables, option="--data", variable="RUN_DATA")
    return RunOptions(
        action="stop" if words.action == "stop" else "prepare" if words.prepare else "run",
        host=_host(_given(words.host, variables, option="--host", variable="RUN_HOST") or DEFAULT_HOST),
        port=_port(*_named(words.port, variables, option="--port", variable="RUN_PORT", default=str(DEFAULT_PORT))),
        data_dir=(caller_dir / Path(data).expanduser()).absolute() if data else root / "var",
        pace=_pace(*_named(words.pace, variables, option="--pace", variable="RUN_PACE", default=DEFAULT_PACE)),
    )


def is_loopback(host: str) -> bool:
    """Say whether an address or a name means this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(f"./run does not understand this: {message} (see ./run --help).", exit_code=2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="./run",
        description=_HELP,
        epilog=_VARIABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", nargs="?", choices=["stop"], help="stop what an earlier run left, and its database")
    parser.add_argument("--prepare", action="store_true", help="only set up: install, build, create the database")
    parser.add_argument("--host", metavar="ADDRESS", help=f"address to listen on (default {DEFAULT_HOST})")
    parser.add_argument("--port", metavar="PORT", help=f"port to listen on (default {DEFAULT_PORT})")
    parser.add_argument("--data", metavar="DIR", help="folder for the database and keys (default var)")
    parser.add_argument(
        "--pace",
        metavar="N",
        help=f"speed of the sample run: market seconds per second, or max (default {DEFAULT_PACE})",
    )
    return parser


def _given(word: str | None, variables: Mapping[str, str], *, option: str, variable: str) -> str:
    """Return the value given, empty where none is. An empty variable counts as absent, an empty word is a mistake."""
    if word is not None and not word.strip():
        raise Refusal(f"{option} is empty: give it a value, or leave it out.", exit_code=2)
    return (variables.get(variable, "") if word is None else word).strip()


def _named(
    word: str | None, variables: Mapping[str, str], *, option: str, variable: str, default: str
) -> tuple[str, str]:
    """Return a value with the name under which the reader gave it."""
    if word is not None:
        return option, word.strip()
    return variable, variables.get(variable, "").strip() or default


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]")
    if not host or any(character in host for character in " /\t"):
        raise Refusal(f"--host {text!r} is no address: write one like 127.0.0.1, ::1 or 0.0.0.0.", exit_code=2)
    return host


def _port(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise Refusal(f"{name} {text!r} is no port: write a whole number from 1 to 65535.", exit_code=2)


def _pace(name: str, text: str) -> str:
    if text.lower() == "max":
        return "max"
    try:
        pace = float(text)
    except ValueError:
        pace = math.nan
    if not (math.isfinite(pace) and pace > 0):
        raise Refusal(
            f"{name} {text!r} is no pace: write a number above 0 (market seconds per second) or max.", exit_code=2
        )
    return text
