"""Caps and lines that were paid already, on the way a learner takes: over the server, from session to session."""

from typing import Any
from uuid import UUID

from tests.ending import books
from tests.ending.conftest import Arena
from tests.ending.play import GOOD, begin, end, say, scored
from tests.support import Learner

PERSONA = "persona:NOA_CALM"
MORE = (
    "My sister taught me to cook last year. What do you cook at home?",
    "I like the quiet here because I can think. Where do you go to think?",
    "I once burned soup for twelve people. Has that ever happened to you?",
    "Thank you, that is kind of you. What made you smile today?",
    "I swim in the sea every morning, even in March. Do you like cold water?",
    "My neighbour plays the cello at night. What music do you fall asleep to?",
    "I'm learning to dance and I'm terrible at it. Would you try it with me?",
    "That makes sense, I felt the same last winter. How did you get through it?",
    "I baked bread this morning and it rose for once. What was your small win today?",
    "I'm glad you told me. What would help you now?",
    "I moved here two years ago for work. How long have you lived here?",
    "I read on the train because the phone eats my mornings. What do you do on the way?",
)
LINES = (*GOOD, *MORE)


async def talk(learner: Learner, lines: tuple[str, ...]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A free talk: what each turn was shown to pay, and the summary."""
    session_id = await begin(learner, PERSONA)
    shown = [scored(await say(learner, session_id, line))["rewards"] for line in lines]
    return shown, await end(learner, session_id)


async def test_a_session_pays_at_most_120_xp_and_40_coins(arena: Arena) -> None:
    learner = await arena.learner()
    shown, summary = await talk(learner, LINES)
    assert sum(rewards["xp"] for rewards in shown) == summary["rewards"]["xpGained"] == 120
    assert sum(rewards["coins"] for rewards in shown) == summary["rewards"]["coinsGained"] == 40
    assert shown[-1] == {"xp": 0, "coins": 0, "gems": 0, "reason": "CAPPED"}
    assert "reason" not in shown[0]
    reasons = [rewards.get("reason") for rewards in shown]
    assert reasons == sorted(reasons, key=lambda reason: reason is not None), "once capped, always capped"


async def test_a_day_pays_at_most_500_xp_from_turns(arena: Arena) -> None:
    """As known when a session begins: two that run side by side don't see each other."""
    learner = await arena.learner()
    paid = []
    for at in range(5):
        _, summary = await talk(learner, tuple(f"{line} Really, number {at}." for line in LINES[:12]))
        paid.append(summary["rewards"]["xpGained"])
    assert paid == [120, 120, 120, 120, 20]
    shown, summary = await talk(learner, GOOD[:3])
    assert [(rewards["xp"], rewards["reason"]) for rewards in shown] == [(0, "CAPPED")] * 3
    assert all(rewards["coins"] > 0 for rewards in shown), "the day's cap is one of XP"
    bonus = await begin(learner, "template:STRAIGHT")
    for line in LINES[5:8]:
        await say(learner, bonus, line)
    won = await end(learner, bonus)
    assert won["rewards"]["xpGained"] == won["rewards"]["missionBonus"]["xp"] == 40, "nor is it one of bonuses"
    await books.check(arena.database)


async def test_yesterdays_xp_is_not_todays(arena: Arena) -> None:
    learner = await arena.learner()
    await talk(learner, LINES[:12])
    await arena.database.execute(
        "UPDATE finalization SET local_date = local_date - 1, turn_xp = 500 WHERE user_id = $1", UUID(learner.user_id)
    )
    shown, _ = await talk(learner, LINES[12:14])
    assert all(rewards["xp"] > 0 for rewards in shown)


async def test_a_line_is_paid_once_also_across_sessions_and_personas(arena: Arena) -> None:
    learner, stranger = await arena.learner(), await arena.learner()
    line, same = GOOD[0], f"  {GOOD[0].upper()}!!! "
    first, summary = await talk(learner, (line, same))
    assert first[0]["xp"] > 0
    nothing = {"xp": 0, "coins": 0, "gems": 0, "reason": "ALREADY_PAID"}
    assert first[1] == nothing
    assert summary["rewards"]["xpGained"] == first[0]["xp"]
    later = await begin(learner, "persona:MAYA_PLAYFUL")
    event = scored(await say(learner, later, same))
    assert event["rewards"] == nothing
    assert event["score"] > 0
    await end(learner, later)
    theirs, _ = await talk(stranger, (line,))
    assert theirs[0]["xp"] > 0, "what one user was paid for is nothing to another"


async def test_a_line_that_a_disqualification_left_unpaid_can_be_paid(arena: Arena) -> None:
    learner = await arena.learner()
    from_threat = await begin(learner, PERSONA)
    await say(learner, from_threat, GOOD[1])
    await say(learner, from_threat, "I am going to hurt you.")
    await end(learner, from_threat)
    shown, _ = await talk(learner, (GOOD[1],))
    assert shown[0]["xp"] > 0


async def test_after_thirty_days_a_line_pays_again(arena: Arena) -> None:
    learner = await arena.learner()
    await talk(learner, (GOOD[0],))
    await arena.database.execute(
        "UPDATE turn SET created_at = created_at - interval '31 days' WHERE user_id = $1", UUID(learner.user_id)
    )
    shown, _ = await talk(learner, (GOOD[0],))
    assert shown[0]["xp"] > 0
