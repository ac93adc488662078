"""The end summary (``SessionEndReadModel``): one object for every channel, built by pure functions.

The finalizer gives the facts; what comes out is encoded once and never computed again: pushed on the socket, and the
same bytes by REST.
"""

from typing import Any

import msgspec

from realtime.core import mood as moods
from realtime.core.breakdown import breakdown
from realtime.core.gates import GateResult
from realtime.core.insight import DeepInsight
from realtime.core.levels import level_of
from realtime.core.numbers import decimals, half_up, mean_hundredths, mean_whole
from realtime.core.streak import Streak
from realtime.domain import RARITIES, TRAIT_NAMES, Amounts, MemorySource, MoodSnapshot
from realtime.outcome import Outcome
from realtime.protocol.events import encode
from storage.finalization import SessionFacts
from storage.rows import SessionHead
from storage.statistics import TRAIT_COLUMNS
from storage.wallet import Balance

MAX_BYTES = 128 * 1024
RARE_SHOWN = 20
KEY_MESSAGES = 3


class Given(msgspec.Struct, kw_only=True):
    """Everything a summary is made of."""

    head: SessionHead
    facts: SessionFacts
    turns: list[dict[str, Any]]
    ended_at: str
    created_at: str
    duration_seconds: int
    outcome: Outcome
    gates: tuple[GateResult, ...]
    progress: int
    gains: Amounts
    bonus: Amounts
    before: Balance
    after: Balance
    streak: Streak
    category: dict[str, Any]
    memory_snapshot: dict[str, str] | None
    memory_writes: list[dict[str, Any]]
    long_term_before: tuple[int, ...] | None
    long_term: tuple[int, ...] | None
    mood_timeline_id: str
    trait_history_id: str
    deep_insight: DeepInsight
    unlocked_missions: list[str]
    unlocked_categories: list[str]
    unlocked_deep_insight: bool


def trait_means(turns: list[dict[str, Any]]) -> tuple[int, ...] | None:
    """The six means over the learner's turns, in hundredths; None without a turn."""
    if not turns:
        return None
    return tuple(mean_hundredths(sum(turn[c] for turn in turns), len(turns)) for c in TRAIT_COLUMNS)


class _Room(msgspec.Struct, frozen=True):
    """How much of what can grow is shown: rare lines, mood snapshots, and bytes each for the memory's present and for
    the session's writes."""

    rare: int
    snapshots: int
    memory: int


# From all there is to what always fits: six key lines of 2,000 control characters are 72 KiB of JSON.
_ROOMS = (
    _Room(RARE_SHOWN, moods.SNAPSHOTS_SHOWN, MAX_BYTES),
    _Room(RARE_SHOWN, moods.SNAPSHOTS_SHOWN, 16 * 1024),
    _Room(10, 100, 16 * 1024),
    _Room(5, 50, 16 * 1024),
    _Room(0, 25, 16 * 1024),
)


def summary_of(given: Given) -> str:
    """The summary's text: JSON of at most 128 KiB. What does not fit is left out: of the rare lines the lesser ones,
    of the mood snapshots evenly, of the memory the last keys and the earliest writes."""
    snapshots = [msgspec.json.decode(turn["mood"], type=MoodSnapshot) for turn in given.turns]
    for room in _ROOMS:
        body = encode(_compose(given, snapshots, room))
        if len(body.encode()) <= MAX_BYTES:
            return body
    raise ValueError(f"summary of {len(body)} characters")


def _compose(given: Given, snapshots: list[MoodSnapshot], room: _Room) -> dict[str, Any]:
    head, facts = given.head, given.facts
    return {
        "sessionId": head.id,
        "userId": head.user_id,
        "createdAt": given.created_at,
        "endedAt": given.ended_at,
        "templateId": head.template_id,
        "templateCode": head.template_code,
        "personaId": head.persona_id,
        "personaKey": head.persona_key,
        "missionDifficulty": head.difficulty,
        "missionCategory": facts.goal_type,
        "categoryKey": head.category_key,
        "aiMode": head.ai_mode,
        "channel": facts.channel,
        "categorySummary": given.category,
        "personaMemory": _memory(given, room.memory),
        "missionMetadata": None if head.template_id is None else _mission_metadata(facts),
        **_scores(given.turns),
        "rewards": _rewards(given),
        "outcome": given.outcome,
        "gateResults": given.gates,
        "traitSummary": _traits(given),
        "moodSummary": _mood(snapshots, room.snapshots),
        "keyMessages": _key_messages(given.turns, room.rare),
        **_standing(given),
    }


def _scores(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of the talk itself; ``delivery`` and ``ab`` belong to voice and A/B sessions."""
    score_sum = sum(turn["score"] for turn in turns)
    return {
        "finalScore": mean_whole(score_sum, len(turns)),
        "averageMessageScore": decimals(mean_hundredths(score_sum, len(turns))),
        "messageCount": len(turns),
        "scoreBreakdown": breakdown(turns),
        "delivery": None,
        "ab": None,
    }


def _standing(given: Given) -> dict[str, Any]:
    """Where the user stands after the session."""
    return {
        "insights": {
            "deepInsightsId": None,
            "moodTimelineId": given.mood_timeline_id,
            "rotationPackAvailable": False,
            "traitHistoryId": given.trait_history_id,
            "deepInsight": given.deep_insight,
        },
        "completionPercentage": 0 if given.head.template_id is None else given.progress,
        "durationSeconds": given.duration_seconds,
        "wallet": {"before": given.before, "after": given.after},
        "level": {"before": level_of(given.before.xp), "after": level_of(given.after.xp)},
        "streak": given.streak,
        "unlocked": {
            "missions": given.unlocked_missions,
            "categories": given.unlocked_categories,
            "deepInsights": given.unlocked_deep_insight,
            "badges": [],
        },
    }


def _memory(given: Given, most: int) -> dict[str, Any]:
    """``personaMemory``, with at most ``most`` bytes of either part: the first keys and the last writes."""
    shown = given.memory_snapshot
    if shown is not None:
        shown = dict(_within(list(shown.items()), most)) or None
    newest_first = _within(given.memory_writes[::-1], most)
    return {"memorySnapshot": shown, "memoryWritesDuringSession": newest_first[::-1]}


def _within(entries: list[Any], most: int) -> list[Any]:
    """As many of the first entries as have room in ``most`` bytes of JSON."""
    left = most
    for at, entry in enumerate(entries):
        left -= len(encode(entry).encode()) + 1
        if left < 0:
            return entries[:at]
    return entries


def _mission_metadata(facts: SessionFacts) -> dict[str, Any]:
    return {
        "style": facts.style,
        "objectiveKey": facts.objective_key,
        "objectiveType": facts.objective_type,
        "dynamicType": facts.dynamic_type,
        "locationTag": facts.location_tag,
    }


def _rewards(given: Given) -> dict[str, Any]:
    counts = dict.fromkeys(RARITIES, 0)
    for turn in given.turns:
        counts[turn["rarity"]] += 1
    return {
        "xpGained": given.gains.xp,
        "coinsGained": given.gains.coins,
        "gemsGained": given.gains.gems,
        "rarityCounts": counts,
        "missionBonus": given.bonus,
    }


def _traits(given: Given) -> dict[str, Any]:
    """Snapshot, deltas against the long-term traits before, and the long-term traits after."""
    now = trait_means(given.turns)
    before, hidden = given.long_term_before, not given.facts.analysis_enabled
    deltas: dict[str, float] | None = None
    if now is not None and not hidden:
        deltas = _named(tuple(0 if before is None else n - b for n, b in zip(now, before or now, strict=True)))
    seen = {trait for turn in given.turns for trait in msgspec.json.decode(turn["observed"])}
    return {
        "snapshot": None if now is None else _named(now),
        "deltas": deltas,
        "longTermScores": None if hidden or given.long_term is None else _named(given.long_term),
        "observed": [trait for trait in TRAIT_NAMES if trait in seen],
    }


def _named(hundredths: tuple[int, ...]) -> dict[str, float]:
    return {name: decimals(value) for name, value in zip(TRAIT_NAMES, hundredths, strict=True)}


def _mood(snapshots: list[MoodSnapshot], shown: int) -> dict[str, Any]:
    last = snapshots[-1] if snapshots else None
    percent = last.smoothed_mood_score if last else moods.BASELINE
    return {
        "current": {"moodState": last.mood_state if last else "NEUTRAL", "moodPercent": percent},
        "baseline": moods.BASELINE,
        "delta": percent - moods.BASELINE,
        "arc": moods.arc(snapshots),
        "snapshots": moods.thin(snapshots, shown),
    }


def _key_messages(turns: list[dict[str, Any]], rare: int) -> dict[str, Any]:
    """Best and weakest lines (never one turn in both), and the rare ones; ties by turnIndex."""
    best_first = sorted(turns, key=lambda turn: (-turn["score"], turn["turn_index"]))
    most = min(KEY_MESSAGES, half_up(len(turns), 2))
    top = best_first[:most]
    worst_first = sorted(best_first[most:], key=lambda turn: (turn["score"], turn["turn_index"]))
    prized = [turn for turn in best_first if turn["rarity"] in ("S", "S+")]
    return {
        "top": [_message(turn) for turn in top],
        "bottom": [_message(turn) for turn in worst_first[:KEY_MESSAGES]],
        "rare": [_message(turn) for turn in prized[:rare]],
    }


def _message(turn: dict[str, Any]) -> dict[str, Any]:
    return {
        "turnIndex": turn["turn_index"],
        "content": turn["text"],
        "score": turn["score"],
        "rarity": turn["rarity"],
        "traits": {name: turn[column] for name, column in zip(TRAIT_NAMES, TRAIT_COLUMNS, strict=True)},
        "hooks": msgspec.json.decode(turn["hooks"]),
        "patterns": msgspec.json.decode(turn["patterns"]),
    }


def memory_write(record: dict[str, Any], written_at: str) -> dict[str, Any]:
    """One entry of ``memoryWritesDuringSession``."""
    source = MemorySource(
        item_id=record["item_id"], start=record["span_start"], end=record["span_end"], quote=record["quote"]
    )
    return {
        "memoryKey": record["key"],
        "memoryValue": record["value"],
        "writtenAt": written_at,
        "op": record["op"],
        "source": source,
    }
