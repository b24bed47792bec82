"""
The metrics of this web process: `GET /metrics`, for a Prometheus server or for staff.

Closed to strangers, for it tells how much is run and watched: METRICS_TOKEN opens it as a bearer token, and so does
signing in as staff. Being on this machine does not: behind a proxy everybody is.
"""

import asyncio

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from streaming import metrics, status
from streaming.relay import get_relay

_REFUSAL = "Send 'Authorization: Bearer <METRICS_TOKEN>', or sign in as staff.\n"


@never_cache
@require_safe
async def metrics_page(request: HttpRequest) -> HttpResponse:
    """Tell the metrics to who may read them."""
    if not metrics.is_token(request.headers.get("Authorization")) and not await _is_staff(request):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse(_REFUSAL, status=401, content_type="text/plain; charset=utf-8", headers=headers)
    database = await asyncio.to_thread(status.read_database_or_none)
    text, kind = metrics.render(status.read_here(relay=get_relay(), database=database), request.headers.get("Accept"))
    return HttpResponse(text, content_type=kind)


async def _is_staff(request: HttpRequest) -> bool:
    user = await request.auser()
    return user.is_active and user.is_staff
