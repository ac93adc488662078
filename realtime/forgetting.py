"""Forgetting a key of a persona's memory: one transaction over everything that holds it.

Session rows first (by id), then ``user_stats``: the lock order of every transaction that wipes. Stored events are
replaced by redacted copies; each open session with this persona gets its own ``memory.forgotten``, so a process that
holds one misses its next batch and reloads.
"""

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from realtime.core import redaction
from realtime.core import session as core
from realtime.core.session import Step
from realtime.core.state import State, UnreadableState, decode, encode
from realtime.domain import MemoryEntry
from realtime.errors import AppError
from realtime.memory.dates import DATED, event_parts
from realtime.memory.rules import KeyUnknown
from realtime.opening import load_memory
from realtime.protocol.events import durable
from storage import finalization, heads, memory, sessions, statistics, transcripts
from storage.rows import EventRow, SessionHead

if TYPE_CHECKING:
    from realtime.engine import Engine
    from realtime.live import LiveSession


TRIES = 4  # the head moves while we wait for the locks only when another device speaks


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be forgotten. ``values``: all the key ever held, and the words it was learnt from."""

    key: str
    values: list[str]
    with_turns: bool


class Forgetter:
    """The memory service's forget, for live sessions."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    async def forget(self, live: "LiveSession", key: str, *, with_turns: bool) -> None:
        """Forget ``key``; ``with_turns`` also blanks every turn of either side that holds a value it ever had.

        Raises ``memory_key_unknown`` when nothing is remembered under it, ``session_ended``.
        """
        async with live.lock:
            for _ in range(TRIES):
                live.require_open()
                if await self._try(live, key, with_turns):
                    break
                await live.reload()
            else:
                raise AppError("internal_error")
            # From the row and the log, as another process would: what this one kept may hold the value.
            await live.reload()
        self._engine.minds.forget()
        self._engine.peers.remembered(live, forgotten=True)
        for other in self._engine.others(live):
            await other.reload()

    async def _try(self, live: "LiveSession", key: str, with_turns: bool) -> bool:
        """False when the session's head has moved."""
        spec = live.spec
        async with self._engine.database.transaction() as connection:
            locked = await heads.lock_with_persona(connection, spec.user_id, spec.persona.code)
            await statistics.lock(connection, spec.user_id)
            mine = next(head for head in locked if head.id == spec.session_id)
            if mine.last_seq != live.state.seq or not mine.open:
                return False
            # Under these locks nobody writes this memory; what the session holds of it may be older.
            known = await load_memory(self._engine.store, connection, spec.user_id, spec.persona.code)
            wish = await self._wish(connection, locked, key, known.get(key), with_turns=with_turns)
            redacted = {head.id: await self._redact(connection, head, wish) for head in locked}
            try:
                step = core.forget_memory(spec, live.state, key, known, redacted[mine.id], at=self._engine.now_iso())
            except KeyUnknown:
                raise AppError("memory_key_unknown", param="key") from None
            await self._store(connection, step, live, wish)
            for head in locked:
                if head.open and head.id != mine.id:
                    await self._tell_other(connection, head, step, redacted[head.id], wish)
                elif not head.open:
                    await self._forget_state(connection, head, wish)
            if with_turns:
                await memory.wipe_quotes_of_blank_turns(connection, spec.user_id, spec.persona.code)
            return True

    async def _wish(
        self,
        connection: AsyncConnection,
        locked: list[SessionHead],
        key: str,
        entry: MemoryEntry | None,
        *,
        with_turns: bool,
    ) -> Wish:
        """Every value the key holds or held, with the words it was learnt from: the memory's present, and its events
        (where an earlier forgetting left nothing)."""
        said: set[str | None] = set()
        for item in entry.items if entry is not None else ():
            said |= {item.value, item.source.quote}
        for head in locked:
            for _, type_, body in await transcripts.events_holding(connection, head.user_id, head.id, [key]):
                if type_.startswith("memory."):
                    said |= redaction.values_of(body, key)
        # What is spoken of a plan or an event is the thing, without the day it is stored with.
        said |= {event_parts(value)["what"] for value in said if value and key.startswith(DATED)}
        return Wish(key=key, values=sorted(value for value in said if value), with_turns=with_turns)

    async def remove_transcript(self, user_id: UUID, session_id: UUID) -> None:
        """Take out of an ended session all that was said; rows, seqs and scores stay.

        Raises ``not_found``, ``session_open``. Doing it again changes nothing.
        """
        async with self._engine.database.transaction() as connection:
            head = await heads.head(connection, user_id, session_id, lock=True)
            if head is None:
                raise AppError("not_found", "You have no session with this id.")
            if not head.final:
                raise AppError("session_open")
            await statistics.lock(connection, user_id)
            log = await self._log(connection, head)
            for seq, type_, body in redaction.blank_transcript(log):
                await self._replace(connection, head, EventRow(seq, type_, body))
            await sessions.blank_turns(connection, user_id, session_id, None)
            await memory.wipe_quotes_of_blank_turns(connection, user_id, head.persona_key)
            state = _state_without(head, None)
            if state is not None:
                await sessions.append_outside(connection, user_id, session_id, [], state=state)
        self._engine.minds.forget()

    async def _forget_state(self, connection: AsyncConnection, head: SessionHead, wish: Wish) -> None:
        """An ended session keeps its state, and gets no event."""
        state = _state_without(head, wish)
        if state is not None and state != head.state:
            await sessions.append_outside(connection, head.user_id, head.id, [], state=state)

    async def _log(self, connection: AsyncConnection, head: SessionHead) -> list[redaction.LoggedEvent]:
        """The whole log of a locked session."""
        last = head.last_seq
        return await transcripts.events(connection, head.user_id, head.id, after=0, until=last, limit=last)

    async def _replace(self, connection: AsyncConnection, head: SessionHead, event: EventRow) -> None:
        await sessions.replace_event(connection, head.user_id, head.id, event)
        if event.type == "session.summary":
            body = redaction.summary_body(event.body)
            await finalization.replace_summary(connection, head.user_id, head.id, body)

    async def _redact(self, connection: AsyncConnection, head: SessionHead, wish: Wish) -> tuple[int, ...]:
        """Replace the session's events that hold what is to be forgotten; the seqs that were replaced."""
        needles = [wish.key, *wish.values]
        held = await transcripts.events_holding(connection, head.user_id, head.id, needles)
        changed: dict[int, EventRow] = {}
        for seq, type_, body in held:
            redacted = redaction.forget_key(type_, body, wish.key)
            if redacted is not None:
                changed[seq] = EventRow(seq, type_, redacted)
        if wish.with_turns and held:
            log = [
                (seq, type_, changed[seq].body if seq in changed else body)
                for seq, type_, body in await self._log(connection, head)
            ]
            for blanked in redaction.blank_values(log, wish.values):
                changed[blanked[0]] = EventRow(*blanked)
            await sessions.blank_turns(connection, head.user_id, head.id, wish.values)
        for seq in sorted(changed):
            await self._replace(connection, head, changed[seq])
        return tuple(sorted(changed))

    async def _store(self, connection: AsyncConnection, step: Step, live: "LiveSession", wish: Wish) -> None:
        _forget_in(step.state, wish)
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
        self, connection: AsyncConnection, head: SessionHead, step: Step, redacts: tuple[int, ...], wish: Wish
    ) -> None:
        """Another open session with this persona: its own ``memory.forgotten``."""
        change = step.changes[0]
        payload = {"key": change.key, "version": change.version, "redacts": redacts}
        event = durable(head.id, head.last_seq + 1, "memory.forgotten", payload)
        state = _state_without(head, wish)
        await sessions.append_outside(
            connection, head.user_id, head.id, [EventRow(event.seq, event.type, event.body)], state=state
        )


def _state_without(head: SessionHead, wish: Wish | None) -> str | None:
    """The session's stored state without what is to be forgotten (None: without anything that was said); None when
    it can't be read."""
    try:
        state = decode(head.state)
    except UnreadableState:
        return None
    if wish is None:
        state.recent_lines, state.persona_line, state.recalled, state.carry = (), None, (), ""
    else:
        _forget_in(state, wish)
    return encode(state)


def _forget_in(state: State, wish: Wish) -> None:
    """What was recalled and what the persona noted is memory; the lines kept for comparison are transcript."""
    state.recalled = tuple(value for value in state.recalled if not redaction.holds(value, wish.values))
    if redaction.holds(state.carry, wish.values):
        state.carry = ""
    if not wish.with_turns:
        return
    state.recent_lines = tuple("" if redaction.holds(line, wish.values) else line for line in state.recent_lines)
    if redaction.holds(state.persona_line, wish.values):
        state.persona_line = None
