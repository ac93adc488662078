"""What an end quotes of the learner's words."""

from typing import Any

import msgspec
import pytest

from realtime.core.endings import ending_of, tally_of
from realtime.core.facts import Terms, TurnFacts
from realtime.core.gates import evaluate
from realtime.domain import Evidence
from realtime.outcome import outcome_of

TERMS = Terms(
    mission=True, max_messages=3, max_strikes=3, timer_seconds=None, success_threshold=70, fail_threshold=50
)


def failed_with(text: str, quoted: str | None) -> Any:
    """The outcome of a mission that failed at 60, its only evidence on ``quoted``."""
    evidence: list[Evidence] = []
    if quoted is not None:
        start = text.index(quoted)
        span = {"start": start, "end": start + len(quoted), "rule": "r", "note": "n"}
        evidence = [msgspec.convert({"trait": "clarity", "effect": 9, **span}, Evidence)]
    facts = [TurnFacts(turn_index=n, score=60, mood_percent=50, progress=60) for n in (1, 2, 3)]
    tally = tally_of(facts)
    turns = [{"turn_index": 1, "score": 60, "text": text, "evidence": msgspec.json.encode(evidence)}]
    return outcome_of(ending_of("RULE", TERMS, tally), TERMS, tally, evaluate(TERMS, tally), turns)


@pytest.mark.parametrize(
    ("text", "quoted", "shown"),
    [
        ("Thanks, but no. I have promised the day.", "but no", "Thanks, but no"),
        ("Hm. I see, but no! Really?", "no", "I see, but no"),
        ("well but no", "no", "well but no"),
        ("I could come on Monday instead. Would that help?", "come on Monday", "come on Monday"),
        ("Nothing stood out here.", None, "Nothing stood out here."),
    ],
)
def test_what_worked_is_quoted_so_that_it_can_be_understood(text: str, quoted: str | None, shown: str) -> None:
    outcome = failed_with(text, quoted)
    assert outcome.status == "FAIL"
    assert outcome.worked.quote == shown
    assert shown in text
    assert f"“{shown}”" in outcome.message


def test_the_nearest_miss_is_in_numbers() -> None:
    miss = failed_with("Nothing stood out here.", None).nearest_miss
    assert (miss.gate_key, miss.have, miss.need) == ("GATE_SUCCESS_THRESHOLD", 60, 70)
