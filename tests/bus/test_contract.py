"""What every bus promises, whatever carries it."""

import asyncio
from functools import partial
from uuid import UUID, uuid4

from tests.bus.conftest import Ear, Make, listening, until


def came(ear: Ear, channel: UUID, count: int) -> bool:
    return len(ear.of(channel)) == count


async def test_messages_come_in_order_and_never_to_their_sender(make_bus: Make) -> None:
    (one, ear_one), (two, ear_two) = await make_bus(), await make_bus()
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    sent = [f"message {n}".encode() for n in range(500)]
    for message in sent:
        one.publish(channel, message)
    two.publish(channel, b"back")
    await until(lambda: len(ear_two.of(channel)) >= 500 and ear_one.of(channel), "all messages")
    assert ear_two.of(channel) == sent
    assert ear_one.of(channel) == [b"back"], "no echo"


async def test_channels_are_apart_and_any_bytes_pass(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(), await make_bus()
    mine, other = uuid4(), uuid4()
    await listening(two, mine)
    everything = bytes(range(256)) * 300 + b"\r\n$5\r\n"
    one.publish(other, b"not for two")
    one.publish(mine, b"")
    one.publish(mine, everything)
    await until(lambda: len(ear.messages) >= 2, "both messages")
    assert ear.messages == [(mine, b""), (mine, everything)]


async def test_one_bus_among_many_channels(make_bus: Make) -> None:
    """Channels of every slot, so of every node."""
    (one, _), (two, ear) = await make_bus(), await make_bus()
    channels = [uuid4() for _ in range(200)]
    await listening(two, *channels)
    for number, channel in enumerate(channels):
        one.publish(channel, b"%d first" % number)
        one.publish(channel, b"%d second" % number)
    await until(lambda: len(ear.messages) >= 400, "all messages")
    for number, channel in enumerate(channels):
        assert ear.of(channel) == [b"%d first" % number, b"%d second" % number]


async def test_unsubscribing_is_counted(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(), await make_bus()
    channel, marker = uuid4(), uuid4()
    await listening(two, channel, channel, marker)
    two.unsubscribe(channel)
    one.publish(channel, b"still held")
    await until(lambda: ear.of(channel), "the message, for it is held once more")
    two.unsubscribe(channel)
    two.unsubscribe(channel)  # once too often does nothing
    await listening(two, uuid4())  # the order to leave has passed
    one.publish(channel, b"left")
    one.publish(marker, b"marker")
    await until(lambda: ear.of(marker), "the marker")
    assert ear.of(channel) == [b"still held"]
    assert not await two.subscribed(channel, 0.1)


async def test_left_and_joined_again(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(), await make_bus()
    channel = uuid4()
    for round_ in range(20):
        await listening(two, channel)
        one.publish(channel, b"%d" % round_)
        await until(partial(came, ear, channel, round_ + 1), "the message of this round")
        two.unsubscribe(channel)
    for _ in range(50):  # without waiting in between
        two.subscribe(channel)
        two.unsubscribe(channel)
    await listening(two, channel)
    one.publish(channel, b"end")
    await until(lambda: ear.of(channel)[-1:] == [b"end"], "the last message")
    assert ear.of(channel) == [*[b"%d" % n for n in range(20)], b"end"]


async def test_a_joining_bus_is_announced(make_bus: Make) -> None:
    (one, ear_one), (two, ear_two) = await make_bus(), await make_bus()
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    await until(lambda: channel in ear_one.joins, "the word that another one listens")
    assert channel not in ear_two.joins, "who was there first does not join"


async def test_others_is_false_only_where_nobody_listens(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(), await make_bus()
    channel = uuid4()
    await listening(one, channel)
    one.publish(channel, b"to nobody")
    await until(lambda: not one.others(channel), "the knowledge that nobody else listens")
    await listening(two, channel)
    await until(lambda: one.others(channel), "the word that somebody came")
    one.publish(channel, b"to two")
    await until(lambda: ear.of(channel) == [b"to two"], "the message")
    assert one.others(channel)
    two.unsubscribe(channel)
    await listening(two, uuid4())
    one.publish(channel, b"to nobody")
    await until(lambda: not one.others(channel), "the knowledge that nobody else listens any more")


async def test_a_full_queue_is_told_to_those_who_listen(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(capacity=64), await make_bus(capacity=64)
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    for n in range(1_000):  # in one go: nothing can leave meanwhile
        one.publish(channel, b"%d" % n)
    await until(lambda: channel in ear.losses, "the word that messages were lost")
    got = [int(message) for message in ear.of(channel)]
    assert len(got) < 1_000
    assert got == sorted(set(got)), "what came is in order, and came once"
    one.publish(channel, b"after")
    await until(lambda: ear.of(channel)[-1] == b"after", "what is published afterwards")


async def test_a_closed_bus_is_quiet(make_bus: Make) -> None:
    (one, ear_one), (two, _) = await make_bus(), await make_bus()
    channel = uuid4()
    await listening(one, channel)
    await listening(two, channel)
    await one.close()
    two.publish(channel, b"gone")
    one.publish(channel, b"gone")
    one.unsubscribe(channel)
    await asyncio.sleep(0.05)
    assert ear_one.of(channel) == []


async def test_what_waits_is_sent_before_closing(make_bus: Make) -> None:
    (one, _), (two, ear) = await make_bus(), await make_bus()
    channel = uuid4()
    await listening(two, channel)
    for n in range(100):
        one.publish(channel, b"%d" % n)
    await one.close()
    await until(lambda: len(ear.of(channel)) == 100, "everything that was published")


async def test_a_thousand_users_coming_and_going_leave_nothing(make_bus: Make) -> None:
    (one, _), (two, _) = await make_bus(), await make_bus()
    users: list[UUID] = [uuid4() for _ in range(1_000)]
    for user in users:
        one.subscribe(user)
        two.subscribe(user)
    assert all([await one.subscribed(user, 15) and await two.subscribed(user, 15) for user in users])
    for user in users:
        one.publish(user, b"hello")
        one.unsubscribe(user)
        two.unsubscribe(user)
    for bus in (one, two):
        kept = {
            name: len(value)
            for name, value in vars(bus).items()
            if name in ("_channels", "_holders") and hasattr(value, "__len__")
        }
        assert kept, "the test knows where channels are kept"
        assert set(kept.values()) == {0}
