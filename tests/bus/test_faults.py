"""A Redis that fails: nothing hangs, nothing grows, and whoever may have missed something is told."""

import asyncio
import signal
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.crc import key_slot

from realtime.bus import Bus
from realtime.bus.nodes import Clients
from realtime.bus.redis_bus import RedisBus
from server.embedded_valkey import EmbeddedValkey
from tests.bus.conftest import Ear, Make, buses_of, listening, until
from tests.bus.valkeys import cluster_of, command
from tests.house.test_settings import certificate
from tests.support import free_port

SOON = 30.0  # seconds for a bus to come back: time-outs, back-off, and a loaded machine


@pytest.fixture
async def mortal() -> AsyncIterator[EmbeddedValkey]:
    started = EmbeddedValkey.start()
    yield started
    started.stop()


@pytest.fixture
async def make(mortal: EmbeddedValkey) -> AsyncIterator[Make]:
    async with buses_of(lambda **options: RedisBus(Clients(mortal.url), **options)) as make_bus:
        yield make_bus


async def flows(one: Bus, ear: Ear, channel: UUID) -> None:
    """What is published now arrives."""
    marker = uuid4().bytes

    def arrived() -> bool:
        one.publish(channel, marker)
        return marker in ear.of(channel)

    await until(arrived, "messages flow again", SOON)


async def test_killed_and_started_again(make: Make, mortal: EmbeddedValkey) -> None:
    (one, ear_one), (two, ear_two) = await make(), await make()
    channels = [uuid4() for _ in range(50)]
    await listening(one, *channels)
    await listening(two, *channels)
    mortal.process.kill()
    mortal.process.wait()
    await until(lambda: not one.healthy and not two.healthy, "the loss is noticed")
    assert one.others(channels[0]), "who can't know says yes"
    assert not await one.subscribed(channels[0], 5.0), "and nobody waits for it"
    for channel in channels:
        one.publish(channel, b"lost")
    again = EmbeddedValkey.start(port=mortal.port, password=mortal.password)
    try:
        await until(lambda: one.healthy and two.healthy, "both are back", SOON)
        await until(lambda: set(ear_one.losses) >= set(channels), "every channel is told", SOON)
        await until(lambda: set(ear_two.losses) >= set(channels), "every channel is told", SOON)
        for channel in channels:
            await flows(one, ear_two, channel)
            assert b"lost" not in ear_two.of(channel)
    finally:
        again.stop()


@pytest.mark.parametrize("how", ["client pause", "sigstop"])
async def test_paused_past_every_time_out(make: Make, mortal: EmbeddedValkey, how: str) -> None:
    (one, _), (two, ear) = await make(), await make()
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    if how == "client pause":
        command(mortal, "CLIENT", "PAUSE", 9_000, "ALL")
    else:
        mortal.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        for n in range(20_000):
            one.publish(channel, b"%d" % n)
        assert time.monotonic() - began < 5.0, "publishing does not wait"
        await until(lambda: not one.healthy, "the silence is noticed", SOON)
        waited = time.monotonic()
        assert not await one.subscribed(uuid4(), 5.0)
        assert time.monotonic() - waited < 2.0
        assert one._waiting <= 10_000  # type: ignore[attr-defined]
        await until(lambda: not two.healthy, "by those who only listen, too", SOON)
    finally:
        mortal.process.send_signal(signal.SIGCONT)
    await until(lambda: one.healthy and two.healthy, "both are back", SOON)
    await until(lambda: channel in ear.losses, "the loss is told", SOON)
    await flows(one, ear, channel)
    numbers = [int(message) for message in ear.of(channel) if len(message) < 16]
    assert numbers == sorted(set(numbers)), "what came is in order, and came once"


async def test_erased(make: Make, mortal: EmbeddedValkey) -> None:
    (one, _), (two, ear) = await make(), await make()
    channel = uuid4()
    await listening(two, channel)
    command(mortal, "FLUSHALL")
    one.publish(channel, b"after")
    await until(lambda: ear.of(channel) == [b"after"], "the message")
    assert not ear.losses


async def test_clients_are_thrown_out(make: Make, mortal: EmbeddedValkey) -> None:
    (one, _), (two, ear) = await make(), await make()
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    for kind in ("normal", "pubsub", "pubsub"):
        command(mortal, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        await flows(one, ear, channel)
    await until(lambda: channel in ear.losses, "the loss is told")


async def test_down_at_the_start() -> None:
    port = free_port()
    bus, ear = RedisBus(Clients(f"redis://:secret@127.0.0.1:{port}/0")), Ear()
    channel = uuid4()
    began = time.monotonic()
    await bus.start(ear)
    bus.subscribe(channel)
    bus.publish(channel, b"nobody hears this")
    assert not await bus.subscribed(channel, 5.0)
    assert time.monotonic() - began < 2.0, "nothing waits for it"
    assert not bus.healthy
    assert bus.others(channel)
    started = EmbeddedValkey.start(port=port, password="secret")
    try:
        await until(lambda: bus.healthy, "it is found when it is there", SOON)
        await until(lambda: channel in ear.losses, "what was read before may be old")
        async with buses_of(lambda: RedisBus(Clients(started.url))) as make_bus:
            other, _ = await make_bus()
            await flows(other, ear, channel)
    finally:
        await bus.close()
        started.stop()


async def test_a_wrong_password_is_a_redis_that_is_down(mortal: EmbeddedValkey) -> None:
    bus = RedisBus(Clients(f"redis://:wrong@127.0.0.1:{mortal.port}/0"))
    await bus.start(Ear())
    await asyncio.sleep(0.3)
    assert not bus.healthy
    await bus.close()


async def test_over_tls(mortal: EmbeddedValkey, tmp_path: Path) -> None:
    """A TLS front before the real thing, as it stands before a hosted one."""
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        except (OSError, ssl.SSLError):
            pass
        finally:
            sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", mortal.port)
        await asyncio.gather(pump(reader, before), pump(behind, writer))

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = front.sockets[0].getsockname()[1]
    url = f"rediss://:{mortal.password}@127.0.0.1:{port}/0?ssl_ca_certs={cert}"
    async with front:
        async with buses_of(lambda: RedisBus(Clients(url))) as make_bus:
            (one, _), (two, ear) = await make_bus(), await make_bus()
            channel = uuid4()
            await listening(two, channel)
            one.publish(channel, b"secret")
            await until(lambda: ear.of(channel) == [b"secret"], "the message")
        await asyncio.sleep(0.1)


async def test_a_slot_moves_to_another_node() -> None:
    with cluster_of(2) as (first, second):
        ids = {node.port: command(node, "CLUSTER", "MYID").decode() for node in (first, second)}
        async with buses_of(lambda: RedisBus(Clients(first.url))) as make_bus:
            (one, _), (two, ear) = await make_bus(), await make_bus()
            channel = uuid4()
            await listening(one, channel)
            await listening(two, channel)
            slot = key_slot(f"sg:{{{channel}}}:bus".encode())
            source, target = (first, second) if slot < 8_192 else (second, first)
            command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
            command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
            for node in (target, source):
                command(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
            await until(lambda: channel in ear.losses, "the move is told", SOON)
            await flows(one, ear, channel)


async def test_a_node_of_a_cluster_dies_and_the_others_go_on() -> None:
    options = {"cluster-require-full-coverage": "no"}
    with cluster_of(3, options) as nodes:
        async with buses_of(lambda: RedisBus(Clients(nodes[0].url))) as make_bus:
            (one, _), (two, ear) = await make_bus(), await make_bus()
            channels = [uuid4() for _ in range(60)]
            await listening(two, *channels)
            nodes[2].process.kill()
            nodes[2].process.wait()
            await until(lambda: not one.healthy and not two.healthy, "the loss is noticed", SOON)
            first_of_third = (16_384 // 3) * 2
            sound = [c for c in channels if key_slot(f"sg:{{{c}}}:bus".encode()) < first_of_third]
            assert sound
            for channel in sound:
                one.publish(channel, b"still here")
            await until(lambda: all(ear.of(channel) for channel in sound), "the others' channels work", SOON)
