"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path, re_path

from backtest_site import health, static_files

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("healthz", health.healthz, name="healthz"),
    re_path(r"^static/(?P<name>.+)$", static_files.serve, name="static"),
    # First, for some of its addresses stand where a session's id could.
    path("", include("streaming.urls")),
    path("", include("strategies.urls")),
]
