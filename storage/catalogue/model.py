"""The catalogue's types: what a data file may say, and nothing else.

Every Struct forbids unknown fields, so a misspelt key in a data file is an error and not a silent default.
Field names in the files are camelCase, as everywhere in JSON.
"""

from typing import Annotated, Literal, dataclass_transform

import msgspec

Audience = Literal["ALL", "ADULT"]
Mood = Literal["COLD", "NEUTRAL", "WARM", "TENSE", "FLOW"]
Difficulty = Literal["EASY", "MEDIUM", "HARD", "ELITE"]
GoalType = Literal["OPENING", "FLIRTING", "RECOVERY", "BOUNDARY", "LOGISTICS", "SOCIAL"]
PersonaStyle = Literal[
    "NEUTRAL", "FLIRTY", "PLAYFUL", "CHALLENGING", "WARM", "COLD", "SHY", "DIRECT", "JUDGMENTAL", "CHAOTIC"
]
ObjectiveKind = Literal[
    "GET_NUMBER",
    "GET_INSTAGRAM",
    "GET_DATE_AGREEMENT",
    "FIX_AWKWARD_MOMENT",
    "HOLD_BOUNDARY",
    "PRACTICE_OPENING",
    "FREE_EXPLORATION",
    "CUSTOM",
]
LocationTag = Literal["BAR", "CLUB", "CAFE", "STREET", "APP_CHAT", "HOME", "OFFICE", "OTHER"]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{1,47}$")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]

MOODS: tuple[Mood, ...] = ("COLD", "NEUTRAL", "WARM", "TENSE", "FLOW")

# What a learner's line does, as far as a graph may ask. The scorer reads these from the text alone.
Intent = Literal[
    "GREETS",  # hello, hi, good morning
    "INTRODUCES_SELF",  # "I'm Tal", "my name is ..."
    "ASKS_QUESTION",  # any question to the persona
    "ANSWERS",  # takes up the persona's question with content
    "SHARES_ABOUT_SELF",  # a statement of fact, taste or feeling about oneself
    "FOLLOWS_UP",  # picks up a word of the persona's last line and asks or adds to it
    "COMPLIMENTS",
    "JOKES",
    "APOLOGIZES",
    "OWNS_IT",  # takes responsibility: "that was on me"
    "EMPATHIZES",  # names or acknowledges the other's feeling
    "REPAIRS",  # offers to put it right: "let me ...", "can I make it up to you"
    "SETS_LIMIT",  # says no, or names a limit
    "GIVES_REASON",  # "because ...", "since ..."
    "OFFERS_ALTERNATIVE",  # "instead ...", "what I can do is ..."
    "HOLDS_FIRM",  # repeats a limit without new excuse: "I understand, and it is still no"
    "GIVES_EXAMPLE",  # "for example", "last year I ...", a concrete past event
    "STATES_STRENGTH",  # "I'm good at ...", "my strength is ..."
    "PROPOSES",  # proposes a meeting, a step, a time
    "AGREES",
    "DECLINES",
    "THANKS",
    "CLOSES",  # says goodbye
]


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Category(_Data):
    code: Code
    label: str
    description: str
    audience: Audience
    order: int


class Fact(_Data):
    """One fact of a persona's own life: the words that ask for it, and several ways to say the same answer.

    ``asked_by``: lower-case stems or phrases; the fact answers a question that holds one of them as words.
    """

    key: str
    asked_by: tuple[str, ...]
    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=2)]


MoodLines = dict[Mood, tuple[Line, ...]]


class Persona(_Data):
    """``small_talk``: lines for free play when nothing better applies, by mood. ``recalls``: memory key to
    sentence patterns with ``{value}``. ``closings``: parting lines by how the talk ended."""

    code: Code
    name: str
    gender: Literal["FEMALE", "MALE", "OTHER"]
    style: PersonaStyle
    audience: Audience
    bio: str
    voice: str
    active: bool
    greetings: Annotated[tuple[Line, ...], msgspec.Meta(min_length=3)]
    facts: Annotated[tuple[Fact, ...], msgspec.Meta(min_length=6)]
    unknown: Annotated[tuple[Line, ...], msgspec.Meta(min_length=3)]
    small_talk: MoodLines
    reactions: dict[Intent, tuple[Line, ...]]
    recalls: dict[str, tuple[Line, ...]]
    closings: dict[Literal["SUCCESS", "FAIL", "COLLAPSE", "STRIKES", "DISQUALIFIED", "LEFT"], tuple[Line, ...]]


class Dynamics(_Data):
    mode: Literal["CHAT", "REAL_LIFE"]
    location_tag: LocationTag
    pace: Percent
    emoji_density: Percent
    flirtiveness: Percent
    hostility: Percent
    dryness: Percent
    vulnerability: Percent
    escalation_speed: Percent
    randomness: Percent


class Objective(_Data):
    kind: ObjectiveKind
    user_title: str
    user_description: str


class Style(_Data):
    ai_style_key: PersonaStyle
    style_intensity: Literal["SOFT", "NORMAL", "HARD"]


class StatePolicy(_Data):
    """Null means: by difficulty (``DIFFICULTY_POLICY``)."""

    max_messages: Annotated[int, msgspec.Meta(ge=3, le=100)] | None = None
    max_strikes: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    timer_seconds_per_message: Annotated[float, msgspec.Meta(gt=0, le=600)] | None = None
    success_score_threshold: Percent | None = None
    fail_score_threshold: Percent | None = None


class MissionConfig(_Data):
    """``missionConfigV1``."""

    dynamics: Dynamics
    objective: Objective
    style: Style
    state_policy: StatePolicy


class Condition(_Data):
    """Holds when the turn shows one of ``intents`` (any, if empty), its score lies in the range, and the mission's
    objective is one of ``objectives`` (any, if empty)."""

    intents: tuple[Intent, ...] = ()
    min_score: Percent = 0
    max_score: Percent = 100
    objectives: tuple[ObjectiveKind, ...] = ()


class Edge(_Data):
    to: str
    when: Condition


class Node(_Data):
    """A point of the talk: what the persona says on arriving here, by mood (NEUTRAL is required and is the
    fallback of the others), and where the learner's next line can lead. Edges are tried in order; none that
    fits: the talk stays here and the persona says one of ``stay``."""

    id: str
    progress: Percent
    lines: MoodLines
    stay: tuple[Line, ...] = ()
    edges: tuple[Edge, ...] = ()


class Graph(_Data):
    start: str
    nodes: Annotated[tuple[Node, ...], msgspec.Meta(min_length=2)]


class Rewards(_Data):
    xp: Annotated[int, msgspec.Meta(ge=0)]
    coins: Annotated[int, msgspec.Meta(ge=0)]
    gems: Annotated[int, msgspec.Meta(ge=0)] = 0


class Template(_Data, kw_only=True):
    """A practice mission as its file says it; the content from ``title`` on makes the immutable version."""

    code: Code
    kind: Literal["MISSION"] = "MISSION"
    category: Code
    visibility: Literal["PUBLIC"] = "PUBLIC"
    lane: Code
    order: int
    attraction_path: Literal["UNISEX", "FEMALE_PATH", "MALE_PATH"] = "UNISEX"
    active: bool = True
    title: str
    goal_type: GoalType
    difficulty: Difficulty
    persona: Code
    rewards: Rewards
    mission_config_v1: MissionConfig = msgspec.field(name="missionConfigV1")
    opening: tuple[Line, ...] = ()
    graph: Graph


class Policy(msgspec.Struct, frozen=True):
    max_messages: int
    max_strikes: int
    timer_seconds: float | None
    success_threshold: int
    fail_threshold: int


# statePolicy of the practice rules: user turns / success threshold / fail threshold.
DIFFICULTY_POLICY: dict[Difficulty, tuple[int, int, int]] = {
    "EASY": (6, 70, 50),
    "MEDIUM": (8, 74, 55),
    "HARD": (10, 78, 60),
    "ELITE": (12, 82, 65),
}


def policy_of(template: Template) -> Policy:
    """The template's state policy with the defaults of its difficulty filled in."""
    said = template.mission_config_v1.state_policy
    messages, success, fail = DIFFICULTY_POLICY[template.difficulty]
    return Policy(
        max_messages=messages if said.max_messages is None else said.max_messages,
        max_strikes=said.max_strikes,
        timer_seconds=said.timer_seconds_per_message,
        success_threshold=success if said.success_score_threshold is None else said.success_score_threshold,
        fail_threshold=fail if said.fail_score_threshold is None else said.fail_score_threshold,
    )


class Catalogue(msgspec.Struct, frozen=True):
    """Everything shipped, by code. Built and checked by ``loader.load``."""

    categories: dict[str, Category]
    personas: dict[str, Persona]
    templates: dict[str, Template]
