"""What this process does about what another one said (``realtime.peer_messages``), in the order it was said.

A message of a session that is not held here is dropped; one of a session that is being loaded is remembered as far
as its log is concerned. Nothing here waits: what needs the database is done in tasks of the process.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from realtime import peer_messages as say
from realtime.protocol.events import Event
from realtime.reply_view import ForeignReply

if TYPE_CHECKING:
    from realtime.engine import Engine
    from realtime.live import LiveSession
    from realtime.peers import Peers

log = structlog.get_logger("socialgym.peers")
ASK_AGAIN_SECONDS = 0.5  # between two questions for the rest of a reply


class Hearing:
    """The engine's ``Receiver``."""

    def __init__(self, engine: "Engine", peers: "Peers") -> None:
        self._engine = engine
        self._peers = peers
        self._asked: dict[UUID, float] = {}
        self._table: dict[type, Callable[[UUID, Any], None]] = {
            say.Committed: self._committed,
            say.Head: self._head,
            say.Ended: self._ended,
            say.Signalled: self._signalled,
            say.Speaking: self._speaking,
            say.Piece: self._piece,
            say.Silent: self._silent,
            say.Ask: self._ask,
            say.Mine: self._mine,
            say.Who: self._who,
            say.Left: self._left,
            say.Remembered: self._remembered,
            say.Revoked: self._revoked,
        }

    # --- the bus -----------------------------------------------------------------------------------------------

    def received(self, channel: UUID, message: bytes) -> None:
        try:
            messages = say.decode(message)
        except msgspec.DecodeError as error:  # of a process of another version
            log.warning("a message of another process can't be read", error=str(error))
            self.lost(channel)
            return
        for one in messages:
            self._table[type(one)](channel, one)

    def joined(self, channel: UUID) -> None:
        """Tell who came how far the logs are, and what is being said."""
        for live in self._peers.held_of(channel):
            self._peers.tell(channel, say.Head(live.spec.session_id, live.head))
        self._who(channel, None)

    def lost(self, channel: UUID | None) -> None:
        held = list(self._engine.held_sessions.values()) if channel is None else self._peers.held_of(channel)
        self._peers.suspect(held)

    def _held(self, user_id: UUID, session_id: UUID) -> "LiveSession | None":
        live = self._engine.held_sessions.get(session_id)
        return live if live is not None and live.spec.user_id == user_id else None

    # --- the log -----------------------------------------------------------------------------------------------

    def _committed(self, user_id: UUID, message: say.Committed) -> None:
        events = tuple(Event(*record) for record in message.events)
        self._goes_up_to(user_id, message.session_id, events[-1].seq, events)

    def _head(self, user_id: UUID, message: say.Head) -> None:
        self._goes_up_to(user_id, message.session_id, message.seq, ())

    def _goes_up_to(self, user_id: UUID, session_id: UUID, seq: int, events: tuple[Event, ...]) -> None:
        if session_id in self._peers.loading:
            self._peers.loading[session_id] = max(seq, self._peers.loading[session_id])
        live = self._held(user_id, session_id)
        if live is not None:
            live.heard_of(seq, events)

    def _ended(self, user_id: UUID, message: say.Ended) -> None:
        if self._held(user_id, message.session_id) is not None:
            self._engine.tasks.spawn(self._engine.ender.tell_end(message.session_id), "tell an end")

    # --- signals and replies -----------------------------------------------------------------------------------

    def _signalled(self, user_id: UUID, message: say.Signalled) -> None:
        live = self._held(user_id, message.session_id)
        for connection in live.connections if live is not None else ():
            if connection.live:
                connection.push_signal(message.kind, message.frame)

    def _speaking(self, user_id: UUID, message: say.Speaking) -> None:
        live = self._held(user_id, message.session_id)
        if live is None:
            return
        self._asked.pop(message.session_id, None)
        view = live.foreign_reply
        if view is None or view.id != message.reply_id:
            view = live.foreign_reply = ForeignReply(
                live,
                message.reply_id,
                message.item_id,
                message.answers,
                message.metadata,
                seconds=self._engine.limits.reply_seconds,
            )
            view.text = message.text
            live.timer.stop()
            view.show_all()
            if live.reply_news is not None:
                live.reply_news.set()
        elif len(message.text) > len(view.text):
            view.add(message.text[len(view.text) :])

    def _piece(self, user_id: UUID, message: say.Piece) -> None:
        live = self._held(user_id, message.session_id)
        if live is None:
            return
        view = live.foreign_reply
        if view is None or view.id != message.reply_id or message.at > len(view.text):
            self._ask_for_the_rest(user_id, message.session_id)
        elif more := message.text[len(view.text) - message.at :]:
            view.add(more)

    def _ask_for_the_rest(self, user_id: UUID, session_id: UUID) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(session_id, 0.0) >= ASK_AGAIN_SECONDS:
            self._asked[session_id] = now
            self._peers.tell(user_id, say.Who())

    def _silent(self, user_id: UUID, message: say.Silent) -> None:
        self._asked.pop(message.session_id, None)
        live = self._held(user_id, message.session_id)
        if live is not None and live.foreign_reply is not None and live.foreign_reply.id == message.reply_id:
            live.foreign_reply = None
            if not live.behind:
                live.timer.start()

    def _ask(self, user_id: UUID, message: say.Ask) -> None:
        reply = self._peers.own.get(message.reply_id)
        if reply is None or reply.live.spec.user_id != user_id:
            return
        if message.cancel:
            reply.cancel()
        self._peers.tell(user_id, say.Mine(message.question))

    def _mine(self, user_id: UUID, message: say.Mine) -> None:
        self._peers.answered(message.question)

    def _who(self, user_id: UUID, message: say.Who | None) -> None:
        for live in self._peers.held_of(user_id):
            if live.reply is not None:
                self._peers.speaking(live.reply)

    # --- the user ----------------------------------------------------------------------------------------------

    def _left(self, user_id: UUID, message: say.Left) -> None:
        live = self._held(user_id, message.session_id)
        if live is not None and live.open and live.connections:
            self._engine.tasks.spawn(self._engine.joiner.note_presence(live), "note presence")

    def _remembered(self, user_id: UUID, message: say.Remembered) -> None:
        if message.forgotten:
            self._engine.minds.forget()
        for live in self._peers.held_of(user_id):
            if live.spec.persona.code != message.persona:
                continue
            live.stale = True
            if message.forgotten:
                self._engine.tasks.spawn(live.reload(), "forget")

    def _revoked(self, user_id: UUID, message: say.Revoked) -> None:
        self._engine.tasks.spawn(self._engine.close_revoked({user_id}), "close revoked")
