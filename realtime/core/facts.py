"""What the rules of a session look at: facts of its stored turns, and the terms it was played under."""

from typing import Literal

import msgspec

from realtime.domain import Amounts, Disqualifier, Strike

Cause = Literal["CLIENT", "RULE", "TIMER", "IDLE", "GRACE", "AGE", "REPLACED", "ADMIN", "SYSTEM"]
LEARNER_LEFT: frozenset[Cause] = frozenset({"CLIENT", "IDLE", "GRACE", "AGE", "REPLACED"})


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The rules a session is played under, copied from its template version when it began.

    Free play: ``mission`` false, both thresholds 60, ``max_messages`` and ``max_strikes`` None.
    """

    mission: bool
    max_messages: int | None
    max_strikes: int | None
    timer_seconds: float | None
    success_threshold: int
    fail_threshold: int
    min_messages: int = 3


class TurnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One stored turn of the learner. ``progress``: the highest progress reached after it (missions)."""

    turn_index: int
    score: int
    mood_percent: int
    progress: int
    strike: Strike | None = None
    disqualified: Disqualifier | None = None


class Tally(msgspec.Struct, kw_only=True):
    """The same facts summed up, so that no rule's cost grows with the session: what the state carries."""

    turns: int = 0
    score_sum: int = 0
    strikes: int = 0
    progress: int = 0
    disqualified: Disqualifier | None = None
    low_mood_run: int = 0  # turns in a row, up to now, with moodPercent < 25
    collapsed: bool = False  # two such turns in a row were seen
    paid: Amounts = Amounts()
