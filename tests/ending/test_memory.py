"""Memory from the turn that gave it to the forgetting that takes it away, everywhere."""

from typing import Any
from uuid import UUID

import msgspec

from tests.ending import books
from tests.ending.conftest import Arena
from tests.ending.play import GOOD, begin, end, say, scored
from tests.support import Learner, Wire

NOA, MAYA = "persona:NOA_CALM", "persona:MAYA_PLAYFUL"
WORD = "Zorbington"  # in no file, in no other test
OF_LEARNER = "FROM turn WHERE session_id = $1 AND role = 'user' ORDER BY turn_index"
LIVES = f"I live in {WORD} and it is lovely. Where do you live?"


async def learn(wire: Wire, text: str, key: str) -> dict[str, Any]:
    """Say a line; the memory event of this key that it brings."""
    await wire.say(text)
    return await wire.until(lambda frame: frame["type"].startswith("memory.") and frame["key"] == key)


async def places_of(arena: Arena, word: str) -> set[str]:
    """``table.column`` of every place in the whole database where the word stands, in any case."""
    columns = await arena.database.fetch(
        """SELECT c.table_name, c.column_name FROM information_schema.columns c
           JOIN information_schema.tables t USING (table_schema, table_name)
           WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"""
    )
    assert len(columns) > 200
    found = set()
    for table, column in columns:
        holds = await arena.database.fetchval(
            f'SELECT EXISTS (SELECT 1 FROM "{table}" WHERE position(lower($1) in lower("{column}"::text)) > 0)', word
        )
        if holds:
            found.add(f"{table}.{column}")
    return found


async def log_of(arena: Arena, session_id: str) -> list[dict[str, Any]]:
    found = await arena.database.fetch(
        "SELECT body FROM session_event WHERE session_id = $1 ORDER BY seq", UUID(session_id)
    )
    return [msgspec.json.decode(record["body"]) for record in found]


def told_apart(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[int]:
    """The seqs that changed; type, seq and event_id of all stay."""
    assert [(e["type"], e["seq"], e["event_id"]) for e in before] == [
        (e["type"], e["seq"], e["event_id"]) for e in after[: len(before)]
    ]
    changed = [old["seq"] for old, new in zip(before, after, strict=False) if old != new]
    assert all(new["redacted"] is True for new in after if new["seq"] in changed)
    return changed


async def created_snapshot(learner: Learner, model: str) -> Any:
    made = await learner.post("/v1/sessions", json={"model": model})
    await end(learner, made["id"])
    return made["socialgym"]["memorySnapshot"]


# --- learnt, kept, used --------------------------------------------------------------------------------------------


async def test_what_was_learnt_is_streamed_stored_and_known_in_the_next_session(arena: Arena) -> None:
    learner = await arena.learner()
    assert await created_snapshot(learner, NOA) is None
    async with learner.connect(NOA) as wire:
        session_id = (await wire.next())["session"]["id"]
        event = await learn(wire, "I live in Haifa. Where do you live?", "home")
        assert (event["type"], event["value"], event["version"]) == ("memory.created", "Haifa", 1)
        await wire.send("session.end")
        await wire.closed()
    stored = await arena.database.fetchrow(
        "SELECT * FROM memory_event WHERE session_id = $1 AND key = 'home'", UUID(session_id)
    )
    assert stored is not None
    assert (stored["value"], stored["seq"], stored["quote"]) == ("Haifa", event["seq"], event["source"]["quote"])
    assert await created_snapshot(learner, NOA) == {"home": "Haifa"}
    assert await created_snapshot(learner, MAYA) is None, "memory never crosses personas"
    stranger = await arena.learner()
    assert await created_snapshot(stranger, NOA) is None, "nor users"


async def test_an_edit_is_an_event_and_the_new_present(arena: Arena) -> None:
    learner = await arena.learner()
    async with learner.connect(NOA) as wire:
        await learn(wire, "I live in Haifa. Where do you live?", "home")
        await wire.send("memory.edit", key="home", value="Jaffa")
        event = await wire.until("memory.updated")
        assert (event["value"], event["previousValue"], event["version"]) == ("Jaffa", "Haifa", 2)
        assert event["source"]["quote"] is None
        await wire.send("memory.edit", key="job", value="nurse", event_id="mine")
        error = await wire.until("error")
        assert (error["error"]["code"], error["error"]["event_id"]) == ("memory_key_unknown", "mine")
        await wire.send("session.end")
        summary = (await wire.until("session.summary"))["summary"]
    assert summary["personaMemory"]["memorySnapshot"] == {"home": "Jaffa"}
    assert await created_snapshot(learner, NOA) == {"home": "Jaffa"}


async def test_a_session_that_may_not_write_learns_nothing(arena: Arena) -> None:
    learner = await arena.learner()
    async with learner.connect(NOA) as wire:
        await wire.send("session.update", session={"type": "realtime", "socialgym": {"memoryMode": "off"}})
        await wire.until("session.updated")
        await wire.turn("I live in Haifa. Where do you live?")
        await wire.send("session.end")
        summary = (await wire.until("session.summary"))["summary"]
    assert summary["personaMemory"] == {"memorySnapshot": None, "memoryWritesDuringSession": []}
    assert await created_snapshot(learner, NOA) is None


# --- forgotten -----------------------------------------------------------------------------------------------------


async def test_forgetting_redacts_every_event_that_holds_the_value_in_its_place(arena: Arena) -> None:
    """An ended session, an open one, and the one that forgets: each is redacted, each open one is told."""
    learner = await arena.learner()
    ended = await begin(learner, NOA)
    await say(learner, ended, "I live in Jaffa. Where do you live?")
    await say(learner, ended, "I live in Haifa now, since May. Where did you grow up?")
    await end(learner, ended)
    async with learner.connect(NOA) as wire, learner.connect(NOA) as other, learner.connect(MAYA) as elsewhere:
        mine, theirs = [(await w.next())["session"]["id"] for w in (wire, other)]
        foreign = (await elsewhere.next())["session"]["id"]
        await learn(elsewhere, "I live in Haifa. Where do you live?", "home")
        sessions = (ended, mine, theirs, foreign)
        before = {key: await log_of(arena, key) for key in sessions}
        await wire.send("memory.forget", key="home")
        event = await wire.until("memory.forgotten")
        told = await other.until("memory.forgotten")
        after = {key: await log_of(arena, key) for key in sessions}
        changed = {key: told_apart(before[key], after[key]) for key in sessions}
        assert (event["redacts"], told["redacts"]) == (changed[mine], changed[theirs])
        assert changed[mine] == changed[theirs] == [1], "session.created, with its snapshot"
        assert changed[foreign] == []
        kinds = {e["type"] for e in after[ended] if e["seq"] in changed[ended]}
        assert kinds == {"memory.created", "memory.updated", "session.summary"}
        for e in after[ended]:
            if e["type"].startswith("memory."):
                assert (e["value"], e.get("previousValue"), e["source"]["quote"]) == (None, None, None)
        assert after[mine][0]["session"]["socialgym"]["memorySnapshot"] == {"home": None}
        assert len(after[ended]) == len(before[ended]), "an ended session gets no event"
        # The other session goes on, and so does its numbering.
        assert (await other.turn(GOOD[0]))["seq"] == told["seq"] + 3
        assert (await wire.turn(GOOD[1]))["seq"] == event["seq"] + 3
        for each in (wire, other, elsewhere):
            await each.send("session.end")
            assert await each.closed() == 1000
    summary = await learner.get(f"/v1/sessions/{ended}/summary")
    assert summary["redacted"] is True
    assert summary["personaMemory"]["memorySnapshot"] == {"home": None}
    assert {w["memoryValue"] for w in summary["personaMemory"]["memoryWritesDuringSession"]} == {None}
    assert summary == after[ended][-1]["summary"], "what REST answers is what the log holds"
    rows = await arena.database.fetch(
        """SELECT value, previous_value, quote FROM memory_event
           WHERE user_id = $1 AND persona_key = 'NOA_CALM' AND key = 'home'""",
        UUID(learner.user_id),
    )
    assert len(rows) == 3
    assert {value for row in rows for value in row} == {None}
    assert "home" not in await created_snapshot(learner, NOA), "what else was learnt stays"
    assert await created_snapshot(learner, MAYA) == {"home": "Haifa"}
    lines = await arena.database.fetchval(
        "SELECT count(*) FROM turn WHERE session_id = $1 AND text LIKE '%live in%'", UUID(ended)
    )
    assert lines == 2, "the transcript stays"
    await books.check(arena.database)


async def test_what_was_forgotten_does_not_come_back_with_a_later_event(arena: Arena) -> None:
    """The session object that a process holds is forgotten with the stored one."""
    learner = await arena.learner()
    first = await begin(learner, NOA)
    await say(learner, first, "I live in Haifa. Where do you live?")
    await end(learner, first)
    async with learner.connect(NOA) as wire:
        created = await wire.next()
        assert created["session"]["socialgym"]["memorySnapshot"] == {"home": "Haifa"}
        await wire.send("memory.forget", key="home")
        await wire.until("memory.forgotten")
        await wire.send("session.update", session={"type": "realtime", "socialgym": {"autoResponse": False}})
        updated = await wire.until("session.updated")
        assert "Haifa" not in msgspec.json.encode(updated).decode()
        await wire.send("memory.forget", key="home", event_id="again")
        error = await wire.until("error")
        assert (error["error"]["code"], error["error"]["event_id"]) == ("memory_key_unknown", "again")
        again = await learn(wire, "I live in Jaffa. Where do you live?", "home")
        assert (again["type"], again["version"]) == ("memory.created", 3), "a version only grows"


async def test_with_turns_the_value_stands_nowhere_any_more(arena: Arena) -> None:
    """In an ended session, in another open one and in the one that forgets; every column of every table is read."""
    learner = await arena.learner()
    ended = await begin(learner, NOA)
    await say(learner, ended, LIVES, params={"respond": "true"})
    await say(learner, ended, f"{WORD.upper()} is quiet, and I like that. Is your town quiet?")
    await say(learner, ended, GOOD[3])
    await end(learner, ended)
    kept = await arena.database.fetch(f"SELECT score, xp, line_hash {OF_LEARNER}", UUID(ended))
    async with learner.connect(NOA) as wire, learner.connect(NOA) as other:
        theirs = (await other.next())["session"]["id"]
        await other.turn(f"I walked through {WORD} this morning. Do you walk a lot?", "item_other")
        await wire.turn(f"You know {WORD}, where I live. What is your town like?", "item_mine")
        assert await wire.reply()
        assert {"turn.text", "session_event.body", "persona_memory.items"} <= await places_of(arena, WORD)
        await wire.send("memory.forget", key="home", withTurns=True)
        forgotten = await wire.until("memory.forgotten")
        await other.until("memory.forgotten")
        assert await places_of(arena, WORD) == set()
        # A repeated send is answered from the log as it is now.
        await wire.say(f"You know {WORD}, where I live. What is your town like?", "item_mine")
        repeated = await wire.until(lambda frame: frame["type"] == "conversation.item.done")
        assert repeated["item"]["content"][0]["text"] == ""
        assert repeated["seq"] in forgotten["redacts"]
        assert (await wire.turn(GOOD[0]))["score"] > 0
        assert (await other.turn(GOOD[1]))["score"] > 0
        for each in (wire, other):
            await each.send("session.end")
            assert await each.closed() == 1000
    assert await places_of(arena, WORD) == set()
    after = await arena.database.fetch(f"SELECT score, xp, line_hash {OF_LEARNER}", UUID(ended))
    assert after == kept, "scores and payments stay"
    texts = await arena.database.fetch(
        "SELECT text FROM turn WHERE session_id = $1 AND role = 'user' ORDER BY turn_index", UUID(ended)
    )
    assert [record["text"] for record in texts] == ["", "", GOOD[3]], "other turns stay"
    summary = await learner.get(f"/v1/sessions/{ended}/summary")
    assert {m["content"] for m in summary["keyMessages"]["top"] + summary["keyMessages"]["bottom"]} == {"", GOOD[3]}
    assert [e["type"] for e in await log_of(arena, theirs)].count("memory.forgotten") == 1
    await books.check(arena.database)


async def test_with_turns_takes_earlier_values_too(arena: Arena) -> None:
    learner = await arena.learner()
    async with learner.connect(NOA) as wire:
        await learn(wire, "I live in Quembria. Where do you live?", "home")
        await learn(wire, "I live in Haifa now. Where did you grow up?", "home")
        await wire.send("memory.edit", key="home", value="Vostrelle")
        await wire.until("memory.updated")
        await wire.send("memory.forget", key="home", withTurns=True)
        await wire.until("memory.forgotten")
        for word in ("Quembria", "Vostrelle"):
            assert await places_of(arena, word) == set()


# --- a transcript removed ------------------------------------------------------------------------------------------


async def test_a_removed_transcript_leaves_rows_seqs_and_scores(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, NOA)
    open_answer = await learner.call("DELETE", f"/v1/sessions/{session_id}")
    assert (open_answer.status_code, open_answer.json()["code"]) == (409, "session_open")
    words = ("Brindlewick", "Osterquill", "Tamrindle")
    for word in words:
        await say(learner, session_id, f"My {word} broke and I laughed. What broke in your house?")
    reply = await say(learner, session_id, GOOD[0], params={"respond": "true"})
    spoken = next(e for e in reply if e["type"] == "response.done")["response"]["output"][0]["content"][0]["text"]
    await end(learner, session_id)
    before, kept = await log_of(arena, session_id), await scores_of(arena, session_id)
    path = f"/v1/sessions/{session_id}"
    assert (await learner.call("DELETE", path)).status_code == 204
    for word in words:
        assert await places_of(arena, word) == set()
    after = await log_of(arena, session_id)
    said = await arena.database.fetch("SELECT DISTINCT text, tip FROM turn WHERE session_id = $1", UUID(session_id))
    assert [tuple(record) for record in said] == [("", None)]
    assert spoken in msgspec.json.encode(before).decode()
    assert spoken not in msgspec.json.encode(after).decode(), "nor what the persona said"
    assert told_apart(before, after)
    assert await scores_of(arena, session_id) == kept
    assert [scored([e])["score"] for e in after if e["type"] == "turn.scored"] == [record["score"] for record in kept]
    again = await learner.call("DELETE", path)
    assert again.status_code == 204
    assert await log_of(arena, session_id) == after
    stranger = await arena.learner()
    assert (await stranger.call("DELETE", path)).status_code == 404
    summary = await learner.get(f"{path}/summary")
    assert summary == after[-1]["summary"]
    assert summary["redacted"] is True
    assert {m["content"] for m in summary["keyMessages"]["top"]} == {""}
    await books.check(arena.database)


async def test_a_removed_transcript_takes_the_quotes_of_the_memory_and_leaves_the_memory(arena: Arena) -> None:
    learner = await arena.learner()
    session_id = await begin(learner, NOA)
    await say(learner, session_id, "I live in Haifa. Where do you live?")
    await end(learner, session_id)
    await learner.call("DELETE", f"/v1/sessions/{session_id}")
    assert await created_snapshot(learner, NOA) == {"home": "Haifa"}
    quotes = await arena.database.fetch(
        """SELECT quote FROM memory_event WHERE user_id = $1
           UNION ALL SELECT item #>> '{source,quote}' FROM persona_memory, jsonb_array_elements(items) AS item
           WHERE user_id = $1""",
        UUID(learner.user_id),
    )
    assert [record["quote"] for record in quotes] == [None, None]


async def scores_of(arena: Arena, session_id: str) -> list[Any]:
    return list(
        await arena.database.fetch(
            """SELECT item_id, turn_index, score, rarity, xp, coins, mood, line_hash, first_seq, final_seq FROM turn
               WHERE session_id = $1 AND role = 'user' ORDER BY position""",
            UUID(session_id),
        )
    )
