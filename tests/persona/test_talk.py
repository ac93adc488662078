"""What talks that were read aloud had wrong, one test each: a deaf reply, a tone that flips, a recall too soon."""

import pytest

from realtime.persona.choosing import Chooser
from realtime.persona.comforting import care
from realtime.persona.listening import listen
from realtime.persona.notes import Notes
from realtime.persona.noticing import noticed, topics
from realtime.persona.recalling import hear, recall
from realtime.persona.scripted import compose
from realtime.persona.tone import closes, discloses, flatters, is_grave, is_small_sorry, low, stings
from storage.catalogue.model import Persona
from tests.persona.free_talk import FreeTalk
from tests.persona.talk import CODES, PERSONAS, context, memory, said_in

NOA = PERSONAS["NOA_CALM"]
SEEDS = range(12)


@pytest.fixture(params=CODES)
def who(request: pytest.FixtureRequest) -> Persona:
    return PERSONAS[request.param]


@pytest.mark.parametrize(
    "text",
    [
        "I guess I miss him sometimes.", "my dad died in march", "She passed away last year.", "I lost my job",
        "my mum is in hospital", "I miss my family a lot", "he left me", "I was made redundant on Friday",
        "My sister has cancer.",
        "my dad used to hit me",
    ],
)  # fmt: skip
def test_a_loss_is_noticed_in_whatever_mood(who: Persona, text: str) -> None:
    for mood in ("NEUTRAL", "FLOW", "COLD", "TENSE"):
        line = compose(context(who, text, mood=mood)).line
        assert any(line in one for one in care("GRAVE", who.style).lines), (mood, line)


@pytest.mark.parametrize(
    "text",
    [
        "My phone died.", "I nearly died laughing.", "I miss the sound of the sea.", "I missed my bus.",
        "I lost my keys.",
        "I work in a hospital.", "I raised money for cancer research.", "Then it hit me that he was right.",
        "She beat me at chess.", "Did I miss anything?", "She hit the ball.",
    ],
)  # fmt: skip
def test_a_small_mishap_is_no_loss(text: str) -> None:
    assert not is_grave(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("not great to be honest", "WORN"),
        ("I'm so tired.", "WORN"),
        ("i'm not so good today", "WORN"),
        ("It is difficult to make friends here.", "LONELY"),
        ("I don't really know anyone.", "LONELY"),
        ("I'm a bit nervous about it.", "NERVOUS"),
        ("I'm not nervous at all.", None),
        ("The film was not great.", None),
        ("Great, thanks.", None),
    ],
)
def test_how_a_learner_is_low(text: str, kind: str | None) -> None:
    assert low(text) == kind


def test_after_comfort_nothing_is_jubilant(who: Persona) -> None:
    first = compose(context(who, "My dog died yesterday.", mood="FLOW"))
    for seed in SEEDS:
        after = context(who, "Hm.", mood="FLOW", carry=first.carry, persona_line=first.line, turn_index=2, seed=seed)
        assert not said_in(compose(after).line, who.small_talk["FLOW"])


def test_delight_comes_back_in_time(who: Persona) -> None:
    carry = compose(context(who, "My dog died yesterday.", mood="FLOW")).carry
    said = []
    for turn in range(2, 14):
        reply = compose(context(who, "Hm.", mood="FLOW", carry=carry, turn_index=turn))
        carry = reply.carry
        said.append(reply.line)
    assert any(said_in(line, who.small_talk["FLOW"]) for line in said)


@pytest.mark.parametrize("text", ["That's a silly thing to say.", "lame", "you sound like a leaflet", "who cares"])
def test_a_sting_is_not_answered_with_small_talk_or_a_recall(who: Persona, text: str) -> None:
    for seed in SEEDS:
        reply = compose(context(who, text, memory=memory(pets__dog="Rex"), seed=seed, learner_score=40))
        assert said_in(reply.line, who.small_talk["TENSE"])
        assert not reply.recalled


@pytest.mark.parametrize("text", ["I felt so stupid.", "My boots are a silly colour.", "I was boring as a child."])
def test_hard_words_about_oneself_do_not_sting(text: str) -> None:
    assert not stings(text)


def test_what_was_told_in_this_session_is_for_another_one(who: Persona) -> None:
    talk = FreeTalk(who, 4)
    replies = talk.say_all(["Hi, I'm Tal.", "I have a cat called Olive.", *["It rained a bit."] * 20])
    assert not any(reply.recalled for reply in replies)


def test_asked_it_tells_even_what_was_told_in_this_session() -> None:
    talk = FreeTalk(NOA, 4)
    talk.say("I have a cat called Olive.")
    assert "Olive" in talk.say("Do you remember what my cat is called?").line


@pytest.mark.parametrize("text", ["Do you remember my husband's name?", "What is my sister's name?"])
def test_anothers_name_is_not_the_learners(text: str) -> None:
    assert "Ruth" not in compose(context(NOA, text, memory=memory(name="Ruth"))).line


@pytest.mark.parametrize(
    ("value", "spoken"),
    [
        ("going to plant sweet peas on Saturday", "planting sweet peas"),
        ("going to plant sweet peas (2026-03-14)", "planting sweet peas"),
        ("move to Berlin next year", "moving to Berlin"),
        ("quit smoking", "quitting smoking"),
        ("going to therapy", "going to therapy"),
        ("a job interview tomorrow", "a job interview"),
        ("visit to my aunt", "visit to your aunt"),
    ],
)
def test_a_plan_is_said_back_as_a_thing_to_ask_about(value: str, spoken: str) -> None:
    reply = compose(context(NOA, "", kind="OPENING", memory=memory(plans__x=value)))
    assert reply.recalled[-1] == spoken
    assert spoken in reply.line


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("I have a cat called Olive.", "pets"),
        ("My sister came to visit.", "family"),
        ("I got told off at work.", "trouble"),
        ("I passed my exam!", "good_news"),
        ("Olive has brought in a mouse.", "pets"),
        ("Your dog sounds lovely.", None),
        ("Do you have a dog?", None),
        ("The dog next door barks.", None),
    ],
)
def test_what_the_learner_tells_is_taken_up(text: str, topic: str | None) -> None:
    pools = noticed(text, "WARM", {"olive": "pets.cat"})
    assert [pool.name for pool in pools][:1] == ([f"topic:{topic}"] if topic else [])


def test_every_topic_has_lines_in_each_manner_and_none_twice() -> None:
    lines = [line for topic in topics() for pool in topic.lines.values() for line in pool]
    assert len(set(lines)) == len(lines)
    assert all(set(topic.lines) == {"GENTLE", "CHEERFUL", "BRIEF"} for topic in topics())


def test_two_questions_in_one_sentence_are_both_answered() -> None:
    asked = listen("How was your day, and how is your dog?", None, NOA.facts)
    assert [fact.key for fact in asked.facts] == ["today", "pets"]


@pytest.mark.parametrize(
    "text",
    [
        "He did it again, and guess who had to feed it?", "How do you say, it is difficult.",
        "What are the mornings like here?",
        "Who are you here with?",
    ],
)  # fmt: skip
def test_what_is_no_question_about_the_persona(who: Persona, text: str) -> None:
    asked = listen(text, None, who.facts)
    assert asked.facts == ()
    assert not asked.unknown
    assert not asked.about_learner


@pytest.mark.parametrize("text", ["u?", "wbu?", "And you?"])
def test_a_question_turned_back_is_answered(who: Persona, text: str) -> None:
    for seed in SEEDS:
        assert not said_in(compose(context(who, text, seed=seed)).line, who.unknown)


def test_asked_to_talk_about_something_else_it_does(who: Persona) -> None:
    text = "I don't want to talk about it. Talk to me about something else."
    facts = [line for fact in who.facts for line in fact.lines]
    for seed in SEEDS:
        line = compose(context(who, text, learner_intents=("SETS_LIMIT",), seed=seed)).line
        assert said_in(line, facts)


def test_fine_thanks_is_an_answer(who: Persona) -> None:
    line = compose(context(who, "Good, thanks!", learner_intents=("ANSWERS", "THANKS"), persona_line="And you?")).line
    assert not said_in(line, who.reactions["THANKS"])


@pytest.mark.parametrize("text", ["ok", "yeah"])
def test_ok_agrees_with_nothing(who: Persona, text: str) -> None:
    line = compose(context(who, text, learner_intents=("AGREES",), persona_line="What did you eat?")).line
    assert not said_in(line, who.reactions["AGREES"])


@pytest.mark.parametrize(
    "text", ["ok. I'll try that. night", "I wish you good evening.", "talk soon!", "I should go, it's late."]
)
def test_a_goodbye_however_it_is_put(who: Persona, text: str) -> None:
    assert closes(text)
    assert compose(context(who, text, turn_index=6)).line in who.reactions["CLOSES"]


def test_a_proposal_is_not_followed_by_a_story(who: Persona) -> None:
    for seed in SEEDS:
        text = "Would you like to go for a coffee some time?"
        line = compose(context(who, text, learner_intents=("PROPOSES",), mood="FLOW", seed=seed)).line
        assert line in who.reactions["PROPOSES"]


def test_a_sorry_for_nothing_is_waved_away(who: Persona) -> None:
    text = "sorry, that's a weird question"
    assert is_small_sorry(text)
    line = compose(context(who, text, learner_intents=("APOLOGIZES",))).line
    assert line in care("SMALL_SORRY", who.style).lines


def test_a_sorry_with_its_reason_is_accepted(who: Persona) -> None:
    text = "ok sorry, bad day, i shouldn't take it out on you"
    assert compose(context(who, text, learner_intents=("APOLOGIZES",))).line in who.reactions["APOLOGIZES"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Well, you have better manners than my sister.", True),
        ("You're easy to talk to.", True),
        ("You're not very nice.", False),
        ("I have better manners than you.", False),
    ],
)
def test_a_kind_word_is_heard(text: str, kind: bool) -> None:
    assert flatters(text) is kind


def test_a_word_or_two_is_no_confidence() -> None:
    assert not discloses("Oh, sorry! I nearly leaned on it. Is it waiting for the bus too?")
    assert discloses("I read the adverts backwards, my gran taught me.")


def test_of_a_facts_lines_the_one_that_was_asked_for() -> None:
    for seed in SEEDS:
        assert "garden" in compose(context(NOA, "Do you have a garden?", seed=seed)).line


def test_a_recall_is_noted_as_heard() -> None:
    """``hear`` and ``recall`` mean the same thing by a value."""
    notes = Notes()
    told = context(NOA, "I love marmalade.", memory=memory(likes__food="marmalade"))
    hear(told, notes)
    later = context(NOA, "Hm.", memory=memory(likes__food="marmalade"))
    assert recall(later, notes, Chooser(1, "REPLY", 2, notes, None)) is None
