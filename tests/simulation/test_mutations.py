"""Each of six things without which a promise breaks is taken out, and the oracle must miss it: as the kind of
violation that it is there to prevent. With it, the same seeds hold."""

from itertools import islice

import pytest

from tests.simulation.mutations import (
    Mutation,
    NoExpectedSeq,
    NoOutboxGuard,
    NoRetry,
    NoRowLock,
    NoSweeper,
    NoUniqueKey,
)
from tests.simulation.run import failures

WITHIN = 300  # seeds
CASES: list[tuple[type[Mutation], str]] = [
    (NoUniqueKey, "idempotent"),
    (NoExpectedSeq, "same_bytes"),
    (NoRowLock, "unexpected_error"),
    (NoOutboxGuard, "told"),
    (NoRetry, "settled"),
    (NoSweeper, "ended"),
]


@pytest.mark.parametrize(("mutation", "rule"), CASES, ids=[case[0].name for case in CASES])
def test_what_is_taken_out_is_missed(mutation: type[Mutation], rule: str) -> None:
    caught = (
        failure
        for failure in failures(range(WITHIN), mutation())
        if any(violation.rule == rule for violation in failure.violations)
    )
    seeds = [failure.seed for failure in islice(caught, 3)]
    assert seeds, f"{WITHIN} universes without {mutation.name}, and no {rule}"
    assert not list(failures(seeds)), "with it they hold"
