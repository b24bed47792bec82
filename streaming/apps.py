"""The streaming application."""

from typing import Final

from django.apps import AppConfig

_EVENTSTREAM_SETTINGS: Final = {
    "EVENTSTREAM_STORAGE_CLASS": "streaming.channels.LogStorage",
    "EVENTSTREAM_CHANNELMANAGER_CLASS": "streaming.channels.SessionChannels",
}


class StreamingConfig(AppConfig):
    """The event log, the worker that writes it and the endpoints that tell it."""

    name = "streaming"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the queue know the worker's task, the log hear of sessions' ends, and the channels stand on the log."""
        from django.conf import settings

        from strategies import actions
        from streaming import publisher, worker

        worker.register_tasks()
        actions.session_ended.connect(publisher.close_log_of_ended_session, dispatch_uid="streaming.close_log")

        # django-eventstream reads these two when a request comes; settings that name others win.
        for name, value in _EVENTSTREAM_SETTINGS.items():
            if not hasattr(settings, name):
                setattr(settings, name, value)
