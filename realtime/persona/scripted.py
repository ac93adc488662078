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
from realtime.persona import dials, scenes
from realtime.persona.choosing import Chooser, Pool, Shape, as_is, asks, in_brief, without_question
from realtime.persona.comforting import comfort, is_low, praises
from realtime.persona.listening import asks_again, listen
from realtime.persona.notes import Notes
from realtime.persona.recalling import recall, touches
from storage.catalogue.model import Fact, Intent, Mood, Node

# Which of a line's intents is answered first.
REACTS_TO: tuple[Intent, ...] = (
    "APOLOGIZES", "OWNS_IT", "REPAIRS", "SETS_LIMIT", "HOLDS_FIRM", "CLOSES", "EMPATHIZES", "COMPLIMENTS",
    "PROPOSES", "DECLINES", "OFFERS_ALTERNATIVE", "JOKES", "STATES_STRENGTH", "GIVES_EXAMPLE",
    "INTRODUCES_SELF", "SHARES_ABOUT_SELF", "ANSWERS", "GIVES_REASON", "FOLLOWS_UP", "THANKS", "AGREES",
    "GREETS",
)  # fmt: skip
# Heard even when the mood is COLD or TENSE.
MENDING: frozenset[Intent] = frozenset({"APOLOGIZES", "OWNS_IT", "REPAIRS", "SETS_LIMIT", "CLOSES"})
# Answered before a question in the same line is.
COURTESIES: frozenset[Intent] = frozenset(
    {"APOLOGIZES", "OWNS_IT", "EMPATHIZES", "COMPLIMENTS", "INTRODUCES_SELF", "THANKS"}
)
OPENNESS: frozenset[Intent] = frozenset({"SHARES_ABOUT_SELF", "EMPATHIZES", "OWNS_IT"})
# A no is heard as a no, whatever else the line tells.
REFUSALS: frozenset[Intent] = frozenset({"SETS_LIMIT", "HOLDS_FIRM", "DECLINES"})
# Reactions that say the line was good; a line of rarity C (below 60) doesn't get them.
PRAISING: frozenset[Intent] = frozenset(
    {"JOKES", "GIVES_EXAMPLE", "STATES_STRENGTH", "OWNS_IT", "EMPATHIZES", "FOLLOWS_UP", "OFFERS_ALTERNATIVE"}
)
WEAK_BELOW = 60
# Facts that only answer: told unasked they would sound like a form being filled in.
ONLY_ASKED = frozenset(
    {
        "name", "age", "today", "about", "here", "partner", "kids", "pronouns", "reason", "why", "questions",
        "strength", "weakness", "talent", "doing", "advice", "eaten", "hire_me", "joke", "low",
        "regret", "cared_for", "met",
    }
)  # fmt: skip
# After these the reply is over: more would talk a goodbye, a no or an apology away.
LAST_WORDS: frozenset[Intent] = frozenset({"CLOSES", "SETS_LIMIT", "HOLDS_FIRM", "DECLINES", "APOLOGIZES"})
NEXT_MOODS: dict[Mood, tuple[Mood, ...]] = {
    "COLD": ("COLD",),  # and then its own life, in brief
    "NEUTRAL": ("NEUTRAL",),
    "WARM": ("WARM", "NEUTRAL"),
    "TENSE": ("TENSE", "COLD"),
    "FLOW": ("FLOW", "WARM", "NEUTRAL"),
}
# In a hundred: how often a free reply goes on after its first part, by the mood heard.
GOES_ON: dict[Mood, int] = {"COLD": 0, "TENSE": 0, "NEUTRAL": 35, "WARM": 60, "FLOW": 100}
RECALLS = 60  # in a hundred, when it is time and nothing in the learner's line calls for it

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
    return _Speaker(context).reply()


class _Speaker:
    """Composes one reply, part by part."""

    def __init__(self, context: ReplyContext) -> None:
        self.context = context
        self.persona = context.persona
        self.notes = Notes.decode(context.carry)
        self.chooser = Chooser(context.seed, context.kind, context.turn_index, self.notes, context.persona_line)
        self.mood = dials.heard_mood(context)
        self.recalled: list[str] = []
        answered = {"SHARES_ABOUT_SELF", "ANSWERS"} & set(context.learner_intents)
        self.answered_line = context.persona_line if answered else None
        self.known = frozenset(context.memory)
        self.low = is_low(context.learner_line)

    def reply(self) -> Reply:
        self.notes.begin_reply()
        parts = self._parts()
        line = " ".join(parts) + dials.emoji(self.context, self.mood, self.chooser)
        return Reply(line=line, carry=self.notes.encode(), recalled=tuple(self.recalled))

    def _parts(self) -> list[str]:
        context = self.context
        if context.kind == "OPENING":
            return self._opening()
        if context.kind == "CLOSING":
            return self._closing()
        if context.template is not None and context.node is not None:
            return self._in_mission(context.node)
        return self._in_free_play()

    # Opening and closing

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

    # Missions

    def _in_mission(self, node: Node) -> list[str]:
        context = self.context
        asked = listen(context.learner_line, context.persona_line, self.persona.facts)
        self.notes.stand(context.arrived)
        shape = in_brief if self.mood in ("COLD", "TENSE") else without_question
        parts = self._made_of() if asked.made_of else [self._fact(fact, shape) for fact in asked.facts[:1]]
        if not parts and asked.unknown and not context.arrived and not dials.is_serious(context):
            parts.append(self._say([Pool("unknown", self.persona.unknown)], shape))
        if not parts and self.mood not in ("COLD", "TENSE"):
            parts.extend(self._from_dials())
        line = self._node_line(node) if context.arrived else self._stay_line(node)
        return [*(parts or self._lead_in(line)), line]

    def _lead_in(self, line: str) -> list[str]:
        """The style's short first words, where they don't double the line's own."""
        first = line.split()[0].casefold().strip(",.:")
        fitting = dials.lead_ins(self.context, self.mood, self.chooser)
        fitting = tuple(words for words in fitting if words.split()[0].casefold().strip(",.:") != first)
        lead_in = self.chooser.choose([Pool("lead-in", fitting)])
        return [lead_in] if lead_in else []

    def _from_dials(self) -> list[str]:
        """Comfort where the learner is low; an answer to openness, or an aside, as vulnerability and randomness have
        it."""
        if self.low and not self.context.arrived:
            return self._reaction(OPENNESS, without_question)
        intents = set(self.context.learner_intents)
        open_line = OPENNESS & intents and not REFUSALS & intents
        if open_line and dials.opens_up(self.context.dynamics, self.chooser):
            return self._reaction(OPENNESS, without_question)
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

    # Free play

    def _in_free_play(self) -> list[str]:
        context = self.context
        asked = listen(context.learner_line, context.persona_line, self.persona.facts)
        guarded = self.mood in ("COLD", "TENSE")
        shape: Shape = in_brief if guarded else as_is
        if asked.made_of:
            return self._made_of()
        parts = [self._fact(fact, shape) for fact in asked.facts[: 1 if guarded else 2]]
        if asked.about_learner and not parts:
            parts = self._recall(asked=True)
        if not parts and (asked.unknown or asked.about_learner):
            parts.append(self._say([Pool("unknown", self.persona.unknown)], shape))
        if guarded:
            return self._guarded(parts)
        first = self._reaction(COURTESIES, without_question) if parts else self._reaction(None, as_is)
        return self._gone_on([*first, *parts], bool(asked.facts))

    def _guarded(self, parts: list[str]) -> list[str]:
        """COLD says one short thing. TENSE says what it thinks of it, too."""
        if self.mood == "COLD":
            return parts or self._reaction(MENDING, in_brief) or [self._small_talk()]
        mended = self._reaction(MENDING, without_question)
        if mended or not parts:
            return [*parts, *(mended or [self._small_talk()])]
        pushed = self._fresh([Pool("small talk:TENSE", self.persona.small_talk.get("TENSE", ()))])
        return [*parts, pushed] if pushed else parts

    def _gone_on(self, parts: list[str], told: bool) -> list[str]:
        """The reply with something remembered or some small talk after it, where there is room. ``told``: it told a
        fact, and what follows had better turn to the learner."""
        if parts and (self.low or not LAST_WORDS.isdisjoint(self.context.learner_intents)):
            return parts
        if told:
            return [*parts, *self._turned_to_learner(parts)]
        room = not parts or (len(parts) < 2 and not asks(parts[-1]))
        if room and (touches(self.context) or self.chooser.chance("recalls", RECALLS)):
            remembered = self._recall()
            if remembered:
                return [*parts, *remembered]
        if not parts or (room and self.chooser.chance("goes on", GOES_ON[self.mood])):
            return [*parts, self._small_talk()]
        return parts

    def _turned_to_learner(self, parts: list[str]) -> list[str]:
        """After an answer, now and then a question back."""
        if len(parts) > 1 or asks(parts[-1]) or not self.chooser.chance("goes on", GOES_ON[self.mood]):
            return []
        questions = [
            Pool(f"small talk:{mood}", tuple(filter(asks, self.persona.small_talk.get(mood, ()))))
            for mood in NEXT_MOODS[self.mood]
        ]
        asked = self._fresh(questions, cut=False)
        return [asked] if asked else []

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

    # Parts of both

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
        return self._say([Pool(f"fact:{fact.key}", fact.lines)], shape)

    def _own_life(self) -> list[Pool]:
        """Facts worth telling unasked, in an order by the seed; one line of each is kept for when it is asked."""
        pools = [
            Pool(f"fact:{fact.key}", fact.lines)
            for fact in self.persona.facts
            if fact.key not in ONLY_ASKED and sum(map(self.chooser.fresh, fact.lines)) > 1
        ]
        return sorted(pools, key=lambda pool: self.chooser.number(f"own life:{pool.name}"))

    def _reactions(self, among: frozenset[Intent] | None) -> list[Pool]:
        score = self.context.learner_score
        weak = score is not None and score < WEAK_BELOW
        kind = self.low and self.mood not in ("COLD", "TENSE") and (among is None or among is OPENNESS)
        first = [Pool("comfort", comfort(dials.style_of(self.context)))] if kind else []
        return first + [
            Pool(f"reaction:{intent}", self.persona.reactions[intent])
            for intent in REACTS_TO
            if intent in self.context.learner_intents
            and (among is None or intent in among)
            and not (weak and intent in PRAISING)
            and self.persona.reactions.get(intent)
        ]

    def _reaction(self, among: frozenset[Intent] | None, shape: Shape) -> list[str]:
        said = self._fresh(self._reactions(among), shape)
        return [said] if said else []


def _node_pools(node: Node, mood: Mood) -> list[Pool]:
    moods: tuple[Mood, ...] = ("NEUTRAL",) if mood == "NEUTRAL" else (mood, "NEUTRAL")
    return [Pool(f"node:{node.id}:{heard}", node.lines[heard]) for heard in moods if node.lines.get(heard)]
