"""Hooks are the thresholds of the practice rules; patterns one habit each; tips quote and never repeat."""

import pytest

from realtime.domain import Hook, Pattern, Traits
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from realtime.scoring.patterns import PATTERNS, find_hooks
from realtime.scoring.tables import load
from tests.scoring.conftest import Say
from tests.scoring.lines import LINES

_AT = load().weights.hooks


def hooks(values: tuple[int, ...], score: int, turn: int = 2, recent: tuple[int, ...] = ()) -> tuple[Hook, ...]:
    context = TurnContext(text="x", persona_line=None, turn_index=turn, recent_scores=recent)
    return find_hooks(context, Traits.of(values), score, _AT)


@pytest.mark.parametrize(
    ("hook", "yes", "no"),
    [
        ("CONFIDENT_TONE", hooks((75, 0, 0, 0, 0, 0), 0), hooks((74, 0, 0, 0, 0, 0), 0)),
        ("HIGH_HUMOR", hooks((0, 0, 70, 0, 0, 0), 0), hooks((0, 0, 69, 0, 0, 0), 0)),
        ("EMOTIONAL_WARMTH", hooks((0, 0, 0, 0, 75, 0), 0), hooks((0, 0, 0, 0, 74, 0), 0)),
        ("CLEAR_COMMUNICATION", hooks((0, 80, 0, 0, 0, 0), 0), hooks((0, 79, 0, 0, 0, 0), 0)),
        ("CHARISMATIC", hooks((70, 0, 0, 0, 70, 0), 0), hooks((70, 99, 69, 99, 69, 99), 0)),
        ("STRONG_OPENER", hooks((0,) * 6, 75, turn=1), hooks((0,) * 6, 75, turn=2)),
        ("RECOVERY_MOMENT", hooks((0,) * 6, 70, recent=(80, 49)), hooks((0,) * 6, 70, recent=(49, 50))),
        ("CONSISTENT_PERFORMANCE", hooks((0,) * 6, 80, recent=(10, 80, 80)), hooks((0,) * 6, 80, recent=(80,))),
    ],
)
def test_hooks(hook: Hook, yes: tuple[Hook, ...], no: tuple[Hook, ...]) -> None:
    assert hook in yes
    assert hook not in no


PATTERN_LINES: dict[Pattern, tuple[str, str]] = {
    "OVEREXPLAINING": (
        "I took the bus because my car is old. "
        + "I also thought about the train, and the tram, and my neighbour. " * 7,
        "Why late?",
    ),
    "UNDEREXPLAINING": ("Fine.", "How was your day?"),
    "FILLER_WORDS": ("Um, I walk, uh, to work.", "How do you get there?"),
    "LOW_CONFIDENCE": ("Maybe, I guess, I'm not sure.", "Do you sing?"),
    "UNCLEAR": ("Um, stuff, and so on, uh.", "What do you do?"),
    "TOO_FORMAL": ("Dear Sir, I hereby accept.", "Coffee?"),
    "TOO_CASUAL": ("bro idk lmao", "What do you do?"),
    "EMOTIONAL_DISTANCE": ("Get over it.", "My dog died."),
    "DOMINANCE_ISSUE": (
        "Listen, you must go, you have to call him, and give me the phone. I make the rules.",
        "I'm tired.",
    ),
}


@pytest.mark.parametrize("pattern", [name for name, _test in PATTERNS])
def test_patterns(say: Say, pattern: Pattern) -> None:
    text, persona = PATTERN_LINES[pattern]
    assert pattern in say(text, persona).patterns
    assert pattern not in say("I work in a bakery. What do you do?", "Where do you work?").patterns


def test_tips_quote_and_never_come_twice(scorer: RuleScorer) -> None:
    for line in LINES:
        given: tuple[str, ...] = ()
        for turn in range(1, 12):
            context = TurnContext(text=line.text, persona_line=line.persona, turn_index=turn, given_tips=given)
            tip = scorer.score(context).tip
            if tip is None:
                break
            assert tip not in given
            said = tip.partition("“")[2].partition("”")[0].rstrip("…")
            assert said
            assert said in line.text
            given += (tip,)


def test_no_tip_without_a_ground(say: Say) -> None:
    assert say("😂", "What do you do?").tip is None
    assert say("Je suis né à Paris.", "Where were you born?").tip is None


def test_tip_names_the_change(say: Say) -> None:
    tip = say("Maybe I like jazz.", "Do you like jazz?").tip
    assert tip is not None
    assert "“Maybe”" in tip
