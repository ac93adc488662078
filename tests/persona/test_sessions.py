"""Whole sessions of free play with each persona: nothing twice, its own life the same, memory used rightly."""

import re

import pytest

from realtime.persona.listening import listen
from realtime.persona.scenes import made_of
from storage.catalogue.model import Persona
from tests.persona.free_talk import FreeTalk
from tests.persona.talk import CODES, PERSONAS, said_in

THIRTY = [
    "Hi, I'm Tal. I nearly didn't come, it's raining so hard.", "How has your day been?",
    "Mine was long. I'm a nurse.",
    "It's a children's ward, so there's a lot of singing.", "What do you do for work?", "How did you get into that?",
    "That sounds lovely.", "I used to play the piano as a child.", "Badly, I should say.", "Do you play anything?",
    "Ha, fair enough.", "My sister Dana came to visit on Sunday.", "She brought me a plant that I'm already killing.",
    "Do you have any brothers or sisters?", "What do you like to eat?", "I make one soup and I make it well.",
    "Where did you grow up?", "I grew up by the sea.", "I miss the sound of it.", "ok", "What are you afraid of?",
    "I get that. For me it's the phone ringing at night.", "Sorry, that got heavy.", "What do you do for fun?",
    "I've been trying to learn to knit.", "It looks like a very sad scarf.", "Any plans for the weekend?",
    "I might just sleep.", "I liked talking to you.", "I should go, it's late. Good night!",
]  # fmt: skip

# What is asked, as people put it, and the fact of the persona's that answers.
TWENTY = {
    "so what's your name?": "name",
    "How old are you, if I may ask?": "age",
    "What do you do for a living?": "job",
    "where do you live": "home",
    "Where are you from originally?": "origin",
    "What did you study?": "study",
    "What do you do in your free time?": "hobby",
    "what kind of music do you like?": "music",
    "What's your favourite food?": "food",
    "Have you seen any good films lately? What films do you like?": "film",
    "What are you reading? Any book you love?": "book",
    "Do you do any sport?": "sport",
    "Where would you like to travel?": "travel",
    "Tell me about your family.": "family",
    "Do you have any pets?": "pets",
    "What do you do at the weekend?": "weekend",
    "Are you a morning person?": "morning",
    "What do you dream of?": "dream",
    "What are you afraid of?": "fear",
    "What kind of people do you like?": "people",
}

ASKS_LATER = [
    "Hello again.", "It's been a quiet week.", "The rain has stopped at last.", "I walked here.",
    "What have you been up to?",
    "That sounds good.", "I read most of the evening.", "Nothing special.", "The soup was good, too.", "I see.",
] * 3  # fmt: skip


@pytest.fixture(params=CODES)
def who(request: pytest.FixtureRequest) -> Persona:
    return PERSONAS[request.param]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thirty_turns_without_a_repeated_line(who: Persona, seed: int) -> None:
    talk = FreeTalk(who, seed)
    replies = [talk.opening.line, *(reply.line for reply in talk.say_all(THIRTY))]
    assert len(set(replies)) == 31
    own = [line for line in _all_lines(who) if len(line) > 20]
    said = [line for reply in replies for line in said_in(reply, own)]
    assert len(set(said)) == len(said)


def _all_lines(who: Persona) -> list[str]:
    pools = [*(fact.lines for fact in who.facts), *who.small_talk.values(), *who.reactions.values(), who.unknown]
    return [line for pool in pools for line in pool]


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_questions_are_answered_with_its_own_facts_and_the_same_when_asked_again(
    who: Persona, seed: int
) -> None:
    talk = FreeTalk(who, seed)
    facts = {fact.key: fact.lines for fact in who.facts}
    answers: dict[str, str] = {}
    for _ in range(2):
        for question, key in TWENTY.items():
            line = talk.say(question).line
            told = said_in(line, facts[key]) or [one for one in facts[key] if one.split(". ")[0] in line]
            assert told, (question, line)
            assert answers.get(question) != line, "in other words the second time"
            answers[question] = line


@pytest.mark.parametrize("seed", range(1, 6))
def test_what_was_told_in_one_session_is_used_once_in_the_next(who: Persona, seed: int) -> None:
    """The dog's name, learnt by the real extractor, comes back in one reply of thirty, as the learner's dog, and the
    persona learns nothing from its own recall."""
    first = FreeTalk(who, seed)
    first.say_all(["Hi there.", "I have a dog called Biscuit.", "He sleeps all day."])
    assert [item.value for item in first.memory["pets.dog"].items] == ["Biscuit"]

    second = FreeTalk(who, 100 + seed, first.memory)
    replies = [second.opening, *second.say_all(ASKS_LATER)]
    with_it = [reply for reply in replies if "Biscuit" in reply.line]
    assert len(with_it) == 1
    assert with_it[0].recalled == ("Biscuit",)
    patterns = [re.escape(line).replace(re.escape("{value}"), "Biscuit") for line in who.recalls["pets"]]
    assert any(re.search(pattern, with_it[0].line) for pattern in patterns)
    assert [item.value for item in second.memory["pets.dog"].items] == ["Biscuit"]


def test_a_relative_without_a_name_is_the_learners(who: Persona) -> None:
    """Bug: "How is a sister?"."""
    first = FreeTalk(who, 1)
    first.say("I have a sister and two brothers.")
    known = {key: entry for key, entry in first.memory.items() if key.startswith("people.")}
    assert known
    said = [reply.line for seed in range(6) for reply in FreeTalk(who, seed, known).say_all(ASKS_LATER[:12])]
    assert any("your sister" in line for line in said)
    assert not any(re.search(r"\b(?:a sister|(?<!your )two brothers)\b", line) for line in said)


@pytest.mark.parametrize("mood_lines", [[], ["Whatever.", "You're boring.", "Shut up.", "Boring."]])
@pytest.mark.parametrize(
    "question",
    ["Are you a robot?", "am i talking to a real person", "Wait, are you real?", "are you an ai or a human?"],
)
def test_asked_whether_it_is_a_person_it_says_that_it_is_none(
    who: Persona, question: str, mood_lines: list[str]
) -> None:
    talk = FreeTalk(who, 3)
    talk.say_all(mood_lines)
    assert talk.say(question).line in made_of(who.name)


def test_a_goodbye_is_not_talked_away(who: Persona) -> None:
    """Bug: small talk followed the parting words."""
    for seed in range(10):
        talk = FreeTalk(who, seed)
        talk.say_all(["Hi, I'm Tal.", "I love the rain, it makes everything quiet."])
        line = talk.say("I should go to bed now, bye!").line
        assert line in who.reactions["CLOSES"]


@pytest.mark.parametrize(
    ("before", "question", "key"),
    [
        (None, "whats your name", "name"),
        (None, "I've two brothers. Do you have any?", "family"),
        (None, "I'm 29, and you?", "age"),
        (None, "Maybe we could go for a walk on Sunday?", None),
        (None, "How do you do that?", None),
        (None, "you ok?", None),
        (None, "Are you angry with me?", None),
        (None, "What I wrote about your job was unkind.", None),
        (None, "What I can do is come on Friday.", None),
        (None, "Tell me, if you want to.", None),
    ],
)
def test_questions_as_people_put_them(who: Persona, before: str | None, question: str, key: str | None) -> None:
    asked = listen(question, before, who.facts)
    assert [fact.key for fact in asked.facts] == ([key] if key else [])
    assert not asked.unknown


def test_a_follow_up_goes_on_with_the_fact_just_told(who: Persona) -> None:
    pets = next(fact for fact in who.facts if fact.key == "pets")
    for line in pets.lines:
        assert listen("How long has that been so?", line, who.facts).facts == (pets,)
