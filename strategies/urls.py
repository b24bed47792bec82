"""Addresses of the pages and of the read-only REST interface."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from strategies import api, pages

router = SimpleRouter()
router.register("sessions", api.SessionViewSet, basename="api-session")
router.register("strategies", api.StrategyViewSet, basename="api-strategy")

urlpatterns = [
    path("sessions/", pages.session_start, name="session-start"),
    path("sessions/<str:session_id>/cancel", pages.session_cancel, name="session-cancel"),
    path("sessions/<str:session_id>/again", pages.session_again, name="session-again"),
    path("strategies/<slug:slug>/", pages.strategy_detail, name="strategy"),
    path("strategies/<slug:slug>/@<int:number>/", pages.strategy_detail, name="strategy-version"),
    path("help/", pages.help_page, name="help"),
    path("api/sessions/<str:session_id>/trades/", api.SessionTrades.as_view(), name="api-session-trades"),
    path("api/sessions/<str:session_id>/results/", api.SessionResults.as_view(), name="api-session-results"),
    path("api/sessions/<str:session_id>/node-events/", api.SessionNodeEvents.as_view(), name="api-session-node-events"),
    path("api/", include(router.urls)),
]
