"""
What a load balancer, a container's keeper or ./run asks: does this process live, and may it be given work?

`/healthz` answers while the process does, whatever its database is at: who restarts processes asks here, and a restart
mends no database. `/readyz` answers 503 while something is missing, and names it. Nothing about the installation is
told.
"""

import asyncio
import time

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from streaming import health, status
from streaming.relay import get_relay


@never_cache
@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
async def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything is there, else 503, with each check by its name."""
    checks = await asyncio.to_thread(health.check_database)
    checks.append(health.check_relay(status.read_relay(get_relay(), now=time.monotonic())))
    return JsonResponse(health.as_document(checks), status=200 if health.are_ok(checks) else 503)
