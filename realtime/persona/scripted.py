"""The scripted persona: offline, and deterministic for its context and its carry.

In a mission it says the node's lines, answers questions with its own facts first, and falls back to the
node's ``stay`` and its own reactions. In free play it answers, reacts, talks small by mood, and now and then
recalls something. What the dials of a mission do to this is told in ``dials``. ``instructions`` have no
effect: a script can't follow them.

No line comes twice in a session. When a pool is exhausted the next one is taken; when all are, an old line
is said again and owned up to (``choosing.AGAIN``). A fact asked again is the same fact in other words.
"""

import asyncio
import re
from collections.abc import AsyncIterator

import msgspec

from realtime.minds import ReplyContext, ReplyDelta, ReplyEnd
from realtime.persona import crisis, dials, scenes
from realtime.persona.choosing import Pool, Shape, as_is, in_brief, without_question
from realtime.persona.free_play import FreePlay
from realtime.persona.listening import listen
from realtime.persona.manners import OPENNESS, REFUSALS
from realtime.persona.speaking import Speaker
from realtime.persona.tone import discloses
from storage.catalogue.model import Mood, Node

_WORDS = re.compile(r"\s*\S+\s*|\s+")


class Reply(msgspec.Struct, frozen=True):
    line: str
    carry: str
    recalled: tuple[str, ...] = ()


class ScriptedPersona:
    """``realtime.minds.PersonaProvider`` without I/O. ``pace_ms``: the pause before each delta but the first,
    so that a reply appears as if typed; 0 for none. An opening is not paced: it is stored before anybody sees it."""

    def __init__(self, *, pace_ms: int = 0) -> None:
        if pace_ms < 0:
            raise ValueError("pace_ms must not be negative")
        self._pause = pace_ms / 1000

    async def stream(self, context: ReplyContext) -> AsyncIterator[ReplyDelta | ReplyEnd]:
        """A delta a word; nothing is held that a cancellation at any delta would have to give back."""
        reply = compose(context)
        pause = 0.0 if context.kind == "OPENING" else self._pause
        for i, word in enumerate(_WORDS.findall(reply.line)):
            if i and pause:
                await asyncio.sleep(pause)
            yield ReplyDelta(word)
        yield ReplyEnd(carry=reply.carry, recalled=reply.recalled)


def compose(context: ReplyContext) -> Reply:
    """The whole reply at once. Pure: an equal context gives an equal reply."""
    in_mission = context.template is not None and context.node is not None
    speaker = FreePlay(context) if context.kind == "REPLY" and not in_mission else _Staged(context)
    if context.kind == "REPLY" and crisis.speaks_of_it(context.learner_line):
        line = speaker.in_crisis()
    else:
        line = " ".join(speaker.parts()) + dials.emoji(context, speaker.mood, speaker.chooser)
    return Reply(line=line, carry=speaker.notes.encode(), recalled=tuple(speaker.recalled))


class _Staged(Speaker):
    """The opening and the closing of any talk, and all of a mission's."""

    def parts(self) -> list[str]:
        if self.context.kind == "OPENING":
            return self._opening()
        if self.context.kind == "CLOSING" or self.context.node is None:
            return self._closing()
        return self._in_mission(self.context.node)

    def _opening(self) -> list[str]:
        greetings = Pool("greetings", self.persona.greetings)
        if self.context.template is not None and self.context.template.opening:
            return [self._say([Pool("opening", self.context.template.opening), greetings])]
        greeting = self._say([greetings])
        remembered = self._recall() if self.context.template is None else []
        return [without_question(greeting) or greeting, *remembered] if remembered else [greeting]

    def _closing(self) -> list[str]:
        """The last node's own words, when the talk ends by arriving there: they are written as a parting.
        Else the persona's closing for how it ended."""
        how, node = self.context.closing or "LEFT", self.context.node
        if how == "SUCCESS" and self.context.arrived and node is not None and node.progress == 100:
            return [self._node_line(node)]
        lines = self.persona.closings.get(how) or self.persona.closings.get("LEFT") or self.persona.greetings
        return [self._say([Pool(f"closing:{how}", lines)])]

    def _in_mission(self, node: Node) -> list[str]:
        context = self.context
        asked = listen(context.learner_line, context.persona_line, self.persona.facts)
        self.notes.stand(context.arrived)
        shape = in_brief if self.mood in ("COLD", "TENSE") else without_question
        parts = self._made_of() if asked.made_of else [self._fact(fact, shape) for fact in asked.facts[:1]]
        if not parts and self.low == "GRAVE":
            parts = self._cared_for(self.low)
        if not parts and asked.unknown and not context.arrived and not dials.is_serious(context):
            parts.append(self._say([Pool("unknown", self.persona.unknown)], shape))
        if not parts and self.mood not in ("COLD", "TENSE"):
            parts.extend(self._from_dials())
        line = self._node_line(node) if context.arrived else self._stay_line(node)
        return [*(parts or self._lead_in(line)), line]

    def _lead_in(self, line: str) -> list[str]:
        """The style's short first words, where they don't double the line's own."""
        fitting = dials.lead_ins(self.context, self.mood, self.chooser)
        fitting = tuple(words for words in fitting if _first_word(words) != _first_word(line))
        lead_in = self.chooser.choose([Pool("lead-in", fitting)])
        return [lead_in] if lead_in else []

    def _from_dials(self) -> list[str]:
        """Comfort where the learner is low; an answer to openness, or an aside, as vulnerability and randomness have
        it."""
        openness = OPENNESS - {"SHARES_ABOUT_SELF"} if dials.is_serious(self.context) else OPENNESS
        if self.low and not self.context.arrived:
            return self._reaction(OPENNESS, without_question)
        intents = set(self.context.learner_intents)
        open_line = OPENNESS & intents and not REFUSALS & intents
        if open_line and discloses(self.context.learner_line) and dials.opens_up(self.context.dynamics, self.chooser):
            return self._reaction(openness, without_question)
        if self.low:
            return []
        if self.notes.stood == 1 and dials.looks_around(self.context, self.chooser):
            return self._aside(self._place())
        if dials.digresses(self.context, self.chooser):
            elsewhere = self.chooser.chance("elsewhere", 50)
            return self._aside(self._own_life() if elsewhere else self._place())
        return []

    def _aside(self, pools: list[Pool]) -> list[str]:
        aside = self.chooser.choose(pools, without_question)
        return [aside] if aside else []

    def _place(self) -> list[Pool]:
        dynamics = self.context.dynamics
        return [] if dynamics is None else [Pool("place", scenes.asides(dynamics.location_tag, dynamics.mode))]

    def _node_line(self, node: Node) -> str:
        """Of the node arrived at; its question stays whatever the mood, for the talk goes on from it."""
        pools = _node_pools(node, self.mood)
        return self._fresh(pools, cut=False) or self.chooser.vary(pools[0])

    def _stay_line(self, node: Node) -> str:
        """Of a node where the talk stays: its own prompts first, then whatever keeps it going."""
        dry = self.mood == "COLD" or dials.drops_question(self.context.dynamics, self.chooser)
        nudge = self._nudge(without_question if dry else as_is)
        if nudge is not None:
            return nudge
        stay = [Pool(f"stay:{node.id}", node.stay)] if node.stay else []
        said = (self._fresh(stay, without_question) if dry else None) or self._fresh(stay)
        if said is None and not node.stay:
            said = next(iter(self._reaction(None, without_question)), None)
        if said is not None:
            return said
        pools = [*_node_pools(node, self.mood), *self._reactions(None)]
        return self._fresh(pools) or self.chooser.vary((stay or _node_pools(node, self.mood))[0])

    def _nudge(self, shape: Shape) -> str | None:
        """Towards what the learner came for, once the talk has stood still; a cold or tense persona helps nobody."""
        template, objective = self.context.template, self.context.objective
        if template is None or objective is None or self.mood in ("COLD", "TENSE"):
            return None
        return self._fresh([Pool("nudge", scenes.nudges(objective.kind, template, self.notes.stood))], shape)


def _first_word(line: str) -> str:
    """Without its ending: "Let's see" and "Let me see" begin alike."""
    return re.split(r"[\s,.:'’]", line.casefold(), maxsplit=1)[0]


def _node_pools(node: Node, mood: Mood) -> list[Pool]:
    moods: tuple[Mood, ...] = ("NEUTRAL",) if mood == "NEUTRAL" else (mood, "NEUTRAL")
    return [Pool(f"node:{node.id}:{heard}", node.lines[heard]) for heard in moods if node.lines.get(heard)]
