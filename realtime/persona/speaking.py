"""What every reply is made of: parts that a mission and free play share."""

from collections.abc import Sequence
from functools import cached_property

from realtime.minds import ReplyContext
from realtime.persona import crisis, dials, scenes
from realtime.persona.choosing import Chooser, Pool, Shape, as_is, in_brief, without_question
from realtime.persona.comforting import Care, care
from realtime.persona.listening import asks_again, closest
from realtime.persona.manners import (
    LIGHT,
    NEXT_MOODS,
    ONLY_ASKED,
    OPENNESS,
    PRAISING,
    REACTS_FIRST,
    TELLING,
    WEAK_BELOW,
    taken,
)
from realtime.persona.notes import TENDER, Notes
from realtime.persona.noticing import noticed
from realtime.persona.recalling import hear, names, recall
from realtime.persona.tone import discloses, is_small_sorry, low, praises
from storage.catalogue.model import Fact, Intent


class Speaker:
    """Composes one reply, part by part. ``recalled``: what of the learner's it has said back. ``low``: how the
    learner is low, if they are; the talk stays gentle for a while after that (``tender``)."""

    def parts(self) -> list[str]:
        raise NotImplementedError

    def __init__(self, context: ReplyContext) -> None:
        self.context = context
        self.persona = context.persona
        self.notes = Notes.decode(context.carry)
        self.chooser = Chooser(context.seed, context.kind, context.turn_index, self.notes, context.persona_line)
        self.mood = dials.heard_mood(context)
        self.intents = taken(context)
        self.low = low(context.learner_line)
        self.recalled: list[str] = []
        self.known = frozenset(context.memory)
        answered = {"SHARES_ABOUT_SELF", "ANSWERS"} & self.intents
        self.answered_line = context.persona_line if answered else None
        self._begin()

    def _begin(self) -> None:
        self.notes.begin_reply()
        hear(self.context, self.notes)
        self.tender = self.notes.tender > 0
        if self.low and self.low != "NERVOUS":
            self.notes.tender = TENDER
        if self.tender and self.mood == "FLOW":
            self.mood = "WARM"

    def in_crisis(self) -> str:
        """Not a part of the play, and said again in full if it must be."""
        self.notes.tender = TENDER
        fresh = self.chooser.choose([Pool("crisis", crisis.LINES)])
        return fresh or crisis.LINES[self.chooser.number("crisis") % len(crisis.LINES)]

    def _made_of(self) -> list[str]:
        """The plain truth, whatever the mood: nobody shall take the persona for a person."""
        return [self._say([Pool("made of", scenes.made_of(self.persona.name))])]

    def _recall(self, asked: bool = False) -> list[str]:
        """Unasked: one reply in four at most. Asked what it knows, the persona answers at once."""
        if not (asked or self.notes.may_recall):
            return []
        found = recall(self.context, self.notes, self.chooser, asked)
        if found is None:
            return []
        self.recalled.append(found.value)
        if found.spoken != found.value:
            self.recalled.append(found.spoken)
        return [found.line]

    def _small_talk(self) -> str:
        """Of the mood, then of the next ones, then of its own life; when all that is told, told again."""
        moods = NEXT_MOODS[self.mood]
        pools = [Pool(f"small talk:{mood}", self.persona.small_talk.get(mood, ())) for mood in moods]
        brief = in_brief if self.mood in ("COLD", "TENSE") else as_is
        said = self._fresh(pools) or self._fresh(self._own_life(), brief)
        if said is not None:
            return said
        told = [pool.lines for pool in pools if pool.lines] or [self.persona.small_talk.get("NEUTRAL", ())]
        return self.chooser.vary(Pool("told", sum(told, ()) or self.persona.greetings), brief)

    def _say(self, pools: list[Pool], shape: Shape = as_is) -> str:
        """A fresh line, or the first pool's once more."""
        return self._fresh(pools, shape) or self.chooser.vary(next(pool for pool in pools if pool.lines), shape)

    def _fresh(self, pools: list[Pool], shape: Shape = as_is, cut: bool = True) -> str | None:
        """A fresh line that doesn't ask what was just answered: another one, or with ``cut`` the same without
        its question; only then one that does."""

        def shortened(line: str) -> str | None:
            spoken = shape(line)
            return None if spoken is None else without_question(spoken)

        def accepted(line: str) -> bool:
            beside_the_point = self.low and praises(line)
            return not beside_the_point and not asks_again(line, self.persona, self.answered_line, self.known)

        def narrowed(lines: list[str]) -> list[str]:
            return dials.narrowed(lines, self.context.dynamics, self.mood)

        return (
            self.chooser.choose(pools, shape, accepted, narrowed)
            or (self.chooser.choose(pools, shortened, accepted, narrowed) if cut else None)
            or self.chooser.choose(pools, shape, narrow=narrowed)
        )

    def _fact(self, fact: Fact, shape: Shape) -> str:
        """Of its lines first those that speak of what was asked by name."""
        near = closest(self.context.learner_line, fact.lines)
        return self._say([Pool(f"fact:{fact.key}:near", near), Pool(f"fact:{fact.key}", fact.lines)], shape)

    def _own_life(self) -> list[Pool]:
        """Facts worth telling unasked, in an order by the seed; one line of each is kept for when it is asked."""
        pools = [
            Pool(f"fact:{fact.key}", fact.lines)
            for fact in self.persona.facts
            if fact.key not in ONLY_ASKED and sum(map(self.chooser.fresh, fact.lines)) > 1
        ]
        return sorted(pools, key=lambda pool: self.chooser.number(f"own life:{pool.name}"))

    def _reactions(self, among: frozenset[Intent] | None) -> list[Pool]:
        """Of the intents ``among``, or of all; and then with what the learner told, where it is free play."""
        gentle = self.mood not in ("COLD", "TENSE") and (among is None or among is OPENNESS)
        if self.low == "WORN" and "APOLOGIZES" in self.intents:
            gentle = False  # a bad day is why; the sorry is what was said
        first = [care(self.low, dials.style_of(self.context))] if self.low and gentle else []
        if "APOLOGIZES" in self.intents and gentle and is_small_sorry(self.context.learner_line):
            first.append(care("SMALL_SORRY", dials.style_of(self.context)))
        taken_up = self._noticed if among is None and self.context.template is None else []
        told = [*TELLING, *LIGHT] if discloses(self.context.learner_line) else [*LIGHT, *TELLING]
        return [*first, *self._pools_of(REACTS_FIRST, among), *taken_up, *self._pools_of(told, among)]

    def _pools_of(self, intents: Sequence[Intent], among: frozenset[Intent] | None) -> list[Pool]:
        score = self.context.learner_score
        weak = score is not None and score < WEAK_BELOW
        return [
            Pool(f"reaction:{intent}", self.persona.reactions[intent])
            for intent in intents
            if intent in self.intents
            and (among is None or intent in among)
            and not (weak and intent in PRAISING)
            and self.persona.reactions.get(intent)
        ]

    @cached_property
    def _noticed(self) -> list[Pool]:
        """What the learner told of themselves, taken up; none of it while they are low."""
        if self.low:
            return []
        return noticed(self.context.learner_line, dials.style_of(self.context), names(self.context))

    def _cared_for(self, kind: Care) -> list[str]:
        """Kindly, whatever the mood."""
        shape = in_brief if self.mood in ("COLD", "TENSE") else as_is
        return [self._say([care(kind, dials.style_of(self.context))], shape)]

    def _reaction(self, among: frozenset[Intent] | None, shape: Shape = as_is) -> list[str]:
        said = self._fresh(self._reactions(among), shape)
        return [said] if said else []
