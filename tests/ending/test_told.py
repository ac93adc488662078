"""What the socket told of each turn is what is stored of it, and what the summary makes of it: nothing is told twice
in two ways."""

from typing import Any
from uuid import UUID

import msgspec

from realtime.core.rewards import PAY, rarity_of
from realtime.domain import TRAIT_NAMES
from storage.statistics import TRAIT_COLUMNS
from tests.ending.conftest import Arena
from tests.ending.play import FLAT, GOOD, begin, play, say
from tests.support import Learner, Wire

PERSONA = "persona:NOA_CALM"
LINES = (
    "Hi, I'm Tal. I live in Haifa and I love jazz because my father played it. What do you listen to?",
    "Maybe, I guess, um, sort of. 😀",
    "I don't like jazz any more, I live in Jaffa now. Thank you for asking!",
    "Thank you for telling me that, it was kind of you. How did you begin?",
)
FIELDS = {
    *("item_id", "turnIndex", "score", "rarity", "traits", "charismaIndex", "evidence", "observed", "hooks"),
    *("patterns", "tip", "rewards", "totals", "mood", "scorerVersion"),
}
ENVELOPE = {"type", "event_id", "session_id", "seq"}


async def told(learner: Learner, model: str, lines: tuple[str, ...]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every ``turn.scored`` and ``memory.*`` of a session in order, and its summary."""
    async with learner.connect(model) as wire:
        for line in lines:
            await wire.turn(line)
            await wire.reply()
        await wire.send("session.end")
        summary = (await wire.until("session.summary"))["summary"]
    return _decoded(wire), summary


def _decoded(wire: Wire) -> list[dict[str, Any]]:
    return [
        event for event in map(msgspec.json.decode, wire.durable) if event["type"].startswith(("turn.", "memory."))
    ]


async def rows(arena: Arena, table: str, summary: dict[str, Any], order: str) -> list[dict[str, Any]]:
    role = "AND role = 'user'" if table == "turn" else ""
    query = f"SELECT * FROM {table} WHERE session_id = $1 {role} ORDER BY {order}"
    return [dict(row) for row in await arena.database.fetch(query, UUID(summary["sessionId"]))]


async def test_a_scored_turn_is_told_as_it_is_stored_and_summed_up(arena: Arena) -> None:
    for model, mission in (("template:HALFWAY", True), (PERSONA, False)):
        events, summary = await told(await arena.learner(), model, LINES)
        scored = [event for event in events if event["type"] == "turn.scored"]
        stored = await rows(arena, "turn", summary, "turn_index")
        assert len(scored) == len(stored) == summary["messageCount"] == len(LINES)
        for event, row, line in zip(scored, stored, LINES, strict=True):
            assert event.keys() - ENVELOPE == (FIELDS | {"mission"} if mission else FIELDS)
            check_turn(event, row, line)
        check_sums(scored, summary)
        rewards, pays = summary["rewards"], scored[-1]["totals"]
        gains = (rewards["xpGained"], rewards["coinsGained"], rewards["gemsGained"])
        bonus = rewards["missionBonus"].values()
        assert gains == tuple(pays[name] + more for name, more in zip(("xp", "coins", "gems"), bonus, strict=True))


def check_turn(event: dict[str, Any], row: dict[str, Any], line: str) -> None:
    assert (event["item_id"], event["turnIndex"], event["scorerVersion"]) == (
        row["item_id"],
        row["turn_index"],
        row["scorer_version"],
    )
    assert (event["score"], event["rarity"], event["charismaIndex"], event["tip"]) == (
        row["score"],
        row["rarity"],
        row["charisma_index"],
        row["tip"],
    )
    assert event["rarity"] == rarity_of(event["score"])
    assert event["traits"] == {name: row[column] for name, column in zip(TRAIT_NAMES, TRAIT_COLUMNS, strict=True)}
    for name in ("evidence", "observed", "hooks", "patterns"):
        assert event[name] == msgspec.json.decode(row[name]), name
    assert event["observed"] == [name for name in TRAIT_NAMES if any(e["trait"] == name for e in event["evidence"])]
    for evidence in event["evidence"]:
        assert evidence.keys() == {"trait", "effect", "start", "end", "rule", "note"}
        quoted = line[evidence["start"] : evidence["end"]]
        assert quoted.strip(), "a reason stands on words"
        assert f"“{quoted}”" in evidence["note"], "and its note is true read alone"
    paid = {name: row[name] for name in ("xp", "coins", "gems")}
    assert event["rewards"] == paid | ({"reason": row["reward_reason"]} if row["reward_reason"] else {})
    assert paid["xp"] <= PAY[event["rarity"]].xp
    assert event["mood"]["percent"] == row["mood_percent"] == msgspec.json.decode(row["mood"])["smoothedMoodScore"]


def check_sums(scored: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """The running totals, and the summary's own."""
    for number, event in enumerate(scored, 1):
        so_far = scored[:number]
        assert event["totals"] == {
            **{name: sum(e["rewards"][name] for e in so_far) for name in ("xp", "coins", "gems")},
            "averageScore": (200 * sum(e["score"] for e in so_far) + number) // (2 * number) / 100,
        }
    last = scored[-1]
    assert summary["averageMessageScore"] == last["totals"]["averageScore"]
    assert summary["moodSummary"]["current"] == {
        "moodState": last["mood"]["state"],
        "moodPercent": last["mood"]["percent"],
    }
    assert summary["traitSummary"]["observed"] == [
        name for name in TRAIT_NAMES if any(name in event["observed"] for event in scored)
    ]
    tips = [event["tip"] for event in scored if event["tip"]]
    assert tips
    assert len(set(tips)) == len(tips), "no tip twice"


async def test_a_memory_write_is_told_as_it_is_stored_and_listed(arena: Arena) -> None:
    events, summary = await told(await arena.learner(), PERSONA, LINES)
    memory = [event for event in events if event["type"].startswith("memory.")]
    stored = await rows(arena, "memory_event", summary, "seq")
    listed = summary["personaMemory"]["memoryWritesDuringSession"]
    assert len(memory) == len(stored) == len(listed) >= 4
    said = {event["item_id"]: line for event, line in zip(_scored(events), LINES, strict=True)}
    for event, row, write in zip(memory, stored, listed, strict=True):
        always = {"key", "value", "confidence", "source", "version", "writtenAt"}
        assert event.keys() - ENVELOPE - {"previousValue"} == always
        assert (event["type"], event["key"], event["value"]) == (f"memory.{row['op']}", row["key"], row["value"])
        assert event.get("previousValue") == row["previous_value"]
        assert "previousValue" not in event or event["previousValue"], "what does not apply is absent"
        assert (event["version"], event["seq"], event["confidence"]) == (
            row["version"],
            row["seq"],
            row["confidence"],
        )
        source = event["source"]
        assert said[source["item_id"]][source["start"] : source["end"]] == source["quote"]
        assert (write["memoryKey"], write["memoryValue"], write["op"]) == (row["key"], row["value"], row["op"])
        assert write["writtenAt"] == event["writtenAt"]
        assert write["source"] == {
            "itemId": source["item_id"],
            "start": source["start"],
            "end": source["end"],
            "quote": source["quote"],
        }
    moved = next(event for event in memory if event.get("previousValue") == "Haifa")
    assert (moved["type"], moved["key"], moved["value"]) == ("memory.updated", "home", "Jaffa")


def _scored(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "turn.scored"]


async def test_a_fail_quotes_the_moment_whose_evidence_gained_most(arena: Arena) -> None:
    """A short kind sentence in a talk of flat lines is what is named, wherever it stands."""
    learner = await arena.learner()
    kind = "Maybe, um. Thank you for telling me that, it was kind of you."
    summary = await play(learner, "template:SHORT_AND_HIGH", (FLAT[0], kind, FLAT[1]), leave=False)
    outcome = summary["outcome"]
    assert outcome["status"] == "FAIL"
    assert outcome["worked"] == {"turnIndex": 2, "quote": "Thank you for telling me that, it was kind of you."}
    assert f"What worked: “{outcome['worked']['quote']}” That was warm." in outcome["message"]
    miss = outcome["nearestMiss"]
    assert miss["gateKey"] == "GATE_SUCCESS_THRESHOLD"
    assert miss["have"] == summary["averageMessageScore"]
    lack = 99 * 3 - sum(row["score"] for row in await rows(arena, "turn", summary, "turn_index"))
    assert (
        f"an average of {miss['have']:g} where 99 was needed, {lack} points short over 3 lines." in outcome["message"]
    )
    assert outcome["message"].rsplit(". ", 1)[-1] or outcome["message"].count("Next time") == 1


async def test_a_line_forgotten_before_the_end_is_quoted_nowhere_in_the_summary(arena: Arena) -> None:
    learner = await arena.learner()
    async with learner.connect("template:SHORT_AND_HIGH") as wire:
        session_id = (await wire.next())["session"]["id"]
        await wire.turn("Thank you so much for asking, I live in Zarqavine and I love it there.")
        await wire.send("memory.forget", key="home", withTurns=True)
        await wire.until("memory.forgotten")
        for line in FLAT[:2]:
            await wire.turn(line)
        summary = (await wire.until("session.summary"))["summary"]
    assert summary["sessionId"] == session_id
    assert "Zarqavine" not in msgspec.json.encode(summary).decode()
    assert summary["outcome"]["worked"]["turnIndex"] in (2, 3)
    assert summary["outcome"]["worked"]["quote"] in FLAT
    top = summary["keyMessages"]["top"][0]
    assert (top["turnIndex"], top["content"]) == (1, ""), "the score stays, the words are gone"


async def test_a_line_forgotten_after_the_end_leaves_the_message_whole(arena: Arena) -> None:
    learner = await arena.learner()
    line = "Thank you so much for asking, I live in Zarqavine and I love it there."
    ended = await play(learner, "template:SHORT_AND_HIGH", (line, *FLAT[:2]), leave=False)
    assert "Zarqavine" in ended["outcome"]["message"]
    async with learner.connect(f"persona:{ended['personaKey']}") as wire:
        await wire.send("memory.forget", key="home", withTurns=True)
        await wire.until("memory.forgotten")
    summary = await learner.get(f"/v1/sessions/{ended['sessionId']}/summary")
    outcome = summary["outcome"]
    assert "Zarqavine" not in msgspec.json.encode(summary).decode()
    assert outcome["worked"] == {"turnIndex": 1, "quote": None}
    before, _, after = ended["outcome"]["message"].partition(ended["outcome"]["worked"]["quote"])
    assert outcome["message"] == f"{before}…{after}"


async def test_two_sessions_alike_say_the_same_and_free_talk_says_it_too(arena: Arena) -> None:
    said = []
    for _ in range(2):
        learner = await arena.learner()
        session_id = await begin(learner, PERSONA)
        for line in GOOD[:3]:
            await say(learner, session_id, line)
        summary = await learner.post(f"/v1/sessions/{session_id}/end")
        assert summary["outcome"]["status"] == "SUCCESS"
        assert summary["outcome"]["worked"]["quote"] in " ".join(GOOD[:3])
        said.append(summary["outcome"]["message"])
    assert said[0] == said[1]
