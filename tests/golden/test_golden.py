"""What the minds say never changes unseen: speed work may not move a score, a span or a remembered word."""

import pytest

from tests.golden.corpus import cases, cues, said
from tests.golden.digests import Digests, measured, recorded


@pytest.fixture(scope="module")
def now() -> Digests:
    return measured()


def test_every_score_is_what_it_was(now: Digests) -> None:
    """An output that changes is a new version; then ``python -m tests.golden.digests`` records it."""
    before = recorded()
    assert now.scorer_version == before.scorer_version
    assert {group for group in now.scores if now.scores[group] != before.scores.get(group)} == set()
    assert now.scores.keys() == before.scores.keys()


def test_every_write_is_what_it_was(now: Digests) -> None:
    before = recorded()
    assert {group for group in now.writes if now.writes[group] != before.writes.get(group)} == set()
    assert now.writes.keys() == before.writes.keys()


def test_the_corpus_is_large_and_always_the_same() -> None:
    first = list(cases())
    assert len(first) > 5_000
    assert len(said()) > 1_000
    assert len(cues()) > 500
    assert first == list(cases())
    assert max(len(case.context.text) for case in first) == 2_000
