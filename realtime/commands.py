"""Client events carried out: one function a family, one table from type to function.

A command answers by events of the session (published to all devices) or by signals to its sender. What can't be
done is an ``AppError``; ``Commands.handle`` makes it an ``error`` frame that names the client's own ``event_id``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uuid_utils

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.delivery import Connection
from realtime.engine import Engine
from realtime.errors import CODES, AppError
from realtime.live import LiveSession
from realtime.protocol import client, events
from realtime.protocol.events import signal

log = structlog.get_logger("socialgym.commands")
RefreshToken = Callable[[Connection, str], Awaitable[None]]


class Commands:
    """Carries out the events of sockets. ``refresh_token`` is the server's: it knows credentials."""

    def __init__(self, engine: Engine, refresh_token: RefreshToken) -> None:
        self._engine = engine
        self._refresh_token = refresh_token
        self._table: dict[type, Callable[[Connection, LiveSession, Any], Awaitable[None]]] = {
            client.ItemCreate: self._create_item,
            client.ItemRetrieve: self._retrieve_item,
            client.ItemDelete: self._delete_item,
            client.ItemTruncate: self._no_audio,
            client.ResponseCreate: self._create_response,
            client.ResponseCancel: self._cancel_response,
            client.SessionUpdate: self._update_session,
            client.AudioAppend: self._drop_audio,
            client.AudioClear: self._clear_audio,
            client.AudioCommit: self._no_audio,
            client.TranscriptAppend: self._no_audio,
            client.TranscriptCommit: self._no_audio,
            client.MemoryEdit: self._edit_memory,
            client.MemoryForget: self._forget_memory,
            client.SessionEnd: self._end_session,
            client.RefreshToken: self._refresh,
        }

    async def handle(self, connection: Connection, live: LiveSession, event: client.AnyClientEvent) -> None:
        """Carry the event out. Every failure becomes an ``error`` frame; the session stays open."""
        try:
            await self._table[type(event)](connection, live, event)
        except AppError as error:
            if error.event_id is None:
                error.event_id = event.event_id
            push_error(connection, error)
        except Exception as error:
            log.error("a command failed", command=type(event).__name__, exc_info=error)
            push_error(connection, AppError("internal_error", event_id=event.event_id))

    # --- the conversation --------------------------------------------------------------------------------------

    async def _create_item(self, connection: Connection, live: LiveSession, event: client.ItemCreate) -> None:
        turn = await self._as_turn(live, event)
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        answer = await live.turn(turn)
        if not answer.replayed:
            self._engine.counts.acknowledgement.add(loop.time() - arrived)
        else:
            for stored in answer.events:
                if stored.seq <= connection.sent_seq:  # what lies past it is on its way from the log, in order
                    connection.push_copy(stored)

    async def _as_turn(self, live: LiveSession, event: client.ItemCreate) -> LearnerTurn:
        item = event.item
        parts = [part.text for part in item.content if part.type == "input_text" and part.text is not None]
        if item.type != "message" or item.role != "user" or len(parts) != len(item.content):
            raise AppError("item_not_supported", param="item")
        item_id = checked_id(item.id) if item.id is not None else f"item_{uuid_utils.uuid7().hex}"
        after = event.previous_item_id
        if after is not None:
            await live.refresh()
        if after is not None and after != live.state.last_item and await live.stored_turn(item_id) is None:
            raise AppError("item_not_supported", "Items are added after the last one.", param="previous_item_id")
        text = checked_text("\n".join(parts), self._engine.limits.turn_text, param="item.content")
        return LearnerTurn(
            item_id=item_id,
            text=text,
            kind="text",
            body_hash=body_hash("text", text),
            at=self._engine.now_iso(),
        )

    async def _retrieve_item(self, connection: Connection, live: LiveSession, event: client.ItemRetrieve) -> None:
        found = None
        if "\x00" not in event.item_id:  # such an id can't be stored, nor asked for
            found = await live.stored_turn(event.item_id)
        if found is None:
            raise AppError("item_not_found", param="item_id")
        if found.role == "user":
            item = events.user_item(found.item_id, found.text, voice=found.kind == "voice")
        else:
            item = events.assistant_item(found.item_id, found.text, found.status)
        type_ = "conversation.item.retrieved"
        connection.push_signal(type_, signal(type_, {"item": item}))

    async def _delete_item(self, connection: Connection, live: LiveSession, event: client.ItemDelete) -> None:
        raise AppError("item_is_permanent", param="item_id")

    # --- replies -----------------------------------------------------------------------------------------------

    async def _create_response(self, connection: Connection, live: LiveSession, event: client.ResponseCreate) -> None:
        asked = event.response
        if asked is not None and (asked.conversation == "none" or asked.input is not None):
            param = "response.conversation" if asked.conversation == "none" else "response.input"
            raise AppError("out_of_band_not_supported", param=param)
        await self._engine.respond(live, asked.metadata if asked is not None else None)

    async def _cancel_response(self, connection: Connection, live: LiveSession, event: client.ResponseCancel) -> None:
        if not await self._engine.cancel(live, event.response_id):
            raise AppError("response_cancel_not_active", param="response_id" if event.response_id else None)

    # --- the session -------------------------------------------------------------------------------------------

    async def _update_session(self, connection: Connection, live: LiveSession, event: client.SessionUpdate) -> None:
        model = event.session.model
        if isinstance(model, str) and model != live.spec.model:
            raise AppError("invalid_event", "The model of a session can't change.", param="session.model")
        if isinstance(event.session.instructions, str):
            no_nul(event.session.instructions, "session.instructions")
        await live.update(event.session)

    async def _end_session(self, connection: Connection, live: LiveSession, event: client.SessionEnd) -> None:
        await self._engine.ender.end(live, "CLIENT")

    async def _refresh(self, connection: Connection, live: LiveSession, event: client.RefreshToken) -> None:
        await self._refresh_token(connection, event.token)
        connection.push_signal("session.token_refreshed", signal("session.token_refreshed", {}))

    # --- memory ------------------------------------------------------------------------------------------------

    async def _edit_memory(self, connection: Connection, live: LiveSession, event: client.MemoryEdit) -> None:
        no_nul(event.key, "key")
        await live.correct_memory(event.key, no_nul(event.value, "value"))

    async def _forget_memory(self, connection: Connection, live: LiveSession, event: client.MemoryForget) -> None:
        await self._engine.forgetter.forget(live, no_nul(event.key, "key"), with_turns=event.with_turns)

    # --- audio, until recognition on the server is built -------------------------------------------------------

    async def _drop_audio(self, connection: Connection, live: LiveSession, event: client.AudioAppend) -> None:
        """Dropped unanswered: a client streams these many times a second."""

    async def _clear_audio(self, connection: Connection, live: LiveSession, event: client.AudioClear) -> None:
        connection.push_signal("input_audio_buffer.cleared", signal("input_audio_buffer.cleared", {}))

    async def _no_audio(self, connection: Connection, live: LiveSession, event: client.ClientEvent) -> None:
        raise AppError("audio_not_supported")


def push_error(connection: Connection, error: AppError) -> None:
    """An expected failure as an ``error`` frame to this socket."""
    connection.push_signal("error", error_frame(error))


def error_frame(error: AppError) -> str:
    return events.error(
        error.code,
        CODES[error.code].wire_type,
        error.message,
        param=error.param,
        event_id=error.event_id,
        retry_after_ms=error.retry_after_ms,
    )


def no_nul(text: str, param: str) -> str:
    """PostgreSQL can't store U+0000 in text. Raises ``invalid_event``."""
    if "\x00" in text:
        raise AppError("invalid_event", "U+0000 can't be stored.", param=param)
    return text


def checked_id(item_id: str) -> str:
    """An item id as it can be stored. Raises ``invalid_event``."""
    return no_nul(item_id, "item.id")


def checked_text(text: str, limit: int, *, param: str) -> str:
    """A turn's text within the rules. Raises ``text_empty``, ``text_too_long``, ``invalid_event``."""
    if not text.strip():
        raise AppError("text_empty", param=param)
    if len(text) > limit:
        raise AppError("text_too_long", f"A turn has at most {limit} characters.", param=param)
    return no_nul(text, param)
