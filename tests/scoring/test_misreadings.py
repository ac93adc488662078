"""Lines that a rule could easily misread: what they say, and the near line that the rule is really for."""

import pytest

from realtime.domain import TurnScore
from storage.catalogue.model import Intent
from tests.scoring.conftest import Say


def rules(got: TurnScore) -> set[str]:
    return {item.rule for item in got.evidence}


@pytest.mark.parametrize(
    "text", ["You must have been hurt.", "You must have waited for ages.", "You must be so tired."]
)
def test_a_guess_at_how_it_was_is_no_command(say: Say, text: str) -> None:
    got = say(text, "You forgot my birthday.")
    assert "you_must" not in rules(got)
    assert "dominance" not in got.observed
    assert got.tip is None or "must" not in got.tip


@pytest.mark.parametrize("text", ["You must have a plan.", "You must be quiet now.", "You must go home."])
def test_a_command_with_must_is_one(say: Say, text: str) -> None:
    assert "you_must" in rules(say(text, "You forgot my birthday."))


def test_making_it_up_to_somebody_gives_up_no_say(say: Say) -> None:
    kind = say("I'll make it up to you on Friday.", "You forgot my birthday.")
    assert "submission" not in rules(kind)
    assert "REPAIRS" in kind.intents
    assert "submission" in rules(say("Where we go is up to you.", "You forgot my birthday."))
    both = say("I'll make it up to you. The place is up to you.", "You forgot my birthday.")
    assert next(e for e in both.evidence if e.rule == "submission").start > 25


@pytest.mark.parametrize(
    "text",
    [
        "I understand why you're angry.",
        "I can see that you are upset.",
        "I get how you're furious.",
        "I know why you're mad.",
    ],
)
def test_seeing_the_others_feeling_is_empathy_and_not_harsh(say: Say, text: str) -> None:
    got = say(text, "You were late.")
    assert "harsh_word" not in rules(got)
    assert "EMPATHIZES" in got.intents
    assert got.traits.emotional_warmth > 60


@pytest.mark.parametrize(
    "text", ["You are angry.", "I understand why you left, and you are cruel.", "I see that you are cruel."]
)
def test_a_harsh_word_at_the_other_stays_harsh(say: Say, text: str) -> None:
    got = say(text, "I left.")
    assert ("harsh_word" in rules(got)) or "EMPATHIZES" not in got.intents


def test_the_frame_ends_with_its_clause(say: Say) -> None:
    assert "harsh_word" in rules(say("I understand why you left, and you are cruel.", "I left."))


WANTED: list[tuple[str, str, tuple[Intent, ...], tuple[Intent, ...], int]] = [
    (
        "Is there any way you could help?",
        "I could come in an hour early on Monday, or I could call Yossi and ask whether he is free.",
        ("OFFERS_ALTERNATIVE",),
        ("OFFERS_ALTERNATIVE",),
        72,
    ),
    (
        "So it's a no? Not even for me?",
        "I have promised the weekend to my family, and I'm keeping that promise.",
        ("HOLDS_FIRM", "SETS_LIMIT", "GIVES_REASON"),
        ("HOLDS_FIRM", "SETS_LIMIT", "GIVES_REASON"),
        70,
    ),
    (
        "All right. I'll find somebody else.",
        "I know this isn't what you hoped for. Thank you for taking it well.",
        ("EMPATHIZES", "THANKS"),
        ("EMPATHIZES", "THANKS"),
        70,
    ),
    ("Can you work this Saturday?", "I can't this week, sorry", ("SETS_LIMIT",), ("SETS_LIMIT", "DECLINES"), 65),
    ("Can you come on Friday?", "Friday I can't, I'm working", ("DECLINES",), ("SETS_LIMIT", "DECLINES"), 65),
]  # fmt: skip


@pytest.mark.parametrize(("persona", "text", "wanted", "shows", "least"), WANTED, ids=lambda v: str(v)[:30])
def test_a_kind_and_firm_line_is_seen_for_what_it_does(
    say: Say, persona: str, text: str, wanted: tuple[Intent, ...], shows: tuple[Intent, ...], least: int
) -> None:
    got = say(text, persona, wanted)
    assert set(shows) <= set(got.intents)
    assert got.score >= least
    assert got.strike is None


@pytest.mark.parametrize(
    "text",
    [
        "I wish I could come.",
        "I could eat a horse.",
        "I could ask you the same.",
        "If I could help, I would.",
        "I could not come.",
    ],
)
def test_what_one_could_is_not_always_an_offer(say: Say, text: str) -> None:
    assert "OFFERS_ALTERNATIVE" not in say(text, "Are you coming?").intents


@pytest.mark.parametrize(
    ("question", "text", "answered"),
    [
        ("What do they come for?", "I'm a bit tired tbh", False),
        ("What do they come for?", "They are after the bread.", True),
        ("What do they come for?", "I think the visitors want it for the bread.", True),
        ("How are you today?", "I'm a bit tired tbh", True),
        ("Any plans?", "I want to swim.", True),
        ("Does that sound odd?", "Not at all, I talk to my tomatoes.", True),
        ("Does that sound odd?", "I talk to my tomatoes.", False),
        ("Does that sound odd?", "No, I can talk to my tomatoes.", True),
        ("How was the concert?", "I loved it.", True),
        ("The gate is open. What is behind the wall?", "I like tea.", False),
        ("The gate is open. What is behind the wall?", "I only see a wall.", True),
        ("Tell me about yourself.", "I like tea.", True),
        ("How many cats are there?", "10", True),
        ("What is that noise?", "10", False),
    ],
)
def test_an_answer_has_to_do_with_the_question(say: Say, question: str, text: str, answered: bool) -> None:
    got = say(text, question)
    assert ("ANSWERS" in got.intents) is answered
    assert ("to_the_point" in rules(got)) is answered


@pytest.mark.parametrize("question", ["Anything else?", "How many cats do you have?"])
def test_a_number_alone_makes_no_line_concrete(say: Say, question: str) -> None:
    assert "number" not in rules(say("10", question))
    assert "number" in rules(say("I have 10.", question))


@pytest.mark.parametrize(
    "text",
    [
        "This party is boring and so are you",
        "Your jokes are stupid, and so are you.",
        "The soup is awful just like you",
    ],
)
def test_an_insult_by_comparison_is_one(say: Say, text: str) -> None:
    got = say(text, "Hi there.")
    assert got.strike == "INSULT"
    assert got.score < 30


@pytest.mark.parametrize(
    "text", ["I'm lost and so are you", "This party is lovely and so are you", "The film was boring."]
)
def test_a_comparison_without_scorn_is_none(say: Say, text: str) -> None:
    assert say(text, "Hi there.").strike is None
