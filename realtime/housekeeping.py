"""What every process does beside answering: heartbeats and leases, tokens, the sweeper, and the outbox relay.

Nothing here is needed for correctness to hold at a given moment; it is what makes it hold in the end. A loop that
fails logs, waits and goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from realtime.delivery import heartbeat
from realtime.engine import Engine
from realtime.jitter import jittered
from realtime.protocol.events import signal
from storage.finalization import OUTBOX_KEPT_SECONDS

log = structlog.get_logger("socialgym.housekeeping")
SWEEP_BATCH = 50
COMPARE_SECONDS = 5.0  # how often heads are compared while the bus is up; every second while it is down
RELAY_BATCH = 500
RELAY_SECONDS = 0.5  # how late another process's end may reach a socket here


class Housekeeping:
    """Owns the loops; ``start`` and ``close`` with the process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loops: list[asyncio.Task[None]] = []
        self._since = 0  # the transaction from which on the outbox was not read yet
        self._compared = 0.0

    async def start(self) -> None:
        async with self._engine.database.read() as connection:
            self._since = await self._engine.store.finalization.outbox_end(connection)
        limits = self._engine.limits
        for name, work, seconds in (
            ("presence", self._presence, 1.0),
            ("leases", self._engine.joiner.renew_leases, limits.attach_seconds),
            ("revocation", self._revocation, limits.revocation_seconds),
            ("compare", self._compare, 1.0),
            ("sweeper", self.sweep, limits.sweep_seconds),
            ("relay", self._relay, RELAY_SECONDS),
            ("prune", self._prune, 3600.0),
        ):
            self._loops.append(asyncio.create_task(self._forever(name, work, seconds), name=name))

    async def close(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Run ``work`` about every ``seconds``, jittered so that many processes don't meet."""
        while True:
            await asyncio.sleep(jittered(seconds))
            try:
                # In a task of the engine: cancelling this loop never cuts a database call off half-way.
                await self._engine.tasks.run(_as_coroutine(work), name)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.error("a loop failed", loop=name, exc_info=error)

    async def _presence(self) -> None:
        """Heartbeats, and the life of access tokens."""
        engine, now = self._engine, asyncio.get_running_loop().time()
        for connection in list(engine.connections):
            if connection.closed:
                continue
            live = engine.held(connection)
            if now - connection.last_beat >= engine.limits.heartbeat_seconds and live is not None:
                connection.last_beat = now
                if connection.live:
                    connection.push_signal("session.heartbeat", heartbeat(live.head))
            if connection.token_expires_at is None:
                continue
            left = connection.token_expires_at - now
            if left <= 0:
                connection.close(4001, "token expired")
            elif left <= engine.limits.token_warning_seconds and not connection.token_warned:
                connection.token_warned = True
                payload = {"expires_at": connection.token_expires_epoch}
                connection.push_signal("session.token_expiring", signal("session.token_expiring", payload))
        engine.forget_idle()

    async def _revocation(self) -> None:
        """Close the sockets of users whose tokens were revoked, wherever that was done."""
        await self._engine.close_revoked()

    async def _compare(self) -> None:
        """Bring the sessions that sockets hold here to where their rows are: often while the bus is down, and now and
        then all the same, for a process may have died between a COMMIT and its word of it."""
        engine, now = self._engine, asyncio.get_running_loop().time()
        if engine.peers.alone or (engine.peers.bus.healthy and now - self._compared < COMPARE_SECONDS):
            return
        self._compared = now
        await engine.peers.compare([live for live in engine.held_sessions.values() if live.connections])

    async def sweep(self) -> None:
        """End what nobody ended, and finalize what nobody finalized: the guarantee behind every end."""
        engine, limits = self._engine, self._engine.limits
        async with engine.database.read() as connection:
            due = await engine.store.heads.due(
                connection,
                grace=limits.grace_seconds,
                idle=limits.idle_seconds,
                age=limits.session_seconds,
                limit=SWEEP_BATCH,
            )
        for user_id, session_id, cause in due:
            await self._guarded(
                engine.ender.end_session(
                    user_id,
                    session_id,
                    cause,
                    grace=limits.grace_seconds,
                    idle=limits.idle_seconds,
                    age=limits.session_seconds,
                    turns_reached=False,
                    closing_done=False,
                ),
                session_id,
            )
        async with engine.database.transaction() as connection:
            unfinished = await engine.store.heads.unfinished(
                connection, attempts=limits.finalize_attempts, limit=SWEEP_BATCH
            )
        for user_id, session_id in unfinished:
            await self._guarded(engine.ender.finalize(user_id, session_id), session_id)

    async def _guarded(self, work: Awaitable[object], session_id: UUID) -> None:
        """One session's failure must not keep a loop from the others; ``finalize`` has counted its own."""
        try:
            await work
        except Exception as error:
            log.error("a session could not be ended or told so", session_id=str(session_id), error=str(error))

    async def _relay(self) -> None:
        """Push ends that another process committed to the sockets here."""
        async with self._engine.database.read() as connection:
            self._since, found = await self._engine.store.finalization.outbox_after(
                connection, self._since, RELAY_BATCH
            )
        for _, _, session_id in found:
            await self._guarded(self._engine.ender.tell_end(session_id), session_id)

    async def _prune(self) -> None:
        async with self._engine.database.transaction() as connection:
            await self._engine.store.finalization.prune_outbox(connection, seconds=OUTBOX_KEPT_SECONDS)


async def _as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()
