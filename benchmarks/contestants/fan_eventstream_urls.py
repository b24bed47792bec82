"""The one address of ``fan_eventstream``: the package reads settings when it is imported, so this comes after them."""

from django.urls import include, path

urlpatterns = [path("stream/", include("django_eventstream.urls"), {"channels": ["run"]})]
