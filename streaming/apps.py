"""The streaming application."""

from django.apps import AppConfig


class StreamingConfig(AppConfig):
    """The event log, the worker that writes it and the endpoints that tell it."""

    name = "streaming"
    default_auto_field = "django.db.models.BigAutoField"
