"""Passwords, addresses, rates, and the shape of refusals."""

import asyncio
import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import CODES, AppError
from realtime.limits import Limits
from server.auth import passwords as module
from server.auth.addresses import normalised_email, rate_key
from server.auth.passwords import Passwords
from server.problems import problem_body, problem_headers, refuse_nul
from server.rates import Rates


async def test_a_password_is_verified_and_nothing_else_is(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify_or_burn(stored, "correct horse")
    assert not await passwords.verify_or_burn(stored, "correct horsf")
    assert not await passwords.verify_or_burn(None, "correct horse")
    assert stored != await passwords.hash("correct horse")


async def test_an_unknown_address_costs_what_a_wrong_password_costs(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")

    async def fastest(against: str | None) -> float:
        taken = []
        for _ in range(7):
            began = time.perf_counter()
            await passwords.verify_or_burn(against, "wrong horse")
            taken.append(time.perf_counter() - began)
        return min(taken)

    known, unknown = await fastest(stored), await fastest(None)
    assert 0.5 < unknown / known < 2.0


async def test_the_loop_runs_on_while_passwords_are_hashed(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.hash(f"password {n}") for n in range(8)))
    ticks = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert ticks > 8
    assert len(set(await hashing)) == 8


async def test_beyond_the_places_the_answer_comes_at_once_and_places_come_back() -> None:
    made = Passwords()
    gate = threading.Event()
    waiting = [asyncio.create_task(made._run(gate.wait)) for _ in range(module.WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(AppError) as caught:
        await made.hash("one too many")
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after_ms == module.RETRY_MS
    for task in waiting[2:]:  # callers that went away
        task.cancel()
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await made.verify_or_burn(await made.hash("room again"), "room again")
    made.close()


def test_addresses_are_compared_in_one_form() -> None:
    assert normalised_email("  Ada.L@Example.ORG ") == "ada.l@example.org"
    assert normalised_email("STRASSE@MÜNCHEN.de") == normalised_email("straße@mu\u0308nchen.DE")


@pytest.mark.parametrize(
    "written",
    [
        *("", "ada", "@example.org", "ada@", "ada@example", "a@b@example.org", "ada@example..org", "ada@.org"),
        *("ada lovelace@example.org", "ada@exa mple.org", "ada\0@example.org", "ada@example.org\n.de", "ada@-a.org"),
        *("ada\u200b@example.org", "ada\u00a0x@example.org", "ada@a_b.org", "ada@a-.org", "a" * 65 + "@example.org"),
        *("ada@" + "a" * 64 + ".org", "ada@" + ".".join(["a" * 60] * 5), "ada@[127.0.0.1]", "ada@b.org,x@b.org"),
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(AppError) as caught:
        normalised_email(written)
    assert (caught.value.code, caught.value.param) == ("invalid_event", "email")


@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9ßİ.]{1,20}@[a-zA-Z0-9éß]{1,9}\.[a-z]{2,5}", fullmatch=True))
def test_the_form_is_a_fixed_point(written: str) -> None:
    try:
        form = normalised_email(written)
    except AppError:
        return
    assert normalised_email(form) == form
    assert len(form) <= 254


def test_a_household_counts_once() -> None:
    assert rate_key("203.0.113.9") == "203.0.113.9"
    assert rate_key("::ffff:203.0.113.9") == "203.0.113.9"
    assert rate_key("2001:db8:1:2::1") == rate_key("2001:db8:1:2:ffff::9%eth0") == "2001:db8:1:2::/64"
    assert rate_key("2001:db8:1:3::1") != rate_key("2001:db8:1:2::1")
    assert rate_key(None) == rate_key("") == "unknown"


async def test_a_rate_counts_by_name_and_key_and_says_when_to_come_back() -> None:
    rates = Rates(Limits(guests_per_hour=3))
    for _ in range(3):
        await rates.check("guests", "a")
    with pytest.raises(AppError) as caught:
        await rates.check("guests", "a")
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after_ms is not None
    assert 3_590_000 < caught.value.retry_after_ms <= 3_600_000
    await rates.check("guests", "b")
    await rates.check("logins", "a")
    await rates.forget("guests", "a")
    await rates.check("guests", "a")


async def test_lifted_limits_count_nothing() -> None:
    rates = Rates(Limits(enforced=False, guests_per_hour=1))
    for _ in range(5):
        await rates.check("guests", "a")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_problem(code: str) -> None:
    error = AppError(code, "m" * 1_000, param="p", retry_after_ms=1_001)
    status, body = problem_body(error)
    problem = json.loads(body)
    assert status == problem["status"] == CODES[code].status
    assert problem["code"] == code
    assert problem["type"].endswith(code)
    assert len(problem["detail"]) == 300
    assert (problem["param"], problem["retryAfterMs"]) == ("p", 1_001)
    headers = problem_headers(error)
    assert headers["Retry-After"] == "2"
    assert headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


def test_what_does_not_apply_is_absent() -> None:
    problem = json.loads(problem_body(AppError("not_found"))[1])
    assert set(problem) == {"type", "title", "status", "detail", "code"}
    assert problem_headers(AppError("not_found")) == {}


def test_nul_is_found_at_any_depth() -> None:
    refuse_nul({"a": ["x", {"b": "fine"}], "n": 1})
    for decoded, param in (
        ({"a": {"b": ["x", "y\0"]}}, "a.b[1]"),
        ({"a\0": 1}, None),
        ("\0", None),
    ):
        with pytest.raises(AppError) as caught:
            refuse_nul(decoded)
        assert (caught.value.code, caught.value.param) == ("invalid_event", param)
