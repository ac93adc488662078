"""In a mission: openings, nodes, staying, own facts, closings, the dials, and the stream itself."""

import asyncio
import base64
import itertools
import json
import zlib
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, get_args

import msgspec
import pytest

from realtime.minds import ClosingKind, ReplyContext, ReplyDelta, ReplyEnd
from realtime.persona import ScriptedPersona
from realtime.persona.dials import EMOJI, LEAD_INS, heard_mood
from realtime.persona.notes import USED_BITS, Notes
from realtime.persona.scenes import nudges
from realtime.persona.scripted import compose
from storage.catalogue.loader import DATA
from storage.catalogue.model import Intent, Mood, Node, Persona, Template
from tests.persona.talk import CODES, END, NODE, PERSONAS, context, dynamics, mission, said_in, style

MAYA, NOA = PERSONAS["MAYA_PLAYFUL"], PERSONAS["NOA_CALM"]
ALL_EMOJI = {emoji for choice in EMOJI.values() for emoji in choice}


CHATTY = dynamics(emoji_density=100)


def aimed(goal: Any, of: ReplyContext) -> ReplyContext:
    """The same reply in a mission with another goal."""
    assert of.template is not None
    return msgspec.structs.replace(of, template=msgspec.structs.replace(of.template, goal_type=goal))


def told(make: Callable[[int], ReplyContext], count: int = 60) -> list[str]:
    """The lines of ``count`` sessions that differ in their seed alone."""
    return [compose(make(seed)).line for seed in range(count)]


# Openings, nodes, closings


def test_a_mission_opens_with_its_own_words() -> None:
    openings = set(told(lambda seed: mission(NOA, kind="OPENING", seed=seed, turn_index=0)))
    assert openings == {"The door is open.", "You found the place."}


def test_free_play_opens_with_a_greeting() -> None:
    assert set(told(lambda seed: context(NOA, kind="OPENING", seed=seed))) == set(NOA.greetings)


@pytest.mark.parametrize("mood", ["COLD", "NEUTRAL", "WARM", "TENSE", "FLOW"])
def test_on_arrival_the_node_speaks_in_the_mood(mood: Mood) -> None:
    for seed in range(10):
        assert compose(mission(NOA, node=NODE, arrived=True, mood=mood, seed=seed)).line in NODE.lines[mood]


def test_a_mood_the_node_has_no_words_for_falls_back_to_neutral() -> None:
    assert compose(mission(NOA, node=END, arrived=True, mood="FLOW")).line == "We have a deal."


def test_where_the_talk_stays_it_prompts_and_then_goes_on_without_repeating() -> None:
    carry, before, said = "", None, []
    for turn in range(1, 13):
        # A serious goal, where no aside fills a pause.
        reply = compose(aimed("BOUNDARY", mission(NOA, turn_index=turn, carry=carry, persona_line=before)))
        carry, before = reply.carry, reply.line
        said.append(reply.line)
    assert len(set(said)) == 12
    assert set(said[:3]) == set(NODE.stay)
    template = aimed("BOUNDARY", mission(NOA)).template
    assert template is not None
    helped = nudges("CUSTOM", template, 9)
    assert set(said[3:5]) == set(helped)
    assert set(said[5:7]) == set(NODE.lines["NEUTRAL"])


def test_a_node_without_prompts_is_helped_out_by_reactions() -> None:
    bare = Node(id="bare", progress=0, lines={"NEUTRAL": ("Well.",)})
    line = compose(mission(NOA, node=bare, learner_intents=("THANKS",))).line
    assert line in NOA.reactions["THANKS"]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_question_is_answered_before_the_node_goes_on(arrived: bool) -> None:
    job = next(fact for fact in NOA.facts if fact.key == "job").lines
    line = compose(mission(NOA, "What do you do for a living?", arrived=arrived)).line
    answer = said_in(line, job)
    assert answer
    assert line.startswith(answer[0])
    assert line.removeprefix(answer[0]).strip() in (NODE.lines["NEUTRAL"] if arrived else NODE.stay)


def test_an_unknown_question_is_admitted_only_where_the_node_does_not_answer_it() -> None:
    stays = compose(mission(NOA, "What is your shoe size?")).line
    arrives = compose(mission(NOA, "What is your shoe size?", arrived=True)).line
    assert said_in(stays, NOA.unknown)
    assert arrives in NODE.lines["NEUTRAL"]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("closing", get_args(ClosingKind))
def test_each_ending_has_its_closing(code: str, closing: ClosingKind) -> None:
    who = PERSONAS[code]
    reply = compose(mission(who, kind="CLOSING", closing=closing, mood="COLD", mood_percent=10))
    assert reply.line in who.closings[closing]


def test_a_success_that_arrives_at_the_end_parts_with_the_last_nodes_words() -> None:
    assert (
        compose(mission(NOA, kind="CLOSING", closing="SUCCESS", node=END, arrived=True)).line
        in (END.lines["NEUTRAL"])
    )
    before_the_end = mission(NOA, kind="CLOSING", closing="SUCCESS", node=NODE, arrived=True)
    assert compose(before_the_end).line in NOA.closings["SUCCESS"]
    failed = mission(NOA, kind="CLOSING", closing="FAIL", node=END, arrived=True)
    assert compose(failed).line in NOA.closings["FAIL"]


# The dials: two sessions that differ in one of them alone


def share(lines: list[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, lines)) / len(lines)


def with_dial(**dials: Any) -> list[str]:
    return told(lambda seed: mission(MAYA, seed=seed, arrived=True, dynamics=dynamics(**dials)))


def has_emoji(line: str) -> bool:
    return line.split()[-1] in ALL_EMOJI


def test_emoji_density_is_how_often_an_emoji_follows() -> None:
    assert share(with_dial(emoji_density=0), has_emoji) == 0
    assert 0.25 < share(with_dial(emoji_density=50), has_emoji) < 0.75
    assert share(with_dial(emoji_density=100), has_emoji) == 1


def test_face_to_face_nobody_speaks_emoji() -> None:
    assert share(with_dial(emoji_density=100, mode="REAL_LIFE"), has_emoji) == 0


@pytest.mark.parametrize("mood", ["TENSE", "COLD"])
def test_no_emoji_in_a_tense_or_cold_mood(mood: Mood) -> None:
    """However lively the dials hear it."""
    dials = dynamics(emoji_density=100, escalation_speed=100, flirtiveness=100)
    said = told(lambda seed: mission(MAYA, seed=seed, mood=mood, mood_percent=45, arrived=True, dynamics=dials))
    assert share(said, has_emoji) == 0


@pytest.mark.parametrize(
    ("goal", "progress", "expected"), [("RECOVERY", 20, 0), ("RECOVERY", 55, 1), ("SOCIAL", 20, 1)]
)
def test_no_emoji_while_there_is_something_to_forgive(goal: str, progress: int, expected: int) -> None:
    node = msgspec.structs.replace(NODE, progress=progress)
    said = told(lambda seed: aimed(goal, mission(MAYA, seed=seed, node=node, arrived=True, dynamics=CHATTY)))
    assert share(said, has_emoji) == expected


@pytest.mark.parametrize(("closing", "expected"), [("FAIL", 0), ("COLLAPSE", 0), ("STRIKES", 0), ("SUCCESS", 1)])
def test_a_parting_that_went_wrong_has_no_emoji(closing: ClosingKind, expected: int) -> None:
    said = told(lambda seed: mission(MAYA, kind="CLOSING", closing=closing, seed=seed, dynamics=CHATTY))
    assert share(said, has_emoji) == expected


def test_pace_is_length() -> None:
    assert set(with_dial(pace=90)) == {"The tea is hot."}
    assert set(with_dial(pace=10)) == {NODE.lines["NEUTRAL"][1]}
    assert set(with_dial(pace=50)) == set(NODE.lines["NEUTRAL"])


def test_dryness_drops_the_question() -> None:
    def stays(dryness: int) -> list[str]:
        return told(lambda seed: mission(MAYA, seed=seed, dynamics=dynamics(dryness=dryness)))

    assert share(stays(0), lambda line: line.endswith("?")) > 0.1
    assert share(stays(100), lambda line: line.endswith("?")) == 0


def test_vulnerability_answers_openness() -> None:
    told_of_self = "I was so shy as a child that I hid in the library."

    def replies(vulnerability: int) -> list[str]:
        dials = dynamics(vulnerability=vulnerability)
        return told(
            lambda seed: mission(
                MAYA, told_of_self, seed=seed, arrived=True, dynamics=dials, learner_intents=("SHARES_ABOUT_SELF",)
            )
        )

    own = [line.split("?")[0].split(". ")[0] for line in MAYA.reactions["SHARES_ABOUT_SELF"]]
    assert share(replies(0), lambda line: bool(said_in(line, own))) == 0
    assert share(replies(100), lambda line: bool(said_in(line, own))) == 1


def test_a_no_is_not_answered_as_a_confidence() -> None:
    dials = dynamics(vulnerability=100)
    intents: tuple[Intent, ...] = ("SHARES_ABOUT_SELF", "EMPATHIZES", "SETS_LIMIT")
    for seed in range(20):
        of = mission(NOA, seed=seed, arrived=True, dynamics=dials, learner_intents=intents)
        assert compose(of).line in NODE.lines["NEUTRAL"]


def digressions(goal: str, *intents: Intent) -> float:
    own = [line for fact in MAYA.facts for line in fact.lines]
    dials = dynamics(randomness=100)
    said = told(
        lambda seed: aimed(goal, mission(MAYA, seed=seed, arrived=True, dynamics=dials, learner_intents=intents))
    )
    return share(said, lambda line: bool(said_in(line, own)))


def test_nobody_digresses_from_what_matters_to_the_learner() -> None:
    assert digressions("SOCIAL", "JOKES") > 0.1
    assert digressions("SOCIAL", "APOLOGIZES") == digressions("SOCIAL", "EMPATHIZES", "THANKS") == 0
    assert digressions("RECOVERY", "JOKES") == digressions("BOUNDARY", "JOKES") == 0


def test_randomness_digresses() -> None:
    own = [line for fact in MAYA.facts for line in fact.lines]
    assert share(with_dial(randomness=0), lambda line: bool(said_in(line, own))) == 0
    assert share(with_dial(randomness=100), lambda line: bool(said_in(line, own))) > 0.1


@pytest.mark.parametrize(
    ("dials", "mood", "percent", "heard"),
    [
        ({"hostility": 90}, "NEUTRAL", 50, "TENSE"),
        ({"hostility": 80}, "NEUTRAL", 50, "NEUTRAL"),
        ({"hostility": 90}, "WARM", 50, "WARM"),
        ({"escalation_speed": 100}, "NEUTRAL", 55, "WARM"),
        ({"escalation_speed": 0}, "NEUTRAL", 79, "NEUTRAL"),
        ({"escalation_speed": 100}, "WARM", 70, "FLOW"),
        ({"escalation_speed": 10}, "FLOW", 85, "WARM"),
        ({"flirtiveness": 100}, "NEUTRAL", 58, "WARM"),
        ({"flirtiveness": 0}, "NEUTRAL", 58, "NEUTRAL"),
    ],
)
def test_dials_colour_the_mood(dials: dict[str, int], mood: Mood, percent: int, heard: Mood) -> None:
    context = mission(MAYA, dynamics=dynamics(**dials), mood=mood, mood_percent=percent)
    assert heard_mood(context) == heard


def test_style_and_its_intensity_are_heard() -> None:
    def replies(intensity: str) -> list[str]:
        how = style(ai_style_key="DIRECT", style_intensity=intensity)
        return told(lambda seed: mission(MAYA, seed=seed, arrived=True, style=how), 200)

    soft, normal, hard = (
        share(replies(intensity), lambda line: line.startswith(LEAD_INS["DIRECT"]))
        for intensity in ("SOFT", "NORMAL", "HARD")
    )
    assert soft < normal < hard < 0.6
    sharp: dict[str, Any] = {"dynamics": dynamics(hostility=75), "mood_percent": 50}
    assert heard_mood(mission(MAYA, style=style(ai_style_key="DIRECT"), **sharp)) == "NEUTRAL"
    hard_style = style(ai_style_key="DIRECT", style_intensity="HARD")
    assert heard_mood(mission(MAYA, style=hard_style, **sharp)) == "TENSE"


def test_a_small_check_is_answered_and_not_passed() -> None:
    for text in ("Are you still there?", "What did you make today?", "Are you sure?", "How can I make it up to you?"):
        for seed in range(20):
            assert not said_in(compose(mission(MAYA, text, seed=seed)).line, MAYA.unknown)


@pytest.mark.parametrize("intents", [("SHARES_ABOUT_SELF",), ()])
def test_a_tired_learner_is_not_admired(intents: tuple[Intent, ...]) -> None:
    admiring = Node(
        id="n", progress=0, lines={"NEUTRAL": ("You say that without boasting, I like it.", "I see. Go on.")}
    )
    low = mission(NOA, "I'm a bit tired today, the shifts are long.", node=admiring, arrived=True)
    keen = mission(NOA, "I trained three people.", node=admiring, arrived=True)

    def heard_by(of: ReplyContext) -> set[str]:
        return set(told(lambda seed: msgspec.structs.replace(of, seed=seed, learner_intents=intents)))

    assert heard_by(low) == {"I see. Go on."}
    assert heard_by(keen) == set(admiring.lines["NEUTRAL"])


# Determinism, carry, stream


def test_equal_contexts_give_equal_replies_and_seeds_differ() -> None:
    assert compose(context(MAYA, "Hm.", seed=3)) == compose(context(MAYA, "Hm.", seed=3))
    assert len(set(told(lambda seed: context(MAYA, "Hm.", seed=seed)))) > 10


@pytest.mark.parametrize(
    "carry",
    [
        "x",
        "[]",
        "null",
        '{"r":1}',
        '{"r":"x","u":""}',
        '{"r":1,"u":"!!"}',
        '{"r":1,"u":5}',
        '{"r":1,"u":"eJwDAAAAAAE="}',
        '{"r":1e999,"u":"eJwDAAAAAAE="}',
        "[" * 5000,
    ],
)
def test_an_unreadable_carry_is_an_empty_one(carry: str) -> None:
    assert compose(context(MAYA, "Hm.", carry=carry)) == compose(context(MAYA, "Hm."))


def test_a_carry_that_unpacks_to_more_than_a_table_is_an_empty_one() -> None:
    bomb = base64.b64encode(zlib.compress(b"\xff" * 10_000_000)).decode()
    assert Notes.decode(json.dumps({"r": 0, "u": bomb})).encode() == Notes().encode()


def test_the_fullest_carry_fits() -> None:
    noise = b"".join(zlib.crc32(bytes([i])).to_bytes(4, "big") for i in range(256))
    assert len(noise) * 8 == USED_BITS
    notes = Notes(noise)
    assert len(notes.encode()) <= 2048
    assert Notes.decode(notes.encode()).encode() == notes.encode()


def test_the_line_just_said_is_not_repeated_even_without_a_carry() -> None:
    for seed in range(30):
        first = compose(context(NOA, "Hm.", seed=seed)).line
        assert compose(context(NOA, "Hm.", seed=seed, persona_line=first)).line != first


async def heard(persona: ScriptedPersona, of: ReplyContext) -> tuple[list[str], ReplyEnd]:
    events = [event async for event in persona.stream(of)]
    last = events.pop()
    assert isinstance(last, ReplyEnd)
    return [event.text for event in events if isinstance(event, ReplyDelta)], last


@pytest.mark.parametrize("code", CODES)
async def test_the_deltas_are_the_line_word_by_word(code: str) -> None:
    for seed in range(20):
        of = context(PERSONAS[code], "How are you?", seed=seed, mood="FLOW")
        deltas, end = await heard(ScriptedPersona(), of)
        reply = compose(of)
        assert "".join(deltas) == reply.line
        assert len(deltas) == len(reply.line.split())
        assert all(deltas)
        assert (end.carry, end.recalled) == (reply.carry, reply.recalled)


async def test_a_paced_reply_takes_its_time_and_says_the_same() -> None:
    of = context(NOA, "How are you?")
    clock = asyncio.get_running_loop().time
    began = clock()
    deltas, _ = await heard(ScriptedPersona(pace_ms=5), of)
    assert clock() - began >= 0.005 * (len(deltas) - 1)
    assert "".join(deltas) == compose(of).line


def test_a_pace_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="pace_ms"):
        ScriptedPersona(pace_ms=-1)


async def test_a_stream_may_be_left_or_cancelled_at_any_delta() -> None:
    of = context(MAYA, "How are you?", mood="FLOW")
    whole = compose(of).line
    for stop in range(1, len(whole.split()) + 1):
        got = ""
        async with aclosing(ScriptedPersona().stream(of)) as stream:  # type: ignore[type-var]
            async for event in stream:
                got += event.text if isinstance(event, ReplyDelta) else ""
                stop -= 1
                if stop == 0:
                    break
        assert whole.startswith(got)
    waiting = asyncio.create_task(heard(ScriptedPersona(pace_ms=60_000), of))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# Over the shipped templates


SHIPPED = sorted((DATA / "templates").glob("*.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_mission_can_be_talked_through_without_a_repeated_reply(path: Any) -> None:
    template = msgspec.json.decode(path.read_bytes(), type=Template)
    who: Persona = msgspec.json.decode(
        (DATA / "personas" / f"{template.persona.lower()}.json").read_bytes(), type=Persona
    )
    config = template.mission_config_v1
    moods: itertools.cycle[Mood] = itertools.cycle(("NEUTRAL", "COLD", "WARM", "TENSE", "FLOW"))
    fixed = {"template": template, "dynamics": config.dynamics, "style": config.style, "seed": 11}
    reply = compose(context(who, "", kind="OPENING", turn_index=0, **fixed))
    said = [reply.line]
    for turn, node in enumerate([node for node in template.graph.nodes for _ in range(2)], start=1):
        told_now = {"node": node, "arrived": turn % 2 == 1, "mood": next(moods), "turn_index": turn}
        before = {"carry": reply.carry, "persona_line": said[-1]}
        reply = compose(context(who, "How are you?", **told_now, **before, **fixed))
        said.append(reply.line)
    assert len(set(said)) == len(said)
    assert all(line.strip() and "{" not in line for line in said)
