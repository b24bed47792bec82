"""
Read which GRIP proxy carries the viewers, strictly: GRIP_URL, GRIP_PREFIX, GRIP_VERIFY_KEY.

    GRIP_URL=http://127.0.0.1:5561                                       where Pushpin takes what is published
    GRIP_URL=https://api.example.org/realm?iss=realm&key=base64:c2Vj…    with the proof that a hosted proxy asks for
    GRIP_VERIFY_KEY=…                                                    Pushpin's sig_key

Whoever holds the verify key is believed to be the proxy, so there is no proxy without one. A word that is not
understood is an error and never ignored.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: As `gripcontrol.parse_grip_uri` knows them.
_PARAMETERS: Final = frozenset({"iss", "key", "verify-iss", "verify-key"})
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")
_BASE64: Final = "base64:"
#: RFC 7518, §3.2: a key of HS256 has at least the 256 bits of its hash.
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class GripSettings:
    """The proxy in front of the streams."""

    #: None: viewers come to the web processes themselves.
    url: str | None
    #: What the names of our channels begin with; a proxy that carries several sites tells them apart by it.
    prefix: str
    #: What the proxy signs its requests with. None: the URL has it.
    verify_key: str | bytes | None


def read(variables: Mapping[str, str]) -> GripSettings:
    """
    Read the three variables. Empty counts as absent.

    Raises:
        ImproperlyConfigured: If one of them cannot be used; the message never repeats a key.
    """
    url = variables.get("GRIP_URL", "").strip()
    prefix = variables.get("GRIP_PREFIX", "").strip()
    verify_key = variables.get("GRIP_VERIFY_KEY", "").strip()
    if not url:
        for name, value in (("GRIP_PREFIX", prefix), ("GRIP_VERIFY_KEY", verify_key)):
            if value:
                raise ImproperlyConfigured(f"{name} is set but GRIP_URL is not: name the proxy too, or unset {name}.")
        return GripSettings(url=None, prefix="", verify_key=None)
    parameters = _check_url(url)
    if not _PREFIX.fullmatch(prefix):
        raise ImproperlyConfigured(
            f"GRIP_PREFIX is {prefix!r}: write at most 64 letters, digits, dots, hyphens or underscores."
        )
    _check_keys(parameters, verify_key)
    return GripSettings(url=url, prefix=prefix, verify_key=_decode(verify_key) if verify_key else None)


def _check_url(url: str) -> dict[str, str]:
    """Check the proxy's address; return its parameters."""
    wanted = "Wanted: http://host:5561, or https://host/path?iss=…&key=…."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"GRIP_URL has no usable port or host. {wanted}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ImproperlyConfigured(f"GRIP_URL does not begin with http:// or https:// and a host. {wanted}")
    if parts.username is not None or parts.fragment:
        raise ImproperlyConfigured(f"GRIP_URL has a user name or a fragment, which publishing does not use. {wanted}")
    # As gripcontrol reads it: a plus sign is one of base64, not a space.
    parameters = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
    if unknown := parameters.keys() - _PARAMETERS:
        raise ImproperlyConfigured(
            f"GRIP_URL has the parameter {', '.join(sorted(unknown))}; known are {', '.join(sorted(_PARAMETERS))}."
        )
    if "iss" in parameters and "key" not in parameters:
        raise ImproperlyConfigured("GRIP_URL names an iss without its key: give both, or neither.")
    if "iss" not in parameters and parameters.get("key", "").startswith(_BASE64):
        # It is sent as it is then, and a header is text.
        raise ImproperlyConfigured("GRIP_URL has a key in base64 without its iss: give both, or a key that is text.")
    return parameters


def _check_keys(parameters: Mapping[str, str], verify_key: str) -> None:
    name, key = "GRIP_VERIFY_KEY", verify_key
    if not key:
        name = "GRIP_URL's verify-key" if "verify-key" in parameters else "GRIP_URL's key"
        key = parameters.get("verify-key") or parameters.get("key", "")
    if not key:
        raise ImproperlyConfigured(
            "GRIP_URL is set but GRIP_VERIFY_KEY is not: anyone could claim to be the proxy. Give it the sig_key of "
            "Pushpin's configuration."
        )
    try:
        decoded = _decode(key)
        size = len(decoded if isinstance(decoded, bytes) else decoded.encode())
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured(f"{name} begins with {_BASE64} but what follows is not base64.") from error
    if size < _KEY_BYTES:
        raise ImproperlyConfigured(
            f"{name} has {size} bytes, which can be guessed: make one of at least {_KEY_BYTES} "
            "(openssl rand -hex 32), for the proxy as well."
        )


def _decode(key: str) -> str | bytes:
    return base64.b64decode(key.removeprefix(_BASE64), validate=True) if key.startswith(_BASE64) else key
