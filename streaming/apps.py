"""The streaming application."""

from django.apps import AppConfig


class StreamingConfig(AppConfig):
    """The event log, the worker that writes it and the endpoints that tell it."""

    name = "streaming"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the queue know the worker's task, and the log hear of sessions' ends."""
        from strategies import actions
        from streaming import publisher, worker

        worker.register_tasks()
        actions.session_ended.connect(publisher.close_log_of_ended_session, dispatch_uid="streaming.close_log")
