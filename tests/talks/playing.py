"""A whole talk, played through the engine's own pure parts: a mission or free play, without sockets and database.

``data/*.toml`` holds the learners' lines; what the persona answers is computed. A talk may follow another one: then
the persona knows what it learnt there.
"""

import tomllib
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import msgspec

from realtime.core import session as core
from realtime.core.contexts import closing_kind, opening_context, reply_context
from realtime.core.endings import Ending, ending_of
from realtime.core.gates import GateResult, evaluate
from realtime.core.graph import Walk
from realtime.core.rewards import DAILY_TURN_XP
from realtime.core.session import LearnerTurn
from realtime.core.state import Spec, State
from realtime.domain import Evidence, MemoryEntry, MoodSnapshot
from realtime.memory.rules import Change
from realtime.minds import ClosingKind
from realtime.opening import terms_of
from realtime.outcome import outcome_of
from realtime.persona.scripted import Reply, compose
from storage.catalogue.model import Persona, Template
from storage.rows import TurnRow
from tests.missions.stage import MINDS, read_mission, spoken
from tests.persona.talk import PERSONAS

DATA: Final = Path(__file__).parent / "data"
_USER: Final = UUID(int=0x7A1C)
_AT: Final = "2026-03-10T09:00:00Z"


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The learner's side of a talk. ``mission`` (a template) or ``persona`` (free play) says with whom; ``about`` who
    the learner is; ``follows`` names the talk whose memory this one begins with."""

    title: str
    learner: str
    about: str
    seed: int
    lines: tuple[str, ...]
    mission: str | None = None
    persona: str | None = None
    follows: str | None = None

    @classmethod
    def read(cls, name: str) -> Self:
        """Raises ``FileNotFoundError`` for a name that has no file."""
        return msgspec.convert(tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")), cls)


class Turn(msgspec.Struct, frozen=True):
    """One line of the learner as it is stored, what was learnt from it, and the reply."""

    row: TurnRow
    evidence: tuple[Evidence, ...]
    mood: MoodSnapshot
    changes: tuple[Change, ...]
    reply: Reply


class Talk(msgspec.Struct, frozen=True):
    """A talk from its opening to its end. ``known``: what the persona remembered when it began; ``memory``: and
    at the end. ``unsaid``: lines that were left when the mission ended by its rules."""

    script: Script
    persona: Persona
    template: Template | None
    opening: Reply
    turns: tuple[Turn, ...]
    ending: Ending
    gates: tuple[GateResult, ...]
    message: str
    known: dict[str, MemoryEntry]
    memory: dict[str, MemoryEntry]
    unsaid: tuple[str, ...]

    @property
    def mean(self) -> float:
        return sum(turn.row.score or 0 for turn in self.turns) / len(self.turns)


def names() -> list[str]:
    """Of every talk, in the order in which they are read."""
    return sorted(path.stem for path in DATA.glob("*.toml"))


def play(name: str) -> Talk:
    """The talk called ``name``; the one that it follows is played first."""
    script = Script.read(name)
    return play_script(script, {} if script.follows is None else play(script.follows).memory)


def play_script(script: Script, memory: dict[str, MemoryEntry]) -> Talk:
    stage = _Stage(script, memory)
    said = 0
    for line in script.lines:
        if stage.over:
            break
        stage.turn(line)
        said += 1
    return stage.talk(script.lines[said:])


class _Stage:
    """A talk in the making."""

    def __init__(self, script: Script, memory: dict[str, MemoryEntry]) -> None:
        mission = read_mission(script.mission) if script.mission is not None else None
        self.script = script
        self.template: Template | None = mission.template if mission is not None else None
        self.persona = mission.persona if mission is not None else PERSONAS[script.persona or ""]
        self.spec = _spec(script, self.persona, self.template, mission.walk if mission is not None else None)
        self.known = dict(memory)
        self.memory = dict(memory)
        self.opening = compose(opening_context(self.spec, self.memory))
        self.state = core.begin(
            self.spec, {}, xp_left_today=DAILY_TURN_XP, opening=spoken("item_r0", self.opening)
        ).state
        self.turns: list[Turn] = []
        self.over = False

    def turn(self, line: str) -> None:
        number = len(self.turns) + 1
        item = LearnerTurn(item_id=f"item_{number}", text=line, kind="text", body_hash=b"", at=_AT)
        step = core.learner_turn(self.spec, self.state, item, MINDS, self.memory, frozenset())
        self.memory.update({change.key: change.entry for change in step.changes})
        self.over = step.ends
        closing = closing_kind(self.spec.terms, step.state.tally) if step.ends else None
        reply = self._reply(step.state, closing)
        self.state = core.reply_done(self.spec, step.state, spoken(f"item_r{number}", reply)).state
        (row,) = step.turns
        self.turns.append(
            Turn(
                row=row,
                evidence=msgspec.json.decode(row.evidence or "[]", type=tuple[Evidence, ...]),
                mood=msgspec.json.decode(row.mood or "", type=MoodSnapshot),
                changes=step.changes,
                reply=reply,
            )
        )

    def _reply(self, state: State, closing: ClosingKind | None) -> Reply:
        return compose(reply_context(self.spec, state, self.memory, closing=closing))

    def talk(self, unsaid: tuple[str, ...]) -> Talk:
        """Ended by its rules, or else by the learner, who has said all they had to say."""
        ending = ending_of("RULE" if self.over else "CLIENT", self.spec.terms, self.state.tally)
        gates = evaluate(self.spec.terms, self.state.tally)
        rows = [msgspec.structs.asdict(turn.row) for turn in self.turns]
        outcome = outcome_of(ending, self.spec.terms, self.state.tally, gates, rows)
        return Talk(
            script=self.script,
            persona=self.persona,
            template=self.template,
            opening=self.opening,
            turns=tuple(self.turns),
            ending=ending,
            gates=gates,
            message=outcome.message,
            known=self.known,
            memory=self.memory,
            unsaid=unsaid,
        )


def _spec(script: Script, persona: Persona, template: Template | None, walk: Walk | None) -> Spec:
    return Spec(
        user_id=_USER,
        session_id=UUID(int=script.seed),
        model=f"template:{template.code}" if template is not None else f"persona:{persona.code}",
        minor=False,
        persona=persona,
        template=template,
        terms=terms_of(template),
        walk=walk,
    )
