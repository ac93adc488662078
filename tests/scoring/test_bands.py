"""Calibration: what a learner may expect of a line."""

import pytest

from tests.scoring.conftest import Say
from tests.scoring.lines import LINES, Line


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.text[:40])
def test_line_falls_in_its_band(say: Say, line: Line) -> None:
    got = say(line.text, line.persona, line.wanted)
    assert line.low <= got.score <= line.high, (got.score, got.traits, got.intents)


def test_rare_and_reachable_top(say: Say) -> None:
    """A line with everything in a warm talk reaches S+; few do."""
    got = say(
        "You're right, and I'm really sorry, that was on me. You must have felt forgotten. "
        "I want to make it right because you matter to me: may I cook for you on Friday? "
        "In my defence, my cooking is a five star disaster.",
        "You forgot my birthday dinner, and I waited for an hour.",
        ("OWNS_IT",),
        mood_percent=85,
    )
    assert got.score >= 93
    assert sum(say(line.text, line.persona, line.wanted).score >= 95 for line in LINES) == 0


def test_easy_mission_is_won_by_good_ordinary_talk(say: Say) -> None:
    """Six decent turns of one talk have a mean of 70 or more, the threshold of EASY."""
    talk = [
        ("Hi, I'm Noa. Is this seat free?", "Hi Noa, I'm Tal. Yes, of course. Are you here for the concert?"),
        (
            "I am. A friend plays the cello.",
            "That's lovely. I played the cello at school. How long has your friend played?",
        ),
        (
            "Ten years, I think. Do you still play?",
            "No, I stopped when I was sixteen, and I miss it. What do you play?",
        ),
        ("Only the radio. I'm a gardener.", "I like that. My balcony has three tomatoes on it. What do you grow?"),
        ("Mostly roses. They are stubborn.", "Roses sound hard. What do you do when they get ill?"),
        ("I talk to them. Does that sound odd?", "Not at all, I talk to my tomatoes. It was great to meet you, Noa."),
    ]
    scores = [say(text, persona, turn_index=n).score for n, (persona, text) in enumerate(talk, 1)]
    assert sum(scores) >= 70 * len(scores), scores


@pytest.mark.parametrize(
    ("calm", "harsh"),
    [
        ("I understand, but no, I can't lend you money.", "No way, why would I give you money, get a job."),
        ("I'd rather not talk about that, thank you for asking.", "None of your business."),
    ],
)
def test_a_calm_no_is_not_cold(say: Say, calm: str, harsh: str) -> None:
    firm, rude = say(calm, "Can you lend me money?"), say(harsh, "Can you lend me money?")
    assert firm.traits.emotional_warmth >= 50
    assert firm.traits.tension_control > 60
    assert "EMOTIONAL_DISTANCE" not in firm.patterns
    assert "DOMINANCE_ISSUE" not in firm.patterns
    assert firm.score >= rude.score + 15


def test_mood_and_progress_move_the_score(say: Say) -> None:
    text, persona = "I'm fine, and you?", "How are you?"
    assert say(text, persona, mood_percent=90).score > say(text, persona, mood_percent=10).score
    assert say(text, persona, ("ANSWERS",)).score > say(text, persona, ("JOKES",)).score + 5


def test_repeating_oneself_costs(say: Say) -> None:
    line = "I went hiking with my sister on Saturday. Did you get out at all?"
    fresh = say(line, "How was your weekend?").score
    assert say(line, "How was your weekend?", recent_lines=("Hello there", line)).score == fresh - 15
    nearly = line.replace("hiking", "walking")
    assert say(line, "How was your weekend?", recent_lines=(nearly,)).score == fresh - 15
    assert say("Yes.", "Really?", recent_lines=("Yes.",)).score == say("Yes.", "Really?").score
