"""One scorer for all tests: it never changes after construction."""

from collections.abc import Callable

import pytest

from realtime.domain import TurnScore
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from storage.catalogue.model import Intent

Say = Callable[..., TurnScore]


@pytest.fixture(scope="session")
def scorer() -> RuleScorer:
    return RuleScorer()


@pytest.fixture(scope="session")
def say(scorer: RuleScorer) -> Say:
    """Scores a line said after ``persona``'s."""

    def score(text: str, persona: str | None = None, wanted: tuple[Intent, ...] = (), **rest: object) -> TurnScore:
        fields = {"text": text, "persona_line": persona, "wanted": wanted, **rest}
        return scorer.score(TurnContext(**fields))  # type: ignore[arg-type]

    return score
