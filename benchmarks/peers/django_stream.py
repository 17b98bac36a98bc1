"""django-eventstream under uvicorn: one channel for each recipient, no storage."""

from __future__ import annotations

import logging
import sys
from typing import Any

import django
import uvicorn
from django.conf import settings

from benchmarks.peers.firing import fire

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_eventstream"],
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="for the benchmark only",
)
django.setup()
logging.disable(logging.INFO)

from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django_eventstream import send_event  # type: ignore[import-not-found]  # noqa: E402
from django_eventstream.views import events  # type: ignore[import-not-found]  # noqa: E402


def stream(request: Any, user: str) -> Any:
    return events(request, channels=[f"user-{user}"])


def publish(user: str, data: str) -> None:
    send_event(f"user-{user}", "message", data, json_encode=False)


async def fire_events(request: Any) -> Any:
    await fire(request.GET, publish)
    return HttpResponse("ok")


urlpatterns = [path("stream/<user>", stream), path("fire", fire_events)]

if __name__ == "__main__":
    uvicorn.run(
        get_asgi_application(), port=int(sys.argv[1]), log_level="error", access_log=False,
        loop="uvloop", lifespan="off",
    )  # fmt: skip
