"""
What ./test does: every check that CI makes, the cheap ones first, pytest last.

Runs on any Python 3.11 with nothing installed. The first check that fails ends it, by name; pytest's own summary is the
last thing printed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from backtest_site import frontend_build, virtual_environment
from backtest_site.refusals import Refusal

ROOT = Path(__file__).resolve().parent.parent

#: Two files of tests at a time, each whole in one process: what its tests share is made once. `-n 0` undoes it.
_SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")


def main(arguments: list[str]) -> int:
    """Serve the command line; the exit code is 0 only if every check passed. Where they did, it becomes pytest."""
    parser = argparse.ArgumentParser(
        prog="./test",
        description="Run everything that CI runs. Words that are not understood go to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--fast", action="store_true", help="leave out the browser, the frontend and slow tests")
    options, for_pytest = parser.parse_known_args(arguments)
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # Another project's, left in the shell.
    try:
        python = virtual_environment.ensure(ROOT, "requirements-dev.txt")
        _check_sources(python)
        if not options.fast:
            _check_frontend()
            _have_chromium(python)
            _have_pushpin(python)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    except KeyboardInterrupt:
        return 130
    return _become_pytest(python, [*(["-m", "not browser and not slow"] if options.fast else []), *for_pytest])


def _become_pytest(python: Path, words: list[str]) -> NoReturn:
    # In our place and not below us: Ctrl-C reaches it alone, and its fixtures end what they started.
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, [str(python), "-m", "pytest", *_SIDE_BY_SIDE, *words])


def _check_sources(python: Path) -> None:
    module = [str(python), "-m"]
    _stage("format", [*module, "ruff", "format", "--check", "."], remedy="run '.venv/bin/ruff format .'")
    _stage("lint", [*module, "ruff", "check", "."])
    _stage("types", [*module, "mypy"])
    _stage("import contracts", [str(python.parent / "lint-imports")])
    _stage(
        "migrations",
        [str(python), "manage.py", "makemigrations", "--check", "--dry-run"],
        remedy="run '.venv/bin/python manage.py makemigrations' and commit the new file",
    )


def _check_frontend() -> None:
    with frontend_build.node() as found:
        _step("frontend packages", lambda: frontend_build.install(ROOT, found))
        _step("frontend types", lambda: frontend_build.run_script(ROOT, "typecheck", found))
        _step("frontend tests", lambda: frontend_build.run_script(ROOT, "test", found))
        _step("frontend build", lambda: frontend_build.ensure_built(ROOT))


def _have_chromium(python: Path) -> None:
    def find_or_install() -> None:
        outcome = subprocess.run(
            [python, "-m", "tests.chromium"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if outcome.returncode != 0 and os.environ.get("CI"):
            raise Refusal(outcome.stderr.strip())
        if outcome.returncode != 0:
            # The browser tests will fail and say so; all the others are worth running.
            print(outcome.stderr.strip(), file=sys.stderr)

    _step("browser", find_or_install)


def _have_pushpin(python: Path) -> None:
    """Install the GRIP proxy in CI; elsewhere its tests are skipped where it is not, and say so."""
    if not os.environ.get("CI"):
        return

    def find_or_install() -> None:
        outcome = subprocess.run([python, "-m", "tests.pushpin"], cwd=ROOT, capture_output=True, text=True, check=False)
        if outcome.returncode != 0:
            raise Refusal(outcome.stderr.strip())

    _step("GRIP proxy", find_or_install)


def _stage(name: str, command: list[str], *, remedy: str = "mend what is named above") -> None:
    def check() -> None:
        outcome = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if outcome.returncode != 0:
            print(outcome.stdout, flush=True)
            raise Refusal(f"./test stopped at '{name}': {remedy} and start again.")

    _step(name, check)


def _step(name: str, check: Callable[[], None]) -> None:
    began = time.monotonic()
    check()
    print(f"ok  {name} ({time.monotonic() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
