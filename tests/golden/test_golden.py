"""What the minds say never changes unseen: speed work may not move a score, a span or a remembered word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.corpus import cases, cues, said
from tests.golden.digests import Digests, measured, recorded

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("seed", ["0", "2", "5"])
def test_every_process_says_the_same(seed: str) -> None:
    """Bug: groups that spare each other were put back in the order of a set, which the seed of hashes decides; where
    a trait was full, another reason was shown."""
    code = "from tests.golden.digests import measured, recorded; raise SystemExit(measured() != recorded())"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    assert subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=False).returncode == 0
