"""The strategies application."""

from django.apps import AppConfig


class StrategiesConfig(AppConfig):
    """Strategies, data sets and sessions."""

    name = "strategies"
    default_auto_field = "django.db.models.BigAutoField"
