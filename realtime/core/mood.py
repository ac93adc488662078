"""The persona's mood through a session: a smoothed score, what colours it, and the arc they make.

Every number is 0..100. The state is read from the whole numbers of the snapshot, so that what a client is
shown is enough to recompute it.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from realtime.core.numbers import half_up
from realtime.domain import MoodSnapshot, Traits
from storage.catalogue.model import Mood

BASELINE = 50  # where mood and flow stand before the first turn
ALPHA = 0.35  # the weight of the newest turn
SCORES_KEPT = 3  # how many last scores the flow looks at
TENSION_PER_PATTERN = 5
SNAPSHOTS_SHOWN = 200  # at most so many in an end summary
ARC_FROM_TURNS = 3

Arc = Literal[
    "RECOVERY_ARC", "TESTING_SPIKE", "TENSION_BUILD", "RISING_WARMTH", "COOL_DOWN", "STABLE_ARC"
]  # in the order they are tried

# Smoothed values are kept to this many decimals: enough that a half stays exactly a half when it is rounded
# for show, whatever binary fractions did on the way there.
_DECIMALS = 9


class MoodState(msgspec.Struct, frozen=True):
    """What the next snapshot depends on; constant in size. ``smoothed`` and ``flow`` are not yet rounded;
    ``scores`` are the last three at most, oldest first."""

    smoothed: float = float(BASELINE)
    flow: float = float(BASELINE)
    scores: tuple[int, ...] = ()
    state: Mood = "NEUTRAL"


def percent(mood: MoodState) -> int:
    """``moodPercent``: the smoothed score as a whole number 0..100, a half rounded up."""
    return _shown(mood.smoothed)


def advance(
    mood: MoodState, *, turn_index: int, score: int, traits: Traits, pattern_count: int
) -> tuple[MoodState, MoodSnapshot]:
    """The mood after one more turn of the learner, and its snapshot.

    - The smoothed score moves by 0.35 of the way to ``score``; flow moves likewise to the turn's steadiness,
      ``100 - 2 sigma`` of up to three last scores (this one included). Both start at 50.
    - tension is ``100 - tensionControl + 5`` per pattern, warmth is ``emotionalWarmth``, vibe the mean of
      smoothed score, warmth and ``100 - tension``.
    """
    scores = (*mood.scores, score)[-SCORES_KEPT:]
    smoothed = _eased(mood.smoothed, score)
    flow = _eased(mood.flow, _steadiness(scores))
    tension = _clamped(100 - traits.tension_control + TENSION_PER_PATTERN * pattern_count)
    warmth = _clamped(traits.emotional_warmth)
    level = _shown(smoothed)
    state = _state(smoothed=level, flow=_shown(flow), tension=tension, warmth=warmth)
    snapshot = MoodSnapshot(
        turn_index=turn_index,
        raw_score=score,
        smoothed_mood_score=level,
        mood_state=state,
        tension=tension,
        warmth=warmth,
        vibe=half_up(level + warmth + 100 - tension, 3),
        flow=_shown(flow),
    )
    return MoodState(smoothed=smoothed, flow=flow, scores=scores, state=state), snapshot


def arc(snapshots: Sequence[MoodSnapshot]) -> Arc:
    """The shape of the whole session, the first of ``Arc`` that fits; give it every snapshot, not thinned
    ones.

    - RECOVERY_ARC: the lowest smoothed score is at most 40, and the last at least 20 above it.
    - TESTING_SPIKE: somewhere a single TENSE turn stands directly between two turns that are not TENSE.
    - TENSION_BUILD: mean tension of the last third at least 15 above the first third's.
    - RISING_WARMTH, COOL_DOWN: mean smoothed score of the last third at least 10 above, or below, the
      first's.
    - STABLE_ARC: none of these, and every session of fewer than three turns.

    A third is ``n // 3`` turns: the first so many and the last so many; what the division leaves over lies
    between them. Means are compared as sums, so nothing is rounded.
    """
    if len(snapshots) < ARC_FROM_TURNS:
        return "STABLE_ARC"
    levels = [snapshot.smoothed_mood_score for snapshot in snapshots]
    third = len(snapshots) // 3
    climb = _rise(levels)
    found: Arc = "STABLE_ARC"
    if min(levels) <= 40 and levels[-1] >= min(levels) + 20:
        found = "RECOVERY_ARC"
    elif _spikes([snapshot.mood_state for snapshot in snapshots]):
        found = "TESTING_SPIKE"
    elif _rise([snapshot.tension for snapshot in snapshots]) >= 15 * third:
        found = "TENSION_BUILD"
    elif climb >= 10 * third:
        found = "RISING_WARMTH"
    elif climb <= -10 * third:
        found = "COOL_DOWN"
    return found


def thin(snapshots: Sequence[MoodSnapshot], most: int = SNAPSHOTS_SHOWN) -> tuple[MoodSnapshot, ...]:
    """At most ``most`` of the snapshots (at least two), in their order, evenly spread, first and last kept.

    All of them when there are no more than that. Raises ``ValueError`` when ``most`` is below two.
    """
    if most < 2:
        raise ValueError(f"first and last need room for two, not {most}")
    if len(snapshots) <= most:
        return tuple(snapshots)
    last = len(snapshots) - 1
    return tuple(snapshots[half_up(place * last, most - 1)] for place in range(most))


def _state(*, smoothed: int, flow: int, tension: int, warmth: int) -> Mood:
    """The first state that fits."""
    if smoothed >= 80 and flow > 70 and tension < 40:
        return "FLOW"
    if tension > 70 or (smoothed < 50 and tension > 50):
        return "TENSE"
    if smoothed < 30 and warmth < 40:
        return "COLD"
    if smoothed >= 60 and warmth > 50:
        return "WARM"
    return "NEUTRAL"


def _steadiness(scores: tuple[int, ...]) -> float:
    """``100 - 2 sigma``, clamped. Sigma is the population deviation: the root of the mean squared distance
    from the mean, divided by n and not by n - 1; 0 for a single score. The sum under the root is a whole
    number."""
    count = len(scores)
    spread = count * sum(score * score for score in scores) - sum(scores) ** 2
    return max(0.0, 100 - 2 * math.sqrt(spread) / count)


def _eased(before: float, now: float) -> float:
    after = round(before + ALPHA * (now - before), _DECIMALS)
    return 0.0 if after < 0.0 else 100.0 if after > 100.0 else after


def _shown(value: float) -> int:
    return _clamped(math.floor(value + 0.5))


def _clamped(value: int) -> int:
    return 0 if value < 0 else 100 if value > 100 else value


def _spikes(states: Sequence[Mood]) -> bool:
    triples = zip(states, states[1:], states[2:], strict=False)
    return any(now == "TENSE" and before != "TENSE" != after for before, now, after in triples)


def _rise(values: Sequence[int]) -> int:
    """Sum of the last third less the sum of the first: the difference of their means times a third's
    length."""
    third = len(values) // 3
    return sum(values[-third:]) - sum(values[:third])
