"""The end summary's shape, written out leaf by leaf: what a client may rely on.

A type, a dict of exactly these keys, a one-element list (of any number of such), or ``Maybe``: null is allowed.
"""

from typing import Any, NamedTuple


class Maybe(NamedTuple):
    shape: Any


class OneOf(NamedTuple):
    values: tuple[str, ...]


TRAITS = dict.fromkeys(("confidence", "clarity", "humor", "tensionControl", "emotionalWarmth", "dominance"), int)
MEANS = dict.fromkeys(TRAITS, float)
AMOUNTS = {"xp": int, "coins": int, "gems": int}
HAVE_NEED = {"have": float, "need": int}
MOOD = OneOf(("COLD", "NEUTRAL", "WARM", "TENSE", "FLOW"))
RARITY = OneOf(("C", "B", "A", "S", "S+"))
MESSAGE = {
    "turnIndex": int,
    "content": str,
    "score": int,
    "rarity": RARITY,
    "traits": TRAITS,
    "hooks": [str],
    "patterns": [str],
}
SNAPSHOT = {
    "turnIndex": int,
    "rawScore": int,
    "smoothedMoodScore": int,
    "moodState": MOOD,
    "tension": int,
    "warmth": int,
    "vibe": int,
    "flow": int,
}
BREAKDOWN = dict.fromkeys(
    (
        *("charismaIndex", "confidenceScore", "clarityScore", "humorScore", "tensionScore"),
        *("emotionalWarmth", "dominanceScore", "fillerWordsCount", "totalWords"),
    ),
    int,
)
METADATA = dict.fromkeys(("style", "objectiveKey", "objectiveType", "dynamicType", "locationTag"), str)


def summary(*, mission: bool, turns: bool = True, analysis: bool = True, counted: bool = True) -> dict[str, Any]:
    """The shape of a mission's or a free play's summary. ``counted``: the user has a counting session."""
    in_mission = str if mission else None
    return {
        "sessionId": str,
        "userId": str,
        "createdAt": str,
        "endedAt": str,
        "templateId": in_mission,
        "templateCode": in_mission,
        "personaId": str,
        "personaKey": str,
        "missionDifficulty": in_mission,
        "missionCategory": in_mission,
        "categoryKey": in_mission,
        "aiMode": OneOf(("MISSION",) if mission else ("FREEPLAY",)),
        "channel": OneOf(("TEXT", "VOICE", "AB")),
        "categorySummary": {
            "categoryKey": in_mission,
            "categoryName": in_mission,
            "isCompleted": bool,
            "totalSessions": int,
            "averageScore": Maybe(float) if mission else None,
            "discoveredTraits": [str],
            "completedMissions": int,
            "totalMissions": int,
        },
        "personaMemory": {
            "memorySnapshot": Maybe(dict),
            "memoryWritesDuringSession": [
                {
                    "memoryKey": str,
                    "memoryValue": Maybe(str),
                    "writtenAt": str,
                    "op": OneOf(("created", "updated", "forgotten")),
                    "source": {
                        "itemId": Maybe(str),
                        "start": Maybe(int),
                        "end": Maybe(int),
                        "quote": Maybe(str),
                    },
                }
            ],
        },
        "missionMetadata": METADATA if mission else None,
        "finalScore": int,
        "averageMessageScore": float,
        "messageCount": int,
        "scoreBreakdown": BREAKDOWN if turns else None,
        "delivery": None,
        "ab": None,
        "rewards": {
            "xpGained": int,
            "coinsGained": int,
            "gemsGained": int,
            "rarityCounts": dict.fromkeys(RARITY.values, int),
            "missionBonus": AMOUNTS,
        },
        "outcome": {
            "status": OneOf(("SUCCESS", "FAIL", "ABORTED")),
            "isSuccess": bool,
            "endReasonCode": str,
            "endReasonMeta": dict,
            "successThreshold": int,
            "failThreshold": int,
            "message": str,
            "worked": Maybe({"turnIndex": int, "quote": str}),
            "nearestMiss": Maybe({"gateKey": str, "have": float, "need": float}),
        },
        "gateResults": [{"gateKey": str, "passed": bool, "reasonCode": str, "context": dict}],
        "traitSummary": {
            "snapshot": MEANS if turns else None,
            "deltas": MEANS if turns and analysis else None,
            "longTermScores": MEANS if counted and analysis else None,
            "observed": [str],
        },
        "moodSummary": {
            "current": {"moodState": MOOD, "moodPercent": int},
            "baseline": int,
            "delta": int,
            "arc": str,
            "snapshots": [SNAPSHOT],
        },
        "keyMessages": {"top": [MESSAGE], "bottom": [MESSAGE], "rare": [MESSAGE]},
        "insights": {
            "deepInsightsId": None,
            "moodTimelineId": str,
            "rotationPackAvailable": bool,
            "traitHistoryId": str,
            "deepInsight": {
                "isUnlocked": bool,
                "unlockedAt": Maybe(str),
                "sessions": HAVE_NEED,
                "categories": HAVE_NEED,
                "averageScore": HAVE_NEED,
            },
        },
        "completionPercentage": int,
        "durationSeconds": int,
        "wallet": {"before": AMOUNTS, "after": AMOUNTS},
        "level": {"before": int, "after": int},
        "streak": {
            "current": int,
            "longest": int,
            "freezes": int,
            "lastActiveOn": Maybe(str),
            "activeToday": bool,
        },
        "unlocked": {"missions": [str], "categories": [str], "deepInsights": bool, "badges": [dict]},
    }


def differences(found: Any, shape: Any, at: str = "summary") -> list[str]:
    """Where ``found`` is not of ``shape``: the paths, with what stands there."""
    if isinstance(shape, Maybe):
        return [] if found is None else differences(found, shape.shape, at)
    if isinstance(shape, OneOf):
        return [] if found in shape.values else [f"{at}: {found!r} is none of {shape.values}"]
    if isinstance(shape, dict):
        if not isinstance(found, dict) or found.keys() != shape.keys():
            keys = sorted(found) if isinstance(found, dict) else found
            return [f"{at}: {keys} instead of {sorted(shape)}"]
        return [text for key, part in shape.items() for text in differences(found[key], part, f"{at}.{key}")]
    if isinstance(shape, list):
        if not isinstance(found, list):
            return [f"{at}: {found!r} is no list"]
        return [text for n, part in enumerate(found) for text in differences(part, shape[0], f"{at}[{n}]")]
    if shape is None:
        return [] if found is None else [f"{at}: {found!r} instead of null"]
    fits = isinstance(found, int | float) and not isinstance(found, bool) if shape is float else type(found) is shape
    return [] if fits else [f"{at}: {found!r} is no {shape.__name__}"]
