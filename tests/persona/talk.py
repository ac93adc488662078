"""Talks with the scripted persona, for the tests: contexts with little to say, and a whole talk at once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from realtime.domain import MemoryEntry, MemorySource, RememberedItem
from realtime.minds import ReplyContext
from realtime.persona.scripted import Reply, compose
from storage.catalogue.loader import DATA
from storage.catalogue.model import (
    Dynamics,
    Graph,
    MissionConfig,
    Node,
    Objective,
    Persona,
    Rewards,
    StatePolicy,
    Style,
    Template,
)

CODES = tuple(sorted(path.stem.upper() for path in (DATA / "personas").glob("*.json")))


def persona(code: str) -> Persona:
    path = DATA / "personas" / f"{code.lower()}.json"
    return msgspec.json.decode(path.read_bytes(), type=Persona)


PERSONAS = {code: persona(code) for code in CODES}


def memory(**values: str) -> dict[str, MemoryEntry]:
    """``likes__music="jazz"`` is the key ``likes.music``."""
    source = MemorySource(item_id=None, start=None, end=None, quote=None)
    entries = {}
    for name, value in values.items():
        key = name.replace("__", ".")
        item = RememberedItem(value=value, confidence=0.9, source=source, written_at="2026-01-01T00:00:00Z")
        entries[key] = MemoryEntry(key=key, items=(item,), version=1)
    return entries


def context(who: Persona, learner: str = "Mm.", **more: Any) -> ReplyContext:
    return ReplyContext(
        **{"kind": "REPLY", "persona": who, "learner_line": learner, "turn_index": 1, "seed": 5, **more}
    )


def talk(who: Persona, learner: Sequence[str], **more: Any) -> list[Reply]:
    """The persona's replies to the learner's lines, each with the carry and the line of the one before."""
    replies: list[Reply] = []
    for turn, line in enumerate(learner, start=1):
        before = {"carry": replies[-1].carry, "persona_line": replies[-1].line} if replies else {"persona_line": None}
        replies.append(compose(context(who, line, **{"turn_index": turn, **before, **more})))
    return replies


def lines(replies: Sequence[Reply]) -> list[str]:
    return [reply.line for reply in replies]


def dynamics(**dials: Any) -> Dynamics:
    zero: dict[str, Any] = dict.fromkeys(
        ("emoji_density", "flirtiveness", "hostility", "dryness", "vulnerability", "randomness"), 0
    )
    return Dynamics(**{"mode": "CHAT", "location_tag": "CAFE", "pace": 50, "escalation_speed": 50, **zero, **dials})


def style(**more: Any) -> Style:
    return Style(**{"ai_style_key": "NEUTRAL", "style_intensity": "NORMAL", **more})


NODE = Node(
    id="here",
    progress=20,
    lines={
        "COLD": ("Go on.", "And?"),
        "NEUTRAL": ("The tea is hot.", "The tea is hot and the cups are old. Would you like one?"),
        "WARM": ("You are kind.", "You are kind to ask so gently."),
        "TENSE": ("Careful.", "Careful with that tone, please."),
        "FLOW": ("Oh, yes!", "Oh yes, exactly that, go on!"),
    },
    stay=("Still here.", "Still here, with the tea getting cold. What now?", "The kettle clicks."),
)
END = Node(id="end", progress=100, lines={"NEUTRAL": ("We have a deal.",)})
OBJECTIVE = Objective(kind="CUSTOM", user_title="Talk", user_description="Have a talk.")


def mission(who: Persona, learner: str = "Mm.", **more: Any) -> ReplyContext:
    """A reply inside a mission of two nodes; dials at zero unless ``dynamics`` says otherwise."""
    fixed = {"dynamics": dynamics(), "style": style(), "node": NODE, "objective": OBJECTIVE, **more}
    template = Template(
        code="T1",
        category="OPENERS",
        lane="LANE",
        order=1,
        title="A talk",
        goal_type="SOCIAL",
        difficulty="MEDIUM",
        persona=who.code,
        rewards=Rewards(xp=1, coins=1),
        mission_config_v1=MissionConfig(
            dynamics=fixed["dynamics"],
            objective=fixed["objective"],
            style=fixed["style"],
            state_policy=StatePolicy(),
        ),
        opening=("The door is open.", "You found the place."),
        graph=Graph(start="here", nodes=(NODE, END)),
    )
    return context(who, learner, **{"template": template, **fixed})


def said_in(line: str, pool: Sequence[str]) -> list[str]:
    """The lines of the pool that the reply holds whole."""
    return [one for one in pool if one in line]
