"""
Users and groups in the admin, with plain fields in place of Django's widgets of two lists.

Those widgets carry styles inside their elements, which the Content-Security-Policy blocks, and have no labels that a
screen reader could read out. When somebody signed in is told, not edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PlainUserAdmin(_UserAdmin):
    """Users."""

    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class PlainGroupAdmin(GroupAdmin):
    """Groups."""

    filter_horizontal = ()
