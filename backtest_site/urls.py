"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path, re_path

from backtest_site import health, metrics_page, static_files

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.metrics_page, name="metrics"),
    re_path(r"^static/(?P<name>.+)$", static_files.serve, name="static"),
    path("", include("strategies.urls")),
    path("", include("streaming.urls")),
]
