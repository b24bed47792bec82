"""
The project's own Python environment, `.venv`: made once, and brought up to date when the requirements change.

Only the standard library is used. What pip says is shortened to one line a package; when it fails, its last words are
turned into one sentence with the way out.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from backtest_site.refusals import Refusal

#: Bytes that the environment takes with the tools of ./test, measured, with a margin for pip's downloads.
_NEEDED_BYTES = 1_300_000_000

_NO_SPACE = ("No space left on device", "Errno 28", "Disk quota exceeded")
_BAD_CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "SSLError", "certificate verify failed")
_NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "MaxRetryError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname",
    "Network is unreachable",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "Could not fetch URL",
    "Read timed out",
)


def python_of(root: Path) -> Path:
    """Return the environment's Python, which may not exist yet."""
    return root / ".venv" / "bin" / "python"


def ensure(root: Path, requirements: str) -> Path:
    """
    Make the environment hold exactly what a requirements file pins.

    Args:
        root: The project's folder.
        requirements: Name of the file in it.

    Returns:
        The environment's Python.

    Raises:
        Refusal: If it cannot be made or filled; the stamp is then not written and the next call tries again.
    """
    python = python_of(root)
    with _locked(root / ".venv.lock"):
        if not _works(python):
            _require_space(root)
            print("Making the Python environment (.venv) ...", flush=True)
            _make(root)
        stamp = root / ".venv" / f"{requirements}.stamp"
        wanted = _fingerprint(root, requirements)
        if not stamp.exists() or stamp.read_text() != wanted:
            _require_space(root)
            _install(python, root, requirements)
            for name in (requirements, *_included(root / requirements)):
                (root / ".venv" / f"{name}.stamp").write_text(_fingerprint(root, name))
    return python


def explain_pip_failure(lines: Sequence[str]) -> str:
    """
    Turn pip's output into one sentence.

    Args:
        lines: All that pip said, in order.
    """
    text = "\n".join(lines)
    if _holds(text, _NO_SPACE):
        return "The Python packages could not be installed: the disk is full. Free about 1 GB and start again."
    if _holds(text, _BAD_CERTIFICATE):
        return (
            "The Python packages could not be installed: the package index's certificate is not trusted here. "
            "Set PIP_CERT to your network's certificate file and start again."
        )
    if _holds(text, _NO_NETWORK) or _has_fetched_nothing(lines):
        return (
            "The Python packages could not be installed: the package index cannot be reached. Connect to a network "
            "(or set PIP_INDEX_URL or PIP_FIND_LINKS to a mirror) and start again."
        )
    if missing := re.search(r"No matching distribution found for (\S+)", text):
        return (
            f"The Python packages could not be installed: the package index has no {missing[1]} for Python "
            f"{platform.python_version()} on {platform.system()} {platform.machine()}. "
            "Use another Python (3.11 or newer; PYTHON=/path/to/python3) and start again."
        )
    errors = [line for line in lines if line.lstrip().startswith("ERROR")]
    reason = (errors or list(lines) or ["it gave no reason"])[-1].strip().removeprefix("ERROR: ").rstrip(".")
    return f"The Python packages could not be installed: {reason}."


def _has_fetched_nothing(lines: Sequence[str]) -> bool:
    """Say whether already the first package was not to be had: told not to retry, pip names no cause."""
    signs = ("Downloading ", "Using cached ", "Processing ", "Requirement already satisfied")
    is_empty_index = any("(from versions: none)" in line for line in lines)
    return is_empty_index and not any(line.lstrip().startswith(signs) for line in lines)


def _holds(text: str, signs: Sequence[str]) -> bool:
    return any(sign in text for sign in signs)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Let only one command change the environment at a time."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cannot_write(file.parent, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cannot_write(folder: Path, error: OSError) -> Refusal:
    """Say that a folder cannot be written to, and what would help."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refusal(f"The disk of {folder} is full: free some space and start again.")
    return Refusal(
        f"{folder} cannot be written to ({error.strerror}): run as its owner, or copy the project elsewhere."
    )


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([str(python), "-c", check], capture_output=True, check=False).returncode == 0


def _require_space(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < _NEEDED_BYTES:
        raise Refusal(
            f"The disk of {root} has only {free // 1_000_000} MB left and the installation needs about "
            f"{_NEEDED_BYTES // 1_000_000} MB: free some space and start again."
        )


def _make(root: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(root / ".venv")], capture_output=True, text=True, check=False
    )
    if outcome.returncode == 0:
        return
    said = f"{outcome.stdout}\n{outcome.stderr}".strip()
    if _holds(said, _NO_SPACE):
        raise Refusal(f"The disk of {root} is full: free about 1 GB and start again.")
    if "ensurepip" in said:
        raise Refusal(
            f"The Python at {sys.executable} cannot make environments: install its venv part "
            "(on Debian and Ubuntu: apt-get install python3-venv) and start again."
        )
    raise Refusal(f"The Python environment could not be made: {said.splitlines()[-1] if said else 'no reason given'}")


def _fingerprint(root: Path, requirements: str) -> str:
    """Hash what decides about the environment's content: the file, the files it includes, and the Python."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {platform.machine()}".encode())
    for name in (requirements, *_included(root / requirements)):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _included(file: Path) -> list[str]:
    return [line.split()[1] for line in file.read_text().splitlines() if line.startswith("-r ")]


def _install(python: Path, root: Path, requirements: str) -> None:
    total = sum(len(_pinned(root / name)) for name in (requirements, *_included(root / requirements)))
    print(f"Installing the Python packages of {requirements} ...", flush=True)
    command = [str(python), "-m", "pip", "install", "--no-input", "--progress-bar", "off", "-r", requirements]
    # A user-wide PIP_USER would put everything beside the environment instead of into it.
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    said: list[str] = []
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        assert pip.stdout is not None
        progress = _Progress(total)
        for line in pip.stdout:
            said.append(line.rstrip())
            progress.show(line.rstrip())
    progress.end()
    if pip.returncode != 0:
        raise Refusal(explain_pip_failure(said))


def _pinned(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if "==" in line and not line.startswith("#")]


class _Progress:
    """Show one short line for each package: over each other on a terminal, below each other in a log."""

    _FETCHED = re.compile(
        r"^\s*(?:Collecting |Requirement already satisfied: |Processing \S*/)([\w.-]+?)(?:==|-)([0-9][^\s;-]*)"
    )

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen: set[str] = set()
        self._is_terminal = sys.stdout.isatty()

    def show(self, line: str) -> None:
        if (found := self._FETCHED.match(line)) and found[1] not in self._seen:
            self._seen.add(found[1])
            self._write(f"  {len(self._seen)} of {self._total}: {found[1]} {found[2]}")
        elif line.startswith("Installing collected packages"):
            self._write("  unpacking (about 20 s) ...")

    def end(self) -> None:
        if self._is_terminal:
            print("\r\033[K", end="", flush=True)

    def _write(self, text: str) -> None:
        print(f"\r\033[K{text}" if self._is_terminal else text, end="" if self._is_terminal else "\n", flush=True)
