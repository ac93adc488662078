"""All ends are one end: one UPDATE out of IN_PROGRESS decides the cause, one transaction finalizes, all are told.

Whoever saw the end does it at once, as a favour to latency; the sweeper in every process is the guarantee.
"""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from realtime.core.contexts import closing_kind
from realtime.errors import AppError
from realtime.finalizer import Finalizer
from realtime.live import LiveSession
from realtime.replies import ActiveReply

if TYPE_CHECKING:
    from realtime.engine import Engine

log = structlog.get_logger("socialgym.ending")
CUT_SHORT_SECONDS = 2.0  # for a reply that is cancelled by the end to be committed


class Ender:
    """Ends sessions and has them finalized."""

    def __init__(self, engine: "Engine", finalizer: Finalizer) -> None:
        self._engine = engine
        self._finalizer = finalizer

    async def end_by_rule(self, live: LiveSession) -> None:
        """The persona's closing line, then the end. The sweeper does the rest if this process dies on the way."""
        closing = live.closing_reply
        try:
            async with asyncio.timeout(self._engine.limits.closing_seconds):
                if live.reply is not None:
                    await asyncio.shield(live.reply.done)
                reply = await self._engine.respond(live, None, closing_kind(live.spec.terms, live.state.tally))
                assert reply is not None, "a closing line is said here"
                if closing is not None and not closing.done():
                    closing.set_result(reply)
                await asyncio.shield(reply.done)
        except (TimeoutError, AppError) as error:
            log.warning("no closing line", session_id=str(live.spec.session_id), error=str(error))
        finally:
            if closing is not None and not closing.done():
                closing.set_exception(AppError("session_ended"))
                closing.exception()
        await self.end(live, "RULE", closing_done=True)

    async def end(self, live: LiveSession, cause: str, **condition: Any) -> str | None:
        return await self.end_session(live.spec.user_id, live.spec.session_id, cause, **condition)

    async def end_session(self, user_id: UUID, session_id: UUID, cause: str, **condition: Any) -> str | None:
        """End a session and finalize it. The summary's bytes, or None when the cause's condition did not hold.

        Ending an ended session gives the same summary again. Raises ``not_found``.
        """
        live = self._engine.held_sessions.get(session_id)
        if live is not None and live.reply is not None and live.reply.closing is None:
            await self._cut_short(live.reply, cause, condition)
        async with self._engine.database.transaction() as connection:
            stored = await self._engine.store.sessions.begin_end(connection, user_id, session_id, cause, **condition)
        if stored is None and (await self._engine.head(user_id, session_id)).open:
            return None
        self._engine.peers.ended(user_id, session_id)
        if live is not None:
            await live.reload()
        return await self.finalize(user_id, session_id)

    async def _cut_short(self, reply: ActiveReply, cause: str, condition: dict[str, Any]) -> None:
        """What the persona has said so far is kept, if the session really ends now."""
        spec = reply.live.spec
        async with self._engine.database.read() as connection:
            ends = await self._engine.store.heads.may_end(
                connection, spec.user_id, spec.session_id, cause, **condition
            )
        if ends:
            reply.cancel()
            await asyncio.wait({reply.done}, timeout=CUT_SHORT_SECONDS)

    async def finalize(self, user_id: UUID, session_id: UUID) -> str:
        """Finalize an ended session, whoever else tries at once; the summary's bytes. A failure is counted, and
        tried again by the sweeper."""
        try:
            body = await self._engine.tasks.run(self._finalizer.finalize(user_id, session_id), "finalize")
        except Exception as error:
            self._engine.counts.finalize_failures += 1
            log.error("a finalization failed", session_id=str(session_id), exc_info=error)
            async with self._engine.database.transaction() as connection:
                await self._engine.store.sessions.finalize_failed(connection, user_id, session_id)
            raise
        self._engine.counts.finalizations += 1
        self._engine.peers.ended(user_id, session_id)
        await self.tell_end(session_id)
        return body

    async def tell_end(self, session_id: UUID) -> None:
        """Bring the end to every socket here. Called by whoever finalized, when another process says so, and by the
        outbox relay. A reply that is still said here did not happen."""
        live = self._engine.held_sessions.get(session_id)
        if live is None or live.told:
            return
        try:
            await live.reload()
            if not live.open and live.reply is not None:
                live.reply.cancel()
        except Exception:
            for connection in live.connections:  # they come back, and read the end from the log
                connection.close(1011, "the log can't be read")
            raise
