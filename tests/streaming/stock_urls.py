"""Addresses of a program that mounts django-eventstream's own views beside ours, as that package's manual says."""

from django.urls import include, path
from django_eventstream.viewsets import EventsViewSet
from rest_framework.routers import SimpleRouter

from backtest_site.urls import urlpatterns as of_the_site

router = SimpleRouter()
router.register("rest-events", EventsViewSet, basename="rest-events")

urlpatterns = [
    *of_the_site,
    path("stock-events/", include("django_eventstream.urls")),
    path("", include(router.urls)),
]
