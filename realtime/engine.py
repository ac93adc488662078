"""The practice engine of one process: the sessions it holds, and the ways they open, are joined and end.

It knows no HTTP framework: ``server`` gives it players, sockets (as ``Connection``) and commands. All I/O runs in
tasks that this object owns, so a socket that goes away never cuts a database call off half-way.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
import uuid_utils.compat

from realtime.core.session import LearnerTurn, Minds
from realtime.core.state import UnreadableState
from realtime.delivery import Connection
from realtime.errors import AppError
from realtime.finalizer import Finalizer
from realtime.forgetting import Forgetter
from realtime.limits import Limits
from realtime.live import Answer, LiveSession
from realtime.minds import ClosingKind, PersonaProvider
from realtime.opening import Opener, Player
from realtime.protocol.events import Event, signal
from realtime.replies import ActiveReply, closing_kind
from realtime.tasks import Tasks
from realtime.writer import Writer
from storage import sessions, transcripts
from storage.catalogue.store import Shelf
from storage.database import Database
from storage.rows import SessionHead
from storage.transcripts import StoredTurn

log = structlog.get_logger("socialgym.engine")
CLOSE_TOO_MANY = 4504
CUT_SHORT_SECONDS = 2.0  # for a reply that is cancelled by the end to be committed
FINALIZING_TYPES = 2  # the last two events of an ended session: session.finalizing and session.summary


class Joining(msgspec.Struct, frozen=True):
    """A checked wish to hold a session: everything that can be refused was, before the socket opens."""

    head: SessionHead
    last_seq: int | None
    created: bool


class Engine:
    """Made at start, ended by ``close``. Implements ``EngineContext`` for its sessions."""

    def __init__(
        self, database: Database, shelf: Shelf, minds: Minds, persona: PersonaProvider, limits: Limits
    ) -> None:
        self.database = database
        self.shelf = shelf
        self.minds = minds
        self.persona = persona
        self.limits = limits
        self.tasks = Tasks()
        self.writer = Writer(database.raw)
        self.connections: set[Connection] = set()
        self.draining = False
        self.opener = Opener(database, shelf, persona, limits, self._replace)
        self.finalizer = Finalizer(database, shelf)
        self.forgetter = Forgetter(self)
        self._live: dict[UUID, LiveSession] = {}
        self._loading: dict[tuple[UUID, UUID], asyncio.Task[LiveSession | SessionHead]] = {}

    def start(self) -> None:
        self.writer.start()

    async def close(self) -> None:
        """Let running work finish, commit what waits, and go. Sessions stay open; a reply that is too long to wait
        for did not happen, and gives its claim back."""
        replies = [live.reply for live in self._live.values() if live.reply is not None]
        await self.tasks.close()
        for reply in replies:
            if reply.done.result() is None:
                await self.unclaim(reply)
        await self.writer.close()

    @staticmethod
    def now_iso() -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # --- opening and joining -----------------------------------------------------------------------------------

    async def create(self, player: Player, session_id: UUID, model: str) -> SessionHead:
        """Begin a practice session (see ``Opener.create``)."""
        return await self.tasks.run(self.opener.create(player, session_id, model), "create session")

    async def head(self, user_id: UUID, session_id: UUID) -> SessionHead:
        """The session's row. A foreign session and none are the same answer: ``not_found``."""
        async with self.database.read() as connection:
            found = await sessions.head(connection, user_id, session_id)
        if found is None:
            raise AppError("not_found", "You have no session with this id.")
        return found

    @staticmethod
    def new_id() -> UUID:
        return uuid_utils.compat.uuid7()

    async def exists(self, user_id: UUID, session_id: UUID) -> bool:
        async with self.database.read() as connection:
            return await sessions.head(connection, user_id, session_id) is not None

    async def hold(self, user_id: UUID, session_id: UUID) -> LiveSession | SessionHead:
        """The session as this process holds it, loaded if need be; its row alone when it has ended."""
        live = self._live.get(session_id)
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
        head = await self.head(user_id, session_id)
        if not head.open:
            return head
        try:
            live = await LiveSession.load(self, await self.opener.spec(head), head)
        except UnreadableState as error:
            log.error("a session's state can't be read", session_id=str(session_id), error=str(error))
            await self.end_session(user_id, session_id, "SYSTEM")
            return await self.head(user_id, session_id)
        self._live[session_id] = live
        return live

    async def prepare(self, user_id: UUID, session_id: UUID, last_seq: int | None, *, created: bool) -> Joining:
        """Check that this session can be joined so. Raises ``not_found``, ``seq_ahead``, ``too_many_sockets``."""
        if self.limits.enforced and self._sockets_of(user_id) >= self.limits.sockets_per_user:
            raise AppError("too_many_sockets")
        await self.hold(user_id, session_id)
        head = await self.head(user_id, session_id)
        if last_seq is not None and last_seq > head.last_seq:
            raise AppError("seq_ahead", param="last_seq")
        return Joining(head, last_seq, created)

    def _sockets_of(self, user_id: UUID) -> int:
        return sum(1 for c in self.connections if c.user_id == user_id and not c.closed)

    async def join(self, connection: Connection, joining: Joining) -> LiveSession | None:
        """Bring an accepted socket to the head: subscribe, read the log, go live. None: the session has ended, and
        the socket was sent what it missed and is being closed; or the socket is gone already."""
        connection.session_id = joining.head.id
        self.connections.add(connection)
        if self.limits.enforced and self._sockets_of(connection.user_id) > self.limits.sockets_per_user:
            connection.close(CLOSE_TOO_MANY, "too many sockets")
            return None
        live = await self._to_join(connection, joining)
        if live is None:
            await self._replay_ended(connection, joining)
            return None
        if connection.closed:
            return None
        if joining.created:
            connection.sent_seq = 0
        elif joining.last_seq is None:
            connection.sent_seq = live.state.seq
        else:
            connection.sent_seq = joining.last_seq
            self._resumed(connection, live)
        live.connections.add(connection)
        # Before the replay: a client that has its first frame holds the session, and a slow replay holds it too.
        await self._note_presence(live)
        await self.catch_up(live, connection)
        live.start_timer()
        if live.state.auto_response and live.state.last_role == "user" and live.reply is None:
            self.tasks.spawn(self.respond(live, None), "answer again")
        return live

    async def _to_join(self, connection: Connection, joining: Joining) -> LiveSession | None:
        """The session as it is held now (it may have been let go since it was prepared), at least as far on as its
        row was then; None when it has ended."""
        if joining.last_seq is None and not joining.created:
            first = await self.events(joining.head.user_id, joining.head.id, after=0, until=1)
            connection.push_copy(first[0])
        held = await self.hold(joining.head.user_id, joining.head.id)
        if isinstance(held, LiveSession) and held.state.seq < joining.head.last_seq:
            await held.reload()
        return held if isinstance(held, LiveSession) and held.open else None

    def _resumed(self, connection: Connection, live: LiveSession) -> None:
        payload: dict[str, Any] = {
            "last_seq": connection.sent_seq,
            "head_seq": live.state.seq,
            "recovered": True,
        }
        if live.reply is not None:
            payload["active_response_id"] = live.reply.id
        connection.push_signal("session.resumed", signal("session.resumed", payload))

    async def _replay_ended(self, connection: Connection, joining: Joining) -> None:
        """What an ended session still has to say to this socket, then close 1000."""
        user_id, session_id = joining.head.user_id, joining.head.id
        head = await self.head(user_id, session_id)
        if not head.final:
            await self.finalize(user_id, session_id)
            head = await self.head(user_id, session_id)
        connection.sent_seq = 0 if joining.created else head.last_seq - FINALIZING_TYPES
        if joining.last_seq is not None:
            connection.sent_seq = joining.last_seq
        while connection.sent_seq < head.last_seq and not connection.closed:
            if not await self._read_on(connection, user_id, session_id, head.last_seq):
                return
        connection.close(1000, "done")

    async def catch_up(self, live: LiveSession, connection: Connection) -> None:
        """Read on from the log until the socket is at the head, then let it be live (or close it: the end)."""
        if connection.catching_up:
            return
        connection.catching_up, connection.live = True, False
        try:
            while not connection.closed:
                if connection.sent_seq >= live.state.seq:
                    if live.final:
                        self._part(connection, live)
                    else:
                        connection.live = True
                        if live.reply is not None:
                            live.reply.show(connection)
                    return
                if not await self._read_on(connection, live.spec.user_id, live.spec.session_id, live.state.seq):
                    return
        except Exception:
            # A socket that is neither live nor reading on would wait for ever: it comes back with its last_seq.
            connection.close(1011, "the log can't be read")
            raise
        finally:
            connection.catching_up = False

    async def _read_on(self, connection: Connection, user_id: UUID, session_id: UUID, until: int) -> bool:
        """One page of the log to the socket, waited for until it is written; False when the log has a gap."""
        page = await self.events(user_id, session_id, after=connection.sent_seq, until=until)
        if not page or not all(connection.push_event(event, replay=True) for event in page):
            log.error("the log has a gap", session_id=str(session_id), seq=connection.sent_seq)
            connection.close(1011, "the log can't be read")
            return False
        await connection.drained()
        return True

    async def events(
        self, user_id: UUID, session_id: UUID, *, after: int, until: int, limit: int | None = None
    ) -> list[Event]:
        """A page of the log: ``after < seq <= until``, in order."""
        limit = self.limits.replay_page if limit is None else limit
        async with self.database.read() as connection:
            found = await transcripts.events(connection, user_id, session_id, after=after, until=until, limit=limit)
        return [Event(*record) for record in found]

    async def wait(self, user_id: UUID, session_id: UUID, after: int, seconds: float) -> bool:
        """Wait until the session has an event past ``after``, at most ``seconds``; False when none came. A poll does
        not hold the session as a socket does."""
        held = await self.hold(user_id, session_id)
        if not isinstance(held, LiveSession) or held.state.seq > after or not held.open:
            return True
        try:
            async with asyncio.timeout(seconds):
                await held.news.wait()
            return True
        except TimeoutError:
            return False

    async def leave(self, connection: Connection) -> None:
        """A socket is gone. The last one of a session here marks it as left, unless this process drains."""
        self.connections.discard(connection)
        connection.abandon()
        live = self._live.get(connection.session_id) if connection.session_id else None
        if live is None or connection not in live.connections:
            return
        live.connections.discard(connection)
        live.stop_timer_if_alone()
        if not live.connections and live.open and not self.draining:
            await self._note_presence(live)

    async def _note_presence(self, live: LiveSession) -> None:
        """Write down whether sockets hold the session here. One at a time, and by what is true then: a socket that
        comes while another goes is not noted as gone."""
        spec = live.spec
        async with live.presence:
            try:
                if live.connections:
                    await self._attach([(spec.user_id, spec.session_id)])
                    return
                async with self.database.transaction() as transaction:
                    await sessions.detach(transaction, spec.user_id, spec.session_id)
            except Exception as error:
                # The next renewal notes it; no socket is worth losing for it.
                log.warning("presence was not noted", session_id=str(spec.session_id), error=str(error))

    async def _attach(self, keys: list[tuple[UUID, UUID]]) -> None:
        async with self.database.transaction() as connection:
            await sessions.attach(connection, keys, lease_seconds=self.limits.attach_lease_seconds)

    async def renew_leases(self) -> None:
        """Tell the database which sessions are held by sockets here."""
        keys = [(s.spec.user_id, s.spec.session_id) for s in self._live.values() if s.connections and s.open]
        if keys:
            await self._attach(keys)

    def forget_idle(self, seconds: float = 60.0) -> None:
        """Drop sessions from memory that nothing held for a while; their rows stay."""
        now = asyncio.get_running_loop().time()
        for key, live in list(self._live.items()):
            since = live.idle_since
            if since is not None and (not live.open or now - since > seconds):
                del self._live[key]

    def held(self, connection: Connection) -> LiveSession | None:
        """The session that this socket holds, while it is open."""
        return self._live.get(connection.session_id) if connection.session_id is not None else None

    def others(self, live: LiveSession) -> list[LiveSession]:
        """The user's other sessions with the same persona that are held here."""
        return [
            other
            for other in self._live.values()
            if other is not live
            and other.spec.user_id == live.spec.user_id
            and other.spec.persona.code == live.spec.persona.code
        ]

    # --- over REST ---------------------------------------------------------------------------------------------

    async def turn(self, user_id: UUID, session_id: UUID, turn: LearnerTurn) -> Answer:
        """A turn of the learner without a socket (see ``LiveSession.turn``)."""
        held = await self.hold(user_id, session_id)
        if isinstance(held, LiveSession):
            return await held.turn(turn)
        async with self.database.read() as connection:
            stored = await transcripts.stored_turn(connection, user_id, session_id, turn.item_id)
        if stored is None:
            raise AppError("session_ended")
        if stored.body_hash != turn.body_hash:
            raise AppError("idempotency_conflict", param="id")
        return Answer(await self._of_turn(user_id, session_id, stored), replayed=True)

    async def answer(self, user_id: UUID, session_id: UUID, item_id: str) -> tuple[Event, ...]:
        """The persona's reply to this turn: the stored one if it was given, else a new one, waited for. Empty when
        the session ended first."""
        async with self.database.read() as connection:
            given = await transcripts.reply_to(connection, user_id, session_id, item_id)
        if given is not None:
            return await self._of_turn(user_id, session_id, given)
        held = await self.hold(user_id, session_id)
        if not isinstance(held, LiveSession):
            return ()
        if held.reply is None and held.state.last_item != item_id:
            async with self.database.read() as connection:  # an automatic reply may have been given meanwhile
                given = await transcripts.reply_to(connection, user_id, session_id, item_id)
            if given is not None:
                return await self._of_turn(user_id, session_id, given)
        reply = held.reply
        if reply is None or reply.answers != item_id:
            try:
                reply = await self.respond(held, None)
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
    ) -> ActiveReply:
        """Have the persona answer. Raises ``conversation_already_has_active_response`` or ``session_ended``.

        While the mission is closing by its own rules, the closing line is the answer.
        """
        if live.closing_reply is not None and closing is None:
            return await asyncio.shield(live.closing_reply)
        async with live.lock:
            if live.reply is not None:
                raise AppError("conversation_already_has_active_response")
            if not live.open or (live.ending and closing is None):
                raise AppError("session_ended")
            reply = ActiveReply(live, metadata, closing)
            if not await self._claim(reply):
                await live.reload()
                raise AppError("conversation_already_has_active_response" if live.open else "session_ended")
            live.reply = reply
            live.stop_timer()
            self.tasks.spawn(reply.run(), "reply")
            return reply

    async def _claim(self, reply: ActiveReply) -> bool:
        """Claim the session's one reply, over all processes."""
        spec = reply.live.spec
        try:
            async with self.database.transaction() as connection:
                return await sessions.claim_reply(
                    connection, spec.user_id, spec.session_id, reply.id, seconds=self.limits.reply_seconds
                )
        except BaseException:
            # It may have been stored all the same; nobody would fulfil it.
            self.tasks.spawn(self.unclaim(reply), "give a claim back")
            raise

    async def unclaim(self, reply: ActiveReply) -> None:
        """Give the claim of a reply back that will not be committed."""
        async with self.database.transaction() as connection:
            await sessions.drop_reply(connection, reply.live.spec.user_id, reply.live.spec.session_id, reply.id)

    # --- the end -----------------------------------------------------------------------------------------------

    async def end_by_rule(self, live: LiveSession) -> None:
        """The persona's closing line, then the end. The sweeper does the rest if this process dies on the way."""
        closing = live.closing_reply
        try:
            async with asyncio.timeout(self.limits.closing_seconds):
                if live.reply is not None:
                    await asyncio.shield(live.reply.done)
                reply = await self.respond(live, None, closing_kind(live))
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
        live = self._live.get(session_id)
        if live is not None and live.reply is not None and live.reply.closing is None:
            await self._cut_short(live.reply, cause, condition)
        async with self.database.transaction() as connection:
            stored = await sessions.begin_end(connection, user_id, session_id, cause, **condition)
        if stored is None and (await self.head(user_id, session_id)).open:
            return None
        if live is not None:
            await live.reload()
        return await self.finalize(user_id, session_id)

    async def _cut_short(self, reply: ActiveReply, cause: str, condition: dict[str, Any]) -> None:
        """What the persona has said so far is kept, if the session really ends now."""
        spec = reply.live.spec
        async with self.database.read() as connection:
            ends = await sessions.may_end(connection, spec.user_id, spec.session_id, cause, **condition)
        if ends:
            reply.cancel()
            await asyncio.wait({reply.done}, timeout=CUT_SHORT_SECONDS)

    async def finalize(self, user_id: UUID, session_id: UUID) -> str:
        """Finalize an ended session, whoever else tries at once; the summary's bytes. A failure is counted, and
        tried again by the sweeper."""
        try:
            body = await self.tasks.run(self.finalizer.finalize(user_id, session_id), "finalize")
        except Exception as error:
            log.error("a finalization failed", session_id=str(session_id), exc_info=error)
            async with self.database.transaction() as connection:
                await sessions.finalize_failed(connection, user_id, session_id)
            raise
        await self.tell_end(session_id)
        return body

    async def tell_end(self, session_id: UUID) -> None:
        """Bring the end to every socket here. Called by whoever finalized, and by the outbox relay."""
        live = self._live.get(session_id)
        if live is None or live.told:
            return
        try:
            await live.reload()
        except Exception:
            for connection in live.connections:  # they come back, and read the end from the log
                connection.close(1011, "the log can't be read")
            raise

    def _part(self, connection: Connection, live: LiveSession) -> None:
        """The session is over and the socket has its summary: the wallet, then good-bye."""
        summary = msgspec.json.decode(live.last_summary) if live.last_summary else None
        if summary is not None:
            connection.push_signal("wallet.updated", signal("wallet.updated", {"wallet": summary["wallet"]["after"]}))
        connection.close(1000, "done")

    async def _replace(self, user_id: UUID, session_id: UUID) -> None:
        await self.end_session(user_id, session_id, "REPLACED")

    async def revoked(self, user_id: UUID) -> None:
        """Close the user's sockets here; other processes see the new version within seconds."""
        for connection in list(self.connections):
            if connection.user_id == user_id:
                connection.close(4505, "revoked")
