"""
Bring the site up to date, in one process: tables, samples, first user, collected files, sample run.

    python -m backtest_site.preparation [--no-run | --pace N]

It says on stdout what is under way; the last line is a JSON object: {"page": "/sessions/<session id>/"}, or
{"refusal": "<one sentence>"} with exit code 1. Everything is safe to repeat and skips what is done; starting again
costs one Django start.
"""

import argparse
import hashlib
import io
import json
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


def main(arguments: list[str]) -> int:
    """Serve the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m backtest_site.preparation", description="Bring the site up to date."
    )
    parser.add_argument("--no-run", action="store_true", help="queue no sample run")
    parser.add_argument("--pace", default="100", help="market seconds per second of the sample run, or max")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
    try:
        django.setup()
        connection.ensure_connection()
        migrate()
        collect_files()
        call_command("load_sample", stdout=io.StringIO())
        password_file = settings.DATA_DIR / "admin-password.txt"
        call_command("ensure_admin", "--password-file", str(password_file), stdout=io.StringIO())
        page = "/" if options.no_run else f"/sessions/{sample_session(options.pace)}/"
    except (CommandError, DatabaseError, ImproperlyConfigured, OSError) as error:
        print(json.dumps({"refusal": explain(error)}))
        return 1
    print(json.dumps({"page": page}))
    return 0


def explain(error: Exception) -> str:
    """Turn a fault into one sentence with the way out."""
    text = " ".join(str(error).split()).rstrip(".")
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return f"The disk of {settings.DATA_DIR} is full: free some space and start again."
    if isinstance(error, OperationalError):
        return f"The database cannot be used: {text}."
    return f"{text}."


def migrate() -> None:
    """Create or change the tables where the code asks for it."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    _tell("Creating the tables ...")
    call_command("migrate", interactive=False, verbosity=0)


def collect_files() -> None:
    """Copy scripts and styles to where they are served from, under names with their hash, if they have changed."""
    if settings.DEBUG:
        return
    stamp = Path(settings.STATIC_ROOT).with_suffix(".stamp")
    wanted = _fingerprint_of_files()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _tell("Collecting scripts and styles ...")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)


def sample_session(pace: str) -> str:
    """Return the sample run that goes on or waits; where there is none, queue one."""
    from strategies.models import BacktestSession, DataSet
    from strategies.session_states import ACTIVE_STATES

    unfinished = BacktestSession.objects.filter(data_set__kind=DataSet.Kind.SAMPLE, state__in=ACTIVE_STATES)
    newest = unfinished.order_by("-created_at").values_list("session_id", flat=True).first()
    if newest is not None:
        return newest
    said = io.StringIO()
    call_command("queue_sample_run", "--pace", pace, stdout=said)
    return said.getvalue().split()[-1]


def _fingerprint_of_files() -> str:
    """Hash what decides about the collected files: our built ones by content, the packages' ones by their pins."""
    root = Path(settings.BASE_DIR)
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for folder in (settings.FRONTEND_DIST, root / "strategies" / "static", root / "streaming" / "static"):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if file.is_file():
                digest.update(f"{file.relative_to(root)}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
