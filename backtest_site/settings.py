"""
Django's settings.

What differs between installations comes from environment variables:

| variable | meaning | default |
|---|---|---|
| DATA_DIR | folder for the embedded database, keys and collected static files | var/ |
| DATABASE_URL | a Postgres of your own, see database_url.py | the embedded one under DATA_DIR |
| SECRET_KEY | signs sessions | DATA_DIR/secret-key.txt, which ./run writes |
| DEBUG | 1 shows error pages with their causes; never on a public address | 0 |
| ALLOWED_HOSTS | host names that are answered, parted by commas | localhost, 127.0.0.1, [::1] |
| CSRF_TRUSTED_ORIGINS | origins whose forms are accepted behind a TLS proxy, as https://host | none |
| PUBLIC_VIEWING | 1 lets anyone look at any session; acting always needs a sign-in | 0 |
| EVENT_LOG_MAX_EVENTS | events that a session's log keeps at least, the oldest are dropped; 0 for all | 500000 |
| STREAM_ALLOWED_ORIGINS | origins whose pages may read the stream, as https://host; * for all | none |
| STREAM_LIMIT_PER_USER | open streams of one user in one web process; 0 for no limit | 100 |
| STREAM_LIMIT_TOTAL | open streams in one web process; 0 for no limit | 10000 |
| SECURE_COOKIES | 1 where the site is reached over https | 0 |
| LOG_LEVEL | DEBUG, INFO, WARNING, ERROR | INFO |

Importing this module computes addresses and starts nothing: commands that need no database run without one.
"""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from backtest_site import database_url, embedded_postgres, environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / "var").absolute()
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"

# --- Who may see and do what -------------------------------------------------------------------------------------

SECRET_KEY = environment.secret_key(os.environ, DATA_DIR)
DEBUG = environment.flag(os.environ, "DEBUG", default=False)
ALLOWED_HOSTS = environment.words(os.environ, "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.words(os.environ, "CSRF_TRUSTED_ORIGINS", default=[])
#: Anyone may look at any session. Acting needs a sign-in all the same.
PUBLIC_VIEWING = environment.flag(os.environ, "PUBLIC_VIEWING", default=False)

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

_HAS_TLS = environment.flag(os.environ, "SECURE_COOKIES", default=False)
SESSION_COOKIE_SECURE = _HAS_TLS
CSRF_COOKIE_SECURE = _HAS_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- What the program is made of ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_eventstream",
    "procrastinate.contrib.django",
    "strategies.apps.StrategiesConfig",
    "streaming.apps.StreamingConfig",
]

# No GZipMiddleware: it makes one gzip member of every chunk of a stream, of which Chromium reads only the first.
MIDDLEWARE = [
    "backtest_site.csp.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backtest_site.urls"
ASGI_APPLICATION = "backtest_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Where the data are ------------------------------------------------------------------------------------------


def _database() -> dict[str, Any]:
    address = os.environ.get("DATABASE_URL") or embedded_postgres.url(DATA_DIR / "postgres")
    try:
        return database_url.parse(address).as_django()
    except database_url.DatabaseUrlInvalid as error:
        raise ImproperlyConfigured(str(error)) from error


# CONN_MAX_AGE stays 0: a kept connection would be pinned by every open stream.
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Language and time -------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
# The exchange's clock: what a trader reads on the page.
TIME_ZONE = "Asia/Kolkata"

# --- Pages, scripts and styles -----------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
# Missing until the frontend is built; pages render without it.
STATICFILES_DIRS = [FRONTEND_DIST] if FRONTEND_DIST.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "backtest_site.static_files.BuiltFilesStorage"},
}

# --- REST --------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    # Every view decides by strategies.actions.can_view; one that forgets is closed, not open.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Backtest sessions",
    "DESCRIPTION": "Sessions, their trades and node events. The live stream is described in the stream protocol.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # The page's files come from this server: the Content-Security-Policy allows no other.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Links to single addresses would stand inside buttons, where no keyboard finds them.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
}

# --- Events ------------------------------------------------------------------------------------------------------

# django-eventstream's own endpoint stands on the event log, with the sessions' own rule of who may look.
EVENTSTREAM_CHANNELMANAGER_CLASS = "streaming.channels.SessionChannels"
EVENTSTREAM_STORAGE_CLASS = "streaming.channels.LogStorage"

EVENT_LOG_MAX_EVENTS = environment.whole_number(os.environ, "EVENT_LOG_MAX_EVENTS", default=500_000)
STREAM_ALLOWED_ORIGINS = environment.words(os.environ, "STREAM_ALLOWED_ORIGINS", default=[])
STREAM_LIMIT_PER_USER = environment.whole_number(os.environ, "STREAM_LIMIT_PER_USER", default=100)
STREAM_LIMIT_TOTAL = environment.whole_number(os.environ, "STREAM_LIMIT_TOTAL", default=10_000)

# --- Logging -----------------------------------------------------------------------------------------------------

LOG_LEVEL = environment.one_of(
    os.environ, "LOG_LEVEL", allowed=frozenset({"DEBUG", "INFO", "WARNING", "ERROR"}), default="INFO"
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "backtest_site.log_lines.LineFormatter",
            "format": "{asctime} {levelname:<7} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "backtest_site": {"level": LOG_LEVEL},
        "strategies": {"level": LOG_LEVEL},
        "streaming": {"level": LOG_LEVEL},
        "django": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
    },
}
