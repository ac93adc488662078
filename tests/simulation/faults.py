"""What goes wrong, carried out: one function a kind of fault."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from realtime.protocol.events import durable
from storage.rows import EventRow
from tests.simulation.base import Transaction
from tests.simulation.determinism import EXPECTED
from tests.simulation.device import Device
from tests.simulation.plan import Fault, FaultKind
from tests.simulation.process import Process
from tests.simulation.sessions import Sessions

if TYPE_CHECKING:
    from tests.simulation.world import World

Befall = Callable[["World", Fault, Process, Device], None]


def befall(world: "World", fault: Fault) -> None:
    process = world.processes[fault.process % len(world.processes)]
    device = world.devices[fault.device % len(world.devices)]
    world.note("fault", fault.kind, process.name, device.name)
    _TABLE[fault.kind](world, fault, process, device)


def _crash(world: "World", fault: Fault, process: Process, device: Device) -> None:
    process.crash_in = fault.after


def _pause(world: "World", fault: Fault, process: Process, device: Device) -> None:
    process.pause()
    world.later(fault.seconds, process.go_on)


def _cut_writer(world: "World", fault: Fault, process: Process, device: Device) -> None:
    for backend in list(process.backends):
        if backend.alone:
            backend.cut(arrives=fault.arrives)


def _cut_pool(world: "World", fault: Fault, process: Process, device: Device) -> None:
    for backend in list(process.backends):
        if not backend.alone:
            backend.cut(arrives=fault.arrives)


def _restart_database(world: "World", fault: Fault, process: Process, device: Device) -> None:
    """Every connection is cut, every open transaction rolled back; what was committed stays."""
    world.database_down = True
    for each in world.processes:
        for backend in list(each.backends):
            backend.cut(arrives=False)

    def up() -> None:
        world.database_down = False

    world.later(fault.seconds * 0.5, up)


def _cut_device(world: "World", fault: Fault, process: Process, device: Device) -> None:
    if device.socket is not None:
        device.lost(device.socket)


def _drain(world: "World", fault: Fault, process: Process, device: Device) -> None:
    if process.up and not process.engine.draining:
        process.run(process.drain())


def _stop_reading(world: "World", fault: Fault, process: Process, device: Device) -> None:
    if device.socket is not None:
        device.socket.clog()
        world.later(fault.seconds, device.socket.unclog)


def _race_to_finalize(world: "World", fault: Fault, process: Process, device: Device) -> None:
    """Every process finalizes what it can, at once; and ends it first, where the fault says so."""
    for (user_id, session_id), row in world.base.tables["practice_session"].items():
        if row["status"] == "FINALIZING" or (fault.after < 20 and session_id not in world.left):
            for each in world.processes:
                if each.up:
                    each.run(world.end(each, user_id, session_id))


def _commit_late(world: "World", fault: Fault, process: Process, device: Device) -> None:
    """The next process that draws a serial of the outbox stands still before its commit."""

    def stop(transaction: Transaction) -> None:
        world.base.on_serial = None
        for each in world.processes:
            if any(backend.carries(transaction) for backend in each.backends):
                world.note(each.name, "stands still between a serial and its commit")
                _pause(world, fault, each, device)

    world.base.on_serial = stop


def _append_outside(world: "World", fault: Fault, process: Process, device: Device) -> None:
    """Another transaction takes the row's lock and appends to the log of an open session, as a forget does; whoever
    holds the session finds out by its next miss."""

    async def append() -> None:
        store, key = process.engine.store, (device.user_id, device.session_id)
        with suppress(*EXPECTED):
            async with store.database.transaction() as connection:
                head = await store.heads.head(connection, *key, lock=True)
                if head is not None and head.open:
                    payload = {"key": "likes.hobby", "version": 0, "redacts": ()}
                    event = durable(head.id, head.last_seq + 1, "memory.forgotten", payload)
                    row = EventRow(event.seq, event.type, event.body)
                    await Sessions().append_outside(connection, *key, [row], state=None)

    if process.up:
        process.run(append())


def _lose_bus(world: "World", fault: Fault, process: Process, device: Device) -> None:
    if world.exchange is not None:
        world.exchange.go_away(fault.seconds)


_TABLE: dict[FaultKind, Befall] = {
    "crash": _crash,
    "pause": _pause,
    "writer": _cut_writer,
    "pool": _cut_pool,
    "restart": _restart_database,
    "device": _cut_device,
    "drain": _drain,
    "slow": _stop_reading,
    "finalize": _race_to_finalize,
    "late": _commit_late,
    "bus": _lose_bus,
    "outside": _append_outside,
}
