"""The load generator counts what happened, and nothing else."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import websockets
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from bench import recording
from bench.candidates import ceiling, running
from bench.database import Cluster
from bench.drive import drive, generate
from bench.frames import client_frame, header
from bench.lines import lines
from bench.load import Generator
from bench.plan import Outcome, Place, Plan, latency_of
from bench.stage import Stage
from tests.support import RunningServer

MODEL = "/v1/realtime?model=persona:MAYA_PLAYFUL"


async def tokens_of(server: RunningServer, number: int) -> list[str]:
    return [(await server.learner()).token for _ in range(number)]


@pytest.mark.parametrize("rate", [None, 40.0], ids=["closed", "open"])
async def test_it_talks_to_a_server_and_counts_what_is_stored(
    server: RunningServer, dsn: str, rate: float | None
) -> None:
    plan = Plan(
        places=[Place("127.0.0.1", server.port)],
        path=MODEL,
        tokens=await tokens_of(server, 7),
        sockets=4,
        spares=2,
        idle=1,
        turns_per_socket=5,  # so that the spares have their turn
        warm_seconds=0.2,
        seconds=1.0,
        rate=rate,
        watch={"here": [os.getpid()]},
    )
    outcome = await generate(plan)
    assert outcome.errors == {}
    assert outcome.turns > 0
    assert outcome.acknowledged_ever >= outcome.turns
    assert 0 < outcome.acknowledgement.p50 <= outcome.acknowledgement.p99 <= outcome.acknowledgement.worst
    assert outcome.score.p50 >= outcome.acknowledgement.p50
    assert outcome.cpu["here"] > 0
    if rate is not None:
        assert outcome.turns <= rate * plan.seconds + plan.sockets + plan.spares
    connection = await asyncpg.connect(dsn)
    stored = await connection.fetchval("SELECT count(*) FROM turn WHERE role = 'user'")
    talked = await connection.fetchval("SELECT count(DISTINCT session_id) FROM turn WHERE role = 'user'")
    await connection.close()
    assert stored == outcome.acknowledged_ever
    assert talked == (6 if outcome.acknowledged_ever > 30 else talked), "the spares talked, the idle one did not"


# --- what is not good is an error ---------------------------------------------------------------------------------

Answers = Callable[[ServerConnection, str], Awaitable[None]]
CREATED = '{"type":"session.created","seq":1}'


def done(item_id: str) -> str:
    return f'{{"type":"conversation.item.done","seq":2,"item":{{"id":"{item_id}","role":"user"}}}}'


def scored(item_id: str) -> str:
    return f'{{"type":"turn.scored","seq":3,"item_id":"{item_id}"}}'


async def good(socket: ServerConnection, item_id: str) -> None:
    await socket.send('{"type":"conversation.item.done","seq":2,"item":{"id":"greeting","role":"assistant"}}')
    await socket.send(done(item_id))
    await socket.send(scored(item_id))


async def another_turn(socket: ServerConnection, item_id: str) -> None:
    await socket.send(done(item_id + "x"))


async def twice(socket: ServerConnection, item_id: str) -> None:
    await socket.send(done(item_id))
    await good(socket, item_id)


async def score_first(socket: ServerConnection, item_id: str) -> None:
    await socket.send(scored(item_id))
    await socket.send(done(item_id))


async def score_of_another(socket: ServerConnection, item_id: str) -> None:
    await socket.send(done(item_id))
    await socket.send(scored(item_id + "x"))


async def refused(socket: ServerConnection, item_id: str) -> None:
    await asyncio.sleep(0.05)
    await socket.send('{"type":"error","error":{"code":"session_ended"}}')


async def closing(socket: ServerConnection, item_id: str) -> None:
    await socket.close(1011)


async def silent(socket: ServerConnection, item_id: str) -> None:
    return


async def cut(socket: ServerConnection, item_id: str) -> None:
    socket.transport.abort()


async def binary(socket: ServerConnection, item_id: str) -> None:
    await socket.send(done(item_id).encode())


async def only_acknowledged(socket: ServerConnection, item_id: str) -> None:
    await socket.send(done(item_id))


@asynccontextmanager
async def answering(answers: Answers) -> AsyncIterator[int]:
    """A WebSocket server that answers turns so; its port."""

    async def serve(socket: ServerConnection) -> None:
        await socket.send(CREATED)
        async for text in socket:
            await answers(socket, msgspec.json.decode(text)["item"]["id"])

    async with websockets.serve(serve, "127.0.0.1", 0, compression=None) as server:
        yield server.sockets[0].getsockname()[1]


async def outcome_of(answers: Answers) -> Outcome:
    async with answering(answers) as port:
        generator = Generator(
            Plan(
                places=[Place("127.0.0.1", port)],
                path="/",
                tokens=["one"],
                sockets=1,
                warm_seconds=0.0,
                seconds=0.3,
                patience=0.3,
            )
        )
        await generator.connect()
        return await generator.run()


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        (another_turn, {"wrong acknowledgement", "unanswered"}),
        (score_first, {"wrong score", "unanswered"}),
        (score_of_another, {"wrong score", "unanswered"}),
        (refused, {"error: session_ended"}),
        (closing, {"closed: 1011", "unanswered"}),
        (silent, {"unanswered"}),
        (cut, {"connection lost", "unanswered"}),
        (binary, {"unexpected frame: 0x82", "unanswered"}),
        (only_acknowledged, {"unanswered"}),
    ],
)
async def test_a_wrong_answer_is_an_error_and_no_turn(answers: Answers, errors: set[str]) -> None:
    outcome = await outcome_of(answers)
    assert set(outcome.errors) == errors
    assert outcome.turns == 0


async def test_a_good_answer_is_a_turn_and_a_second_acknowledgement_an_error() -> None:
    outcome = await outcome_of(good)
    assert outcome.errors == {}
    assert outcome.turns > 0
    outcome = await outcome_of(twice)
    assert set(outcome.errors) == {"wrong acknowledgement"}
    assert outcome.acknowledged_ever >= outcome.turns > 0


# --- the pieces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_servers_frame_is_found_whole_or_not_at_all(size: int) -> None:
    frame = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    begins = len(frame) - size
    assert header(b"ab" + frame, 2) == (0x81, 2 + begins, 2 + len(frame))
    for cut_at in range(begins):
        assert header(frame[:cut_at], 0) is None
    with pytest.raises(ValueError, match="masked"):
        header(Frame(Opcode.TEXT, b"x" * size).serialize(mask=True), 0)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535])
def test_a_server_reads_what_the_generator_sends(size: int) -> None:
    protocol = ServerProtocol(state=websockets.protocol.State.OPEN)
    protocol.receive_data(client_frame(b"y" * size))
    (event,) = protocol.events_received()
    assert isinstance(event, Frame)
    assert event.opcode is Opcode.TEXT
    assert bytes(event.data) == b"y" * size
    with pytest.raises(ValueError, match="longer"):
        client_frame(b"y" * 65_536)


def test_the_lines_are_what_people_say() -> None:
    said = lines()
    assert 190 <= len(said) == len(set(said))
    assert all(5 <= len(line.split()) <= 25 for line in said)


def test_percentiles_are_those_of_the_sorted_values() -> None:
    found = latency_of([value / 1e3 for value in range(100, 0, -1)])
    assert (found.p50, found.p95, found.p99, found.worst) == (50.0, 95.0, 99.0, 100.0)
    assert latency_of([]).worst == 0.0


# --- a peer does the same work ------------------------------------------------------------------------------------


async def test_a_peer_stores_and_sends_what_ours_answered(
    server: RunningServer, postgres: str, tmp_path: Path
) -> None:
    recorded = await recording.record(server.ws + MODEL, (await server.learner()).token)
    assert [turn.text for turn in recorded] == list(lines())
    stage = Stage(Cluster(postgres, os.getpid()), "", tmp_path)
    recording.save(recorded, stage.turns)
    async with running(ceiling(), stage) as peer:
        outcome = await drive(peer, stage, sockets=2, warm_seconds=0.0, seconds=0.5)
        connection = await asyncpg.connect(peer.dsn)
        rows = await connection.fetch(
            "SELECT session_id, seq, type, body FROM session_event ORDER BY session_id, seq LIMIT 400"
        )
        texts = await connection.fetch(
            "SELECT text, last - first AS more FROM (SELECT text, final_seq AS last, first_seq AS first FROM turn) t"
        )
        await connection.close()
    assert outcome.errors == {}
    assert outcome.acknowledged_ever == len(texts) > 0
    events = {turn.text: len(turn.events) for turn in recorded}
    assert all(row["more"] + 1 == events[row["text"]] for row in texts)
    for row in rows:
        frame: dict[str, Any] = msgspec.json.decode(row["body"])
        assert (frame["type"], frame["seq"]) == (row["type"], row["seq"])
        assert frame["session_id"] == str(row["session_id"])
        assert "@@" not in row["body"]
