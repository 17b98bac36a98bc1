"""The Django section of docs/embedding.md, typed into what `startproject` makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.docs import pages
from tests.docs.running import stream_of, uvicorn

PAGE = pages.DOCS / "embedding.md"
PATIENCE = 20

#: What the application had before: its apps, a table, a login.
MODELS = """
from django.db import models

class Card(models.Model):
    title = models.CharField(max_length=200)
    assignee_id = models.IntegerField(null=True)
"""
URLS = """
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse

from alimi.errors import NoTransaction, UnknownTransaction
from mysite.notifications import card_assigned

def log_in(request, user_id):
    login(request, User.objects.get(pk=user_id))
    return HttpResponse(status=204)

def undone(request, card_id, user_id):
    with transaction.atomic():
        views.assign(request, card_id, user_id)
        transaction.set_rollback(True)
    return HttpResponse(status=204)

def outside(request):
    refused = 0
    for before in (connection.close, connection.ensure_connection):
        before()
        try:
            card_assigned.record(to=2, object={"id": 1}, within=connection)
        except NoTransaction:
            refused += 1
    try:
        card_assigned.record(to=2, object={"id": 1}, within=transaction.atomic())
    except UnknownTransaction:
        refused += 1
    return HttpResponse(refused)

urlpatterns += [
    path("login/<int:user_id>", log_in),
    path("undone/<int:card_id>/<int:user_id>", undone),
    path("outside", outside),
]
"""
FILL = """
from django.contrib.auth.models import User
from cards.models import Card
for name in ("ada", "ben"):
    User.objects.create_user(name)
Card.objects.create(title="Ship it")
"""


def on_postgres(url: str) -> str:
    """The settings for a database that has Alimi's tables already, with connections that stay."""
    told = conninfo_to_dict(url)
    names = {"NAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user"}
    default = {name: told[key] for name, key in names.items() if key in told}
    default |= {"ENGINE": "django.db.backends.postgresql"}
    return f"DATABASES = {{'default': {default!r}}}\nALIMI_DATABASE = {url!r}"


def run(folder: Path, *command: str) -> None:
    """A command of Django's."""
    inherited = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "django", *command],
        cwd=folder, env=inherited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def typed_in(folder: Path, databases: str) -> Path:
    """A site of Django's own making, and the files of the page in it."""
    run(folder, "startproject", "mysite", ".")
    run(folder, "startapp", "cards")
    settings = folder / "mysite/settings.py"
    settings.write_text(f"{settings.read_text()}\nINSTALLED_APPS += ['cards']\n{databases}\n")
    for name, content in pages.files(PAGE).items():
        (folder / name).write_text(content, "utf-8")
    (folder / "cards/models.py").write_text(MODELS)
    urls = pages.checks(PAGE)["django urls"]
    (folder / "mysite/urls.py").write_text(urls + URLS)
    for command in (["makemigrations", "cards"], ["migrate"], ["shell", "-c", FILL]):
        run(folder, *command, "--settings", "mysite.settings")
    return folder


@contextmanager
def logged_in(address: str, user: int) -> Iterator[httpx.Client]:
    """A browser with a session of Django's."""
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        client.get(f"/login/{user}").raise_for_status()
        yield client


def the_bell_rings(address: str) -> None:
    """What a site on either database does."""
    with logged_in(address, 1) as ada, logged_in(address, 2) as ben:
        with httpx.Client(base_url=address) as nobody:
            assert nobody.get("/alimi/v1/inbox").status_code == 401
            assert nobody.get("/alimi/bell.js").status_code == 200
        with stream_of(ben) as events:
            assert next(events).event == "hello"
            assert ada.get("/undone/1/2").status_code == 204
            assert ada.get("/outside").text == "3"
            assert ada.get("/assign/1/2").status_code == 204
            told = json.loads(next(events).data)
            assert ben.get("/logout").status_code == 204
            assert [event.event for event in events] == ["bye"]
        assert ben.get("/alimi/v1/inbox").status_code == 401
    assert (told["url"], told["actor"]["name"]) == ("/cards/1", "ada")
    with logged_in(address, 2) as ben:
        assert ben.get("/alimi/v1/inbox").json()["unread"] == 1


def connections_of_django(url: str) -> list[Any]:
    """What those that are open have asked last."""
    with psycopg.connect(url) as db:
        return db.execute(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query LIKE '%auth_user%'"
        ).fetchall()


def test_g2_a_django_site_on_sqlite(tmp_path: Path) -> None:
    """G2: told is what Django committed and nothing else, to whom Django's session names."""
    site = typed_in(tmp_path, pages.checks(PAGE)["django on sqlite"])
    with uvicorn(site, "mysite.asgi:application", "--lifespan", "on") as (_, address):
        the_bell_rings(address)


@pytest.mark.parametrize("lifespan", ["on", "off"])
def test_g2_a_django_site_on_postgres(tmp_path: Path, postgres_url: str, lifespan: str) -> None:
    """G2: as on SQLite; and `who` keeps no connection that a restart of the server would break."""
    site = typed_in(tmp_path, on_postgres(postgres_url))
    with uvicorn(site, "mysite.asgi:application", "--lifespan", lifespan) as (_, address):
        the_bell_rings(address)
        with logged_in(address, 2) as ben:
            for _ in range(20):
                assert ben.get("/alimi/v1/inbox").status_code == 200
        until = time.monotonic() + PATIENCE
        while held := connections_of_django(postgres_url):
            # The server ends each a moment after it was closed.
            assert time.monotonic() < until, held
