"""Two missions that differ in one thing alone: what the persona says differs, and how is named.

Each pair is two talks of the same seeds over the same learner's lines, of a template with one field of its
configuration replaced.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, get_args

import msgspec
import pytest

from realtime.persona import scenes
from realtime.persona.dials import EMOJI, LEAD_INS
from realtime.persona.scripted import compose
from storage.catalogue.loader import load
from storage.catalogue.model import (
    Difficulty,
    Intent,
    LocationTag,
    Mood,
    ObjectiveKind,
    PersonaStyle,
    Template,
)
from tests.persona.talk import context

CATALOGUE = load()
SEEDS = range(40)
# Weak lines and a few good ones: the talk moves, and it stands still.
LEARNER: tuple[tuple[str, tuple[Intent, ...], int], ...] = (
    ("Hm.", (), 40),
    ("I don't know.", (), 42),
    ("Well, I walked here in the rain without a coat.", ("SHARES_ABOUT_SELF",), 62),
    ("Sure.", (), 45),
    ("Okay.", (), 44),
    ("Right.", (), 41),
)


def mission(code: str = "SMALL_TALK_PARTY_KITCHEN") -> Template:
    return CATALOGUE.templates[code]


def dialled(template: Template, **dials: Any) -> Template:
    config = template.mission_config_v1
    return configured(template, dynamics=msgspec.structs.replace(config.dynamics, **dials))


def configured(template: Template, **parts: Any) -> Template:
    config = msgspec.structs.replace(template.mission_config_v1, **parts)
    return msgspec.structs.replace(template, mission_config_v1=config)


def styled(template: Template, **style: Any) -> Template:
    return configured(template, style=msgspec.structs.replace(template.mission_config_v1.style, **style))


def aimed(template: Template, kind: ObjectiveKind) -> Template:
    return configured(template, objective=msgspec.structs.replace(template.mission_config_v1.objective, kind=kind))


def talk(template: Template, seed: int, mood: Mood = "NEUTRAL", percent: int = 55) -> list[str]:
    """The persona's replies to ``LEARNER`` at two nodes of the mission, six turns at each."""
    config, who = template.mission_config_v1, CATALOGUE.personas[template.persona]
    fixed: dict[str, Any] = {
        "template": template, "dynamics": config.dynamics, "objective": config.objective, "style": config.style,
        "seed": seed, "mood": mood, "mood_percent": percent,
    }  # fmt: skip
    said: list[str] = []
    carry = ""
    nodes = [node for node in template.graph.nodes[:2] for _ in range(6)]
    for turn, (node, heard) in enumerate(zip(nodes, itertools.cycle(LEARNER)), start=1):
        text, intents, score = heard
        reply = compose(
            context(
                who, text, node=node, arrived=turn % 6 == 1, turn_index=turn, carry=carry,
                persona_line=said[-1] if said else None, learner_intents=intents, learner_score=score, **fixed,
            )
        )  # fmt: skip
        said.append(reply.line)
        carry = reply.carry
    return said


def talks(template: Template, **more: Any) -> list[str]:
    return [line for seed in SEEDS for line in talk(template, seed, **more)]


def share(lines: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, lines)) / len(lines)


def holds_any(of: Sequence[str]) -> Callable[[str], bool]:
    return lambda line: any(part in line for part in of)


@pytest.mark.parametrize("location", get_args(LocationTag))
def test_location_is_what_the_persona_remarks_on_in_a_pause(location: LocationTag) -> None:
    """Only the place's own words are heard, and they are."""
    said = talks(dialled(mission(), location_tag=location))
    assert share(said, holds_any(scenes.asides(location, "REAL_LIFE"))) > 0.05
    others = {
        line for other in get_args(LocationTag) if other != location for line in scenes.asides(other, "REAL_LIFE")
    }
    assert share(said, holds_any(sorted(others))) == 0


def test_mode_is_where_the_persona_speaks_from() -> None:
    """In a chat, of the writing, and with emoji; face to face of what both hear, and without."""
    chat, real = (talks(dialled(mission(), mode=mode, emoji_density=50)) for mode in ("CHAT", "REAL_LIFE"))
    place = mission().mission_config_v1.dynamics.location_tag
    emoji = [one for choice in EMOJI.values() for one in choice]
    for lines, own, other in ((chat, "CHAT", "REAL_LIFE"), (real, "REAL_LIFE", "CHAT")):
        assert share(lines, holds_any(scenes.asides(place, own))) > 0.05  # type: ignore[arg-type]
        assert share(lines, holds_any(scenes.asides(place, other))) == 0  # type: ignore[arg-type]
    assert share(chat, holds_any(emoji)) > 0.2
    assert share(real, holds_any(emoji)) == 0


def test_objective_is_where_the_persona_helps_the_talk_to() -> None:
    """For every two objectives: once the talk has stood still, each has its own help."""
    said = {kind: talks(aimed(mission(), kind)) for kind in get_args(ObjectiveKind)}
    helps = {kind: scenes.nudges(kind, mission(), 9) for kind in said}
    for kind, other in itertools.permutations(said, 2):
        assert share(said[kind], holds_any(helps[kind])) > 0.05
        assert share(said[kind], holds_any(helps[other])) == 0


def test_difficulty_is_how_soon_help_comes() -> None:
    """The replies before the first help (the first is an arrival), by difficulty; nobody helps at ELITE."""
    waits: dict[Difficulty, int | None] = {}
    for difficulty in get_args(Difficulty):
        template = msgspec.structs.replace(mission(), difficulty=difficulty)
        helps = holds_any(scenes.nudges(template.mission_config_v1.objective.kind, mission(), 9))
        first = [i for seed in SEEDS for i, line in enumerate(talk(template, seed)) if helps(line)]
        waits[difficulty] = min(first, default=None)
    assert waits == {"EASY": 3, "MEDIUM": 4, "HARD": 5, "ELITE": None}


def test_difficulty_is_how_easily_the_persona_warms() -> None:
    """At one and the same mood, EASY speaks its warm lines, ELITE its neutral ones."""
    warm = [line for node in mission().graph.nodes[:2] for line in node.lines["WARM"]]
    shares = [
        share(
            talks(msgspec.structs.replace(mission(), difficulty=difficulty), mood="WARM", percent=62), holds_any(warm)
        )
        for difficulty in ("EASY", "ELITE")
    ]
    assert shares[0] > 0.15
    assert shares[1] == 0


@pytest.mark.parametrize("style", [style for style in get_args(PersonaStyle) if LEAD_INS[style]])
def test_style_is_how_the_persona_begins(style: PersonaStyle) -> None:
    """The style's own first words; those of NEUTRAL, which has none, are never among them."""
    said = talks(styled(mission(), ai_style_key=style, style_intensity="HARD"))
    begins = share(said, lambda line: line.startswith(LEAD_INS[style]))
    plain = talks(styled(mission(), ai_style_key="NEUTRAL", style_intensity="HARD"))
    assert begins > share(plain, lambda line: line.startswith(LEAD_INS[style])) + 0.02


def test_intensity_is_how_often_it_does() -> None:
    soft, hard = (
        share(
            talks(styled(mission(), ai_style_key="CHAOTIC", style_intensity=intensity)),
            lambda line: line.startswith(LEAD_INS["CHAOTIC"]),
        )
        for intensity in ("SOFT", "HARD")
    )
    assert hard > 2 * soft


def _questions(lines: Sequence[str]) -> float:
    return share(lines, lambda line: line.rstrip().endswith("?"))


def _mean_length(lines: Sequence[str]) -> float:
    return sum(map(len, lines)) / len(lines)


def _of_mood(mood: Mood) -> Callable[[Sequence[str]], float]:
    own = [line for node in mission().graph.nodes[:2] for line in node.lines.get(mood, ())]
    return lambda lines: share(lines, holds_any(own))


def _own_life(lines: Sequence[str]) -> float:
    facts = [line for fact in CATALOGUE.personas[mission().persona].facts for line in fact.lines]
    return share(lines, holds_any([line.split("?")[0] for line in facts if len(line) > 20]))


def _openness(lines: Sequence[str]) -> float:
    own = CATALOGUE.personas[mission().persona].reactions["SHARES_ABOUT_SELF"]
    return share(lines, holds_any([line.split("?")[0].split(". ")[0] for line in own]))


@pytest.mark.parametrize(
    ("dial", "low", "high", "measure", "grows", "mood"),
    [
        ("pace", 10, 90, _mean_length, False, {}),  # a hurried persona is brief
        ("emoji_density", 0, 80, lambda lines: share(lines, lambda line: not line[-1].isascii()), True, {}),
        ("flirtiveness", 0, 100, _of_mood("WARM"), True, {"percent": 59}),  # warms sooner
        ("hostility", 0, 100, _of_mood("TENSE"), True, {"percent": 45}),
        ("dryness", 0, 100, _questions, False, {}),
        ("vulnerability", 0, 100, _openness, True, {}),
        ("escalation_speed", 0, 100, _of_mood("WARM"), True, {"percent": 58}),
        ("randomness", 0, 100, _own_life, True, {}),
    ],
)
def test_each_dial_changes_what_is_said(
    dial: str, low: int, high: int, measure: Callable[[Sequence[str]], float], grows: bool, mood: dict[str, Any]
) -> None:
    little, much = (
        measure(talks(dialled(mission(), **{"mode": "CHAT", "dryness": 0, dial: value}), **mood))
        for value in (low, high)
    )
    less, more = (little, much) if grows else (much, little)
    assert more > less * 1.05 + 0.01


def test_every_scene_and_objective_has_its_words() -> None:
    read = scenes.scenes()
    assert set(read.places) == set(get_args(LocationTag))
    assert all(
        set(place) == {"CHAT", "REAL_LIFE"} and min(map(len, place.values())) >= 4 for place in read.places.values()
    )
    assert set(read.nudges) == set(get_args(ObjectiveKind)) - {"CUSTOM"}


def test_no_scene_says_what_a_persona_or_a_mission_says() -> None:
    own = [line for place in scenes.scenes().places.values() for lines in place.values() for line in lines]
    own += [
        line for lines in (*scenes.scenes().nudges.values(), *scenes.scenes().goal_nudges.values()) for line in lines
    ]
    assert len(set(own)) == len(own)
    others = {line for template in CATALOGUE.templates.values() for line in _lines(msgspec.to_builtins(template))}
    others |= {line for persona in CATALOGUE.personas.values() for line in _lines(msgspec.to_builtins(persona))}
    assert not others & set(own)


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [line for one in inner for line in _lines(one)]
