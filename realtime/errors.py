"""Every code the server answers with, in one table: what it means, how it looks on each transport, and what a
client should do. The documents are made from it (``docs/errors.md`` is checked by a test).

SocialgymError
└── AppError     an expected failure: a code of ``CODES``, a message for a person, perhaps the field at fault
    └── Refused  the same at the door: the socket never opened
"""

from typing import Literal

import msgspec

WireType = Literal["invalid_request_error", "rate_limit_error", "server_error"]


class Code(msgspec.Struct, frozen=True):
    """``status``: of REST. ``retry``: the same request may succeed later. ``bad_frame``: counts towards 4508."""

    status: int
    meaning: str
    retry: bool = False
    bad_frame: bool = False

    @property
    def wire_type(self) -> WireType:
        if self.status == 429:
            return "rate_limit_error"
        return "server_error" if self.status >= 500 else "invalid_request_error"


CODES: dict[str, Code] = {
    "invalid_json": Code(400, "The frame or body is not JSON.", bad_frame=True),
    "invalid_event": Code(400, "A field is missing, has the wrong type, or is out of its range."),
    "unknown_event_type": Code(400, "There is no client event of this type.", bad_frame=True),
    "invalid_frame": Code(400, "Only text frames are read; a binary frame was sent.", bad_frame=True),
    "token_invalid": Code(401, "The credential is missing, malformed, expired or revoked."),
    "mission_locked": Code(403, "This mission opens when the one before it in its lane is completed."),
    "audience_not_allowed": Code(403, "This content is for adults; set an age band that allows it."),
    "origin_not_allowed": Code(403, "The page's origin is not one this server accepts."),
    "item_not_found": Code(404, "The session has no item with this id."),
    "memory_key_unknown": Code(404, "The persona remembers nothing under this key."),
    "not_found": Code(404, "There is nothing here under this name for you."),
    "method_not_allowed": Code(405, "This address does not take this method."),
    "idempotency_conflict": Code(409, "This id was used before with another content."),
    "session_ended": Code(409, "The session has ended; its summary can be read."),
    "session_open": Code(409, "The session is still open; the summary comes at its end."),
    "seq_ahead": Code(409, "last_seq lies beyond the last event of the session."),
    "conversation_already_has_active_response": Code(409, "The persona is answering already.", retry=True),
    "response_cancel_not_active": Code(409, "There is no reply under way to cancel."),
    "insufficient_funds": Code(409, "The wallet does not hold enough for this."),
    "limit_reached": Code(409, "This can't be done more often here."),
    "email_taken": Code(409, "An account with this address exists; log in instead."),
    "already_claimed": Code(409, "This account has an address already."),
    "frame_too_large": Code(413, "The frame or body is larger than the limit."),
    "text_empty": Code(422, "A turn needs at least one character that is not white space."),
    "text_too_long": Code(422, "The turn's text is longer than the limit."),
    "item_not_supported": Code(422, "Only the learner's messages are added, as input_text, after the last item."),
    "item_is_permanent": Code(422, "What was said stays said: items can't be deleted."),
    "out_of_band_not_supported": Code(422, "A reply always belongs to the conversation."),
    "audio_not_supported": Code(422, "The server neither hears nor speaks yet; send input_transcript events."),
    "too_many_turns": Code(422, "More turns were sent than a session can hold."),
    "PRACTICE_EMPTY": Code(422, "The batch holds no turn of the learner."),
    "VOICE_EMPTY": Code(422, "The transcript is empty."),
    "AB_EMPTY_A": Code(422, "Option A is empty."),
    "AB_EMPTY_B": Code(422, "Option B is empty."),
    "rate_limited": Code(429, "Too many requests in a short time.", retry=True),
    "too_many_sessions": Code(429, "Too many live sessions; end one first.", retry=True),
    "too_many_sockets": Code(429, "Too many open sockets for this account.", retry=True),
    "internal_error": Code(500, "Something failed on the server; it was logged.", retry=True),
    "draining": Code(503, "The server is restarting; connect again.", retry=True),
}


class SocialgymError(Exception):
    """Base of all errors of this product that a caller may see."""


class AppError(SocialgymError):
    """An expected failure. ``code`` stands in ``CODES``; ``message`` is for a person; ``param`` names the field."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after_ms: int | None = None,
        event_id: str | None = None,
    ) -> None:
        self.code = code
        self.entry = CODES[code]
        self.message = message or self.entry.meaning
        self.param = param
        self.retry_after_ms = retry_after_ms
        self.event_id = event_id
        super().__init__(f"{code}: {self.message}")


class Close(msgspec.Struct, frozen=True):
    """A close code of the socket. ``reconnect``: a client should come back (with full jitter)."""

    code: int
    name: str
    reconnect: bool
    meaning: str


CLOSES: dict[int, Close] = {
    close.code: close
    for close in (
        Close(1000, "done", False, "The session has ended and its summary was sent."),
        Close(1007, "invalid_utf8", False, "A text frame was not valid UTF-8."),
        Close(1009, "frame_too_big", False, "A frame was over 256 KiB."),
        Close(1011, "server_error", True, "The server failed, or got no pong in time."),
        Close(1012, "draining", True, "The server is restarting."),
        Close(1013, "try_again", True, "The server is busy, or this client read too slowly; nothing is lost."),
        Close(4001, "token_expired", True, "The access token expired: refresh it, then come back."),
        Close(4499, "refused", False, "Refused: forbidden, unknown, or in conflict."),
        Close(4500, "unauthorized", False, "The credential is missing or not valid."),
        Close(4504, "too_many_connections", False, "Too many sockets, sessions or requests."),
        Close(4505, "revoked", False, "The account's tokens were revoked."),
        Close(4508, "abuse", False, "Ten bad frames within a minute."),
    )
}


def close_for_status(status: int) -> int:
    """The close code that stands for an HTTP refusal, for clients that can't see the status."""
    by_status = {401: 4500, 403: 4499, 404: 4499, 409: 4499, 429: 4504, 503: 1013}
    return by_status.get(status, 1011 if status >= 500 else 4499)
