"""The other processes, as an engine tells them what it did and hears what they did.

Out: what happens to a user's sessions here is told on the user's channel, one publication a round of the event loop;
where nobody else listens, nothing is made. In: events of others go to the sockets here as they are; a session whose
log went on elsewhere is *behind*, and reads its row before its next step. Whatever may have been lost is looked up.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from realtime import peer_messages as say
from realtime.bus import Bus
from realtime.hearing import Hearing
from realtime.jitter import jittered
from realtime.peer_messages import PeerMessage
from realtime.protocol.events import Event

if TYPE_CHECKING:
    from realtime.engine import Engine
    from realtime.live import LiveSession
    from realtime.replies import ActiveReply

SUBSCRIBE_SECONDS = 0.5  # a loading session waits so long for its channel; it takes one round trip
ANSWER_SECONDS = 2.0  # a process that runs a reply and does not say so within this is gone, or as good as gone
SETTLE_SECONDS = 0.05  # losses come in crowds (a lost connection): they are looked up together
LOOK_AT_ONCE = 1_000  # sessions in one query


class Peers:
    """``own``: the replies that this process has claimed or is about to claim, by id."""

    def __init__(self, engine: "Engine", bus: Bus) -> None:
        self.bus = bus
        self.own: dict[str, ActiveReply] = {}
        self.by_user: dict[UUID, set[UUID]] = {}
        self.loading: dict[UUID, int] = {}  # sessions that are being loaded: how far their logs are known to go
        self._engine = engine
        self._outgoing: dict[UUID, list[PeerMessage]] = {}
        self._questions: dict[str, asyncio.Future[None]] = {}
        self._suspects: set[UUID] = set()

    async def start(self) -> None:
        await self.bus.start(Hearing(self._engine, self))

    async def close(self) -> None:
        self._publish()
        await self.bus.close()

    @property
    def alone(self) -> bool:
        """There can be no other process."""
        return self.bus.alone

    # --- who is held here --------------------------------------------------------------------------------------

    async def expect(self, user_id: UUID, session_id: UUID) -> None:
        """Before a session is read: from now on nothing that others say of it is missed."""
        self.bus.subscribe(user_id)
        self.loading.setdefault(session_id, 0)
        await self.bus.subscribed(user_id, SUBSCRIBE_SECONDS)

    def settle(self, user_id: UUID, session_id: UUID, live: "LiveSession | None") -> None:
        """After it was read: it is held (its channel stays subscribed), or there is nothing to hold."""
        known = self.loading.pop(session_id, 0)
        if live is None:
            self.bus.unsubscribe(user_id)
            return
        live.known_head = max(live.known_head, known)
        mine = self.by_user.setdefault(user_id, set())
        if session_id in mine:
            self.bus.unsubscribe(user_id)  # it takes the place of one that was held here and has ended
        mine.add(session_id)

    def release(self, live: "LiveSession") -> None:
        """It is held no more."""
        user_id, session_id = live.spec.user_id, live.spec.session_id
        mine = self.by_user.get(user_id)
        if mine is None or session_id not in mine:
            return
        mine.discard(session_id)
        if not mine:
            del self.by_user[user_id]
        self.bus.unsubscribe(user_id)

    def held_of(self, user_id: UUID) -> "list[LiveSession]":
        held = self._engine.held_sessions
        return [held[session_id] for session_id in self.by_user.get(user_id, ()) if session_id in held]

    # --- telling -----------------------------------------------------------------------------------------------

    def listening(self, user_id: UUID) -> bool:
        """Whether anybody may want to hear of this user."""
        return self.bus.others(user_id)

    def tell(self, user_id: UUID, message: PeerMessage) -> None:
        """To be sent at the end of this round of the loop, in order."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._publish)
        waiting = self._outgoing.setdefault(user_id, [])
        last = waiting[-1] if waiting else None
        if isinstance(message, say.Piece) and isinstance(last, say.Piece) and last.reply_id == message.reply_id:
            waiting[-1] = say.Piece(last.session_id, last.reply_id, last.at, last.text + message.text)
        else:
            waiting.append(message)

    def _publish(self) -> None:
        outgoing, self._outgoing = self._outgoing, {}
        for user_id, messages in outgoing.items():
            self.bus.publish(user_id, say.encode(messages))

    def committed(self, live: "LiveSession", events: tuple[Event, ...]) -> None:
        user_id = live.spec.user_id
        if not events or not self.bus.others(user_id):
            return
        session_id = live.spec.session_id
        if sum(len(event.body) for event in events) > say.LONGEST_EVENTS:
            self.tell(user_id, say.Head(session_id, events[-1].seq))
        else:
            bodies = tuple((event.seq, event.type, event.body) for event in events)
            self.tell(user_id, say.Committed(session_id, bodies))

    def moved(self, live: "LiveSession") -> None:
        """The log went on in a way that was not published as it happened."""
        if self.bus.others(live.spec.user_id):
            self.tell(live.spec.user_id, say.Head(live.spec.session_id, live.head))

    def signalled(self, live: "LiveSession", type_: str, frame: str) -> None:
        if self.bus.others(live.spec.user_id):
            self.tell(live.spec.user_id, say.Signalled(live.spec.session_id, type_, frame))

    def speaking(self, reply: "ActiveReply") -> None:
        spec = reply.live.spec
        if self.bus.others(spec.user_id):
            self.tell(spec.user_id, card_of(reply))

    def piece(self, reply: "ActiveReply", at: int, text: str) -> None:
        spec = reply.live.spec
        if self.bus.others(spec.user_id):
            self.tell(spec.user_id, say.Piece(spec.session_id, reply.id, at, text))

    def silent(self, reply: "ActiveReply") -> None:
        spec = reply.live.spec
        if self.bus.others(spec.user_id):
            self.tell(spec.user_id, say.Silent(spec.session_id, reply.id))

    def ended(self, user_id: UUID, session_id: UUID) -> None:
        if self.bus.others(user_id):
            self.tell(user_id, say.Ended(session_id))

    def left(self, live: "LiveSession") -> None:
        if self.bus.others(live.spec.user_id):
            self.tell(live.spec.user_id, say.Left(live.spec.session_id))

    def revoked(self, user_id: UUID) -> None:
        if self.bus.others(user_id):
            self.tell(user_id, say.Revoked())

    def remembered(self, live: "LiveSession", *, forgotten: bool = False) -> None:
        """What is remembered changed: the user's other sessions with this persona read it before their next step."""
        for other in self.held_of(live.spec.user_id):
            if other is not live and other.spec.persona.code == live.spec.persona.code:
                other.stale = True
        if self.bus.others(live.spec.user_id):
            self.tell(live.spec.user_id, say.Remembered(live.spec.persona.code, forgotten))

    # --- asking ------------------------------------------------------------------------------------------------

    async def runs_elsewhere(self, live: "LiveSession", reply_id: str, *, cancel: bool = False) -> bool:
        """Whether another process runs this reply (and, with ``cancel``, stops it now)."""
        user_id = live.spec.user_id
        if not self.bus.healthy or not self.bus.others(user_id):
            return False
        question = secrets.token_hex(8)
        answered = self._questions[question] = asyncio.get_running_loop().create_future()
        try:
            self.tell(user_id, say.Ask(live.spec.session_id, reply_id, question, cancel))
            await asyncio.wait({answered}, timeout=ANSWER_SECONDS)
            return answered.done()
        finally:
            del self._questions[question]

    def answered(self, question: str) -> None:
        waiting = self._questions.get(question)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    # --- looking up --------------------------------------------------------------------------------------------

    def suspect(self, sessions: "list[LiveSession]") -> None:
        """Something may have been missed about these: compare them with their rows, soon and together."""
        for live in sessions:
            live.stale = True
        if sessions and not self._suspects:
            self._engine.tasks.spawn(self._look_up(), "look up heads")
        self._suspects.update(live.spec.session_id for live in sessions)

    async def _look_up(self) -> None:
        await asyncio.sleep(jittered(SETTLE_SECONDS, 0.5))
        suspects, self._suspects = self._suspects, set()
        held = [self._engine.held_sessions[key] for key in suspects if key in self._engine.held_sessions]
        for live in held:
            live.foreign_reply = None  # its end may be among what was lost; who runs it still says so
            if self.bus.others(live.spec.user_id):
                self.tell(live.spec.user_id, say.Who())
        await self.compare(held)

    async def compare(self, sessions: "list[LiveSession]") -> None:
        """Bring these to where their rows are."""
        for at in range(0, len(sessions), LOOK_AT_ONCE):
            page = {live.spec.session_id: live for live in sessions[at : at + LOOK_AT_ONCE]}
            keys = [(live.spec.user_id, live.spec.session_id) for live in page.values()]
            async with self._engine.database.read() as connection:
                found = await self._engine.store.heads.positions(connection, keys)
            for session_id, seq, status in found:
                live = page[session_id]
                if status != live.status:
                    self._engine.tasks.spawn(live.reload(), "reload")
                elif seq > live.head:
                    live.heard_of(seq)


def card_of(reply: "ActiveReply") -> say.Speaking:
    return say.Speaking(
        reply.live.spec.session_id, reply.id, reply.item_id, reply.answers, reply.metadata, reply.text
    )
