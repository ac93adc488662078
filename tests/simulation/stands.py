"""A store of either kind with a user of its own, and sessions made as the engine makes them: what the contract is
tested on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uuid_utils.compat

from realtime.core import session as core
from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn, Reply, Step
from realtime.core.state import Spec, State, decode
from realtime.limits import Limits
from realtime.opening import Learner, Opener, load_memory
from storage.catalogue.store import Shelf
from storage.rows import SessionHead, SessionWrite
from storage.store import Handle, Store
from tests.simulation.minds import MINDS, Persona

FREE = "persona:MAYA_PLAYFUL"
AT = "2026-03-04T09:00:00.000Z"


class Stand:
    """``key``: (user, session) of a session that was begun."""

    def __init__(self, store: Store, shelf: Shelf, user_id: UUID) -> None:
        self.store = store
        self.shelf = shelf
        self.user_id = user_id
        self.opener = Opener(store, shelf, Persona(), Limits(enforced=False), _no_room)

    async def begin(self, model: str = FREE) -> UUID:
        session_id = uuid_utils.compat.uuid7()
        learner = Learner(user_id=self.user_id, time_zone="UTC", minor=False, adult=True)
        await self.opener.create(learner, session_id, model)
        return session_id

    async def head(self, session_id: UUID) -> SessionHead:
        async with self.store.database.read() as connection:
            found = await self.store.heads.head(connection, self.user_id, session_id)
        assert found is not None
        return found

    async def log(self, session_id: UUID) -> list[tuple[int, str, str]]:
        async with self.store.database.read() as connection:
            return await self.store.transcripts.events(
                connection, self.user_id, session_id, after=0, until=10_000, limit=10_000
            )

    async def _before(self, session_id: UUID) -> tuple[Spec, State, SessionHead]:
        head = await self.head(session_id)
        state = decode(head.state)
        state.seq = head.last_seq
        return await self.opener.spec(head), state, head

    async def turn(self, session_id: UUID, text: str, item_id: str) -> SessionWrite:
        """The write of a turn, from where the session is now."""
        spec, state, head = await self._before(session_id)
        async with self.store.database.read() as connection:
            memory = await load_memory(self.store, connection, self.user_id, head.persona_key)
        said = LearnerTurn(item_id=item_id, text=text, kind="text", body_hash=body_hash("text", text), at=AT)
        step = core.learner_turn(spec, state, said, MINDS, memory, frozenset())
        return _write(spec, step, head)

    async def reply(self, session_id: UUID, response_id: str) -> SessionWrite:
        """The write of a reply that was claimed."""
        spec, state, head = await self._before(session_id)
        reply = Reply(response_id=response_id, item_id=f"of_{response_id}", text="Yes.", status="completed")
        return _write(spec, core.reply_done(spec, state, reply), head)

    async def append(self, *writes: SessionWrite) -> list[bool]:
        """Whether each was stored."""
        async with self.raw() as connection:
            stored = await self.store.append.append(connection, writes)
        return [(write.user_id, write.session_id) in stored for write in writes]

    async def say(self, session_id: UUID, text: str, item_id: str) -> None:
        assert await self.append(await self.turn(session_id, text, item_id)) == [True]

    async def end(self, session_id: UUID, cause: str = "CLIENT", **condition: Any) -> str | None:
        async with self.store.database.transaction() as connection:
            return await self.store.sessions.begin_end(connection, self.user_id, session_id, cause, **condition)

    async def claim(self, session_id: UUID, reply_id: str, seconds: float = 60.0) -> bool:
        async with self.store.database.transaction() as connection:
            return await self.store.sessions.claim_reply(
                connection, self.user_id, session_id, reply_id, seconds=seconds
            )

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Handle]:
        connection = await self.store.database.raw()
        try:
            yield connection
        finally:
            await connection.close()


def _write(spec: Spec, step: Step, head: SessionHead) -> SessionWrite:
    return step.as_write(spec, head.last_seq, 10.0)


async def _no_room(_: UUID, __: UUID) -> None:
    raise AssertionError("limits are lifted")


async def settled(stand: Stand, session_id: UUID) -> tuple[Any, ...]:
    """All that a missed step must leave as it was."""
    head = await stand.head(session_id)
    return head.last_seq, head.state, head.reply_id, head.ending_until, await stand.log(session_id)
