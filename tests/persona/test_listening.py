"""What the learner asked, read from the text alone."""

import pytest

from realtime.persona.choosing import in_brief, without_question
from realtime.persona.listening import asks_again, listen
from tests.persona.talk import CODES, PERSONAS


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("What's your name?", "name"),
        ("whats up? What’s your name", "name"),
        ("My name is Tal, what's yours?", "name"),
        ("How old are you?", "age"),
        ("What do you do?", "job"),
        ("so tell me what you do for a living", "job"),
        ("I work as a nurse, and you?", "job"),
        ("I work in a bank. How about you?", "job"),
        ("What do you do for fun?", "hobby"),
        ("What do you do on weekends?", "weekend"),
        ("Any hobbies?", "hobby"),
        ("Where do you live?", "home"),
        ("Can I ask where you live?", "home"),
        ("Where did you grow up?", "origin"),
        ("Good morning, how are you?", "today"),
        ("Do you like travelling?", "travel"),
        ("Have you got a dog? Mine is called Rex.", "pets"),
        ("What music are you into?", "music"),
        ("Do you have any brothers or sisters?", "family"),
        ("tell me about yourself", "about"),
        ("Are you still there?", "here"),
        ("What do you like to cook?", "food"),
        ("Is it okay if I ask where you live?", "home"),
    ],
)
def test_a_question_finds_its_fact(code: str, text: str, key: str) -> None:
    asked = listen(text, None, PERSONAS[code].facts)
    assert key in [fact.key for fact in asked.facts]
    assert not asked.about_learner


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "text",
    [
        "I love music and I live by the sea.",
        "I play in a band on Saturdays.",
        "Shall we get a coffee at the weekend?",
        "Would you like some breakfast?",
        "Can I cook for you?",
        "How about a walk on Sunday?",
        "It's about people, you know?",
        "What can I cook for you on Friday?",
        "How can I make it up to you?",
        "What did you make today?",
        "Are you sure?",
        "Would it be okay if I called you?",
        "I know this isn't what you hoped for.",
        "I'm sorry I forgot your birthday. I wish I had cooked for you.",
        "",
        "???",
    ],
)
def test_what_is_no_question_about_the_persona_asks_for_nothing(code: str, text: str) -> None:
    asked = listen(text, None, PERSONAS[code].facts)
    assert asked.facts == ()
    assert not asked.unknown
    assert not asked.about_learner


@pytest.mark.parametrize(
    "text", ["What's my name?", "Do you remember my dog?", "Do you know where I live?", "What do I do for work?"]
)
def test_a_question_about_the_learner_is_not_answered_with_own_facts(text: str) -> None:
    asked = listen(text, None, PERSONAS["NOA_CALM"].facts)
    assert asked.about_learner
    assert asked.facts == ()


@pytest.mark.parametrize(
    "text",
    [
        "What is your shoe size?",
        "Do you see the sea from your window?",
        "Do you believe in ghosts?",
        "Have you ever lied?",
    ],
)
def test_a_question_without_a_fact_is_unknown(text: str) -> None:
    asked = listen(text, None, PERSONAS["MAYA_PLAYFUL"].facts)
    assert asked.unknown
    assert asked.facts == ()


def test_and_you_takes_up_what_the_persona_had_asked() -> None:
    facts = PERSONAS["NOA_CALM"].facts
    asked = listen("Jazz, always. And you?", "Hello. What music do you like?", facts)
    assert [fact.key for fact in asked.facts] == ["music"]
    assert listen("Fine. And you?", None, facts).facts == ()


@pytest.mark.parametrize(
    ("line", "before", "again"),
    [
        ("Do you have a dog?", "I like dogs. Have you got a dog?", True),
        ("Well, where do you live?", "Where do you live then?", True),
        ("What was the best part of the trip?", "So what was the best part?", True),
        ("Do you have a dog?", "What did you eat?", False),
        ("I have a dog.", "Do you have a dog?", False),
        ("Do you have a dog?", "I have a dog.", False),
        ("Why?", "What?", False),
        ("Why?", "Really? Why?", True),
    ],
)
def test_the_same_question_is_known_again(line: str, before: str, again: bool) -> None:
    assert asks_again(line, PERSONAS["NOA_CALM"], before, frozenset()) is again


def test_lines_are_cut_at_sentences() -> None:
    line = "It rained. The roof held. Did yours?"
    assert without_question(line) == "It rained. The roof held."
    assert in_brief(line) == "It rained."
    assert without_question("Really? Why?") is None
    assert in_brief("Really? I see.") == "I see."
