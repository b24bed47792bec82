"""The application that the ASGI server runs: `uvicorn backtest_site.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")

application = get_asgi_application()
