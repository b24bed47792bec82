"""Addresses of the pages and of the read-only REST interface."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from strategies import api, pages

router = SimpleRouter()
router.register("sessions", api.SessionViewSet, basename="api-session")
router.register("strategies", api.StrategyViewSet, basename="api-strategy")

urlpatterns = [
    path("", pages.session_list, name="session-list"),
    path("sessions/", pages.session_start, name="session-start"),
    path("sessions/<str:session_id>/cancel", pages.session_cancel, name="session-cancel"),
    path("sessions/<str:session_id>/again", pages.session_again, name="session-again"),
    path("strategies/<slug:slug>/", pages.strategy_detail, name="strategy"),
    path("api/", include(router.urls)),
]
