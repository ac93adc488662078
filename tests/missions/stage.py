"""A mission played whole, without sockets and database: the engine's own pure parts, put together as it does.

A turn goes through ``core.session.learner_turn`` with the shipped scorer and extractor; the persona answers from the
context that ``core.contexts`` makes; ``ends_now``, ``closing_kind`` and ``ending_of`` end it with cause RULE. What is
not here is what can't change a line or a score: delivery, storage, the clock.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec

from realtime.core import mood as moods
from realtime.core import session as core
from realtime.core.contexts import closing_kind, opening_context, reply_context, turn_context
from realtime.core.endings import Ending, ending_of
from realtime.core.graph import Walk, holds
from realtime.core.rewards import DAILY_TURN_XP
from realtime.core.session import LearnerTurn, Minds, Reply
from realtime.core.state import Spec, State
from realtime.domain import MemoryEntry
from realtime.memory import RuleExtractor
from realtime.minds import TurnContext
from realtime.opening import terms_of
from realtime.persona import scripted
from realtime.persona.scripted import compose
from realtime.scoring import RuleScorer
from storage.catalogue.loader import DATA
from storage.catalogue.model import GoalType, Intent, Mood, ObjectiveKind, Persona, Template

MINDS = Minds(RuleScorer(), RuleExtractor())
_USER = UUID(int=0x50C1A15)
_AT = "2026-01-01T09:00:00Z"


class Task(msgspec.Struct, frozen=True):
    """What a learner is shown of a mission before it begins."""

    category: str
    goal: GoalType
    kind: ObjectiveKind
    title: str
    description: str


class Player(Protocol):
    """Says the learner's next line to the persona's last one."""

    def say(self, persona_line: str) -> str: ...


class Mission(msgspec.Struct, frozen=True):
    """A template with its persona, ready to be played any number of times."""

    template: Template
    persona: Persona
    walk: Walk

    @property
    def task(self) -> Task:
        objective = self.template.mission_config_v1.objective
        return Task(
            self.template.category,
            self.template.goal_type,
            objective.kind,
            objective.user_title,
            objective.user_description,
        )


class Turn(msgspec.Struct, frozen=True):
    """One turn of the learner and the reply to it. ``before``: the node it was said at; ``node``: the one after
    it; ``edge``: the place of the edge it took among the node's, None where the talk stayed."""

    text: str
    score: int
    intents: tuple[Intent, ...]
    before: str
    node: str
    edge: int | None
    progress: int
    mood: Mood
    mood_percent: int
    strikes: int
    reply: str


class Played(msgspec.Struct, frozen=True):
    """A session from its opening to its end."""

    template: Template
    opening: str
    turns: tuple[Turn, ...]
    ending: Ending

    @property
    def mean(self) -> float:
        return sum(turn.score for turn in self.turns) / len(self.turns)

    def edges(self) -> set[tuple[str, int]]:
        return {(turn.before, turn.edge) for turn in self.turns if turn.edge is not None}

    def text(self) -> str:
        """The transcript, for reading."""
        terms = terms_of(self.template)
        lines = [
            f"{self.template.code}  {self.template.goal_type} {self.template.difficulty}"
            f"  at most {terms.max_messages} turns, success from {terms.success_threshold}",
            "",
            f"  {self.template.persona}: {self.opening}",
        ]
        for number, turn in enumerate(self.turns, start=1):
            way = f"{turn.before} -> {turn.node}" if turn.edge is not None else f"{turn.before} (stays)"
            lines += [
                "",
                f"{number}. YOU: {turn.text}",
                f"     [{turn.score}] {way}  {turn.progress}%  {turn.mood} {turn.mood_percent}"
                f"{f'  strikes {turn.strikes}' if turn.strikes else ''}  {' '.join(turn.intents)}",
                f"  {self.template.persona}: {turn.reply}",
            ]
        lines += ["", f"{self.ending.status} {self.ending.end_reason_code}  mean {self.mean:.2f}"]
        return "\n".join(lines)


def codes() -> list[str]:
    """Of every template that ships."""
    return sorted(_files())


def read_mission(code: str) -> Mission:
    """A template and its persona, straight from their files: whether the catalogue holds together is for its own
    tests. Raises ``KeyError`` for a code that no file has."""
    template = msgspec.json.decode(_files()[code].read_bytes(), type=Template)
    persona = DATA / "personas" / f"{template.persona.lower()}.json"
    return staged(template, msgspec.json.decode(persona.read_bytes(), type=Persona))


def staged(template: Template, persona: Persona) -> Mission:
    return Mission(template, persona, Walk(template.graph, template.mission_config_v1.objective.kind))


def with_objective(mission: Mission, kind: ObjectiveKind) -> Mission:
    """The same mission with another kind of objective: its graph may have edges for that."""
    config = mission.template.mission_config_v1
    objective = msgspec.structs.replace(config.objective, kind=kind)
    config = msgspec.structs.replace(config, objective=objective)
    return staged(msgspec.structs.replace(mission.template, mission_config_v1=config), mission.persona)


@cache
def _files() -> dict[str, Path]:
    return {msgspec.json.decode(path.read_bytes())["code"]: path for path in (DATA / "templates").glob("*.json")}


def play(mission: Mission, player: Player, seed: int = 1) -> Played:
    """The whole session. It always ends: a mission has a limit of turns."""
    session = Session(mission, seed)
    turns: list[Turn] = []
    while session.ending is None:
        turns.append(session.turn(player.say(session.persona_line)))
    return Played(mission.template, session.opening, tuple(turns), session.ending)


def transcript(mission: Mission, lines: Sequence[str], seed: int = 1) -> str:
    """The mission with these lines, as far as they go or it lasts. Without an end: as if the learner had left."""
    session = Session(mission, seed)
    turns = []
    for line in lines:
        if session.ending is None:
            turns.append(session.turn(line))
    ending = session.ending or ending_of("CLIENT", session.spec.terms, session.state.tally)
    return Played(mission.template, session.opening, tuple(turns), ending).text()


class Session:
    """One session in the making. ``ending`` is None as long as it goes on."""

    def __init__(self, mission: Mission, seed: int) -> None:
        self.walk = mission.walk
        self.spec = Spec(
            user_id=_USER,
            session_id=UUID(int=seed),
            model=f"template:{mission.template.code}",
            minor=False,
            persona=mission.persona,
            template=mission.template,
            terms=terms_of(mission.template),
            walk=mission.walk,
        )
        self.memory: dict[str, MemoryEntry] = {}
        first = spoken("item_r0", compose(opening_context(self.spec, self.memory)))
        self.opening = self.persona_line = first.text or ""
        self.state: State = core.begin(self.spec, {}, xp_left_today=DAILY_TURN_XP, opening=first).state
        self.session_object: dict[str, Any] = {}  # of which a reply reads the instructions, and missions have none
        self.ending: Ending | None = None

    def context(self, text: str) -> TurnContext:
        """What the scorer would be given with this line as the next one."""
        return turn_context(self.spec, self.state, text, self.state.tally.turns + 1)

    def turn(self, text: str) -> Turn:
        before = self.state.node or ""
        item = LearnerTurn(
            item_id=f"item_{self.state.tally.turns + 1}", text=text, kind="text", body_hash=b"", at=_AT
        )
        step = core.learner_turn(self.spec, self.state, item, MINDS, self.memory, frozenset())
        self.state = step.state
        for change in step.changes:
            self.memory[change.key] = change.entry
        reply = self._reply(step.ends)
        if step.ends:
            self.ending = ending_of("RULE", self.spec.terms, self.state.tally)
        node, score = self.state.node or "", self.state.recent_scores[-1]
        return Turn(
            text=text,
            score=score,
            intents=self.state.intents,
            before=before,
            node=node,
            edge=taken(self.walk, before, self.state.intents, score),
            progress=self.state.tally.progress,
            mood=self.state.mood.state,
            mood_percent=moods.percent(self.state.mood),
            strikes=self.state.tally.strikes,
            reply=reply,
        )

    def _reply(self, closes: bool) -> str:
        closing = closing_kind(self.spec.terms, self.state.tally) if closes else None
        context = reply_context(self.spec, self.state, self.memory, closing=closing)
        made = compose(context)
        self.state = core.reply_done(self.spec, self.state, spoken(f"item_r{self.state.tally.turns}", made)).state
        self.persona_line = made.line
        return made.line


def spoken(item_id: str, made: scripted.Reply) -> Reply:
    """A reply as the core is told of it."""
    return Reply(
        response_id="",
        item_id=item_id,
        text=made.line,
        status="completed",
        details={"type": "completed"},
        carry=made.carry,
        recalled=made.recalled,
    )


def taken(walk: Walk, node: str, intents: tuple[Intent, ...], score: int) -> int | None:
    """The place, among all edges of the node, of the one that such a turn takes: the first that holds."""
    edge = next((edge for edge in walk.edges(node) if holds(edge.when, intents, score)), None)
    return None if edge is None else [other is edge for other in walk.node(node).edges].index(True)
