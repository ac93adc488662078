"""What every process does beside answering: heartbeats and leases, tokens, the sweeper, and the outbox relay.

Nothing here is needed for correctness to hold at a given moment; it is what makes it hold in the end. A loop that
fails logs, waits and goes on.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from realtime.delivery import heartbeat
from realtime.engine import Engine
from realtime.protocol.events import signal
from storage import accounts, finalization, heads

log = structlog.get_logger("socialgym.housekeeping")
SWEEP_BATCH = 50
RELAY_SECONDS = 0.5  # how late another process's end may reach a socket here
OUTBOX_KEPT_SECONDS = 24 * 60 * 60.0


class Housekeeping:
    """Owns the loops; ``start`` and ``close`` with the process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loops: list[asyncio.Task[None]] = []
        self._serial = 0

    async def start(self) -> None:
        async with self._engine.database.read() as connection:
            self._serial = await finalization.outbox_end(connection)
        limits = self._engine.limits
        for name, work, seconds in (
            ("presence", self._presence, 1.0),
            ("leases", self._engine.joiner.renew_leases, limits.attach_seconds),
            ("revocation", self._revocation, limits.revocation_seconds),
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
            await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
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
                    connection.push_signal("session.heartbeat", heartbeat(live.state.seq))
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
        # Those that are open before the read: one that comes during it may be of a user whom the read does not know.
        open_now = [connection for connection in self._engine.connections if not connection.closed]
        users: set[UUID] = {connection.user_id for connection in open_now}
        if not users:
            return
        async with self._engine.database.read() as reading:
            versions = await accounts.versions(reading, list(users))
        for held in open_now:
            if versions.get(held.user_id) != held.session_version:
                held.close(4505, "revoked")

    async def sweep(self) -> None:
        """End what nobody ended, and finalize what nobody finalized: the guarantee behind every end."""
        engine, limits = self._engine, self._engine.limits
        async with engine.database.read() as connection:
            due = await heads.due(
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
            unfinished = await heads.unfinished(connection, attempts=limits.finalize_attempts, limit=SWEEP_BATCH)
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
            self._serial, found = await finalization.outbox_after(connection, self._serial, 500)
        for _, _, session_id in found:
            await self._guarded(self._engine.ender.tell_end(session_id), session_id)

    async def _prune(self) -> None:
        async with self._engine.database.transaction() as connection:
            await finalization.prune_outbox(connection, seconds=OUTBOX_KEPT_SECONDS)


async def _as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()
