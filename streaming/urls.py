"""Addresses of the stream, the channels, what is read from the log, the live page and the description of it all."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from strategies import pages
from streaming import (
    channels,
    event_log,
    explanations,
    exports,
    live_sessions,
    replay,
    series,
    stream,
    why,
)
from streaming import pages as log_pages

urlpatterns = [
    path("", pages.session_list, {"read_live": live_sessions.live_sessions}, name="session-list"),
    path("sessions/compare/", log_pages.compare_page, name="compare"),
    path("status/", log_pages.status_page, name="status"),
    path("api/sessions/compare/", log_pages.compare_document, name="api-compare"),
    path("api/sessions/live/", live_sessions.live_document, name="api-session-live"),
    path("api/backtest/<str:session_id>/stream", stream.stream, name="stream"),
    path("api/sessions/<str:session_id>/series/", series.session_series, name="session-series"),
    path("api/sessions/<str:session_id>/explain/", explanations.session_explanation, name="session-explanation"),
    path("api/sessions/<str:session_id>/state/", replay.session_state, name="session-state"),
    path("api/sessions/<str:session_id>/events/", replay.session_events, name="session-replay-events"),
    path("api/sessions/<str:session_id>/why/", why.session_why, name="session-why"),
    path("api/sessions/<str:session_id>/export/<str:name>", exports.session_export, name="session-export"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("events/<str:session_id>/", channels.events, name="session-events"),
    # These pages belong to the lower layer; what they show of the log is passed to them from here.
    path(
        "sessions/<str:session_id>/",
        pages.session_detail,
        {"read_viewer_state": event_log.viewer_state, "read_why": why.of_page},
        name="session",
    ),
]
