"""A reply in free play: it answers, takes up what was told, talks small by mood, and at times recalls something."""

from realtime.persona import dials, scenes
from realtime.persona.choosing import Pool, Shape, as_is, asks, in_brief, sentences, without_question
from realtime.persona.comforting import care
from realtime.persona.listening import Asked, listen
from realtime.persona.manners import COURTESIES, FEW_WORDS, GOES_ON, HELPS, LAST_WORDS, LISTENS, MENDING, NEXT_MOODS
from realtime.persona.recalling import touches
from realtime.persona.speaking import Speaker
from realtime.persona.tone import stings, tells_on

RECALLS = 60  # in a hundred, when it is time and nothing in the learner's line calls for it


class FreePlay(Speaker):
    def parts(self) -> list[str]:
        context = self.context
        asked = listen(context.learner_line, context.persona_line, self.persona.facts)
        guarded = self.mood in ("COLD", "TENSE")
        if asked.made_of:
            return self._made_of()
        answered = self._answer(asked, guarded)
        if self.low == "GRAVE" and not answered:
            return self._cared_for(self.low)
        if guarded:
            return self._guarded(answered)
        if answered:
            return answered if asked.about_learner else self._gone_on_answering(answered)
        if stings(context.learner_line) and MENDING.isdisjoint(self.intents):
            return [self._pushed_back() or self._small_talk()]
        first = self._reaction(None)
        if asked.elsewhere or asked.turned_back:
            return [*first, self._fresh(self._own_life(), without_question) or self._small_talk()]
        return self._gone_on(first or self._kept_going())

    def _answer(self, asked: Asked, guarded: bool) -> list[str]:
        """What was asked, answered with its own facts, with what it remembers, or with not knowing."""
        shape: Shape = in_brief if guarded else as_is
        parts = [self._fact(fact, shape) for fact in asked.facts[: 1 if guarded else 2]]
        if asked.about_learner and not parts:
            return self._recall(asked=True) or [self._say([Pool("not told", scenes.scenes().not_told)], shape)]
        if asked.unknown and not parts and not stings(self.context.learner_line):
            return [self._say([Pool("unknown", self.persona.unknown)], shape)]
        return parts

    def _guarded(self, parts: list[str]) -> list[str]:
        """COLD says one short thing. TENSE says what it thinks of it, too."""
        if self.mood == "COLD":
            return parts or self._reaction(MENDING, in_brief) or [self._small_talk()]
        mended = self._reaction(MENDING, without_question)
        if mended or not parts:
            return [*parts, *(mended or [self._small_talk()])]
        pushed = self._pushed_back()
        return [*parts, pushed] if pushed else parts

    def _pushed_back(self) -> str | None:
        return self._fresh([Pool("small talk:TENSE", self.persona.small_talk.get("TENSE", ()))])

    def _gone_on_answering(self, answered: list[str]) -> list[str]:
        """A courtesy before the answer, where the line was more than a question; after it, now and then, a question
        back."""
        only_asked = all(map(asks, sentences(self.context.learner_line or "")))
        first = [] if only_asked else self._reaction(COURTESIES, without_question)
        over = self.low or self.tender or not LAST_WORDS.isdisjoint(self.intents)
        parts = [*first, *answered]
        return parts if over else [*parts, *self._turned_to_learner(parts)]

    def _kept_going(self) -> list[str]:
        """What keeps a story going, or helps somebody of few words along; nothing most of the time."""
        words = len((self.context.learner_line or "").split())
        style = dials.style_of(self.context)
        if self.tender:
            said = self._fresh([care("STAYING", style)])
        elif words <= FEW_WORDS and self.context.turn_index > 1 and self.chooser.chance("helps", HELPS):
            said = self._fresh([care("TERSE", style)])
        elif tells_on(self.context.learner_line) and self.chooser.chance("listens", LISTENS):
            said = self._fresh([care("LISTENING", style)])
        else:
            said = None
        return [said] if said else []

    def _gone_on(self, parts: list[str]) -> list[str]:
        """The reply with something taken up, something remembered or small talk after it, where there is room."""
        context = self.context
        if parts and (self.low or self._takes_up(parts) or not LAST_WORDS.isdisjoint(self.intents)):
            return parts
        if parts and self.tender:
            return [*parts, *self._kept_going()] if tells_on(context.learner_line) else parts
        room = not parts or (len(parts) < 2 and not asks(parts[-1]))
        taken_up = self._fresh(self._noticed) if room else None
        if taken_up:
            return [*parts, taken_up]
        if room and (touches(context) or self.chooser.chance("recalls", RECALLS)):
            remembered = self._recall()
            if remembered:
                return [*parts, *remembered]
        begun = context.turn_index <= 1 and "GREETS" in self.intents
        if not parts or (room and (begun or self.chooser.chance("goes on", GOES_ON[self.mood]))):
            return [*parts, self._small_talk()]
        return parts

    def _takes_up(self, parts: list[str]) -> bool:
        """Whether one of the parts is about what the learner told already."""
        style = dials.style_of(self.context)
        own = [*self._noticed, care("STAYING", style), care("TERSE", style), care("LISTENING", style)]
        return any(part in pool.lines for pool in own for part in parts)

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
