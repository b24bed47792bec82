"""
Read DATABASE_URL, strictly.

Two forms are understood, both as libpq writes them:

    postgresql://user:password@host:5432/name?sslmode=require
    postgresql://user@/name?host=/folder/of/the/socket

A word that is not understood is an error and never ignored: a mistyped `sslmod=require` must not give an open
connection.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = frozenset({"postgres", "postgresql"})
#: Parameters that go to libpq as they are.
_OPTIONS = frozenset(
    {
        "application_name",
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "options",
        "service",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
    }
)


class DatabaseUrlInvalid(ValueError):
    """DATABASE_URL cannot be read; the message names the fault and the form that is wanted, never the password."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            f"DATABASE_URL {fault}. Wanted: postgresql://user:password@host:5432/name, "
            "or postgresql://user@/name?host=/folder/of/the/socket."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """Where a Postgres server is, and as whom to speak to it."""

    name: str
    #: Empty: libpq's default, the name of the system's user.
    user: str
    password: str
    #: Host name, address, or the folder of a Unix socket (begins with "/"). Empty: libpq's default socket.
    host: str
    #: 1 to 65535; None: libpq's default, 5432.
    port: int | None
    #: Further libpq parameters.
    options: dict[str, str]

    def as_django(self) -> dict[str, Any]:
        """Return the address in the form of Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": "" if self.port is None else str(self.port),
            "OPTIONS": dict(self.options),
        }


def parse(text: str) -> DatabaseAddress:
    """
    Read one address.

    Raises:
        DatabaseUrlInvalid: With the first fault found.
    """
    # Nothing of the text is repeated that could be part of a password with a sign that should have been escaped.
    if "#" in text:
        raise DatabaseUrlInvalid("holds a '#': write %23 where it belongs to the password")
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise DatabaseUrlInvalid(
            "is not an address: its port is no number from 1 to 65535, its brackets do not match, or its password "
            "holds a '/', '?' or ':' that should be written %2F, %3F or %3A"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise DatabaseUrlInvalid(f"begins with {parts.scheme or 'no scheme'!r}, and only Postgres is supported")
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise DatabaseUrlInvalid("names no database" if not name else "names a database that holds a '/'")
    parameters = _parameters(parts.query)
    if port is not None and "port" in parameters:
        raise DatabaseUrlInvalid("gives the port twice")
    host = unquote(parts.hostname or "")
    if host and "host" in parameters:
        raise DatabaseUrlInvalid("gives the host twice")
    return DatabaseAddress(
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=parameters.pop("host", host),
        port=_port(parameters.pop("port")) if "port" in parameters else _in_range(port),
        options=parameters,
    )


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise DatabaseUrlInvalid("has parameters after the '?' that cannot be read as name=value") from None
    parameters: dict[str, str] = {}
    for key, value in pairs:
        if key not in _OPTIONS | {"host", "port"}:
            named = f" {key!r}" if key.isidentifier() else ""
            known = ", ".join(sorted(_OPTIONS | {"host", "port"}))
            raise DatabaseUrlInvalid(f"has the unknown parameter{named} (known: {known})")
        if key in parameters:
            raise DatabaseUrlInvalid(f"gives {key!r} twice")
        if not value:
            raise DatabaseUrlInvalid(f"gives {key!r} no value")
        parameters[key] = value
    return parameters


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise DatabaseUrlInvalid(f"has the port {text!r}, which is not a number")
    port = int(text)
    if not 0 < port < 65536:
        raise DatabaseUrlInvalid(f"has the port {text}, which is not between 1 and 65535")
    return port


def _in_range(port: int | None) -> int | None:
    if port == 0:
        raise DatabaseUrlInvalid("has the port 0, which is not between 1 and 65535")
    return port
