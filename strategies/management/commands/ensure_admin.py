"""Make sure that somebody can sign in: `python manage.py ensure_admin [--password-file PATH]`."""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

_NAME = "admin"


class Command(BaseCommand):
    """Create the user `admin` with a generated password, where there is none yet."""

    help = "Create the user 'admin' with a generated password, if there is no such user; print the password once."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="PATH",
            help="write the password there as well, readable by you alone",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Create the user, or leave it as it is."""
        users = get_user_model()._default_manager
        with transaction.atomic():
            if users.filter(username=_NAME).exists():
                self.stdout.write(f"The user {_NAME} is there already.")
                return
            password = secrets.token_urlsafe(12)
            # Before the user: a password that could not be kept must not be the only way in.
            if options["password_file"] is not None:
                _write_for_owner_alone(options["password_file"], password)
            get_user_model().objects.create_superuser(username=_NAME, password=password)
        self.stdout.write(f"Created the user {_NAME} with the password {password}")


def _write_for_owner_alone(path: Path, password: str) -> None:
    try:
        path.unlink(missing_ok=True)
        # Created with its final permissions: there is no moment in which others could read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{password}\n")
    except OSError as error:
        raise CommandError(f"The password cannot be written to {path}: {error.strerror}. Give another path.") from error
