"""A session as one process holds it: its state, its sockets, and the loop that commits its steps in order.

The state in memory is a copy of the row's; the database decides. A step that is missed (another process, the end, a
memory edit from outside moved the head) makes this object reload and make the step again. Nothing is published before
its COMMIT returned. Reloads may meet each other and a commit's answer in any order: what is older than what is known
is dropped, so the head never moves back.
"""

import asyncio
import copy
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from realtime.context import EngineContext
from realtime.core import session as core
from realtime.core.endings import age_reached
from realtime.core.session import LearnerTurn, Reply, Step
from realtime.core.state import Spec, State, UnreadableState, decode
from realtime.delivery import Connection
from realtime.domain import MemoryEntry
from realtime.errors import AppError
from realtime.memory.rules import KeyUnknown, ValueInvalid
from realtime.opening import load_memory
from realtime.protocol import session_object
from realtime.protocol.events import Event, signal
from realtime.protocol.session_object import SessionPatch
from realtime.replies import ActiveReply
from realtime.reply_view import ForeignReply, ReplyView
from realtime.timer import MissionTimer
from storage.rows import SessionHead
from storage.store import Handle
from storage.transcripts import StoredTurn

log = structlog.get_logger("socialgym.session")
MAX_MISSES = 64  # of one step: past this it is not the others who are faster, it is the step that can't be stored
RECENT_TURNS = 16  # answers kept in memory for a client that repeats itself at once; older ones are read back


class Answer(msgspec.Struct, frozen=True):
    """The events of a turn. ``replayed``: they were stored before, nothing was written now."""

    events: tuple[Event, ...]
    replayed: bool = False


class LiveSession:
    """Made by ``load``. Every public coroutine runs in a task of the process (``Tasks.run``) and holds ``lock``."""

    def __init__(self, context: EngineContext, spec: Spec, head: SessionHead, state: State) -> None:
        self.context = context
        self.spec = spec
        self.state = state
        self.status = head.status
        self.state.seq = head.last_seq
        self.ending = head.ending_until is not None
        self.claim = head.reply_id
        self.created_at = head.created_at
        self.session_object: dict[str, Any] = {}
        self.memory: dict[str, MemoryEntry] = {}
        self.paid_before: frozenset[int] = frozenset()
        self.connections: set[Connection] = set()
        self.known_head = 0  # how far the log goes, as other processes told
        self.stale = False  # something beside the log may have changed elsewhere
        self.reply: ActiveReply | None = None
        self.foreign_reply: ForeignReply | None = None
        self.reply_news: asyncio.Event | None = None  # while a joining socket waits for a foreign reply to show
        self.closing_reply: asyncio.Future[ActiveReply] | None = None
        self.last_summary: str | None = None
        self.news: asyncio.Event | None = None  # while somebody polls
        self.lock = asyncio.Lock()
        self.presence = asyncio.Lock()
        self.last_used = asyncio.get_running_loop().time()
        self._answers: OrderedDict[str, tuple[bytes, tuple[Event, ...]]] = OrderedDict()
        self.timer = MissionTimer(self)

    @classmethod
    async def load(cls, context: EngineContext, spec: Spec, head: SessionHead) -> "LiveSession":
        """Read what the state machine needs: constant work, whatever the session's length."""
        live = cls(context, spec, head, decode(head.state))
        async with context.store.database.read() as connection:
            live.paid_before = await context.store.transcripts.paid_lines(connection, spec.user_id, head.created_at)
            around = await live._read_around(connection, live.state.session_seq)
        live._take(around)
        return live

    @property
    def open(self) -> bool:
        return self.status == "IN_PROGRESS"

    @property
    def final(self) -> bool:
        return self.status in ("SUCCESS", "FAIL", "ABORTED")

    @property
    def head(self) -> int:
        """The last durable event that is known of, here or elsewhere."""
        return max(self.state.seq, self.known_head)

    @property
    def behind(self) -> bool:
        """Another process went on: the row is read before the next step."""
        return self.stale or self.known_head > self.state.seq

    @property
    def view(self) -> ReplyView | None:
        """The reply under way, wherever it runs."""
        foreign = self.foreign_reply
        return self.reply or (foreign if foreign is not None and not foreign.over else None)

    @property
    def told(self) -> bool:
        """It is final here, and so its sockets are on their way to the end of the log."""
        return self.final and self.last_summary is not None

    # --- steps -------------------------------------------------------------------------------------------------

    async def turn(self, turn: LearnerTurn) -> Answer:
        """Commit a turn of the learner. A repeated id with the same content gets the stored events again; with
        another: ``idempotency_conflict``. On an ended or ending session a new turn is ``session_ended``."""
        async with self.lock:
            self.touch()
            kept = self._answers.get(turn.item_id)
            if kept is not None:
                return self._same(kept[0], turn, kept[1])
            if not self.open or self.ending or age_reached(self.state.tally.turns):
                return await self._repeated(turn) or self._refuse_ended()
            made = await self._commit(
                lambda: core.learner_turn(
                    self.spec, self.state, turn, self.context.minds, self.memory, self.paid_before
                ),
                settled=lambda: self._repeated(turn),
            )
            if isinstance(made, Answer):
                return made
            self._answers[turn.item_id] = (turn.body_hash, made.events)
            while len(self._answers) > RECENT_TURNS:
                self._answers.popitem(last=False)
            self.timer.stop()
            self._follow_up(made)
            return Answer(made.events)

    def _follow_up(self, step: Step) -> None:
        """What a committed turn sets in motion, each in a task of the process."""
        if step.ends:
            self.closing_reply = asyncio.get_running_loop().create_future()
            self.context.tasks.spawn(self.context.ender.end_by_rule(self), "end by rule")
        elif age_reached(self.state.tally.turns):
            self.context.tasks.spawn(self.context.ender.end(self, "AGE", turns_reached=True, age=0.0), "end by age")
        elif self.state.auto_response and self.reply is None:
            self.context.tasks.spawn(self.context.respond(self, None), "automatic reply")

    async def finish_reply(self, reply: Reply) -> tuple[Event, ...] | None:
        """Commit the end of a reply; None when it did not happen: the session ended first, or its claim was void
        and another reply took its place."""
        async with self.lock:
            if not self.open:
                return None
            made = await self._commit(lambda: core.reply_done(self.spec, self.state, reply), publish=False)
            return made.events

    async def update(self, patch: SessionPatch) -> None:
        async with self.lock:
            self.require_open()
            changed: dict[str, Any] = {}

            def made() -> Step:
                nonlocal changed  # from the present one at each try: another device may have changed it
                changed = session_object.patched(self.session_object, patch)
                return core.update_session(self.spec, self.state, changed)

            await self._commit(made)
            self.session_object = changed

    async def correct_memory(self, key: str, value: str) -> None:
        async with self.lock:
            self.require_open()
            at = self.context.now_iso()
            try:
                await self._commit(lambda: core.correct_memory(self.spec, self.state, key, value, self.memory, at=at))
            except KeyUnknown:
                raise AppError("memory_key_unknown", param="key") from None
            except ValueInvalid as error:
                raise AppError("invalid_event", str(error), param="value") from None

    # --- the commit loop ---------------------------------------------------------------------------------------

    async def _commit(
        self,
        make: Callable[[], Step],
        *,
        settled: Callable[[], Awaitable[Answer | None]] | None = None,
        publish: bool = True,
    ) -> Step | Answer:
        """Make the step from the present state until it is stored. A step whose commit was answered by a miss, for
        the first answer was lost, is found in the log and counts as stored. ``settled``: asked after a miss whether
        another process stored the same input."""
        await self.refresh()
        for _ in range(MAX_MISSES):
            step = make()
            write = step.as_write(self.spec, self.state.seq, self.context.limits.closing_seconds)
            if await self.context.writer.write(write):
                self.apply(step)
                if publish:
                    self.publish(step.events)
                if step.changes:
                    self.context.peers.remembered(self)
                return step
            await self.reload()
            if await self._is_stored(step):
                self.context.peers.moved(self)
                return step
            if settled is not None and (answer := await settled()) is not None:
                return answer
            self.require_open()
            if write.new_turn and (self.ending or age_reached(self.state.tally.turns)):
                raise AppError("session_ended")
            if write.clears_reply is not None and self.claim != write.clears_reply:
                raise AppError("conversation_already_has_active_response")
        log.error("a step can't be stored", session_id=str(self.spec.session_id), types=[e.type for e in step.events])
        raise AppError("internal_error")

    def apply(self, step: Step) -> None:
        """What a stored step changed, unless a reload has seen it (and perhaps more) already."""
        if step.state.seq > self.state.seq:
            self.state = step.state
        self.ending = self.ending or step.ends
        for change in step.changes:
            known = self.memory.get(change.key)
            if known is None or known.version < change.entry.version:
                self.memory[change.key] = change.entry
            if change.op == "forgotten":
                self._answers.clear()  # they may hold what was forgotten; they are read back redacted

    async def reload(self) -> None:
        """Read the session's row again, and have the sockets read on from the log. All of it is of one moment, and
        is dropped when something newer became known meanwhile."""
        self.stale = False
        async with self.context.store.database.read() as connection:
            head = await self.context.store.heads.head(connection, self.spec.user_id, self.spec.session_id)
            if head is None:
                self.status = "ABORTED"
                return
            state = self._decoded(head)
            around = await self._read_around(connection, state.session_seq)
            summary = None
            if head.final:
                summary = await self.context.store.transcripts.summary(
                    connection, self.spec.user_id, self.spec.session_id
                )
        if head.last_seq < self.state.seq:
            return
        if state.position != self.state.position:
            self.timer.stop()
        self.state, self.status, self.claim = state, head.status, head.reply_id
        self.ending = head.ending_until is not None
        self.last_summary = summary
        self._take(around)
        self._answers.clear()
        self.wake()
        for connection_ in list(self.connections):
            self.context.tasks.spawn(self.context.joiner.catch_up(self, connection_), "catch up")

    def _decoded(self, head: SessionHead) -> State:
        """The row's state at its head. One that a newer version wrote ends an open session (cause SYSTEM)."""
        try:
            state = decode(head.state)
        except UnreadableState as error:
            if head.open:
                log.error("a session's state can't be read", session_id=str(head.id), error=str(error))
                self.status = "FINALIZING"
                self.context.tasks.spawn(self.context.ender.end(self, "SYSTEM"), "end by system")
                raise AppError("session_ended") from None
            state = copy.copy(self.state)
        state.seq = head.last_seq
        return state

    async def _read_around(
        self, connection: Handle, session_seq: int
    ) -> tuple[dict[str, Any], dict[str, MemoryEntry]]:
        """The session object and the memory, which live outside the row."""
        user_id, session_id = self.spec.user_id, self.spec.session_id
        found = await self.context.store.transcripts.events(
            connection, user_id, session_id, after=session_seq - 1, until=session_seq, limit=1
        )
        memory = await load_memory(self.context.store, connection, user_id, self.spec.persona.code)
        return msgspec.json.decode(found[0][2])["session"], memory

    def _take(self, around: tuple[dict[str, Any], dict[str, MemoryEntry]]) -> None:
        self.session_object, self.memory = around

    async def _is_stored(self, step: Step) -> bool:
        """Whether the log holds this very step: all of it, for the same input carried out by another process begins
        with the same bytes, and goes on with other ones (when something was written, what was known by then)."""
        first, last = step.events[0].seq, step.events[-1].seq
        async with self.context.store.database.read() as connection:
            found = await self.context.store.transcripts.events(
                connection,
                self.spec.user_id,
                self.spec.session_id,
                after=first - 1,
                until=last,
                limit=len(step.events),
            )
        return tuple(Event(*record) for record in found) == step.events

    # --- idempotency -------------------------------------------------------------------------------------------

    def _same(self, body_hash: bytes | None, turn: LearnerTurn, events: tuple[Event, ...]) -> Answer:
        if body_hash != turn.body_hash:
            raise AppError("idempotency_conflict", param="item.id")
        return Answer(events, replayed=True)

    async def _repeated(self, turn: LearnerTurn) -> Answer | None:
        found = await self.stored_turn(turn.item_id)
        if found is None:
            return None
        return self._same(found.body_hash, turn, await self.stored_events(found))

    async def stored_turn(self, item_id: str) -> StoredTurn | None:
        async with self.context.store.database.read() as connection:
            return await self.context.store.transcripts.stored_turn(
                connection, self.spec.user_id, self.spec.session_id, item_id
            )

    async def stored_events(self, turn: StoredTurn) -> tuple[Event, ...]:
        async with self.context.store.database.read() as connection:
            found = await self.context.store.transcripts.events(
                connection,
                self.spec.user_id,
                self.spec.session_id,
                after=turn.first_seq - 1,
                until=turn.final_seq,
                limit=turn.final_seq - turn.first_seq + 1,
            )
        return tuple(Event(*record) for record in found)

    # --- publishing --------------------------------------------------------------------------------------------

    def publish(self, events: tuple[Event, ...]) -> None:
        """Durable events, after their commit, to every device; a socket with a gap reads on from the log."""
        self._deliver(events)
        self.context.peers.committed(self, events)

    def _deliver(self, events: tuple[Event, ...]) -> None:
        self.wake()
        for connection in list(self.connections):
            if not connection.live:
                continue
            if not connection.push_events(events) or connection.sent_seq < self.head:
                self.context.tasks.spawn(self.context.joiner.catch_up(self, connection), "catch up")

    def heard_of(self, seq: int, events: tuple[Event, ...] = ()) -> None:
        """Another process moved the log up to ``seq``: its events go out as they came, or are read from the log."""
        if seq <= self.head:
            return
        self.known_head = seq
        self._deliver(events)
        self.timer.follow()

    async def refresh(self) -> None:
        """Read the row if another process went on."""
        if self.behind:
            await self.reload()

    def signal(self, type_: str, payload: dict[str, Any], *, besides: Connection | None = None) -> None:
        """A signal to every live socket, encoded once."""
        frame = signal(type_, payload)
        self.context.peers.signalled(self, type_, frame)
        for connection in self.connections:
            if connection.live and connection is not besides:
                connection.push_signal(type_, frame)

    @property
    def idle_since(self) -> float | None:
        """When it was last used, if nothing holds it any more."""
        held = self.connections or self.reply is not None or self.lock.locked()
        return None if held else self.last_used

    def wake(self) -> None:
        """Let those who poll look again."""
        if self.news is not None:
            self.news.set()
            self.news = None

    def touch(self) -> None:
        """It is used now: it stays in memory for a while."""
        self.last_used = asyncio.get_running_loop().time()

    def _refuse_ended(self) -> Answer:
        raise AppError("session_ended")

    def require_open(self) -> None:
        if not self.open:
            raise AppError("session_ended")
