"""Learners that are programs. They see what a learner sees: the task, the persona's last line, their own past lines.

- ``GoodPlayer`` answers what was asked, takes up a word, gives something concrete, asks back, and does what its
  goal is about. Not one of its sentences comes twice in a session.
- ``BadPlayer`` hardly listens: a word, an excuse, its own troubles, a push. It insults nobody.
- ``CurtPlayer`` has a word or two for everything, and nothing to say.
- ``RudePlayer`` insults, and is shown the door.
"""

import random
import re
from collections.abc import Callable, Sequence

from storage.catalogue.model import ObjectiveKind
from tests.missions import aims
from tests.missions import phrases as say
from tests.missions.listening import Heard, Kind, listen
from tests.missions.stage import Player, Task

# Questions that an interview asks of the work: a proof of it answers better than a light word.
_ASKED_LIGHTLY = frozenset[Kind](
    {"OFFER", "CHOICE", "PLAN", "YES_NO", "WHAT", "HOW", "HOW_ARE", "WHEN", "WHERE", "AMOUNT", "WHO", "TELL"}
)
# Questions about one's work: who aims at something else has a story for them, and no proof.
_ABOUT_WORK = frozenset[Kind]({"WEAKNESS", "STRENGTH", "EXAMPLE", "MONEY"})
_NAMES = frozenset[Kind]({"NAME", "NAMES_SELF"})
# What the objective of an interview is about, if it says so.
_LEADS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (say.ANSWERS["WEAKNESS"], re.compile(r"\bweakness\b|\bbad at\b|\bwent wrong\b|\bmistakes?\b|\bfail\w*")),
    (aims.STANDS_BY_IT, re.compile(r"\bsalary\b|\bon pay\b")),
)
_INVITES: dict[ObjectiveKind, tuple[str, ...]] = {"GET_NUMBER": aims.NUMBERS, "GET_INSTAGRAM": aims.ONLINE}


class GoodPlayer:
    def __init__(self, task: Task, seed: int) -> None:
        self._random = random.Random(f"{seed} {task.title}")
        self._used: set[str] = set()
        self._turn = 0
        self._introduced = False
        about = f"{task.title} {task.description}".casefold()
        self._led: tuple[str, ...] = next((pool for pool, words in _LEADS if words.search(about)), ())
        self._invites = _INVITES.get(task.kind, aims.INVITES)
        self._talk = self._talk_for(task)

    def say(self, persona_line: str) -> str:
        self._turn += 1
        parts = [part for part in self._talk(listen(persona_line)) if part]
        return " ".join(parts or [self._take(say.SHARES), self._take(say.ASKS)])

    def _talk_for(self, task: Task) -> Callable[[Heard], list[str]]:
        if task.category == "JOB_INTERVIEW":
            return self._interview
        ways: dict[str, Callable[[Heard], list[str]]] = {
            "OPENING": self._opening,
            "FLIRTING": self._flirting,
            "RECOVERY": self._recovery,
            "BOUNDARY": self._boundary,
        }
        return ways.get(task.goal, self._social)

    # The ways, by goal

    def _opening(self, heard: Heard) -> list[str]:
        if self._turn == 1:
            return [self._hello(heard), self._own(heard), self._ask(heard)]
        names = self._introduction(heard)
        if names:
            return [self._take_in(heard), names, self._take(say.SHARES), self._ask(heard)]
        if self._turn >= 4:
            return [self._take(aims.LIKES), self._own(heard), self._ask(heard)]
        return self._easy(heard)

    def _social(self, heard: Heard) -> list[str]:
        if self._turn == 1:
            return [self._take(aims.GREETINGS), self._own(heard), self._ask(heard)]
        if heard.kind in ("OFFER", "PLAN"):
            return [self._own(heard), self._take(aims.SUGGESTS), self._ask(heard)]
        if self._turn % 3 == 0:
            return [self._take_in(heard), self._own(heard), self._take(aims.SUGGESTS) or self._ask(heard)]
        return self._easy(heard)

    def _flirting(self, heard: Heard) -> list[str]:
        if self._turn == 1:
            return [self._hello(heard), self._own(heard), self._ask(heard)]
        if heard.kind in ("OFFER", "PLAN"):
            return [self._own(heard), self._take(aims.INTERESTED), self._ask(heard)]
        names = self._introduction(heard)
        if heard.hints and self._turn > 2:
            return [self._take(aims.INTERESTED), self._invite()]
        if self._turn % 3 == 0:
            return [names or self._take_in(heard), self._own(heard), self._take(aims.INTERESTED), self._invite()]
        return [names or self._take(aims.LIKES), self._own(heard), self._play(), self._ask(heard)]

    def _recovery(self, heard: Heard) -> list[str]:
        owns = self._take(aims.OWN_REASONS if heard.kind == "WHY" else aims.OWNS) or self._take(aims.OWNS)
        if self._turn <= 2 and heard.kind not in ("PLAN", "OFFER"):
            return [owns, self._take(aims.FEELS_WITH), self._take(aims.ASKS_FEELING)]
        if heard.kind in ("PLAN", "OFFER", "YES_NO"):
            owns = self._take(aims.PROMISES)
        first = self._take(aims.FEELS_WITH if self._turn < 4 else aims.THANKS)
        return [first, owns, self._take(aims.REPAIRS), self._take(aims.ASKS_FEELING)]

    def _boundary(self, heard: Heard) -> list[str]:
        if self._turn == 1:
            return [self._take(aims.REFUSES), self._take(aims.OFFERS_ELSE)]
        reason = self._take(aims.REFUSAL_REASONS) if heard.kind == "WHY" else ""
        end = self._take(aims.KIND_END) if self._turn > 3 else ""
        return [reason or self._take(aims.HOLDS), self._take(aims.OFFERS_ELSE), end]

    def _interview(self, heard: Heard) -> list[str]:
        if heard.kind == "NAME" and not self._introduced:
            self._introduced = True
            return [self._take(aims.WORK_NAMES), self._take(aims.WORK_SHARES), self._take(aims.WORK_ASKS)]
        asked = () if heard.kind in _ASKED_LIGHTLY else say.ANSWERS.get(heard.kind, ())
        answer = self._take(asked) or self._take(self._led) or self._take(aims.WORK_SHARES)
        return [self._take(say.TAKES_IN), answer, self._take(aims.WORK_SHARES), self._take(aims.WORK_ASKS)]

    # Parts

    def _easy(self, heard: Heard) -> list[str]:
        return [self._take_in(heard), self._own(heard), self._play(), self._ask(heard)]

    def _hello(self, heard: Heard) -> str:
        return self._about(aims.HELLOS, heard) or self._take(aims.PLAIN_HELLOS)

    def _introduction(self, heard: Heard) -> str:
        if self._introduced or not (heard.kind in _NAMES or self._turn == 3):
            return ""
        self._introduced = True
        return self._take(say.ANSWERS[heard.kind] if heard.kind in _NAMES else aims.INTRODUCES)

    def _take_in(self, heard: Heard) -> str:
        topic = self._random.random() < 0.5 and self._about(say.TOPIC_IN, heard)
        return topic or self._take(say.TAKES_IN)

    def _own(self, heard: Heard) -> str:
        """The answer to what was asked; where nothing was, something of one's own."""
        return self._answer(heard) or self._take(say.SHARES)

    def _answer(self, heard: Heard) -> str:
        return self._take(say.ANSWERS.get("TELL" if heard.kind in _ABOUT_WORK else heard.kind, ()))

    def _ask(self, heard: Heard) -> str:
        return self._about(say.TOPIC_ASKS, heard) or self._take(say.ASKS)

    def _invite(self) -> str:
        return self._take(self._invites) or self._take(say.ASKS)

    def _play(self) -> str:
        return self._take(say.PLAYS) if self._random.random() < 0.35 else ""

    def _about(self, pool: Sequence[str], heard: Heard) -> str:
        if heard.topic is None or heard.topic in self._used:
            return ""
        line = self._take(pool)
        if line:
            self._used.add(heard.topic)
        return line.format(topic=heard.topic)

    def _take(self, pool: Sequence[str]) -> str:
        """One that was not said yet; nothing when all were."""
        fresh = [line for line in pool if line not in self._used]
        if not fresh:
            return ""
        line = self._random.choice(fresh)
        self._used.add(line)
        return line


class _Reciter:
    """Says its lines in an order of its own, whatever it hears, and then again from the front."""

    lines: tuple[str, ...] = ()

    def __init__(self, task: Task, seed: int) -> None:
        self._order = list(self.lines)
        random.Random(f"{seed} {task.title}").shuffle(self._order)
        self._turn = 0

    def say(self, persona_line: str) -> str:
        line = self._order[self._turn % len(self._order)]
        self._turn += 1
        return line


class BadPlayer(_Reciter):
    lines = (
        "ok",
        "fine",
        "dunno",
        "I'm tired.",
        "yeah, my day was awful, my phone died and my bus was late",
        "not really",
        "it wasn't my fault, nobody told me",
        "mm",
        "I guess",
        "come on, just say yes",
        "anyway, I bought new shoes and my boss never listens to me",
        "if you say so",
        "idk, stuff",
        "it is what it is",
        "can we hurry up, I have things to do",
        "nothing much",
    )


class CurtPlayer(_Reciter):
    lines = ("ok", "fine", "mm", "yeah", "sure", "no", "dunno", "not really", "maybe", "right", "cool", "I guess")


class RudePlayer(_Reciter):
    lines = (
        "You are so boring.",
        "Shut up.",
        "You are an idiot.",
        "What is wrong with you, you are pathetic.",
    )


PLAYERS: dict[str, Callable[[Task, int], Player]] = {
    "good": GoodPlayer,
    "bad": BadPlayer,
    "curt": CurtPlayer,
    "rude": RudePlayer,
}
