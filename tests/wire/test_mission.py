"""A mission on the wire, from the first frame to the last."""

import msgspec

from tests.support import RunningServer

LINES = (
    "Hi, I'm Tal. That looks like a good book, what is it about?",
    "I love detective stories too, mostly the old ones. Do you come here often?",
    "That sounds like my kind of place. I walk here on Sundays because the light is so good. What do you order?",
    "Thank you for telling me that, I'd love to hear more. Would you like to share the table for a while?",
    "That was a lovely chat, thank you. See you next Sunday?",
    "It was good to meet you, have a good day.",
)


async def test_a_mission_is_played_to_its_end(server: RunningServer) -> None:
    learner = await server.learner()
    async with learner.connect("template:OPENERS_CAFE_HELLO") as wire:
        created = await wire.next()
        assert created["type"] == "session.created"
        assert created["seq"] == 1
        session_id = created["session"]["id"]
        for line in LINES:
            scored = await wire.turn(line)
            if scored["mission"]["progressPct"] == 100:
                break
            assert await wire.reply()
        summary = (await wire.until("session.summary"))["summary"]
        assert (await wire.next())["type"] == "wallet.updated"
        assert await wire.closed() == 1000
    seqs = [frame["seq"] for frame in map(_decoded, wire.durable)]
    assert seqs == list(range(1, len(seqs) + 1))
    wallet = await learner.get("/v1/wallet/me")
    assert {name: wallet[name] for name in ("xp", "coins", "gems")} == summary["wallet"]["after"]
    ledger = (await learner.get("/v1/wallet/ledger"))["items"]
    assert sum(entry["amount"] for entry in ledger if entry["currency"] == "XP") == wallet["xp"]
    assert summary["outcome"]["status"] == "SUCCESS"
    stored = await learner.call("GET", f"/v1/sessions/{session_id}/summary")
    pushed = next(frame for frame in wire.durable if '"type":"session.summary"' in frame)
    assert stored.text in pushed


def _decoded(frame: str) -> dict[str, int]:
    decoded: dict[str, int] = msgspec.json.decode(frame)
    return decoded
