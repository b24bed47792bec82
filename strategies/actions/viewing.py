"""Who may look at what, and who may act on it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from strategies.models import BacktestSession, Strategy


def can_view(user: AbstractBaseUser | AnonymousUser | None, session: BacktestSession) -> bool:
    """Tell whether somebody may look at a session: its owner and staff, and anyone where viewing is public."""
    if settings.PUBLIC_VIEWING:
        return True
    return can_act(user, session)


def can_act(user: AbstractBaseUser | AnonymousUser | None, session: BacktestSession) -> bool:
    """Tell whether somebody may cancel a session or run it again: its owner and staff, signed in."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    return bool(getattr(user, "is_staff", False)) or session.owner_id == user.pk


def visible_sessions(user: AbstractBaseUser | AnonymousUser | None) -> QuerySet[BacktestSession]:
    """Select the sessions for which `can_view` is true, newest first."""
    sessions = BacktestSession.objects.select_related(
        "strategy_version__strategy", "data_set", "owner", "cancel_requested_by"
    )
    if settings.PUBLIC_VIEWING:
        return sessions
    if user is None or not user.is_authenticated or not user.is_active:
        return sessions.none()
    return sessions if getattr(user, "is_staff", False) else sessions.filter(owner_id=user.pk)


def visible_strategies(user: AbstractBaseUser | AnonymousUser | None) -> QuerySet[Strategy]:
    """Select the strategies that somebody may look at: own ones, those of visible sessions, and those of nobody."""
    if settings.PUBLIC_VIEWING:
        return Strategy.objects.all()
    if user is None or not user.is_authenticated or not user.is_active:
        return Strategy.objects.none()
    if getattr(user, "is_staff", False):
        return Strategy.objects.all()
    seen = BacktestSession.objects.filter(owner_id=user.pk).values("strategy_version__strategy_id")
    return Strategy.objects.filter(Q(owner_id=user.pk) | Q(owner__isnull=True) | Q(pk__in=seen))
