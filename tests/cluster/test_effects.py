"""What happens to a user in one process reaches the sockets in every other: ends, revocations, memory, limits."""

import asyncio
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import websockets

from realtime.limits import Limits
from server.embedded_valkey import EmbeddedValkey
from tests.cluster.conftest import Pair, server_on
from tests.cluster.two import MISSION, at, guest, joined, opened, upto
from tests.durability.talk import LINES, assert_paid_once, eventually, log_of
from tests.support import Learner

PROMISED_SECONDS = 5.0  # for a revocation; the bus carries it at once


async def test_an_end_over_rest_on_a_third_process_reaches_all(pair: Pair) -> None:
    async with pair(3) as (a, b, c):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id, last_seq=0) as two:
                await two.until("session.resumed")
                await upto(two, {"seq": 3})
                scored = await one.turn(LINES[0])
                await upto(two, scored)
                summary = await at(c, learner).post(f"/v1/sessions/{session_id}/end")
                for wire in (one, two):
                    assert (await wire.until("session.summary"))["summary"] == summary
                    assert (await wire.next())["type"] == "wallet.updated"
                    assert await wire.closed() == 1000
                assert one.durable == two.durable
                await assert_paid_once(learner, summary)


async def test_an_end_stops_a_reply_that_another_process_says(pair: Pair) -> None:
    async with pair(pace_ms=200) as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            await one.turn(LINES[0])
            await one.send("response.create")
            await one.until("response.output_text.delta")
            await at(b, learner).post(f"/v1/sessions/{session_id}/end")
            await one.until("session.summary")
            assert await one.closed() == 1000
            live = a.engine.held_sessions.get(UUID(session_id))
            await eventually(lambda: live is None or live.reply is None, "the reply ends, for it did not happen")
        types = [event["type"] for event in await log_of(learner, session_id)]
        assert types[-2:] == ["session.finalizing", "session.summary"]
        assert "response.done" not in types


async def test_a_revocation_closes_the_sockets_of_every_process(pair: Pair) -> None:
    async with pair() as (a, b):
        learner, other = await guest(a), await guest(a)
        async with at(b, learner).connect() as two, at(b, other).connect() as unconcerned:
            await opened(two)
            await opened(unconcerned)
            began = asyncio.get_running_loop().time()
            await learner.post("/v1/auth/revoke")
            assert await two.closed() == 4505
            assert asyncio.get_running_loop().time() - began < PROMISED_SECONDS
            assert await unconcerned.turn(LINES[0])
        assert (await at(b, other).call("GET", "/v1/wallet/me")).status_code == 200


async def test_what_is_forgotten_is_forgotten_in_every_process(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect() as one, at(b, learner).connect() as two:
            await opened(one)
            second = await opened(two)
            await one.say("Hi, my name is Rosalind and I live in Haifa.", "name")
            created = await one.until("memory.created")
            key = created["key"]
            live = b.engine.held_sessions[UUID(second)]
            await eventually(lambda: live.stale, "the word that the other session remembers something")
            await two.turn("What a lovely evening, do you come here often?")
            assert live.memory[key].items
            await one.send("memory.forget", key=key)
            await one.until("memory.forgotten")
            forgotten = await two.until("memory.forgotten")
            assert forgotten["key"] == key
            await eventually(lambda: not live.memory[key].items, "the cache of the other process is cleared")
            elsewhere = await at(b, learner).get(f"/v1/sessions/{second}/events")
            assert elsewhere["events"][-1] == forgotten


async def test_an_edit_is_known_to_the_next_step_of_another_session(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect() as one, at(b, learner).connect() as two:
            await opened(one)
            second = await opened(two)
            await one.say("Hi, my name is Rosalind and I live in Haifa.", "name")
            key = (await one.until("memory.created"))["key"]
            live = b.engine.held_sessions[UUID(second)]
            await eventually(lambda: live.stale, "the word that the other session remembers something")
            await two.turn("What a lovely evening, do you come here often?")
            await one.send("memory.edit", key=key, value="Acre")
            await one.until("memory.updated")
            await eventually(lambda: live.stale or live.memory[key].items[0].value == "Acre", "the word of it")
            await two.turn("I like the sea and long walks on the beach.")
            assert [item.value for item in live.memory[key].items] == ["Acre"]


async def test_a_user_has_five_sockets_over_all_processes(pair: Pair, request: pytest.FixtureRequest) -> None:
    if "local" in request.node.name:
        pytest.skip("without Redis each process counts its own")
    async with pair(limits=Limits(sockets_per_user=5, guests_per_hour=1_000)) as (a, b):
        learner = await guest(a)
        wires = []
        session_id = None
        for number in range(5):
            server = (a, b)[number % 2]
            wire = at(server, learner).connect(session_id=session_id) if session_id else learner.connect()
            await wire.__aenter__()
            wires.append(wire)
            session_id = session_id or await opened(wire)
            if number:
                await joined(wire)
        for server in (a, b):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with at(server, learner).connect(session_id=session_id):
                    pass
            assert refused.value.response.status_code == 429
            assert msgspec.json.decode(refused.value.response.body or b"")["code"] == "too_many_sockets"
        await wires.pop().socket.close()

        async def comes_in() -> bool:
            try:
                async with at(b, learner).connect(session_id=session_id) as wire:
                    await joined(wire)
                    return True
            except websockets.InvalidStatus:
                return False

        await eventually(comes_in, "the place of a socket that left is free in every process")
        for wire in wires:
            await wire.socket.close()


async def test_rates_count_over_all_processes(pair: Pair, request: pytest.FixtureRequest) -> None:
    if "local" in request.node.name:
        pytest.skip("without Redis each process counts its own")
    limits = Limits(client_secrets_per_minute=4)
    async with pair(limits=limits) as (a, b):
        learner: Learner = await guest(a)
        answers = [
            (await at((a, b)[n % 2], learner).call("POST", "/v1/realtime/client_secrets", json={})).status_code
            for n in range(6)
        ]
        assert answers[:4] == [200] * 4
        assert answers[4:] == [429] * 2


async def test_a_mission_timer_ends_a_session_once_over_two_processes(pair: Pair) -> None:
    """Both processes hold a socket, so both run the timer; whoever is first ends it."""
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            session_id = await opened(one)
            key = UUID(session_id)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)
                lives = [server.engine.held_sessions[key] for server in (a, b)]
                for live in lives:
                    terms = msgspec.structs.replace(live.spec.terms, timer_seconds=1)
                    live.spec = msgspec.structs.replace(live.spec, terms=terms)
                await one.turn(LINES[0])
                assert await one.reply()
                for wire in (one, two):
                    assert (await wire.until("session.finalizing"))["reason"]
                    await wire.until("session.summary")
                    assert await wire.closed() == 1000
        types = [event["type"] for event in await log_of(learner, session_id)]
        assert types.count("session.finalizing") == types.count("session.summary") == 1


async def test_a_session_is_held_while_any_process_has_a_socket(pair: Pair) -> None:
    async with pair() as (a, b):
        learner = await guest(a)
        async with learner.connect() as one:
            session_id = await opened(one)
            async with at(b, learner).connect(session_id=session_id) as two:
                await joined(two)

            async def is_held() -> bool:
                async with a.engine.database.read() as connection:
                    user_id = UUID(learner.user_id)
                    found = await a.engine.store.transcripts.open_sessions(connection, user_id)
                return bool(found == [(UUID(session_id), True)])

            await eventually(lambda: not b.engine.connections, "the second socket is gone")
            await asyncio.sleep(0.2)  # its going is noted in the row
            await eventually(is_held, "the other process says that it holds it still")


async def test_who_is_alone_makes_nothing_for_others(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr("realtime.peers.Peers.tell", lambda self, user_id, message: told.append(message))
    monkeypatch.setattr("realtime.bus.local.LocalBus.publish", lambda self, channel, message: told.append(message))
    async with server_on(dsn, tmp_path) as a:
        learner = await guest(a)
        async with learner.connect(MISSION) as one:
            await opened(one)
            await one.turn(LINES[0])
            assert await one.reply()
            await one.send("session.end")
            assert await one.closed() == 1000
    assert told == []


async def test_a_process_that_shares_no_user_soon_says_nothing(
    dsn: str, tmp_path: Path, valkey: EmbeddedValkey
) -> None:
    """With Redis, but with no second device: after a first message that nobody heard nothing is made any more."""
    async with server_on(dsn, tmp_path, redis_url=valkey.url) as a:
        learner = await guest(a)
        async with learner.connect() as one:
            await opened(one)
            peers = a.engine.peers
            await eventually(lambda: not peers.listening(UUID(learner.user_id)), "it is known to be alone")


async def test_who_only_looks_in_leaves_nothing(pair: Pair) -> None:
    """A thousand users who come and go: no channel stays."""
    async with pair() as (a, b):
        learner = await guest(a)
        async with at(b, learner).connect() as wire:
            session_id = await opened(wire)
        for _ in range(3):
            async with at(a, learner).connect(session_id=session_id) as wire:
                await joined(wire)
        for server in (a, b):
            engine = server.engine
            await eventually(lambda e=engine: not e.connections, "the socket is gone")
            assert len(engine.peers.by_user) == len(engine.held_sessions)
            engine.forget_idle(seconds=-1.0)
            assert not engine.held_sessions
            assert not engine.peers.by_user
            assert not engine.peers.loading
            assert not engine.peers.own
