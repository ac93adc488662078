"""The end summary: every leaf there, every number computed a second time from the stored turns."""

from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
import pytest

from realtime.core.mood import MoodState, advance
from realtime.domain import Traits
from tests.ending import books, shape
from tests.ending.conftest import Arena
from tests.ending.play import FLAT, GOOD, begin, end, play, say, summary_when_ended
from tests.support import Learner

PERSONA = "persona:NOA_CALM"
TRAITS = {
    "confidence": "confidence",
    "clarity": "clarity",
    "humor": "humor",
    "tensionControl": "tension_control",
    "emotionalWarmth": "emotional_warmth",
    "dominance": "dominance",
}
BREAKDOWN = {
    "charismaIndex": "charisma_index",
    "confidenceScore": "confidence",
    "clarityScore": "clarity",
    "humorScore": "humor",
    "tensionScore": "tension_control",
    "emotionalWarmth": "emotional_warmth",
    "dominanceScore": "dominance",
}


# --- a second computation, in fractions ----------------------------------------------------------------------------


def rounded(value: Fraction, places: int = 0) -> Fraction:
    """Half up."""
    scaled = value * 10**places
    return Fraction((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator), 10**places)


def mean(turns: list[dict[str, Any]], column: str) -> Fraction:
    return Fraction(sum(turn[column] for turn in turns), len(turns)) if turns else Fraction(0)


def same(found: float, value: Fraction) -> bool:
    return found == float(value)


async def turns_of(arena: Arena, session_id: str) -> list[dict[str, Any]]:
    found = await arena.database.fetch(
        "SELECT * FROM turn WHERE session_id = $1 AND role = 'user' ORDER BY turn_index", UUID(session_id)
    )
    return [dict(record) for record in found]


async def recompute(arena: Arena, summary: dict[str, Any]) -> None:
    """All numbers of the talk itself, from what is stored of its turns."""
    turns = await turns_of(arena, summary["sessionId"])
    assert summary["messageCount"] == len(turns)
    assert same(summary["finalScore"], rounded(mean(turns, "score")))
    assert same(summary["averageMessageScore"], rounded(mean(turns, "score"), 2))
    for name, column in BREAKDOWN.items():
        assert same(summary["scoreBreakdown"][name], rounded(mean(turns, column))), name
    assert summary["scoreBreakdown"]["fillerWordsCount"] == sum(turn["filler_words"] for turn in turns)
    assert summary["scoreBreakdown"]["totalWords"] == sum(turn["total_words"] for turn in turns)
    for name, column in TRAITS.items():
        assert same(summary["traitSummary"]["snapshot"][name], rounded(mean(turns, column), 2)), name
    seen = {trait for turn in turns for trait in msgspec.json.decode(turn["observed"])}
    assert summary["traitSummary"]["observed"] == [name for name in TRAITS if name in seen]
    rarities = [turn["rarity"] for turn in turns]
    assert summary["rewards"]["rarityCounts"] == {name: rarities.count(name) for name in ("C", "B", "A", "S", "S+")}
    bonus = summary["rewards"]["missionBonus"]
    for name, column in (("xpGained", "xp"), ("coinsGained", "coins"), ("gemsGained", "gems")):
        assert summary["rewards"][name] == sum(turn[column] for turn in turns) + bonus[column]
    check_moods(summary["moodSummary"], turns)
    check_key_messages(summary["keyMessages"], turns)
    highest = max((turn["progress"] for turn in turns), default=0)
    assert summary["completionPercentage"] == (highest if summary["aiMode"] == "MISSION" else 0)
    gates = {gate["gateKey"]: gate for gate in summary["gateResults"]}
    assert gates["GATE_MIN_MESSAGES"]["passed"] == (len(turns) >= 3)
    assert gates["GATE_SUCCESS_THRESHOLD"]["passed"] == (
        bool(turns) and mean(turns, "score") >= summary["outcome"]["successThreshold"]
    )


def check_moods(mood: dict[str, Any], turns: list[dict[str, Any]]) -> None:
    state, shown = MoodState(), []
    for turn in turns:
        traits = Traits.of([turn[column] for column in TRAITS.values()])
        patterns = len(msgspec.json.decode(turn["patterns"]))
        state, snapshot = advance(
            state, turn_index=turn["turn_index"], score=turn["score"], traits=traits, pattern_count=patterns
        )
        shown.append(msgspec.to_builtins(snapshot))
    assert mood["snapshots"] == shown
    assert mood["current"] == {"moodState": shown[-1]["moodState"], "moodPercent": shown[-1]["smoothedMoodScore"]}
    assert (mood["baseline"], mood["delta"]) == (50, shown[-1]["smoothedMoodScore"] - 50)


def check_key_messages(messages: dict[str, Any], turns: list[dict[str, Any]]) -> None:
    by_index = {turn["turn_index"]: turn for turn in turns}
    for message in (*messages["top"], *messages["bottom"], *messages["rare"]):
        turn = by_index[message["turnIndex"]]
        assert (message["content"], message["score"]) == (turn["text"], turn["score"])
        assert message["traits"] == {name: turn[column] for name, column in TRAITS.items()}
        assert message["hooks"] == msgspec.json.decode(turn["hooks"])
    top = [message["turnIndex"] for message in messages["top"]]
    bottom = [message["turnIndex"] for message in messages["bottom"]]
    best = sorted(by_index, key=lambda index: (-by_index[index]["score"], index))
    worst = [
        index for index in sorted(by_index, key=lambda index: (by_index[index]["score"], index)) if index not in top
    ]
    assert top == best[: len(top)]
    assert bottom == worst[: len(bottom)]
    assert not set(top) & set(bottom)
    assert len(top) == min(3, (len(turns) + 1) // 2)
    assert len(bottom) == min(3, len(turns) - len(top))
    assert [m["turnIndex"] for m in messages["rare"]] == [
        index for index in best if by_index[index]["rarity"] in ("S", "S+")
    ][:20]


# --- the whole object ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "lines"),
    [
        ("template:HALFWAY", GOOD),
        ("template:HALFWAY", (GOOD[0], *FLAT[:2])),
        ("template:HIGH_FLOOR", (*FLAT[:3], GOOD[1])),
        (PERSONA, (*GOOD, *FLAT[:3])),
        (PERSONA, (GOOD[0],)),
    ],
)
async def test_every_leaf_is_there_and_every_number_is_right(
    model: str, lines: tuple[str, ...], arena: Arena
) -> None:
    learner = await arena.learner()
    summary = await play(learner, model, lines, leave=True)
    counted = summary["outcome"]["status"] != "ABORTED"
    expected = shape.summary(mission=model != PERSONA, counted=counted)
    assert shape.differences(summary, expected) == []
    await recompute(arena, summary)
    await books.check(arena.database)


@pytest.mark.parametrize("model", ["template:HALFWAY", PERSONA])
async def test_a_session_without_a_turn_has_a_summary_too(model: str, arena: Arena) -> None:
    learner = await arena.learner()
    summary = await play(learner, model, (), leave=True)
    expected = shape.summary(mission=model != PERSONA, turns=False, counted=False)
    assert shape.differences(summary, expected) == []
    assert (summary["finalScore"], summary["averageMessageScore"], summary["messageCount"]) == (0, 0.0, 0)
    assert summary["moodSummary"]["snapshots"] == []
    assert summary["moodSummary"]["current"] == {"moodState": "NEUTRAL", "moodPercent": 50}
    assert summary["outcome"]["endReasonCode"] == "ABORT_USER_EXIT"


async def test_the_mission_s_copies_are_in_the_summary(arena: Arena) -> None:
    learner = await arena.learner()
    summary = await play(learner, "template:HALFWAY", GOOD[:3], leave=True)
    assert summary["missionMetadata"] == {
        "style": "PLAYFUL",
        "objectiveKey": "PRACTICE_OPENING",
        "objectiveType": summary["missionMetadata"]["objectiveType"],
        "dynamicType": "REAL_LIFE",
        "locationTag": "CAFE",
    }
    row = await arena.database.fetchrow("SELECT * FROM practice_session WHERE id = $1", UUID(summary["sessionId"]))
    assert row is not None
    assert summary["missionMetadata"]["objectiveType"] == row["objective_type"]
    assert (summary["missionDifficulty"], summary["missionCategory"]) == (row["difficulty"], row["goal_type"])
    assert (summary["templateId"], summary["personaId"]) == (str(row["template_id"]), str(row["persona_id"]))
    assert (summary["outcome"]["successThreshold"], summary["outcome"]["failThreshold"]) == (10, 5)
    assert summary["durationSeconds"] == int((row["ended_at"] - row["created_at"]).total_seconds())


async def test_the_pushed_bytes_are_the_bytes_of_rest(arena: Arena) -> None:
    learner = await arena.learner()
    async with learner.connect("template:SHORT_AND_EASY") as wire, learner.connect(PERSONA) as other:
        session_id = (await wire.next())["session"]["id"]
        for line in GOOD[:3]:
            await wire.turn(f"{line} I live in Zürich 🙂.")
        await wire.until("session.summary")
        wallet = await wire.until("wallet.updated")
        assert await wire.closed() == 1000
        assert all(frame["type"] != "wallet.updated" for frame in await other.drained(0.1))
    pushed = next(frame for frame in wire.durable if '"type":"session.summary"' in frame)
    stored = await learner.call("GET", f"/v1/sessions/{session_id}/summary")
    again = await learner.call("POST", f"/v1/sessions/{session_id}/end")
    assert pushed.endswith(f',"summary":{stored.text}}}')
    assert again.content == stored.content
    assert wallet["wallet"] == stored.json()["wallet"]["after"]
    async with learner.connect(session_id=session_id, last_seq=0) as replay:
        assert await replay.closed() == 1000
    assert replay.durable == wire.durable


# --- what the summary says of the user -----------------------------------------------------------------------------


async def test_a_mission_s_bonus_is_paid_once_for_a_user_and_template(arena: Arena) -> None:
    learner, stranger = await arena.learner(), await arena.learner()
    first = await play(learner, "template:STRAIGHT", GOOD[:3], leave=False)
    second = await play(learner, "template:STRAIGHT", (GOOD[3], GOOD[4], "What else do you cook?"), leave=False)
    theirs = await play(stranger, "template:STRAIGHT", GOOD[:3], leave=False)
    assert first["rewards"]["missionBonus"] == {"xp": 40, "coins": 15, "gems": 2}
    assert second["outcome"]["status"] == "SUCCESS"
    assert second["rewards"]["missionBonus"] == {"xp": 0, "coins": 0, "gems": 0}
    assert theirs["rewards"]["missionBonus"] == first["rewards"]["missionBonus"]
    assert second["wallet"]["before"] == first["wallet"]["after"]
    ledger = (await learner.get("/v1/wallet/ledger"))["items"]
    assert len([entry for entry in ledger if entry["kind"] == "MISSION_BONUS"]) == 3
    await books.check(arena.database)


async def test_a_failed_mission_pays_no_bonus_and_unlocks_nothing(arena: Arena) -> None:
    learner = await arena.learner()
    summary = await play(learner, "template:SHORT_AND_HIGH", GOOD[:3], leave=False)
    assert summary["outcome"]["status"] == "FAIL"
    assert summary["rewards"]["missionBonus"] == {"xp": 0, "coins": 0, "gems": 0}
    assert summary["unlocked"] == {"missions": [], "categories": [], "deepInsights": False, "badges": []}


async def test_a_success_unlocks_the_next_mission_of_its_lane_once(arena: Arena) -> None:
    learner = await arena.learner()
    locked = await learner.call("POST", "/v1/sessions", json={"model": "template:SECOND_OF_LANE"})
    assert (locked.status_code, locked.json()["code"]) == (403, "mission_locked")
    first = await play(learner, "template:STRAIGHT", GOOD[:3], leave=False)
    again = await play(learner, "template:STRAIGHT", GOOD[2:5], leave=False)
    assert first["unlocked"]["missions"] == ["SECOND_OF_LANE"]
    assert again["unlocked"]["missions"] == []
    next_one = await play(learner, "template:SECOND_OF_LANE", GOOD[:3], leave=False)
    assert next_one["outcome"]["status"] == "SUCCESS"
    assert next_one["categorySummary"]["completedMissions"] == 2


async def test_a_category_is_completed_with_the_last_of_its_missions(arena: Arena) -> None:
    learner = await arena.learner()
    first = await play(learner, "template:ALONE", GOOD[:3], leave=False)
    again = await play(learner, "template:ALONE", GOOD[2:5], leave=False)
    assert first["unlocked"]["categories"] == ["SMALL_TALK"]
    assert again["unlocked"]["categories"] == []
    for summary, count in ((first, 1), (again, 2)):
        category = summary["categorySummary"]
        assert category["isCompleted"] is True
        assert (category["completedMissions"], category["totalMissions"]) == (1, 1)
        assert category["totalSessions"] == count
    scores = [Fraction(first["finalScore"]), Fraction(again["finalScore"])]
    assert same(again["categorySummary"]["averageScore"], rounded(sum(scores, Fraction(0)) / 2, 2))
    assert first["categorySummary"]["discoveredTraits"] == []
    both = {
        name
        for name in TRAITS
        if sum(Fraction(str(s["traitSummary"]["snapshot"][name])) for s in (first, again)) >= 140
    }
    assert set(again["categorySummary"]["discoveredTraits"]) == both
    aborted = await play(learner, "template:HALFWAY", (), leave=True)
    assert aborted["categorySummary"]["isCompleted"] is False
    assert (aborted["categorySummary"]["totalSessions"], aborted["categorySummary"]["averageScore"]) == (0, None)


async def test_level_and_streak(arena: Arena) -> None:
    learner = await arena.learner()
    first = await play(learner, PERSONA, GOOD[:2], leave=True)
    assert first["streak"] == {
        "current": 0,
        "longest": 0,
        "freezes": 0,
        "lastActiveOn": None,
        "activeToday": False,
    }, "an aborted session makes no day"
    second = await play(learner, "template:STRAIGHT", GOOD[2:5], leave=False)
    assert (second["streak"]["current"], second["streak"]["activeToday"]) == (1, True)
    assert second["streak"]["lastActiveOn"] == second["endedAt"][:10]
    for summary in (first, second):
        for side in ("before", "after"):
            xp, level = summary["wallet"][side]["xp"], summary["level"][side]
            assert 50 * level * (level - 1) <= xp < 50 * level * (level + 1)
    # Six active days before today make the seventh, which earns a freeze.
    await arena.database.execute(
        """INSERT INTO streak_day (user_id, local_date)
           SELECT $1, (now() AT TIME ZONE 'UTC')::date - n FROM generate_series(1, 6) AS n""",
        UUID(learner.user_id),
    )
    third = await play(learner, PERSONA, GOOD[:3], leave=True)
    assert (third["streak"]["current"], third["streak"]["freezes"]) == (7, 1)


async def test_the_long_term_traits_move_by_three_tenths(arena: Arena) -> None:
    """Over counting sessions, from the first one's own means, rounded half up to hundredths at each step."""
    learner = await arena.learner()
    long_term: dict[str, Fraction] | None = None
    for lines in (GOOD[:3], (*FLAT[:2], GOOD[3]), GOOD[2:5]):
        aborted = await play(learner, PERSONA, ("Good morning, did you sleep well?",), leave=True)
        check_long_term(aborted, long_term, long_term)
        summary = await play(learner, "template:HALFWAY", lines, leave=True)
        now = {name: Fraction(str(value)) for name, value in summary["traitSummary"]["snapshot"].items()}
        after = now if long_term is None else {n: rounded((7 * long_term[n] + 3 * now[n]) / 10, 2) for n in now}
        check_long_term(summary, long_term, after)
        long_term = after
    history = await arena.database.fetch(
        "SELECT counts, long_term FROM trait_history WHERE user_id = $1 ORDER BY user_seq", UUID(learner.user_id)
    )
    assert [record["counts"] for record in history] == [False, True] * 3
    assert long_term is not None
    assert history[-1]["long_term"] == [int(100 * value) for value in long_term.values()]


def check_long_term(
    summary: dict[str, Any], before: dict[str, Fraction] | None, after: dict[str, Fraction] | None
) -> None:
    traits = summary["traitSummary"]
    assert traits["longTermScores"] == (None if after is None else {n: float(v) for n, v in after.items()})
    for name, value in traits["snapshot"].items():
        expected = Fraction(0) if before is None else Fraction(str(value)) - before[name]
        assert same(traits["deltas"][name], expected), name


async def test_the_deep_insight_comes_with_ten_counting_sessions_in_two_categories(arena: Arena) -> None:
    learner = await arena.learner()
    for at in range(9):
        summary = await play(learner, "template:ALONE", GOOD[:3], leave=False)
        assert summary["unlocked"]["deepInsights"] is False, at
    insight = summary["insights"]["deepInsight"]
    assert (insight["isUnlocked"], insight["unlockedAt"]) == (False, None)
    assert insight["sessions"] == {"have": 9, "need": 10}
    assert insight["categories"] == {"have": 1, "need": 2}
    free = await play(learner, PERSONA, GOOD[:3], leave=True)
    assert free["insights"]["deepInsight"]["sessions"]["have"] == 10
    assert free["unlocked"]["deepInsights"] is False, "free play lies in no category"
    aborted = await play(learner, "template:HALFWAY", GOOD[:1], leave=True)
    assert aborted["insights"]["deepInsight"]["categories"]["have"] == 1, "an aborted mission counts for none"
    won = await play(learner, "template:HALFWAY", GOOD[:3], leave=True)
    assert won["unlocked"]["deepInsights"] is True
    assert won["insights"]["deepInsight"]["isUnlocked"] is True
    assert won["insights"]["deepInsight"]["unlockedAt"] == won["endedAt"]
    assert won["insights"]["deepInsight"]["averageScore"]["have"] >= 60
    after = await play(learner, PERSONA, FLAT[:3], leave=True)
    assert after["unlocked"]["deepInsights"] is False
    assert after["insights"]["deepInsight"]["unlockedAt"] == won["endedAt"], "never withdrawn"


async def test_what_joins_sessions_is_computed_and_hidden_for_a_declared_minor(arena: Arena) -> None:
    learner = await Learner.guest(arena.server.url, ageBand="13_15")
    await play(learner, "template:HALFWAY", GOOD[:3], leave=True)
    summary = await play(learner, "template:HALFWAY", GOOD[2:5], leave=True)
    assert shape.differences(summary, shape.summary(mission=True, analysis=False)) == []
    assert (summary["traitSummary"]["deltas"], summary["traitSummary"]["longTermScores"]) == (None, None)
    stored = await arena.database.fetchval(
        "SELECT long_term FROM user_stats WHERE user_id = $1", UUID(learner.user_id)
    )
    assert len(stored) == 6


async def test_memory_writes_are_listed_in_order_with_their_quotes(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, PERSONA)
    lines = ("I live in Haifa.", "I don't live in Haifa any more, I live in Jaffa.", "I love jazz.")
    written = [
        {**event, "line": line}
        for line in lines
        for event in await say(learner, session_id, line)
        if event["type"].startswith("memory.")
    ]
    summary = await end(learner, session_id)
    listed = summary["personaMemory"]["memoryWritesDuringSession"]
    assert [(w["memoryKey"], w["memoryValue"], f"memory.{w['op']}") for w in listed] == [
        (event["key"], event["value"], event["type"]) for event in written
    ]
    assert len(listed) >= 3
    for write, event in zip(listed, written, strict=True):
        source = write["source"]
        assert event["line"][source["start"] : source["end"]] == source["quote"]
    assert summary["personaMemory"]["memorySnapshot"]["home"] == "Jaffa"


async def test_a_rule_s_end_and_a_learner_s_end_tell_the_same_kind_of_summary(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, "template:SHORT_AND_EASY")
    for line in GOOD[:3]:
        await say(learner, session_id, line)
    summary = await summary_when_ended(learner, session_id)
    assert shape.differences(summary, shape.summary(mission=True)) == []
    closing = await arena.database.fetchval(
        "SELECT role FROM turn WHERE session_id = $1 ORDER BY position DESC LIMIT 1", UUID(session_id)
    )
    assert closing == "assistant", "the persona takes its leave"
