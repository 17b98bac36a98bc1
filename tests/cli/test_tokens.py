"""User tokens: who is let in, and nobody else (G7)."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from alimi.cli import tokens
from alimi.cli.tokens import TokenWho
from alimi.errors import InvalidRecipient
from alimi.web.request import Request

OLD, NEW, OTHER = (name.encode() * 8 for name in ("old-", "new-", "bad-"))
#: When this file is read; a whole run of the tests may lie between it and a test.
NOW, DAY = int(time.time()), 86_400
GOOD: dict[str, Any] = {"sub": "2", "aud": "alimi", "exp": NOW + DAY}


def who(**options: Any) -> TokenWho:
    return TokenWho([NEW, OLD], audience="alimi", leeway=options.get("leeway", 0))


def signed(claims: dict[str, Any], secret: bytes = NEW, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def told(text: str) -> str:
    """The name of a case: the same in every process of a run, whenever that has begun."""
    return text[:8]


def request(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


def test_a_token_of_our_own_making_opens_the_recipients_inbox() -> None:
    """What `alimi token` prints is what `alimi serve` lets in."""
    token = tokens.make(
        "2", NEW, audience="alimi", now=NOW, seconds=DAY, locale="ko", session="login-1"
    )
    identity = who().identity(token)
    assert identity is not None
    assert (identity.recipient, identity.locale, identity.session) == ("2", "ko", "login-1")
    assert identity.expires_at == (NOW + DAY) * 1000


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_both_secrets_are_good_while_they_are_rotated(secret: bytes) -> None:
    """No token becomes worthless on the day of the rotation."""
    assert who().identity(signed(GOOD, secret)) is not None


@pytest.mark.parametrize(
    "token",
    [
        signed(GOOD, OTHER),
        signed(GOOD, NEW * 2, "HS512"),
        jwt.encode(GOOD, None, algorithm="none"),
        signed({**GOOD, "exp": NOW - 1}),
        signed({**GOOD, "nbf": NOW + DAY}),
        signed({**GOOD, "aud": "another"}),
        signed({**GOOD, "aud": []}),
        signed({**GOOD, "sub": ""}),
        signed({**GOOD, "sub": "2\n"}),
        signed({**GOOD, "sub": "x" * 129}),
        signed({**GOOD, "locale": "x" * 36}),
        signed({**GOOD, "locale": 1}),
        signed({**GOOD, "jti": "x" * 257}),
        *(signed({k: v for k, v in GOOD.items() if k != name}) for name in GOOD),
        *(signed({**GOOD, name: None}) for name in GOOD),
        signed({**GOOD, "exp": "soon"}),
        signed({**GOOD, "exp": float("inf")}),
        signed({**GOOD, "exp": float("nan")}),
        signed({**GOOD, "x": "x" * tokens.MAX_TOKEN}),
        signed(GOOD)[:-2],
        signed(GOOD) + ".",
        "a.b.c",
        "…",
        "",
    ],
    ids=told,
)
def test_g7_a_token_that_is_not_signed_for_us_and_in_its_time_is_nobodys(token: str) -> None:
    """G7: there is no way in but a valid HS256 token with sub, aud and exp; and no exception."""
    assert who().identity(token) is None


def test_the_algorithm_is_ours_whatever_the_header_says() -> None:
    """A token cannot choose how it is checked."""
    head, body, _ = signed(GOOD).split(".")
    forged = jwt.encode(GOOD, None, algorithm="none").split(".")[0]
    assert who().identity(f"{forged}.{body}.") is None
    assert who().identity(f"{head}.{body}.") is None


def test_the_leeway_covers_clocks_that_differ() -> None:
    """A token that ended a moment ago, or begins in a moment, is still let in, and not for ever."""
    now = int(time.time())
    late, early = {**GOOD, "exp": now - 5}, {**GOOD, "nbf": now + 20}
    assert who(leeway=30).identity(signed(early)) is not None
    identity = who(leeway=30).identity(signed(late))
    assert identity is not None
    assert identity.expires_at == (now - 5 + 30) * 1000


def test_an_end_far_away_is_bounded() -> None:
    """A number that no clock knows ends the stream in the year 9999 and overflows nothing."""
    identity = who().identity(signed({**GOOD, "exp": 10**300}))
    assert identity is not None
    assert identity.expires_at == 253_402_300_799_000


async def test_a_bearer_and_a_cookie_both_carry_the_token() -> None:
    """An EventSource can send no header, so the cookie is the second door."""
    token = signed(GOOD)
    for given in ({"authorization": f"Bearer {token}"}, {"cookie": f"a=b; alimi_token={token}"}):
        identity = await who()(request(**given))
        assert identity is not None
        assert identity.recipient == "2"
    assert await who()(request()) is None


async def test_g7_a_bad_bearer_is_not_made_good_by_a_cookie() -> None:
    """G7: the header says who is asking; when it lies nobody is."""
    headers = {"authorization": "Bearer a.b.c", "cookie": f"alimi_token={signed(GOOD)}"}
    assert await who()(request(**headers)) is None


def test_a_token_for_nobody_is_not_made() -> None:
    """The recipient goes through the same door as everywhere."""
    with pytest.raises(InvalidRecipient):
        tokens.make("", NEW, audience="alimi", now=NOW, seconds=60)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed({**GOOD, "exp": 1}), "its exp has passed, by more than leeway_seconds (0)"),
        (signed({**GOOD, "nbf": NOW + DAY}), "compare the clocks"),
        (signed({**GOOD, "aud": "another"}), "its aud does not name audience (alimi)"),
        (signed(GOOD, OTHER), "signed with none of user_secrets"),
        (signed(GOOD, NEW * 2, "HS512"), "its alg is not HS256"),
        (jwt.encode(GOOD, None, algorithm="none"), "its alg is not HS256"),
        (signed({"aud": "alimi", "exp": NOW + DAY}), "it has no sub"),
        (signed({**GOOD, "sub": ""}), "no recipient"),
        (signed({**GOOD, "locale": 3}), "locale"),
        (signed({**GOOD, "x": "x" * tokens.MAX_TOKEN}), "longer"),
        (signed({**GOOD, "sub": 2}), "its sub or jti is no string"),
        ("a.b.c", "no JSON Web Token"),
    ],
    ids=told,
)
def test_the_log_says_why_a_token_was_refused(
    token: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever integrates finds the reason there; neither the token nor its parts are there."""
    caplog.set_level("INFO", "alimi")
    assert who().identity(token) is None
    assert reason in caplog.text
    assert [part for part in token.split(".") if len(part) > 3 and part in caplog.text] == []


def test_g8_refused_tokens_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """G8: a line a minute for each reason, and it says how many there were."""
    caplog.set_level("INFO", "alimi")
    now = 1_000.0
    door = TokenWho([NEW], audience="alimi", leeway=0, clock=lambda: now)
    late, other = signed({**GOOD, "exp": 1}), signed(GOOD, OTHER)
    for _ in range(500):
        assert door.identity(late) is None
        assert door.identity(other) is None
    assert len(caplog.records) == 2
    now += 60
    door.identity(late)
    assert "(and 499 times since it was last told)" in caplog.records[-1].getMessage()
    assert len(caplog.records) == 3


def test_a_refused_token_cannot_write_lines_of_its_own_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Anybody may send one; nothing of what it says is written there."""
    caplog.set_level("INFO", "alimi")
    header = {"crit": ["x\nINFO alimi: all is well\x1b[2J"]}
    token = jwt.encode({**GOOD, "exp": 1}, OTHER, algorithm="HS256", headers=header)
    assert who().identity(token) is None
    (record,) = caplog.records
    assert "all is well" not in record.getMessage()
    assert record.getMessage().isprintable()
