"""
How the endpoints that read the log answer: whose session, which tick, as JSON that is kept where it cannot change.

A finished session's log never changes: what is read from it has an ETag, and is sent only where it is not known yet. An
address with `v=` and the session's revision may be kept for ever: another session under the same id, as after a
database was set up anew, has another revision.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request

from strategies import actions
from strategies.models import SESSION_ID_PATTERN, BacktestSession
from streaming.wire import choose_encoding

#: The largest tick that can be asked for.
MAX_TICK: Final = 2**31 - 1

_SMALL: Final = 1400
_FOR_EVER: Final = "private, max-age=31536000, immutable"


class Gone(APIException):
    """What was asked for was there once."""

    status_code = 410
    default_detail = "The session's log does not hold this any more."


class Body(NamedTuple):
    """What is sent."""

    content: bytes
    content_type: str = "application/json"


def asked_session(request: Request | HttpRequest, session_id: str) -> BacktestSession:
    """
    Find the session of an address.

    Raises:
        NotFound: If there is none that this user may see.
    """
    if re.fullmatch(SESSION_ID_PATTERN, session_id):
        sessions = BacktestSession.objects.select_related("strategy_version__strategy", "data_set", "owner")
        session = sessions.filter(session_id=session_id).first()
        if session is not None and actions.can_view(request.user, session):
            return session
    raise NotFound("There is no such session.")


def answer(request: Request, session: BacktestSession, make: Callable[[], Body]) -> HttpResponse:
    """
    Answer with what `make` gives; it is not called where the client has the answer already.

    Args:
        request: Who asks; its `v` may say which revision of the session is meant.
        session: What is asked about.
        make: Reads the answer; it depends on the request's address and the session's log alone.
    """
    etag = f'"{_digest(session.revision, request.get_full_path())}"' if session.is_finished else None
    if etag is not None and etag in request.headers.get("If-None-Match", ""):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = sent(request, make())
    is_for_ever = etag is not None and request.query_params.get("v") == session.revision
    response.headers["Cache-Control"] = _FOR_EVER if is_for_ever else "private, no-cache"
    if etag is not None:
        response.headers["ETag"] = etag
    return response


def sent(request: Request, body: Body) -> HttpResponse:
    """Send a body, compressed where the client takes it and it is worth it."""
    is_gzip = choose_encoding(request.headers.get("Accept-Encoding")) == "gzip"
    is_packed = is_gzip and len(body.content) > _SMALL
    # Level 1: a scrubber moves on while a better one still works.
    content = gzip.compress(body.content, 1, mtime=0) if is_packed else body.content
    response = HttpResponse(content, content_type=body.content_type)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    return response


def whole_number(request: Request, name: str, *, default: int | None = None, least: int = 0) -> int:
    """
    Read a whole number of an address.

    Raises:
        ValidationError: If it is none, below `least`, above `MAX_TICK`, or missing where there is no default.
    """
    text = request.query_params.get(name)
    if text is None:
        if default is None:
            raise ValidationError({name: f"Give {name}, a whole number from {least}."})
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= MAX_TICK):
        raise ValidationError({name: f"{text[:40]!r} is no {name}; give a whole number from {least}."})
    return int(text)


def refuse_unknown(request: Request, *known: str) -> None:
    """Raise ValidationError for the first parameter of an address that is not one of these."""
    if unknown := sorted(request.query_params.keys() - {*known, "v", "format"}):
        raise ValidationError({unknown[0][:40]: f"is not understood; give {', '.join(known)}."})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
