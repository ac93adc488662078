"""Forgetting a key of a persona's memory: one transaction over everything that holds it.

Session rows first (by id), then ``user_stats``: the lock order of every transaction that wipes. Stored events are
replaced by redacted copies; each open session with this persona gets its own ``memory.forgotten``, so a process that
holds one misses its next batch and reloads.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from realtime.core import redaction
from realtime.core import session as core
from realtime.core.session import Step
from realtime.core.state import State, UnreadableState, decode, encode
from realtime.errors import AppError
from realtime.memory.rules import KeyUnknown
from realtime.protocol.events import durable
from storage import finalization, memory, sessions, statistics, transcripts
from storage.rows import EventRow, SessionHead

if TYPE_CHECKING:
    from realtime.engine import Engine
    from realtime.live import LiveSession


class Forgetter:
    """The memory service's forget, for live sessions."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    async def forget(self, live: "LiveSession", key: str, *, with_turns: bool) -> None:
        """Forget ``key``; ``with_turns`` also blanks every turn of either side that holds its value.

        Raises ``memory_key_unknown`` when nothing is remembered under it, ``session_ended``.
        """
        async with live.lock:
            for _ in range(4):
                live.require_open()
                step = await self._try(live, key, with_turns)
                if step is not None:
                    live.apply(step)
                    live.publish(step.events)
                    break
                await live.reload()
            else:
                raise AppError("internal_error")
        for other in self._engine.others(live):
            await other.reload()

    async def _try(self, live: "LiveSession", key: str, with_turns: bool) -> Step | None:
        """None when the session's head has moved."""
        spec = live.spec
        entry = live.memory.get(key)
        if entry is None or not entry.items:
            raise AppError("memory_key_unknown", param="key")
        values = [item.value for item in entry.items]
        persona = spec.persona.code
        async with self._engine.database.transaction() as connection:
            heads = await sessions.lock_with_persona(connection, spec.user_id, persona)
            await statistics.lock(connection, spec.user_id)
            mine = next(head for head in heads if head.id == spec.session_id)
            if mine.last_seq != live.state.seq or not mine.open:
                return None
            redacted: dict[UUID, tuple[int, ...]] = {}
            for head in heads:
                redacted[head.id] = await self._redact(connection, spec.user_id, head.id, key, values, with_turns)
            try:
                step = core.forget_memory(
                    spec, live.state, key, live.memory, redacted[mine.id], at=self._engine.now_iso()
                )
            except KeyUnknown:
                raise AppError("memory_key_unknown", param="key") from None
            await self._store(connection, step, live, values, with_turns)
            for head in heads:
                if head.open and head.id != mine.id:
                    await self._tell_other(connection, head, step, redacted[head.id], values, with_turns)
            return step

    async def remove_transcript(self, user_id: UUID, session_id: UUID) -> None:
        """Take out of an ended session all that was said; rows, seqs and scores stay.

        Raises ``not_found``, ``session_open``. Doing it again changes nothing.
        """
        async with self._engine.database.transaction() as connection:
            head = await sessions.head(connection, user_id, session_id, lock=True)
            if head is None:
                raise AppError("not_found", "You have no session with this id.")
            if not head.final:
                raise AppError("session_open")
            await statistics.lock(connection, user_id)
            after = 0
            while page := await transcripts.events(
                connection, user_id, session_id, after=after, until=head.last_seq, limit=200
            ):
                for seq, type_, body in page:
                    after = seq
                    changed = redaction.blank_transcript(body)
                    if changed is not None:
                        await self._replace(connection, user_id, session_id, EventRow(seq, type_, changed))
            await sessions.blank_turns(connection, user_id, session_id, None)

    async def _replace(self, connection: AsyncConnection, user_id: UUID, session_id: UUID, event: EventRow) -> None:
        await sessions.replace_event(connection, user_id, session_id, event)
        if event.type == "session.summary":
            body = redaction.summary_body(event.body)
            await finalization.replace_summary(connection, user_id, session_id, body)

    async def _redact(
        self,
        connection: AsyncConnection,
        user_id: UUID,
        session_id: UUID,
        key: str,
        values: list[str],
        with_turns: bool,
    ) -> tuple[int, ...]:
        """Replace the session's events that hold the value; the seqs that were replaced."""
        seqs: list[int] = []
        for seq, type_, body in await transcripts.events_holding(connection, user_id, session_id, [key, *values]):
            changed = redaction.forget_key(type_, body, key)
            if with_turns:
                changed = redaction.blank_values(changed or body, values) or changed
            if changed is None:
                continue
            seqs.append(seq)
            await sessions.replace_event(connection, user_id, session_id, EventRow(seq, type_, changed))
            if type_ == "session.summary":
                await finalization.replace_summary(connection, user_id, session_id, redaction.summary_body(changed))
        if with_turns:
            await sessions.blank_turns(connection, user_id, session_id, values)
        return tuple(seqs)

    async def _store(
        self, connection: AsyncConnection, step: Step, live: "LiveSession", values: list[str], with_turns: bool
    ) -> None:
        if with_turns:
            _blank_state(step.state, values)
        await sessions.append_outside(
            connection,
            live.spec.user_id,
            live.spec.session_id,
            [EventRow(event.seq, event.type, event.body) for event in step.events],
            state=encode(step.state),
        )
        for row in step.memory_rows:
            await memory.write_one(connection, live.spec.user_id, live.spec.session_id, row)
            await memory.wipe(connection, live.spec.user_id, live.spec.persona.code, row.key)

    async def _tell_other(
        self,
        connection: AsyncConnection,
        head: SessionHead,
        step: Step,
        redacts: tuple[int, ...],
        values: list[str],
        with_turns: bool,
    ) -> None:
        """Another open session with this persona: its own ``memory.forgotten``."""
        change = step.changes[0]
        payload = {"key": change.key, "version": change.version, "redacts": redacts}
        event = durable(head.id, head.last_seq + 1, "memory.forgotten", payload)
        state: str | None = None
        if with_turns:
            try:
                decoded = decode(head.state)
                _blank_state(decoded, values)
                state = encode(decoded)
            except UnreadableState:
                state = None
        await sessions.append_outside(
            connection, head.user_id, head.id, [EventRow(event.seq, event.type, event.body)], state=state
        )


def _blank_state(state: State, values: list[str]) -> None:
    """Take the value out of what the state keeps for comparison."""
    state.recent_lines = tuple("" if redaction.blank_text(line, values) else line for line in state.recent_lines)
    if redaction.blank_text(state.persona_line, values):
        state.persona_line = None
    state.tips = tuple(tip for tip in state.tips if not redaction.blank_text(tip, values))
    state.recalled = ()
