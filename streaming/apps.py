"""The streaming application."""

from django.apps import AppConfig


class StreamingConfig(AppConfig):
    """The event log, the worker that writes it and the endpoints that tell it."""

    name = "streaming"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the queue know the worker's task, the log hear of sessions' ends, and listeners be fed."""
        from django.contrib.auth.signals import user_logged_out

        from strategies import actions
        from streaming import channel_feed, held_stream, session_ends, worker

        worker.register_tasks()
        actions.session_ended.connect(session_ends.close_log_of_ended_session, dispatch_uid="streaming.close_log")
        channel_feed.install()
        user_logged_out.connect(held_stream.close_sign_in, dispatch_uid="streaming.close_sign_in")
