"""`who`: what is refused when it is given, and that it fails closed when it is asked."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import Cookie, Depends, Header, HTTPException
from fastapi.security import APIKeyCookie, OAuth2PasswordBearer
from msgspec import structs

from alimi import Alimi, Identity
from alimi.errors import ConfigurationError, InvalidIdentity
from alimi.model import now_ms
from alimi.web.request import Request
from alimi.web.types import ASGIApp
from tests.web.site import client


def no_parameter() -> str:
    return "2"


def two_parameters(request: Request, session: str) -> str:
    return session


def with_a_keyword(request: Request, *, session: str) -> str:
    return session


def only_optional(request: Any = None) -> str:
    return "2"


def variadic(*args: Any) -> str:
    return "2"


def depends_by_default(request: Request, user: Any = Depends(no_parameter)) -> Any:
    return user


def only_depends(user: Any = Depends(no_parameter)) -> Any:
    return user


def annotated_dependency(session: Annotated[str, Cookie()]) -> str:
    return session


def annotated_header(request: Request, token: Annotated[str, Header()] = "") -> str:
    return token


def yields(request: Request) -> Iterator[str]:
    yield "2"


class CurrentUser:
    """A dependency in the form of a class."""

    def __init__(self, request: Request) -> None:
        self.id = 2


def constant(answer: Identity, request: Request) -> Identity:
    return answer


REFUSED: list[Any] = [
    no_parameter, two_parameters, with_a_keyword, only_optional, variadic, depends_by_default,
    only_depends, annotated_dependency, annotated_header, yields, CurrentUser, str, None, "2",
    Identity("2"), functools.partial(two_parameters),
    OAuth2PasswordBearer("token"), APIKeyCookie(name="session"),
]  # fmt: skip


def told(value: object) -> str:
    """The name of a case: the same in every process of a run, so without an address in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize("who", REFUSED, ids=told)
def test_what_would_not_be_asked_properly_is_refused(alimi: Alimi, who: Any) -> None:
    """G7: a framework's dependency would otherwise make everybody one user (measured)."""
    with pytest.raises(ConfigurationError, match="who"):
        alimi.asgi(who)


async def asynchronous(request: Request) -> str:
    return "2"


def hands_out_a_coroutine(request: Request) -> Any:
    return asynchronous(request)


class Callable:
    """An object that is asked."""

    async def __call__(self, request: Request) -> int:
        return 2


class Method:
    """Something of the application's own."""

    def who(self, request: Request) -> Identity:
        return Identity("2")


def with_an_option(request: Request, prefix: str = "2") -> str:
    return prefix


ACCEPTED: list[Any] = [
    asynchronous, Callable(), Method().who, with_an_option, hands_out_a_coroutine,
    functools.partial(two_parameters, session="2"), functools.partial(asynchronous),
]  # fmt: skip


@pytest.mark.parametrize("who", ACCEPTED, ids=told)
async def test_all_ordinary_forms_are_asked(alimi: Alimi, who: Any) -> None:
    """Sync, async, methods, objects and partials all work."""
    async with client(alimi.asgi(who)) as user:
        assert (await user.get("/v1/inbox/counts")).status_code == 200


async def test_a_sync_who_does_not_stop_the_loop(alimi: Alimi) -> None:
    """It may ask a database, so it runs in a thread."""
    threads = []

    def who(request: Request) -> str:
        threads.append(threading.current_thread())
        return "2"

    async with client(alimi.asgi(who)) as user:
        await user.get("/v1/inbox/counts")
    assert threads != [threading.main_thread()]


@pytest.mark.parametrize(
    "wrong",
    [
        {"locale": 1},
        {"session": "x" * 257},
        {"expires_at": "soon"},
        {"expires_at": 1.5},
        {"expires_at": 1_800_000_000},
    ],
)
def test_an_identity_is_checked_where_it_is_made(wrong: dict[str, Any]) -> None:
    """The traceback of a wrong field leads to the line that wrote it, and names the field."""
    with pytest.raises(InvalidIdentity, match=next(iter(wrong))):
        Identity("2", **wrong)


BOGUS: list[Any] = [
    True, 2.0, b"2", ["2"], {"id": 2}, SimpleNamespace(id=2), object(), "", "x" * 129, "a\nb",
    Identity(""), structs.replace(Identity("2"), recipient=True),
]  # fmt: skip


@pytest.mark.parametrize("answer", BOGUS, ids=told)
async def test_a_bogus_answer_is_500_and_says_nothing(
    alimi: Alimi, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """G7: an answer that is no recipient lets nobody in; only the log says what it was."""
    async with client(alimi.asgi(lambda request: answer)) as user:
        response = await user.get("/v1/inbox")
    assert response.status_code == 500
    assert response.json()["instance"] in caplog.text
    assert "InvalidIdentity" in caplog.text or "InvalidRecipient" in caplog.text
    assert set(response.json()) == {"type", "title", "status", "detail", "instance"}


@pytest.mark.parametrize("wrong", [ValueError("secret"), KeyError("secret"), OSError("secret")])
async def test_an_error_of_who_is_500_and_logged(
    alimi: Alimi, wrong: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Its text is for the log only; nobody is let in."""

    def who(request: Request) -> str:
        raise wrong

    async with client(alimi.asgi(who)) as user:
        response = await user.get("/v1/inbox")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "secret" in caplog.text


async def test_a_frameworks_401_is_answered_by_a_hint(
    alimi: Alimi, caplog: pytest.LogCaptureFixture
) -> None:
    """Who raises as in a route of theirs reads in the log that None says "nobody"."""

    def who(request: Request) -> str:
        raise HTTPException(401)

    async with client(alimi.asgi(who)) as user:
        response = await user.get("/v1/inbox")
    assert response.status_code == 500
    assert "who() raised HTTPException: let it return None" in caplog.text


async def test_an_expired_login_is_401(alimi: Alimi) -> None:
    """An identity ends when the login does."""
    for expires_at, status in ((now_ms() - 1, 401), (now_ms() + 60_000, 200)):
        identity = Identity("2", expires_at=expires_at)
        app = alimi.asgi(functools.partial(constant, identity))
        async with client(app) as user:
            assert (await user.get("/v1/inbox/counts")).status_code == status


async def test_options_and_public_files_ask_nobody(alimi: Alimi) -> None:
    """An OPTIONS has no cookie, and the bell's code is everybody's."""
    asked = []
    app = alimi.asgi(lambda request: asked.append(request.path))
    async with client(app) as user:
        for path in ("/v1/inbox", "/v1/inbox/stream", "/v1/inbox/mark", "/v1/inbox/x"):
            assert (await user.options(path)).status_code == 204
        for path in ("/healthz", "/readyz", "/openapi.json", "/stream.js"):
            assert (await user.get(path)).status_code == 200
        assert asked == []
        assert (await user.get("/v1/inbox")).status_code == 401
    assert asked == ["/v1/inbox"]


async def test_the_request_that_who_sees(alimi: Alimi) -> None:
    """Headers in any case, cookies, query, bearer, and the scope with what is in it."""
    seen: list[Request] = []

    async def who(request: Request) -> str:
        seen.append(request)
        return "2"

    app: ASGIApp = alimi.asgi(who)
    async with client(app, user=None) as user:
        headers = {
            "Cookie": 'a=1; b="two"; a=3; junk; c==',
            "Authorization": "bearer  tok",
            "X-Thing": "v",
        }
        await user.get("/v1/inbox/counts?x=1&y=%ED%95%9C&x=2", headers=headers)
    (request,) = seen
    assert request.cookies == {"a": "3", "b": "two", "c": "="}
    assert request.query == {"x": "2", "y": "한"}
    assert (request.bearer, request.headers["x-THING"]) == ("tok", "v")
    assert "X-thing" in request.headers
    assert request.headers.get("missing") is None
    assert (request.method, request.path) == ("GET", "/v1/inbox/counts")
    assert request.scope["type"] == "http"
    assert request.client == "127.0.0.1"
