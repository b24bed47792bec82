"""
The browser of the browser tests: found on the machine, else installed.

    python -m tests.chromium

prints the path of a Chromium and installs one where there is none: by apt as root, else by Playwright. Only the
standard library is needed.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
#: For machines shared with other work: nothing is fetched, drawn by a GPU or asked at the first start.
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissing(Exception):
    """No browser can be had; the message says what was looked for and what to do."""


def find() -> Path | None:
    """Return a Chromium of this machine: CHROMIUM_PATH, then PATH, then the applications, then Playwright's own."""
    if given := os.environ.get("CHROMIUM_PATH"):
        if not os.access(given, os.X_OK):
            raise ChromiumMissing(f"CHROMIUM_PATH names {given}, which is no program: correct or unset it.")
        return Path(given)
    on_path = (shutil.which(name) for name in _NAMES)
    found = (Path(program) for program in on_path if program and _starts(program))
    return next(found, None) or next((app for app in _APPLICATIONS if app.exists()), None) or _of_playwright()


def require() -> Path:
    """
    Return a Chromium, installing one where the machine has none.

    Raises:
        ChromiumMissing: If none can be installed.
    """
    if found := find():
        return found
    attempts = []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempts.append(
            _fails(
                "apt-get", ["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
            )
        )
        if found := find():
            return found
    attempts.append(_fails("Playwright", [sys.executable, "-m", "playwright", "install", "chromium"]))
    if found := find():
        return found
    reasons = "; ".join(reason for reason in attempts if reason)
    raise ChromiumMissing(
        f"No Chromium for the browser tests: {', '.join(_NAMES)} are not on PATH, and it could not be installed "
        f"({reasons or 'the installation left no browser'}). Install Chromium, or set CHROMIUM_PATH to one."
    )


def arguments() -> list[str]:
    """Return the command line arguments for a test's browser."""
    # Chromium's sandbox refuses root.
    return [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _starts(program: str) -> bool:
    """Say whether the program runs; Ubuntu's chromium-browser is a script that only recommends a snap."""
    answer = subprocess.run(
        [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )
    return answer.returncode == 0


def _of_playwright() -> Path | None:
    """Return the newest Chromium that `playwright install` has put on this machine."""
    if importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _fails(source: str, *commands: list[str]) -> str:
    """Run commands until one fails; return why, or nothing."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        outcome = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
        )
        if outcome.returncode != 0:
            words = (outcome.stderr or outcome.stdout).strip().splitlines()
            return f"{source}: {words[-1] if words else 'failed'}"
    return ""


if __name__ == "__main__":
    try:
        print(require())
    except ChromiumMissing as error:
        sys.exit(str(error))
