"""Where the ASGI server finds the application."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
django.setup(set_prefix=False)

from streaming.stream_handler import StreamHandler  # noqa: E402 - it needs the settings

application = StreamHandler()
