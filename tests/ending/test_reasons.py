"""The table of end reasons: a session played to each of its rows on a real server."""

from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.ending.conftest import Arena
from tests.ending.play import FLAT, GOOD, INSULT, THREAT, begin, end, play, say, scored, summary_when_ended
from tests.support import Learner

PERSONA = "persona:NOA_CALM"


class Row(NamedTuple):
    """A session to play and the end it has. ``gates``: those that failed, by their short names."""

    code: str
    model: str
    lines: tuple[str, ...]
    leave: bool
    failed: frozenset[str]
    near_miss: bool = False

    @property
    def status(self) -> str:
        return {"SUCC": "SUCCESS", "FAIL": "FAIL", "ABOR": "ABORTED"}[self.code[:4]]


def failing(*gates: str) -> frozenset[str]:
    return frozenset(f"GATE_{gate}" for gate in gates)


NEVER_BEGAN = failing("MIN_MESSAGES", "SUCCESS_THRESHOLD", "FAIL_FLOOR", "OBJECTIVE_PROGRESS")
LOW = failing("SUCCESS_THRESHOLD", "FAIL_FLOOR", "OBJECTIVE_PROGRESS")
ROWS = (
    Row("ABORT_DISQUALIFIED", "template:STRAIGHT", (GOOD[0], THREAT), False, failing("MIN_MESSAGES", "DISQUALIFIED")),
    Row("ABORT_DISQUALIFIED", PERSONA, (*GOOD[:3], THREAT), False, failing("SUCCESS_THRESHOLD", "DISQUALIFIED")),
    Row(
        "FAIL_TOO_MANY_STRIKES",
        "template:STRICT",
        (INSULT, "You stupid idiot."),
        False,
        LOW | failing("MIN_MESSAGES"),
    ),
    Row("FAIL_GATE_SEQUENCE", "template:HIGH_FLOOR", GOOD[:3], True, failing("SUCCESS_THRESHOLD", "FAIL_FLOOR")),
    Row("FAIL_GATE_SEQUENCE", PERSONA, FLAT[:3], True, failing("SUCCESS_THRESHOLD")),
    Row("FAIL_MOOD_COLLAPSE", "template:WEAK_NERVES", (INSULT, f"Still. {INSULT}", f"Really. {INSULT}"), False, LOW),
    Row("FAIL_MAX_MESSAGES", "template:SHORT_AND_HIGH", GOOD[:3], False, failing("SUCCESS_THRESHOLD"), True),
    Row("FAIL_OBJECTIVE", "template:SHORT_AND_STILL", GOOD[:3], False, failing("OBJECTIVE_PROGRESS")),
    Row("SUCCESS_OBJECTIVE", "template:STRAIGHT", GOOD[:3], False, failing()),
    Row("SUCCESS_GATE_SEQUENCE", "template:SHORT_AND_EASY", GOOD[:3], False, failing()),
    Row("SUCCESS_GATE_SEQUENCE", "template:HALFWAY", GOOD[:3], True, failing()),
    Row("SUCCESS_SCORE_MILESTONE", PERSONA, GOOD[:3], True, failing()),
    Row("ABORT_USER_EXIT", "template:STRAIGHT", (), True, NEVER_BEGAN),
    Row("ABORT_USER_EXIT", "template:HALFWAY", GOOD[:2], True, failing("MIN_MESSAGES")),
    Row("ABORT_USER_EXIT", PERSONA, GOOD[:2], True, failing("MIN_MESSAGES")),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.model.partition(':')[2]}-{len(row.lines)}")
async def test_a_session_played_to(row: Row, arena: Arena) -> None:
    learner = await arena.learner()
    summary = await play(learner, row.model, row.lines, leave=row.leave)
    check(summary, row.code, row.status, "CLIENT" if row.leave else "RULE")
    assert {g["gateKey"] for g in summary["gateResults"] if not g["passed"]} == row.failed
    assert ("nearMiss" in summary["outcome"]["endReasonMeta"]) == row.near_miss
    await check_books(arena, learner, summary, len(row.lines))


async def test_a_session_played_to_fail_timer_expired(arena: Arena) -> None:
    """The timer runs from the reply's end, on a socket."""
    learner = await arena.learner()
    async with learner.connect("template:TIMED") as wire:
        await wire.turn(GOOD[0])
        assert await wire.reply()
        finalizing = await wire.until("session.finalizing")
        assert finalizing["reason"] == "TIMER"
        summary = (await wire.until("session.summary"))["summary"]
        assert await wire.closed() == 1000
    check(summary, "FAIL_TIMER_EXPIRED", "FAIL", "TIMER")
    await check_books(arena, learner, summary, 1)


async def test_without_a_socket_no_timer_runs(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, "template:TIMED")
    await say(learner, session_id, GOOD[0], params={"respond": "true"})
    head = (await learner.get(f"/v1/sessions/{session_id}/events"))["headSeq"]
    later = await learner.get(f"/v1/sessions/{session_id}/events", params={"after": head, "wait": 1.5})
    assert later == {"events": [], "headSeq": head}


async def test_a_session_played_to_abort_system_error(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, "template:STRAIGHT")
    for line in GOOD[:2]:
        await say(learner, session_id, line)
    await arena.engine.ender.end_session(UUID(learner.user_id), UUID(session_id), "ADMIN")
    summary = await learner.get(f"/v1/sessions/{session_id}/summary")
    check(summary, "ABORT_SYSTEM_ERROR", "ABORTED", "ADMIN")
    await check_books(arena, learner, summary, 2)


async def test_a_threat_by_the_administrators_end_is_still_his_end(arena: Arena) -> None:
    """The first row of the table stands above the second: the cause that was stored first decides."""
    learner = await arena.learner()
    session_id = await begin(learner, PERSONA)
    await arena.engine.ender.end_session(UUID(learner.user_id), UUID(session_id), "SYSTEM")
    summary = await learner.get(f"/v1/sessions/{session_id}/summary")
    check(summary, "ABORT_SYSTEM_ERROR", "ABORTED", "SYSTEM")
    assert summary["endedAt"] == summary["createdAt"], "SYSTEM ends it where the learner left it"
    late = await learner.call("POST", f"/v1/sessions/{session_id}/turns", json={"text": THREAT})
    assert (late.status_code, late.json()["code"]) == (409, "session_ended")


async def test_an_ending_session_takes_no_more_turns_and_has_cause_rule_whoever_ends_it(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, "template:SHORT_AND_EASY")
    for line in GOOD[:3]:
        await say(learner, session_id, line)
    refused = await learner.call("POST", f"/v1/sessions/{session_id}/turns", json={"text": GOOD[3]})
    assert (refused.status_code, refused.json()["code"]) == (409, "session_ended")
    summary = await learner.post(f"/v1/sessions/{session_id}/end")
    check(summary, "SUCCESS_GATE_SEQUENCE", "SUCCESS", "RULE")
    assert summary["messageCount"] == 3


async def test_turns_are_paid_at_every_end_but_a_disqualification(arena: Arena) -> None:
    """The sum of what the turns were shown is what is paid; a disqualified session pays nothing of it."""
    for lines, paid in (((GOOD[0],), True), ((GOOD[0], THREAT), False)):
        learner = await arena.learner()
        session_id = await begin(learner, PERSONA)
        shown = [scored(await say(learner, session_id, line))["rewards"] for line in lines]
        summary = await (end if paid else summary_when_ended)(learner, session_id)
        expected = sum(rewards["xp"] for rewards in shown) if paid else 0
        assert summary["rewards"]["xpGained"] == expected
        assert (await learner.get("/v1/wallet/me"))["xp"] == expected
        assert shown[0]["xp"] > 0


def check(summary: dict[str, Any], code: str, status: str, cause: str) -> None:
    outcome = summary["outcome"]
    assert (outcome["endReasonCode"], outcome["status"]) == (code, status)
    assert outcome["endReasonMeta"]["cause"] == cause
    assert outcome["isSuccess"] == (status == "SUCCESS")
    assert len(outcome["message"]) > 20
    if status != "ABORTED":
        assert outcome["worked"]["quote"] in outcome["message"]
    else:
        assert outcome["worked"] is None
    if status == "FAIL":
        missed = {g["gateKey"] for g in summary["gateResults"] if not g["passed"]}
        if missed:
            assert outcome["nearestMiss"]["gateKey"] in missed
            assert f"{outcome['nearestMiss']['need']:g}" in outcome["message"]
    else:
        assert outcome["nearestMiss"] is None
    if status == "ABORTED":
        assert "kept" in outcome["message"]
        assert "statistics" in outcome["message"]


async def check_books(arena: Arena, learner: Learner, summary: dict[str, Any], turns: int) -> None:
    """Rows, wallet and statistics that belong to this end."""
    user, session = UUID(learner.user_id), UUID(summary["sessionId"])
    outcome, rewards = summary["outcome"], summary["rewards"]
    head = await arena.database.fetchrow(
        "SELECT status, cause, end_reason_code, last_seq FROM practice_session WHERE id = $1", session
    )
    assert head is not None
    assert (head["status"], head["end_reason_code"]) == (outcome["status"], outcome["endReasonCode"])
    assert head["cause"] == outcome["endReasonMeta"]["cause"]
    gates = await arena.database.fetch(
        "SELECT gate_key, passed, reason_code FROM gate_result WHERE session_id = $1 ORDER BY position", session
    )
    assert [tuple(g) for g in gates] == [(g["gateKey"], g["passed"], g["reasonCode"]) for g in summary["gateResults"]]
    events = await arena.database.fetch("SELECT type FROM session_event WHERE session_id = $1 ORDER BY seq", session)
    assert [e["type"] for e in events][-2:] == ["session.finalizing", "session.summary"]
    assert head["last_seq"] == len(events)
    stored = await arena.database.fetchrow("SELECT * FROM finalization WHERE session_id = $1", session)
    assert stored is not None
    assert (stored["turn_count"], stored["user_seq"]) == (turns, 1)
    assert stored["turn_xp"] == rewards["xpGained"] - rewards["missionBonus"]["xp"]
    shown = await arena.database.fetchrow(
        "SELECT coalesce(sum(xp), 0) AS xp, coalesce(sum(coins), 0) AS coins FROM turn WHERE session_id = $1", session
    )
    assert shown is not None
    pays = outcome["endReasonCode"] != "ABORT_DISQUALIFIED"
    assert stored["turn_xp"] == (shown["xp"] if pays else 0)
    assert (rewards["missionBonus"]["xp"] > 0) == (outcome["status"] == "SUCCESS" and summary["aiMode"] == "MISSION")
    wallet = await learner.get("/v1/wallet/me")
    assert {name: wallet[name] for name in ("xp", "coins", "gems")} == summary["wallet"]["after"]
    assert summary["wallet"]["before"] == {"xp": 0, "coins": 0, "gems": 0}
    assert wallet["xp"] == rewards["xpGained"]
    stats = await arena.database.fetchrow("SELECT * FROM user_stats WHERE user_id = $1", user)
    assert stats is not None
    assert (stats["success_count"], stats["fail_count"], stats["aborted_count"]) == (
        int(outcome["status"] == "SUCCESS"),
        int(outcome["status"] == "FAIL"),
        int(outcome["status"] == "ABORTED"),
    )
    counts = outcome["status"] != "ABORTED"
    assert stats["score_sum"] == (summary["finalScore"] if counts else 0)
    persona = await arena.database.fetchval("SELECT count(*) FROM persona_stats WHERE user_id = $1", user)
    days = await arena.database.fetchval("SELECT count(*) FROM streak_day WHERE user_id = $1", user)
    assert persona == int(counts)
    assert days == int(counts and turns >= 3)
