"""Free play: own facts, reactions, moods, memory, and never a line twice."""

import itertools
from typing import get_args

import msgspec
import pytest

from realtime.persona.choosing import AGAIN, sentences
from realtime.persona.comforting import care
from realtime.persona.notes import RECALL_EVERY
from realtime.persona.scenes import scenes
from realtime.persona.scripted import compose
from realtime.persona.tone import low
from storage.catalogue.model import MOODS, Fact, Intent, Mood, MoodLines, Persona
from tests.persona.talk import CODES, PERSONAS, context, lines, memory, said_in, talk

SMALL_TALK = [
    "Hi there, I'm Tal.", "The bus was late again.", "How are you?", "I like walking.", "What do you do?",
    "That sounds fun.", "I had soup.", "Do you have any pets?", "My sister called.", "Nice.",
]  # fmt: skip
EVERYTHING = memory(
    name="Tal", job="nurse", home="Leeds", likes__music="jazz", pets__dog="Rex", plans__trip="the trip to Rome"
)


@pytest.fixture(params=CODES)
def who(request: pytest.FixtureRequest) -> Persona:
    return PERSONAS[request.param]


def fact(who: Persona, key: str) -> Fact:
    return next(fact for fact in who.facts if fact.key == key)


@pytest.mark.parametrize("mood", MOODS)
def test_thirty_replies_repeat_nothing(who: Persona, mood: Mood) -> None:
    replies = lines(talk(who, SMALL_TALK * 3, mood=mood, memory=EVERYTHING))
    assert len(set(replies)) == 30
    said = [sentence for reply in replies for sentence in sentences(reply)]
    whole = [line for reply in replies for line in said_in(reply, every_line(who))]
    # A line inside another ("Right." in a longer one) is no repetition; lines of some length are.
    assert len({line for line in whole if len(line) > 25}) == len([line for line in whole if len(line) > 25])
    assert said


def every_line(who: Persona) -> list[str]:
    found = [*who.greetings, *who.unknown]
    for one in who.facts:
        found.extend(one.lines)
    for pool in (*who.small_talk.values(), *who.reactions.values()):
        found.extend(pool)
    return found


def test_a_talk_of_a_thousand_turns_repeats_no_reply_and_keeps_a_small_carry(who: Persona) -> None:
    replies = talk(who, SMALL_TALK * 100, memory=EVERYTHING)
    assert len(set(lines(replies))) == 1000
    assert max(len(reply.carry) for reply in replies) <= 2048


def test_when_all_was_said_an_old_line_is_owned_up_to(who: Persona) -> None:
    replies = lines(talk(who, ["Mm."] * 400))
    assert replies[-1].startswith((*AGAIN, "That's 400 things"))
    first = next(i for i, line in enumerate(replies) if line.startswith(AGAIN))
    assert first > 30


def test_a_question_asked_for_ever_is_answered_in_words_not_used_before(who: Persona) -> None:
    replies = lines(talk(who, ["What is your name?"] * 100, mood="TENSE"))
    assert len(set(replies)) == 100
    assert all(who.name in reply for reply in replies)


@pytest.mark.parametrize(
    ("question", "key"),
    [("What's your name?", "name"), ("What do you do for a living?", "job"), ("Have you got any pets?", "pets")],
)
def test_a_direct_question_is_answered_with_the_same_fact_in_other_words(
    who: Persona, question: str, key: str
) -> None:
    replies = lines(talk(who, [question] * 6))
    own = fact(who, key).lines
    assert all(said_in(reply, own) for reply in replies)
    assert len(set(replies)) == 6


def test_the_personas_answer_each_with_their_own_life() -> None:
    answers = [compose(context(PERSONAS[code], "Where are you from?")).line for code in CODES]
    for code, answer in zip(CODES, answers, strict=True):
        assert said_in(answer, fact(PERSONAS[code], "origin").lines)
    assert answers[0] != answers[1]


def test_two_questions_get_two_answers(who: Persona) -> None:
    line = compose(context(who, "What's your name? And where do you live?")).line
    assert said_in(line, fact(who, "name").lines)
    assert said_in(line, fact(who, "home").lines)


def test_an_unknown_question_is_admitted(who: Persona) -> None:
    assert said_in(compose(context(who, "What is your shoe size?")).line, who.unknown)


@pytest.mark.parametrize("intent", sorted(set(get_args(Intent)) - {"ASKS_QUESTION"}))
def test_each_intent_is_reacted_to(who: Persona, intent: Intent) -> None:
    before = "And you, do you see it like that?"
    line = compose(context(who, "Exactly.", persona_line=before, learner_intents=(intent,), learner_score=80)).line
    assert said_in(line, who.reactions[intent])


@pytest.mark.parametrize("intent", ["JOKES", "STATES_STRENGTH", "GIVES_EXAMPLE"])
def test_a_weak_line_is_not_praised(who: Persona, intent: Intent) -> None:
    for seed in range(20):
        reply = compose(context(who, "So.", learner_intents=(intent,), learner_score=59, seed=seed))
        assert not said_in(reply.line, who.reactions[intent])


@pytest.mark.parametrize(
    "text", ["I'm a bit tired today, the shifts are long.", "It was a rough week.", "i feel so lonely"]
)
def test_a_low_learner_is_heard_kindly(who: Persona, text: str) -> None:
    for seed in range(20):
        line = compose(context(who, text, learner_intents=("SHARES_ABOUT_SELF",), seed=seed)).line
        kind = low(text)
        assert kind is not None
        assert said_in(line, care(kind, who.style).lines)


@pytest.mark.parametrize("text", ["I'm not tired at all.", "My dog is tired.", "I sat down.", "I went downtown."])
def test_a_learner_who_is_not_low_needs_no_comfort(who: Persona, text: str) -> None:
    line = compose(context(who, text, learner_intents=("SHARES_ABOUT_SELF",))).line
    assert low(text) is None
    assert not said_in(line, care("WORN", who.style).lines)


# Moods


def test_cold_is_short_and_asks_nothing(who: Persona) -> None:
    for reply in talk(who, SMALL_TALK * 3, mood="COLD", memory=EVERYTHING):
        assert "?" not in reply.line
        assert len(reply.line) <= 120
        assert not reply.recalled


@pytest.mark.parametrize("mood", MOODS)
def test_each_mood_is_heard(who: Persona, mood: Mood) -> None:
    for seed in range(20):
        line = compose(context(who, "Well.", mood=mood, seed=seed)).line
        others = [one for other in MOODS if other != mood for one in who.small_talk[other]]
        assert said_in(line, who.small_talk[mood])
        assert not [one for one in said_in(line, others) if len(one) > 25]


def test_tense_pushes_back_even_when_it_answers(who: Persona) -> None:
    line = compose(context(who, "What do you do for a living?", mood="TENSE")).line
    assert said_in(line, who.small_talk["TENSE"])


def test_tense_hears_an_apology(who: Persona) -> None:
    line = compose(context(who, "I'm sorry.", mood="TENSE", learner_intents=("APOLOGIZES",))).line
    assert not said_in(line, who.small_talk["TENSE"])


# Memory


@pytest.mark.parametrize("seed", range(6))
def test_a_recall_comes_at_most_once_in_four_replies_and_never_twice(who: Persona, seed: int) -> None:
    replies = talk(who, SMALL_TALK * 4, mood="WARM", memory=EVERYTHING, seed=seed)
    times = [i for i, reply in enumerate(replies) if reply.recalled]
    # The learner's name is told in this very talk: it is no news, and for another day.
    expected = [entry.items[0].value for key, entry in EVERYTHING.items() if key != "name"]
    assert len(times) == len(expected)
    assert all(later - earlier >= RECALL_EVERY for earlier, later in itertools.pairwise(times))
    recalled = [value for reply in replies for value in reply.recalled]
    assert sorted(recalled) == sorted(expected)
    assert all(value in reply.line for reply in replies for value in reply.recalled)


def test_without_memory_nothing_is_recalled(who: Persona) -> None:
    replies = talk(who, SMALL_TALK * 4, mood="WARM")
    assert not any(reply.recalled for reply in replies)
    assert not any("{" in reply.line for reply in replies)


def test_every_recall_pattern_names_the_value(who: Persona) -> None:
    for key in ("likes.other", "dislikes.food", "people.sister", "events.exam", "languages", "age", "study"):
        opening = context(who, "", kind="OPENING", memory=memory(**{key.replace(".", "__"): "Quux"}))
        reply = compose(opening)
        assert reply.recalled == ("Quux",)
        assert "Quux" in reply.line


def test_what_was_said_just_now_is_not_recalled(who: Persona) -> None:
    known = memory(likes__music="jazz")
    replies = talk(who, ["I love jazz music."] * 8, mood="WARM", memory=known)
    assert not any(reply.recalled for reply in replies)


def test_the_learners_words_are_turned_round(who: Persona) -> None:
    reply = compose(context(who, "", kind="OPENING", memory=memory(plans__trip="my trip with my mum.")))
    assert "your trip with your mum" in reply.line
    assert reply.recalled == ("my trip with my mum.", "your trip with your mum")


def test_asked_what_it_knows_the_persona_tells(who: Persona) -> None:
    for turn in range(1, 4):
        question = "Do you remember what my dog is called?"
        replies = talk(who, ["Hm."] * turn + [question], memory=EVERYTHING, mood="WARM")
        assert "Rex" in replies[-1].recalled


def test_asked_what_it_does_not_know_the_persona_says_so(who: Persona) -> None:
    reply = compose(context(who, "Do you remember my birthday?", memory=memory(likes__music="jazz")))
    assert not reply.recalled
    assert said_in(reply.line, scenes().not_told)


def test_when_only_the_same_question_is_left_it_is_cut_off(who: Persona) -> None:
    asked = "How was the rain on your roof?"
    small: MoodLines = {"NEUTRAL": ("It poured here. How was the rain on the roof?",)}
    one = msgspec.structs.replace(who, small_talk=small, reactions={})
    answer = context(one, "Loud.", learner_intents=("ANSWERS",), persona_line=asked)
    assert compose(answer).line == "It poured here."


# Not asking again


def test_what_was_just_answered_is_not_asked_again(who: Persona) -> None:
    asked = next(line for line in who.small_talk["NEUTRAL"] if line.endswith("?"))
    again = "So, once more. " + sentences(asked)[-1]
    small: MoodLines = {"NEUTRAL": (again, "It rained.")}
    two = msgspec.structs.replace(who, small_talk=small, reactions={})
    for seed in range(20):
        reply = compose(context(two, "A lot.", learner_intents=("ANSWERS",), persona_line=asked, seed=seed))
        assert reply.line == "It rained."


def test_what_is_known_of_the_learner_is_not_asked(who: Persona) -> None:
    small: MoodLines = {"NEUTRAL": ("So what do you do for work?", "It rained.")}
    two = msgspec.structs.replace(who, small_talk=small, reactions={})
    known = memory(job="nurse")
    told = [compose(context(two, "Hm.", memory=known, seed=seed)).line for seed in range(20)]
    asked = [compose(context(two, "Hm.", seed=seed)).line for seed in range(20)]
    assert not any("for work" in line for line in told)
    assert any("for work" in line for line in asked)
