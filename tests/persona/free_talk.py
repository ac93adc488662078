"""Free play through the engine's own pure parts, the minds among them, without sockets or database."""

from collections.abc import Sequence
from uuid import UUID

from realtime.core import session as core
from realtime.core.contexts import opening_context, reply_context
from realtime.core.rewards import DAILY_TURN_XP
from realtime.core.session import LearnerTurn
from realtime.core.state import Spec
from realtime.domain import MemoryEntry
from realtime.opening import terms_of
from realtime.persona.scripted import Reply, compose
from storage.catalogue.model import Persona
from tests.missions.stage import MINDS, spoken

_USER = UUID(int=7)


class FreeTalk:
    """One session of free play. ``memory`` is what the persona knows when it begins, and then what it has learnt."""

    def __init__(self, who: Persona, seed: int, memory: dict[str, MemoryEntry] | None = None) -> None:
        self.spec = Spec(
            user_id=_USER,
            session_id=UUID(int=seed),
            model=f"persona:{who.code}",
            minor=False,
            persona=who,
            template=None,
            terms=terms_of(None),
            walk=None,
        )
        self.memory = dict(memory or {})
        self.opening = compose(opening_context(self.spec, self.memory))
        self.state = core.begin(
            self.spec, {}, xp_left_today=DAILY_TURN_XP, opening=spoken("item_0", self.opening)
        ).state

    def say(self, text: str) -> Reply:
        """The persona's reply to the learner's next line."""
        number = self.state.tally.turns + 1
        turn = LearnerTurn(item_id=f"item_{number}", text=text, kind="text", body_hash=b"", at="2026-03-10T09:00:00Z")
        step = core.learner_turn(self.spec, self.state, turn, MINDS, self.memory, frozenset())
        for change in step.changes:
            self.memory[change.key] = change.entry
        reply = compose(reply_context(self.spec, step.state, self.memory))
        self.state = core.reply_done(self.spec, step.state, spoken(f"item_r{number}", reply)).state
        return reply

    def say_all(self, lines: Sequence[str]) -> list[Reply]:
        return [self.say(line) for line in lines]
