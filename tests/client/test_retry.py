"""Backoff and the table of close codes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.client.retry import BASE, CAP, Backoff, close_rule


@given(seed=st.integers(), attempts=st.integers(1, 40))
def test_every_wait_lies_between_zero_and_its_ceiling(seed: int, attempts: int) -> None:
    backoff = Backoff(random.Random(seed))
    for attempt in range(attempts):
        ceiling = backoff.ceiling()
        assert ceiling == min(CAP, BASE * 2 ** min(attempt, 10))
        assert 0 <= backoff.next() <= ceiling


def test_jitter_covers_the_whole_range() -> None:
    rng = random.Random(7)
    waits = []
    for _ in range(2000):
        backoff = Backoff(rng)
        backoff.attempt = 3
        waits.append(backoff.next())
    assert min(waits) < 0.05 * BASE * 8
    assert max(waits) > 0.95 * BASE * 8
    assert sum(waits) / len(waits) == pytest.approx(BASE * 4, rel=0.05)


def test_a_hint_of_the_server_widens_a_wait_up_to_the_cap() -> None:
    waits = [Backoff(random.Random(seed)).next(hint=1000.0) for seed in range(200)]
    assert max(waits) > CAP / 2
    assert max(waits) <= CAP


def test_reset_begins_again() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.ceiling() == BASE


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013])
def test_these_codes_reconnect(code: int) -> None:
    assert close_rule(code).then == "reconnect"


@pytest.mark.parametrize("code", [1000, 1007, 1009, 4499, 4500, 4504, 4505, 4508, 3000, 4999])
def test_these_codes_stop(code: int) -> None:
    assert close_rule(code).then == "stop"


def test_an_expired_token_is_refreshed_first() -> None:
    assert close_rule(4001).then == "refresh"
