"""How a socket comes to a session and leaves it: checks at the door, replay to the head, presence, parting.

Subscribe first, then read the log, then go live: while a socket reads on, what is published is not pushed to it but
read from the log, so nothing is missed and nothing comes twice.
"""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from realtime.bus.places import Places
from realtime.delivery import Connection
from realtime.errors import AppError
from realtime.live import LiveSession
from realtime.peer_messages import Who
from realtime.protocol.events import signal
from storage.rows import SessionHead

if TYPE_CHECKING:
    from realtime.engine import Engine

log = structlog.get_logger("socialgym.joining")
CLOSE_TOO_MANY = 4504
FIND_REPLY_SECONDS = 0.25  # a socket that joins waits so long for the owner of a reply under way to show it
FINALIZING_TYPES = 2  # the last two events of an ended session: session.finalizing and session.summary


class Joining(msgspec.Struct, frozen=True):
    """A checked wish to hold a session: everything that can be refused was, before the socket opens."""

    head: SessionHead
    last_seq: int | None
    created: bool


class Joiner:
    """Brings sockets to sessions, and keeps the database told which sessions sockets hold here."""

    def __init__(self, engine: "Engine", places: Places | None = None) -> None:
        self._engine = engine
        self._places = places if engine.limits.enforced else None
        self._taken: dict[Connection, str] = {}  # the places of the sockets here

    async def require_place(self, user_id: UUID) -> None:
        """Raises ``too_many_sockets``. Asked before a session is begun for a socket."""
        limits = self._engine.limits
        if not limits.enforced:
            return
        if self._sockets_of(user_id) >= limits.sockets_per_user:
            raise AppError("too_many_sockets")
        if self._places is not None and not await self._places.free(user_id, limits.sockets_per_user):
            raise AppError("too_many_sockets")

    async def _take_place(self, connection: Connection) -> bool:
        """False when the user has as many sockets as may be, here or over all processes."""
        limits, user_id = self._engine.limits, connection.user_id
        if not limits.enforced:
            return True
        if self._sockets_of(user_id) > limits.sockets_per_user:
            return False
        if self._places is None:
            return True
        key = await self._places.take(user_id, limits.sockets_per_user)
        if key is not None and connection.closed:
            await self._places.leave(user_id, key)  # it went while we asked
        elif key is not None:
            self._taken[connection] = key
        return key is not None

    async def prepare(self, user_id: UUID, session_id: UUID, last_seq: int | None, *, created: bool) -> Joining:
        """Check that this session can be joined so. Raises ``not_found``, ``seq_ahead``."""
        await self._engine.hold(user_id, session_id)
        head = await self._engine.head(user_id, session_id)
        if last_seq is not None and last_seq > head.last_seq:
            raise AppError("seq_ahead", param="last_seq")
        return Joining(head, last_seq, created)

    def _sockets_of(self, user_id: UUID) -> int:
        return sum(1 for c in self._engine.connections if c.user_id == user_id and not c.closed)

    async def join(self, connection: Connection, joining: Joining) -> LiveSession | None:
        """Bring an accepted socket to the head: subscribe, read the log, go live. None: the session has ended, and
        the socket was sent what it missed and is being closed; or the socket is gone already."""
        connection.session_id = joining.head.id
        self._engine.connections.add(connection)
        if not await self._take_place(connection):
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
            connection.sent_seq = live.head
        else:
            connection.sent_seq = joining.last_seq
            self._resumed(connection, live)
        live.connections.add(connection)
        # Before the replay: a client that has its first frame holds the session, and a slow replay holds it too.
        await self.note_presence(live)
        await self.catch_up(live, connection)
        live.timer.start()
        if live.state.auto_response and live.state.last_role == "user" and live.view is None:
            self._engine.tasks.spawn(self._engine.respond(live, None), "answer again")
        return live

    async def _to_join(self, connection: Connection, joining: Joining) -> LiveSession | None:
        """The session as it is held now (it may have been let go since it was prepared), at least as far on as its
        row was then; None when it has ended."""
        if joining.last_seq is None and not joining.created:
            first = await self._engine.events(joining.head.user_id, joining.head.id, after=0, until=1)
            connection.push_copy(first[0])
        held = await self._engine.hold(joining.head.user_id, joining.head.id)
        if isinstance(held, LiveSession) and held.state.seq < joining.head.last_seq:
            await held.reload()
        if isinstance(held, LiveSession) and held.open:
            await self._find_reply(held)
        return held if isinstance(held, LiveSession) and held.open else None

    async def _find_reply(self, live: LiveSession) -> None:
        """If another process runs a reply, learn of it: soon, or later from what it says next."""
        spec, peers = live.spec, self._engine.peers
        if live.claim is None or live.view is not None or not peers.bus.healthy or not peers.listening(spec.user_id):
            return
        news = live.reply_news = live.reply_news or asyncio.Event()
        peers.tell(spec.user_id, Who())
        try:
            async with asyncio.timeout(FIND_REPLY_SECONDS):
                await news.wait()
        except TimeoutError:
            pass
        finally:
            live.reply_news = None

    def _resumed(self, connection: Connection, live: LiveSession) -> None:
        payload: dict[str, Any] = {
            "last_seq": connection.sent_seq,
            "head_seq": live.head,
            "recovered": True,
        }
        if live.view is not None:
            payload["active_response_id"] = live.view.id
        connection.push_signal("session.resumed", signal("session.resumed", payload))

    async def _replay_ended(self, connection: Connection, joining: Joining) -> None:
        """What an ended session still has to say to this socket, then close 1000."""
        user_id, session_id = joining.head.user_id, joining.head.id
        head = await self._engine.head(user_id, session_id)
        if not head.final:
            await self._engine.ender.finalize(user_id, session_id)
            head = await self._engine.head(user_id, session_id)
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
                if connection.sent_seq >= live.head:
                    if live.final:
                        self._part(connection, live)
                    else:
                        connection.live = True
                        if live.view is not None:
                            live.view.show(connection)
                    return
                if not await self._read_on(connection, live.spec.user_id, live.spec.session_id, live.head):
                    return
        except Exception:
            # A socket that is neither live nor reading on would wait for ever: it comes back with its last_seq.
            connection.close(1011, "the log can't be read")
            raise
        finally:
            connection.catching_up = False

    async def _read_on(self, connection: Connection, user_id: UUID, session_id: UUID, until: int) -> bool:
        """One page of the log to the socket, waited for until it is written; False when the log has a gap."""
        page = await self._engine.events(user_id, session_id, after=connection.sent_seq, until=until)
        if not page or not connection.push_events(page, replay=True):
            log.error("the log has a gap", session_id=str(session_id), seq=connection.sent_seq)
            connection.close(1011, "the log can't be read")
            return False
        await connection.drained()
        return True

    async def leave(self, connection: Connection) -> None:
        """A socket is gone. The last one of a session here marks it as left, unless this process drains."""
        self._engine.connections.discard(connection)
        connection.abandon()
        key = self._taken.pop(connection, None)
        if key is not None and self._places is not None:
            await self._places.leave(connection.user_id, key)
        live = self._engine.held_sessions.get(connection.session_id) if connection.session_id else None
        if live is None or connection not in live.connections:
            return
        live.connections.discard(connection)
        live.timer.stop_if_alone()
        if not live.connections and live.open and not self._engine.draining:
            await self.note_presence(live)

    async def note_presence(self, live: LiveSession) -> None:
        """Write down whether sockets hold the session here. One at a time, and by what is true then: a socket that
        comes while another goes is not noted as gone."""
        spec = live.spec
        async with live.presence:
            try:
                if live.connections:
                    await self._attach([(spec.user_id, spec.session_id)])
                    return
                async with self._engine.database.transaction() as transaction:
                    await self._engine.store.sessions.detach(transaction, spec.user_id, spec.session_id)
                self._engine.peers.left(live)
            except Exception as error:
                # The next renewal notes it; no socket is worth losing for it.
                log.warning("presence was not noted", session_id=str(spec.session_id), error=str(error))

    async def _attach(self, keys: list[tuple[UUID, UUID]]) -> None:
        async with self._engine.database.transaction() as connection:
            await self._engine.store.sessions.attach(
                connection, keys, lease_seconds=self._engine.limits.attach_lease_seconds
            )

    async def renew_leases(self) -> None:
        """Tell the database which sessions are held by sockets here, and keep the places of the sockets."""
        keys = [
            (s.spec.user_id, s.spec.session_id)
            for s in self._engine.held_sessions.values()
            if s.connections and s.open
        ]
        if keys:
            await self._attach(keys)
        if self._places is not None:
            await self._places.renew([(connection.user_id, key) for connection, key in self._taken.items()])

    def _part(self, connection: Connection, live: LiveSession) -> None:
        """The session is over and the socket has its summary: the wallet, then good-bye."""
        summary = msgspec.json.decode(live.last_summary) if live.last_summary else None
        if summary is not None:
            connection.push_signal("wallet.updated", signal("wallet.updated", {"wallet": summary["wallet"]["after"]}))
        connection.close(1000, "done")
