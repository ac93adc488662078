"""A reply of the persona, from its claim to its commit.

One reply at a time over all processes: it is claimed in the session's row, and the commit that ends it clears the
claim. What is streamed meanwhile are signals; the item and ``response.done`` are durable, and are sent after COMMIT.
A lost socket does not cancel a reply.
"""

import asyncio
from typing import TYPE_CHECKING

import structlog
import uuid_utils

from realtime.core.contexts import reply_context
from realtime.core.session import Reply
from realtime.minds import ClosingKind, ReplyContext, ReplyDelta, ReplyEnd
from realtime.protocol import events
from realtime.protocol.events import Event, Payload
from realtime.reply_view import ReplyView

if TYPE_CHECKING:
    from realtime.live import LiveSession
    from realtime.peers import Peers

log = structlog.get_logger("socialgym.reply")


class ActiveReply(ReplyView):
    """The reply under way in this process. ``answers``: the item it follows. ``done`` gives its durable events, or
    None when it did not happen."""

    def __init__(self, live: "LiveSession", metadata: dict[str, str] | None, closing: ClosingKind | None) -> None:
        super().__init__(
            live,
            f"resp_{uuid_utils.uuid7().hex}",
            f"item_{uuid_utils.uuid7().hex}",
            live.state.last_item,
            metadata,
        )
        self.closing = closing
        self.cancelled = asyncio.Event()
        self._speaking: asyncio.Task[ReplyEnd] | None = None
        self.done: asyncio.Future[tuple[Event, ...] | None] = asyncio.get_running_loop().create_future()

    @property
    def _peers(self) -> "Peers":
        return self.live.context.peers

    def cancel(self) -> None:
        """Stop at once; what was said so far is kept as an incomplete item."""
        self.cancelled.set()
        if self._speaking is not None:
            self._speaking.cancel()

    async def run(self) -> None:
        """Stream, then commit. Always ends with ``done`` set and the session's reply cleared."""
        result: tuple[Event, ...] | None = None
        try:
            self.show_all()
            self._peers.speaking(self)
            reply = await self._speak()
            result = await self.live.finish_reply(reply)
            if result is not None:
                self._tell(reply, result)
        finally:
            self.live.reply = None
            self._peers.own.pop(self.id, None)
            self._peers.silent(self)
            if result is None and self.live.open:
                # Not committed, so the claim still stands: a next reply need not wait for its deadline.
                self.live.context.tasks.spawn(self.live.context.unclaim(self), "give a claim back")
            if not self.done.done():
                self.done.set_result(result)
            self.live.timer.start()

    async def _speak(self) -> Reply:
        """Stream the line in a task of its own, so that a cancel stops a provider that stalls, too."""
        speaking = self._speaking = asyncio.create_task(self._stream(), name="speak")
        try:
            if self.cancelled.is_set():
                speaking.cancel()
            await asyncio.wait({speaking}, timeout=self._patience())
        finally:
            if not speaking.done():
                speaking.cancel()
                await asyncio.wait({speaking})
        if self.cancelled.is_set():
            return self._reply("cancelled", {"type": "cancelled", "reason": "client_cancelled"})
        if speaking.cancelled() or speaking.exception() is not None:
            error = TimeoutError() if speaking.cancelled() else speaking.exception()
            log.error("a reply failed", exc_info=error, session_id=str(self.live.spec.session_id))
            problem = {"type": "server_error", "code": "internal_error", "message": "The reply failed."}
            return self._reply("failed", {"type": "failed", "error": problem})
        return self._reply("completed", {"type": "completed"}, speaking.result())

    async def _stream(self) -> ReplyEnd:
        end = ReplyEnd("")
        async for piece in self.live.context.persona.stream(self._told()):
            if isinstance(piece, ReplyDelta):
                self._say(piece.text)
            else:
                end = piece
        return end

    def _patience(self) -> float:
        limits = self.live.context.limits
        return limits.closing_seconds * 0.8 if self.closing else limits.reply_seconds * 0.9

    def _reply(self, status: str, details: Payload, end: ReplyEnd | None = None) -> Reply:
        return Reply(
            response_id=self.id,
            item_id=self.item_id,
            text=self.text or None,
            status=status,
            details=details,
            metadata=self.metadata,
            carry=end.carry if end else "",
            recalled=end.recalled if end else (),
        )

    def _say(self, text: str) -> None:
        self._peers.piece(self, len(self.text), text)
        self.add(text)

    def _tell(self, reply: Reply, durable: tuple[Event, ...]) -> None:
        """After COMMIT: what closes the parts, then the durable events."""
        if reply.text is not None:
            status = "completed" if reply.status == "completed" else "incomplete"
            item = events.assistant_item(self.item_id, reply.text, status)
            place = self.place()
            self.live.signal("response.output_text.done", {**place, "text": reply.text})
            self.live.signal("response.content_part.done", {**place, "part": {"type": "text", "text": reply.text}})
            self.live.signal("response.output_item.done", {"response_id": self.id, "output_index": 0, "item": item})
        self.live.publish(durable)

    def _told(self) -> ReplyContext:
        live = self.live
        instructions = live.session_object.get("instructions")
        return reply_context(live.spec, live.state, live.memory, closing=self.closing, instructions=instructions)
