"""How a viewer signed in, so that who it is can be looked up again: signing out ends it, as does a new password."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser's session; None for a visitor who has none."""

    session_key: str | None

    @classmethod
    def of(cls, request: HttpRequest) -> SignIn:
        """Read it from a request."""
        return cls(request.session.session_key if hasattr(request, "session") else None)

    def user(self) -> Any:  # noqa: ANN401 - a lazy object is what it turns out to be
        """Return who it is now; looked up when somebody asks something of the user."""
        return AnonymousUser() if self.session_key is None else SimpleLazyObject(self._look_up)

    def _look_up(self) -> AbstractBaseUser | AnonymousUser:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        return get_user(request) if SESSION_KEY in request.session else AnonymousUser()
