"""The practice engine of one process: the sessions it holds, and the ways they open, are joined and end.

It knows no HTTP framework: ``server`` gives it learners, sockets (as ``Connection``) and commands. All I/O runs in
tasks that this object owns, so a socket that goes away never cuts a database call off half-way.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
import uuid_utils.compat

from realtime.bus import Bus
from realtime.bus.local import LocalBus
from realtime.bus.places import Places
from realtime.core.session import LearnerTurn, Minds
from realtime.core.state import UnreadableState
from realtime.core.times import iso
from realtime.counts import Counts
from realtime.delivery import Connection
from realtime.ending import Ender
from realtime.errors import AppError
from realtime.finalizer import Finalizer
from realtime.forgetting import Forgetter
from realtime.joining import Joiner
from realtime.limits import Limits
from realtime.live import Answer, LiveSession
from realtime.minds import ClosingKind, PersonaProvider
from realtime.opening import Learner, Opener
from realtime.peers import Peers
from realtime.protocol.events import Event
from realtime.replies import ActiveReply
from realtime.tasks import Tasks
from realtime.writer import Writer
from storage.catalogue.store import Shelf
from storage.rows import SessionHead
from storage.store import Store
from storage.transcripts import StoredTurn

log = structlog.get_logger("socialgym.engine")


class Engine:
    """Made at start, ended by ``close``. Implements ``EngineContext`` for its sessions. ``bus``: where other
    processes are (None: there are none); ``places``: where the sockets of all processes are counted."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        minds: Minds,
        persona: PersonaProvider,
        limits: Limits,
        bus: Bus | None = None,
        places: Places | None = None,
    ) -> None:
        self.store = store
        self.database = store.database
        self.shelf = shelf
        self.minds = minds
        self.persona = persona
        self.limits = limits
        self.tasks = Tasks()
        self.counts = Counts()
        self.writer = Writer(store.database.raw, store.append, self.counts)
        self.connections: set[Connection] = set()
        self._draining = False
        self.peers = Peers(self, bus or LocalBus())
        self.opener = Opener(store, shelf, persona, limits, self._replace)
        self.finalizer = Finalizer(store, shelf)
        self.joiner = Joiner(self, places)
        self.ender = Ender(self, self.finalizer)
        self.forgetter = Forgetter(self)
        self.held_sessions: dict[UUID, LiveSession] = {}
        self._loading: dict[tuple[UUID, UUID], asyncio.Task[LiveSession | SessionHead]] = {}

    def start(self) -> None:
        self.writer.start()

    async def close(self) -> None:
        """Let running work finish, commit what waits, and go. Sessions stay open; a reply that is too long to wait
        for did not happen, and gives its claim back."""
        replies = [live.reply for live in self.held_sessions.values() if live.reply is not None]
        await self.tasks.close()
        for reply in replies:
            if reply.done.result() is None:
                await self.unclaim(reply)
        await self.writer.close()
        await self.peers.close()

    @property
    def draining(self) -> bool:
        """The process goes down: nobody comes in, and those who wait for news are told at once."""
        return self._draining

    @draining.setter
    def draining(self, value: bool) -> None:
        self._draining = value
        for live in self.held_sessions.values():
            live.wake()

    @staticmethod
    def now_iso() -> str:
        return iso(datetime.now(UTC))

    # --- opening and joining -----------------------------------------------------------------------------------

    async def create(self, learner: Learner, session_id: UUID, model: str, *, held: bool = False) -> SessionHead:
        """Begin a practice session (see ``Opener.create``)."""
        return await self.tasks.run(self.opener.create(learner, session_id, model, held=held), "create session")

    async def head(self, user_id: UUID, session_id: UUID) -> SessionHead:
        """The session's row. A foreign session and none are the same answer: ``not_found``."""
        async with self.database.read() as connection:
            found = await self.store.heads.head(connection, user_id, session_id)
        if found is None:
            raise AppError("not_found", "You have no session with this id.")
        return found

    @staticmethod
    def new_id() -> UUID:
        return uuid_utils.compat.uuid7()

    async def exists(self, user_id: UUID, session_id: UUID) -> bool:
        async with self.database.read() as connection:
            return await self.store.heads.head(connection, user_id, session_id) is not None

    async def hold(self, user_id: UUID, session_id: UUID) -> LiveSession | SessionHead:
        """The session as this process holds it, loaded if need be; its row alone when it has ended."""
        live = self.held_sessions.get(session_id)
        if live is not None and live.open and live.spec.user_id == user_id:
            live.touch()
            return live
        key = (user_id, session_id)
        loading = self._loading.get(key)
        if loading is None:
            loading = self.tasks.spawn(self._load(user_id, session_id), "load session")
            self._loading[key] = loading
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def _load(self, user_id: UUID, session_id: UUID) -> LiveSession | SessionHead:
        """Listen first, then read: what others commit meanwhile is not missed."""
        await self.peers.expect(user_id, session_id)
        live: LiveSession | None = None
        try:
            found = await self._read(user_id, session_id)
            if isinstance(found, LiveSession):
                live = self.held_sessions[session_id] = found
            return found
        finally:
            self.peers.settle(user_id, session_id, live)

    async def _read(self, user_id: UUID, session_id: UUID) -> LiveSession | SessionHead:
        head = await self.head(user_id, session_id)
        if not head.open:
            return head
        try:
            return await LiveSession.load(self, await self.opener.spec(head), head)
        except UnreadableState as error:
            log.error("a session's state can't be read", session_id=str(session_id), error=str(error))
            await self.ender.end_session(user_id, session_id, "SYSTEM")
            return await self.head(user_id, session_id)

    async def events(
        self, user_id: UUID, session_id: UUID, *, after: int, until: int, limit: int | None = None
    ) -> list[Event]:
        """A page of the log: ``after < seq <= until``, in order."""
        limit = self.limits.replay_page if limit is None else limit
        async with self.database.read() as connection:
            found = await self.store.transcripts.events(
                connection, user_id, session_id, after=after, until=until, limit=limit
            )
        return [Event(*record) for record in found]

    async def wait(self, user_id: UUID, session_id: UUID, after: int, seconds: float) -> bool:
        """Wait until the session has an event past ``after``, at most ``seconds``; False when none came. A poll does
        not hold the session as a socket does."""
        held = await self.hold(user_id, session_id)
        if not isinstance(held, LiveSession) or held.head > after or not held.open:
            return True
        try:
            async with asyncio.timeout(seconds):
                news = held.news = held.news or asyncio.Event()
                await news.wait()
            return True
        except TimeoutError:
            return False

    def forget_idle(self, seconds: float = 60.0) -> None:
        """Drop sessions from memory that nothing held for a while; their rows stay."""
        now = asyncio.get_running_loop().time()
        for key, live in list(self.held_sessions.items()):
            since = live.idle_since
            if since is not None and (not live.open or now - since > seconds):
                del self.held_sessions[key]
                self.peers.release(live)

    def held(self, connection: Connection) -> LiveSession | None:
        """The session that this socket holds, while it is open."""
        return self.held_sessions.get(connection.session_id) if connection.session_id is not None else None

    def others(self, live: LiveSession) -> list[LiveSession]:
        """The user's other sessions with the same persona that are held here."""
        return [
            other
            for other in self.peers.held_of(live.spec.user_id)
            if other is not live and other.spec.persona.code == live.spec.persona.code
        ]

    # --- over REST ---------------------------------------------------------------------------------------------

    async def turn(self, user_id: UUID, session_id: UUID, turn: LearnerTurn) -> Answer:
        """A turn of the learner without a socket (see ``LiveSession.turn``)."""
        held = await self.hold(user_id, session_id)
        if isinstance(held, LiveSession):
            try:
                return await held.turn(turn)
            except AppError as error:
                if error.code == "idempotency_conflict":
                    error.param = "id"  # as the field is called over REST
                raise
        async with self.database.read() as connection:
            stored = await self.store.transcripts.stored_turn(connection, user_id, session_id, turn.item_id)
        if stored is None:
            raise AppError("session_ended")
        if stored.body_hash != turn.body_hash:
            raise AppError("idempotency_conflict", param="id")
        return Answer(await self._of_turn(user_id, session_id, stored), replayed=True)

    async def answer(self, user_id: UUID, session_id: UUID, item_id: str) -> tuple[Event, ...]:
        """The persona's reply to this turn: the stored one if it was given, else a new one, waited for. Empty when
        the session ended first."""
        async with self.database.read() as connection:
            given = await self.store.transcripts.reply_to(connection, user_id, session_id, item_id)
        if given is not None:
            return await self._of_turn(user_id, session_id, given)
        held = await self.hold(user_id, session_id)
        if not isinstance(held, LiveSession):
            return ()
        if held.reply is None and held.state.last_item != item_id:
            async with self.database.read() as connection:  # an automatic reply may have been given meanwhile
                given = await self.store.transcripts.reply_to(connection, user_id, session_id, item_id)
            if given is not None:
                return await self._of_turn(user_id, session_id, given)
        reply = held.reply
        if reply is None or reply.answers != item_id:
            try:
                reply = await self.respond(held, None)
                if reply is None:
                    return ()
            except AppError:
                reply = held.reply
                if reply is None or reply.answers != item_id:
                    raise
        return await asyncio.shield(reply.done) or ()

    async def _of_turn(self, user_id: UUID, session_id: UUID, stored: StoredTurn) -> tuple[Event, ...]:
        found = await self.events(user_id, session_id, after=stored.first_seq - 1, until=stored.final_seq)
        return tuple(found)

    # --- replies -----------------------------------------------------------------------------------------------

    async def respond(
        self, live: LiveSession, metadata: dict[str, str] | None, closing: ClosingKind | None = None
    ) -> ActiveReply | None:
        """Have the persona answer. Raises ``conversation_already_has_active_response`` or ``session_ended``.

        While the mission is closing by its own rules, the closing line is the answer; None where another process
        says it. The claim of a process that is gone does not stand in the way.
        """
        if live.closing_reply is not None and closing is None:
            return await asyncio.shield(live.closing_reply)
        for last in (False, True):
            async with live.lock:
                await live.refresh()
                if live.reply is not None:
                    raise AppError("conversation_already_has_active_response")
                if live.open and live.ending and closing is None and not self.peers.alone:
                    return None
                if not live.open or (live.ending and closing is None):
                    raise AppError("session_ended")
                reply = await self._claimed(ActiveReply(live, metadata, closing))
            if reply is not None:
                return reply
            if last or live.claim is None or not await self._is_orphan(live, live.claim):
                break
            await self._drop_claim(live, live.claim)
        raise AppError("conversation_already_has_active_response" if live.open else "session_ended")

    async def _claimed(self, reply: ActiveReply) -> ActiveReply | None:
        """The reply, running; None when another one has the claim, or the session has ended."""
        live = reply.live
        self.peers.own[reply.id] = reply
        try:
            if not await self._claim(reply):
                await live.reload()
                return None
            live.reply = reply
        finally:
            if live.reply is not reply:
                self.peers.own.pop(reply.id, None)
        live.timer.stop()
        self.tasks.spawn(reply.run(), "reply")
        return reply

    async def _is_orphan(self, live: LiveSession, claim: str) -> bool:
        """Whether the process that claimed the reply is gone: it answers nobody. (Should it only be slow, its commit
        finds the claim gone, and the reply did not happen.)"""
        if claim in self.peers.own or self.peers.alone or not self.peers.bus.healthy:
            return False
        if await self.peers.runs_elsewhere(live, claim) or not self.peers.bus.healthy:
            return False
        live.foreign_reply = None
        return True

    async def cancel(self, live: LiveSession, response_id: str | None) -> bool:
        """Stop the reply under way, in whatever process it runs; False when there is none (or not of this id)."""
        if live.reply is not None:
            if response_id not in (None, live.reply.id):
                return False
            live.reply.cancel()
            return True
        if not self.peers.listening(live.spec.user_id):
            return False
        running = live.view.id if live.view is not None else None
        if running is None:
            running = (await self.head(live.spec.user_id, live.spec.session_id)).reply_id
        if running is None or response_id not in (None, running):
            return False
        return await self.peers.runs_elsewhere(live, running, cancel=True)

    async def _claim(self, reply: ActiveReply) -> bool:
        """Claim the session's one reply, over all processes."""
        spec = reply.live.spec
        try:
            async with self.database.transaction() as connection:
                return await self.store.sessions.claim_reply(
                    connection, spec.user_id, spec.session_id, reply.id, seconds=self.limits.reply_seconds
                )
        except BaseException:
            # It may have been stored all the same; nobody would fulfil it.
            self.tasks.spawn(self.unclaim(reply), "give a claim back")
            raise

    async def unclaim(self, reply: ActiveReply) -> None:
        """Give the claim of a reply back that will not be committed."""
        await self._drop_claim(reply.live, reply.id)

    async def _drop_claim(self, live: LiveSession, claim: str) -> None:
        async with self.database.transaction() as connection:
            await self.store.sessions.drop_reply(connection, live.spec.user_id, live.spec.session_id, claim)

    async def _replace(self, user_id: UUID, session_id: UUID) -> None:
        await self.ender.end_session(user_id, session_id, "REPLACED")

    # --- revocation --------------------------------------------------------------------------------------------

    async def revoked(self, user_id: UUID) -> None:
        """Close the user's sockets, here and (told now; at the latest when they look) in other processes."""
        for connection in list(self.connections):
            if connection.user_id == user_id:
                connection.close(4505, "revoked")
        self.peers.revoked(user_id)

    async def close_revoked(self, users: set[UUID] | None = None) -> None:
        """Close the sockets (of these users; None: of all) whose sign-in is of an older version than the account."""
        # Those that are open before the read: one that comes during it may be of a user whom the read does not know.
        open_now = [held for held in self.connections if not held.closed and (users is None or held.user_id in users)]
        if not open_now:
            return
        async with self.database.read() as reading:
            versions = await self.store.accounts.versions(reading, list({held.user_id for held in open_now}))
        for held in open_now:
            if versions.get(held.user_id) != held.session_version:
                held.close(4505, "revoked")
