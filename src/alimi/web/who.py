"""The application's `who`: whose inbox a request is about.

A callable that would not be asked properly is refused when it is given: a framework's dependency
passed here answered an object of the framework for everybody, and so made everybody one user.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import typing
from collections.abc import Callable
from typing import Any

from alimi.errors import ConfigurationError
from alimi.model import Identity, now_ms
from alimi.web.request import Request

logger = logging.getLogger("alimi.web")

WhoCallable = Callable[[Request], Any]

#: Packages whose parameter markers say "call me through the framework".
_INJECTORS = ("fastapi", "litestar")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Who:
    """Asks the application; fails closed."""

    def __init__(self, who: WhoCallable) -> None:
        _check(who)
        self._who = who
        self._is_async = _is_async(who)

    async def identify(self, request: Request) -> Identity | None:
        """The identity, or None for nobody.

        Raises InvalidIdentity for an answer that cannot be one, and whatever `who` raises.
        """
        try:
            answer = await self._answer(request)
        except Exception as error:
            if getattr(error, "status_code", None) in {401, 403}:
                logger.error("alimi: who() raised %s: let it return None for nobody", _name(error))  # noqa: TRY400
            raise
        identity = Identity.of(answer)
        if identity is None or identity.expires_at is None:
            return identity
        return identity if identity.expires_at > now_ms() else None

    async def _answer(self, request: Request) -> object:
        if self._is_async:
            return await self._who(request)
        answer = await asyncio.to_thread(self._who, request)
        return await answer if inspect.isawaitable(answer) else answer


def _name(error: Exception) -> str:
    return type(error).__name__


def _is_async(who: WhoCallable) -> bool:
    while isinstance(who, functools.partial):
        who = who.func
    call = getattr(who, "__call__", None)  # noqa: B004 - the method itself is wanted
    return inspect.iscoroutinefunction(who) or inspect.iscoroutinefunction(call)


def _check(who: WhoCallable) -> None:
    if not callable(who) or inspect.isclass(who):
        raise ConfigurationError("who must be a function: who(request) -> recipient or None")
    if inspect.isgeneratorfunction(who) or inspect.isasyncgenfunction(who):
        raise ConfigurationError("who must return its answer, not yield it")
    try:
        parameters = list(inspect.signature(who).parameters.values())
    except (TypeError, ValueError):
        raise ConfigurationError("who must be a function of one parameter, the request") from None
    if _is_injected(who, parameters):
        raise ConfigurationError(
            "who is called by Alimi with its own request, not by your framework: a function with "
            "Depends(), Cookie() or Header() parameters cannot be passed; write one that reads "
            "request.cookies, request.headers or request.scope"
        )
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    if len(required) != 1 or required[0].kind not in _POSITIONAL:
        raise ConfigurationError(
            f"who must take exactly one required parameter, the request, not {len(required)}"
        )


def _is_injected(who: WhoCallable, parameters: list[inspect.Parameter]) -> bool:
    # A security scheme of theirs is asked like a function: whatever token is sent would be a name.
    marks = [who, *(p.default for p in parameters if p.default is not p.empty)]
    for hint in _hints(who).values():
        marks += getattr(hint, "__metadata__", ())
    return any(type(mark).__module__.partition(".")[0] in _INJECTORS for mark in marks)


def _hints(who: WhoCallable) -> dict[str, Any]:
    while isinstance(who, functools.partial):
        who = who.func
    target = who if inspect.isroutine(who) else type(who).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations that cannot be evaluated tell nothing
        return {}
