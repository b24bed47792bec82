"""
django-eventstream's stock view, with its own storage in Postgres or with none.

    python -m benchmarks.contestants.fan_eventstream EVENTS [HOST]

HOST is the folder of a Postgres server's socket; a database of its own is made there. Without storage is its best case:
events are handed to its listeners in its own process, as JSON already.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import django
import uvloop
from django.conf import settings

from benchmarks.contestants.fan_contest import Contest, Event, serve_asgi

_DATABASE = "eventstream"
_sender = ThreadPoolExecutor(1)


def configure(host: str | None) -> None:
    """Set Django up."""
    stored = {"EVENTSTREAM_STORAGE_CLASS": "django_eventstream.storage.DjangoModelStorage"} if host else {}
    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.contestants.fan_eventstream_urls",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_eventstream"],
        DATABASES={"default": database(host)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        MIDDLEWARE=[],
        **stored,
    )
    django.setup()


def database(host: str | None) -> dict[str, str]:
    """Return Django's settings of the database."""
    if host is None:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    return {"ENGINE": "django.db.backends.postgresql", "NAME": _DATABASE, "USER": "postgres", "HOST": host}


def create_tables(host: str) -> None:
    """Make the database and its tables, where they are not there."""
    import psycopg
    from django.core.management import call_command

    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {_DATABASE}")
    call_command("migrate", verbosity=0)


def send(batch: list[Event]) -> None:
    """Send events as the package's users do."""
    from django_eventstream import send_event

    for event in batch:
        send_event("run", event.event_type, event.text, json_encode=False)


async def publish(batch: list[Event]) -> None:
    """Send events without storage: nothing here waits."""
    send(batch)


async def publish_stored(batch: list[Event]) -> None:
    """Send events through the storage, in a thread, which the database demands; one, so that its connection stays."""
    await asyncio.get_running_loop().run_in_executor(_sender, send, batch)


async def main(host: str | None) -> None:
    """Serve."""
    from django.core.asgi import get_asgi_application

    contest = Contest(publish if host is None else publish_stored)
    name = f"django-eventstream {version('django-eventstream')}"
    await serve_asgi(get_asgi_application(), contest, version=name)


if __name__ == "__main__":
    postgres = sys.argv[2] if len(sys.argv) > 2 else None
    configure(postgres)
    if postgres is not None:
        create_tables(postgres)
    uvloop.run(main(postgres))
