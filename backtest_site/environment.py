"""
Read the product's settings from environment variables, strictly.

A value that is not understood is an error with the allowed ones: a mistyped DEBUG must not fall back to a default.
"""

import ipaddress
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_MAX_PORT = 65_535
_MIN_TOKEN = 16


def flag(variables: Mapping[str, str], name: str, *, default: bool) -> bool:
    """
    Read a yes-or-no setting. Empty counts as absent.

    Raises:
        ImproperlyConfigured: If it is neither.
    """
    text = variables.get(name, "").strip().lower()
    if not text:
        return default
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ImproperlyConfigured(f"{name} is {text!r}: write 1 or 0.")


def words(variables: Mapping[str, str], name: str, *, default: list[str]) -> list[str]:
    """Read a list, its items parted by commas. Empty counts as absent."""
    items = [item.strip() for item in variables.get(name, "").split(",")]
    return [item for item in items if item] or default


def whole_number(variables: Mapping[str, str], name: str, *, default: int) -> int:
    """
    Read a number from 0. Empty counts as absent.

    Raises:
        ImproperlyConfigured: If it is none.
    """
    text = variables.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ImproperlyConfigured(f"{name} is {text!r}: write a whole number, 0 or more.")
    return int(text)


def port(variables: Mapping[str, str], name: str, *, default: int) -> int:
    """
    Read a port, 0 for none. Empty counts as absent.

    Raises:
        ImproperlyConfigured: If it is none.
    """
    number = whole_number(variables, name, default=default)
    if number > _MAX_PORT:
        raise ImproperlyConfigured(f"{name} is {number}: write a port from 1 to {_MAX_PORT}, or 0 for none.")
    return number


def address(variables: Mapping[str, str], name: str, *, default: str) -> str:
    """
    Read an IP address of this machine, or localhost. Empty counts as absent.

    Raises:
        ImproperlyConfigured: If it is neither.
    """
    text = variables.get(name, "").strip() or default
    try:
        return text if text == "localhost" else str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {text!r}: write an IP address, as 127.0.0.1 or ::1.") from error


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address that `address` returned."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def token(variables: Mapping[str, str], name: str) -> str:
    """
    Read a secret that stands in an `Authorization: Bearer` header; empty for none.

    Raises:
        ImproperlyConfigured: If it is short enough to be guessed, or cannot stand there. The secret is not repeated.

    Source:
        RFC 6750 §2.1: the form of a bearer token.
    """
    text = variables.get(name, "").strip()
    if text and not re.fullmatch(rf"[A-Za-z0-9._~+/-]{{{_MIN_TOKEN},}}=*", text):
        raise ImproperlyConfigured(
            f"{name} cannot be used: write {_MIN_TOKEN} or more letters, digits or any of - . _ ~ + /, for example "
            "what 'openssl rand -hex 32' prints."
        )
    return text


def one_of(variables: Mapping[str, str], name: str, *, allowed: frozenset[str], default: str) -> str:
    """
    Read a setting that has few values, in capital letters.

    Raises:
        ImproperlyConfigured: If it is none of them.
    """
    text = variables.get(name, "").strip().upper() or default
    if text not in allowed:
        raise ImproperlyConfigured(f"{name} is {text!r}: write one of {', '.join(sorted(allowed))}.")
    return text


def secret_key(variables: Mapping[str, str], data_dir: Path) -> str:
    """
    Return the key that signs sessions: SECRET_KEY, else the one that ./run keeps in the data folder.

    Where there is neither, a key for this process alone: a command that signs nothing needs no file, and nothing is
    ever signed with a key that somebody else could know.
    """
    if given := variables.get("SECRET_KEY", "").strip():
        return given
    try:
        kept = (data_dir / "secret-key.txt").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        kept = ""
    except PermissionError as error:
        raise ImproperlyConfigured(
            f"{data_dir / 'secret-key.txt'} belongs to another user: run as that user, or set DATA_DIR or SECRET_KEY."
        ) from error
    return kept or secrets.token_urlsafe(50)
