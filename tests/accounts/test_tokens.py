"""Credentials as text: what was made here is read, and nothing else is."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import AppError
from server.auth import tokens as module
from server.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE, Tokens
from tests.accounts.conftest import KEY

TOKENS = Tokens(KEY)
USER = uuid.UUID("018f0000-0000-7000-8000-000000000001")
OTHER = uuid.UUID("018f0000-0000-7000-8000-000000000002")
ACCESS_KEY = module._derive(KEY, "access token")


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"sub": str(USER), "ver": 1, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "j"}
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def signed(key: bytes = ACCESS_KEY, typ: str | None = TYPE, algorithm: str = ALGORITHM, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"typ": typ})


def raw(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def raw_signed(header: Any, payload: Any) -> str:
    """With a right signature over whatever it says: what passes is refused for its content alone."""
    import hashlib
    import hmac

    unsigned = raw(header, payload).rpartition(".")[0]
    signature = hmac.digest(ACCESS_KEY, unsigned.encode(), hashlib.sha256)
    return unsigned + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def test_an_access_token_says_whose_it_is_and_when_it_ends() -> None:
    now = time.time()
    read = TOKENS.read_access(TOKENS.access(USER, 7, now=now))
    assert (read.user_id, read.session_version) == (USER, 7)
    assert read.expires_at == int(now) + 600
    assert TOKENS.access(USER, 7, now=now) != TOKENS.access(USER, 7, now=now)


def test_the_corpus_is_refused_for_one_change_each() -> None:
    assert TOKENS.read_access(signed()).user_id == USER
    assert TOKENS.read_access(raw_signed({"alg": "HS256", "typ": TYPE}, claims())).user_id == USER


GOOD_HEADER = {"alg": "HS256", "typ": TYPE}
FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "dots": lambda: "..",
    "not ASCII": lambda: "é.ü.ß",
    "NUL": lambda: "\0.\0.\0",
    "alg none": lambda: raw({"alg": "none", "typ": TYPE}, claims()),
    "alg None, signed": lambda: raw_signed({"alg": "None", "typ": TYPE}, claims()),
    "no alg": lambda: raw_signed({"typ": TYPE}, claims()),
    "alg HS512 with the right key": lambda: jwt.encode(
        claims(), ACCESS_KEY * 2, algorithm="HS512", headers={"typ": TYPE}
    ),
    "alg RS256": lambda: raw_signed({"alg": "RS256", "typ": TYPE}, claims()),
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "another key": lambda: signed(b"x" * 32),
    "the secret key itself": lambda: signed(KEY),
    "another purpose's key": lambda: signed(module._derive(KEY, "refresh token")),
    "type JWT": lambda: signed(typ="JWT"),
    "no type": lambda: raw_signed({"alg": "HS256"}, claims()),
    "another audience": lambda: signed(aud="elsewhere"),
    "several audiences": lambda: signed(aud=[AUDIENCE, "elsewhere"]),
    "no audience": lambda: signed(aud=None),
    "another issuer": lambda: signed(iss="elsewhere"),
    "no issuer": lambda: signed(iss=None),
    "expired": lambda: signed(exp=int(time.time()) - 1),
    "expired, made here": lambda: TOKENS.access(USER, 1, now=time.time() - 601),
    "no end": lambda: signed(exp=None),
    "end as text": lambda: signed(exp="9999999999"),
    "end is a fraction": lambda: signed(exp=time.time() + 60.5),
    "end is infinite": lambda: raw_signed(GOOD_HEADER, claims(exp=float("inf"))),
    "no subject": lambda: signed(sub=None),
    "subject is no UUID": lambda: signed(sub="me"),
    "subject is a number": lambda: raw_signed(GOOD_HEADER, claims(sub=1)),
    "no id": lambda: signed(jti=None),
    "no time of issue": lambda: signed(iat=None),
    "no version": lambda: signed(ver=None),
    "version as text": lambda: signed(ver="1"),
    "version true": lambda: signed(ver=True),
    "payload is a list": lambda: raw_signed(GOOD_HEADER, [1]),
    "payload is null": lambda: raw_signed(GOOD_HEADER, None),
    "header is a list": lambda: raw_signed(["HS256"], claims()),
    "critical extension": lambda: raw_signed({**GOOD_HEADER, "crit": ["x"], "x": 1}, claims()),
    "nested deeply": lambda: raw_signed(GOOD_HEADER, json.loads("[" * 300 + "]" * 300)),
    "too long": lambda: signed(jti="j" * 2_000),
    "a refresh token": lambda: TOKENS.refresh(USER, OTHER),
    "a client secret": lambda: TOKENS.client_secret(USER, OTHER),
    "a space behind": lambda: signed() + " ",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_access_tokens_are_refused(name: str) -> None:
    with pytest.raises(AppError) as caught:
        TOKENS.read_access(FORGED[name]())
    assert caught.value.code == "token_invalid"


@given(st.text(max_size=400))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (TOKENS.read_access, TOKENS.read_refresh, TOKENS.read_client_secret):
        for prefix in ("", "rt_", "ek_"):
            with pytest.raises(AppError):
                read(prefix + text)


@given(st.uuids(), st.uuids())
def test_opaque_tokens_come_back_as_they_were_packed(user_id: uuid.UUID, own_id: uuid.UUID) -> None:
    secret, refresh = TOKENS.client_secret(user_id, own_id), TOKENS.refresh(user_id, own_id)
    assert TOKENS.read_client_secret(secret) == (user_id, own_id)
    assert TOKENS.read_refresh(refresh) == (user_id, own_id)
    assert refresh == Tokens(KEY).refresh(user_id, own_id)
    assert secret.startswith("ek_")
    assert refresh.startswith("rt_")


@pytest.mark.parametrize(
    ("make", "read"),
    [(TOKENS.client_secret, TOKENS.read_client_secret), (TOKENS.refresh, TOKENS.read_refresh)],
)
def test_every_changed_character_is_noticed(make: Callable[..., str], read: Callable[[str], Any]) -> None:
    token = make(USER, OTHER)
    for place in range(len(token)):
        for other in ("A" if token[place] != "A" else "B", "+", "=", "\n", "é"):
            with pytest.raises(AppError):
                read(token[:place] + other + token[place + 1 :])
    for changed in (token[:-1], token + "A", token + "=", " " + token, token + "\n", token[3:], token.upper()):
        with pytest.raises(AppError):
            read(changed)


def test_one_kind_never_passes_for_another() -> None:
    with pytest.raises(AppError):
        TOKENS.read_client_secret("ek_" + TOKENS.refresh(USER, OTHER)[3:])
    with pytest.raises(AppError):
        TOKENS.read_refresh("rt_" + TOKENS.client_secret(USER, OTHER)[3:])


def test_another_server_reads_nothing() -> None:
    foreign = Tokens(bytes(32))
    for read, token in (
        (foreign.read_access, TOKENS.access(USER, 1)),
        (foreign.read_refresh, TOKENS.refresh(USER, OTHER)),
        (foreign.read_client_secret, TOKENS.client_secret(USER, OTHER)),
    ):
        with pytest.raises(AppError):
            read(token)


def test_a_short_secret_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens(b"short")
