"""Practice sessions over REST: the same lifecycle, the same events and the same bytes as on the socket."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import uuid_utils.compat
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from realtime.commands import checked_id, checked_text
from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.errors import AppError
from realtime.protocol.events import Event
from server.auth.door import learner_of
from server.auth.principal import Principal
from server.problems import JsonRequest, failures
from server.routes.answers import EventsAnswer, SessionAnswer, SummaryAnswer, TurnAnswer, answers
from server.routes.following import PAGE, head_past, stream
from server.routes.history import HistoryController
from server.services import Services
from storage import accounts, idempotency, transcripts

LONGEST_BODY = 64 * 1024
LONGEST_WAIT = 25.0  # seconds a poll is held: under what proxies cut off
LONGEST_KEY = 64  # characters, as an item's id, which the key of a turn becomes

Key = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", required=False, min_length=1, max_length=LONGEST_KEY)
]

#: Its limits are checked by hand: what is wrong with a text has codes of its own, and the longest is a setting.
TurnText = Annotated[
    str, Meta(description="1 to 2,000 code points.", examples=["Hi, I'm Tal. What are you reading?"])
]


class NewSessionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model``: `template:<code>`, `persona:<code>`, or empty for free play with the default persona."""

    model: Annotated[str, Meta(max_length=200)] = ""


class TurnBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``id``: the turn's idempotency key, made by the client; without it, the header, or a new one."""

    text: TurnText
    id: Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)] | None = None


def _json(body: str, status: int = 200) -> Response[bytes]:
    return Response(body.encode(), status_code=status, media_type="application/json")


def _events_body(events: tuple[Event, ...] | list[Event], head_seq: int | None = None) -> Response[bytes]:
    head = "" if head_seq is None else f',"headSeq":{head_seq}'
    return _json('{"events":[' + ",".join(event.body for event in events) + "]" + head + "}")


class SessionController(HistoryController):
    """One controller with the history: a path's methods must be registered together."""

    request_class = JsonRequest
    request_max_body_size = LONGEST_BODY

    @post(
        "/sessions",
        status_code=201,
        summary="Begin a practice session",
        responses=answers(SessionAnswer, "The `session` of `session.created`.", 201)
        | failures(
            *("invalid_json", "invalid_event", "token_invalid", "mission_locked", "audience_not_allowed"),
            *("not_found", "idempotency_conflict", "frame_too_large", "rate_limited", "too_many_sessions"),
        ),
    )
    async def create(
        self,
        data: JSONBody[NewSessionBody],
        services: NamedDependency[Services],
        principal: NamedDependency[Principal],
        idempotency_key: Key = None,
    ) -> Response[bytes]:
        """The ``session`` of ``session.created``. The same key with the same body finds the same session."""
        _refuse_nul(data.model, "model")
        session_id = uuid_utils.compat.uuid7()
        if idempotency_key is not None:
            session_id = await _keyed_session(services, principal.user_id, idempotency_key, data)
        async with services.database.read() as connection:
            user = await accounts.user(connection, principal.user_id)
        # A repeated request finds its session there, whatever stands against a new one by now.
        await services.engine.create(learner_of(user), session_id, data.model)
        first = await services.engine.events(principal.user_id, session_id, after=0, until=1)
        session = msgspec.json.decode(first[0].body, type=dict[str, msgspec.Raw])["session"]
        return _json(bytes(session).decode(), 201)

    @post(
        "/sessions/{session_id:uuid}/turns",
        status_code=200,
        summary="Say a line",
        responses=answers(TurnAnswer, "The turn's events; with `respond` the reply's after them.")
        | failures(
            *("invalid_json", "invalid_event", "token_invalid", "not_found", "idempotency_conflict", "session_ended"),
            *("frame_too_large", "text_empty", "text_too_long", "conversation_already_has_active_response"),
        ),
    )
    async def say(
        self,
        session_id: FromPath[UUID],
        data: JSONBody[TurnBody],
        services: NamedDependency[Services],
        principal: NamedDependency[Principal],
        idempotency_key: Key = None,
        respond: Annotated[bool, QueryParameter(required=False)] = False,
    ) -> Response[bytes]:
        """The turn's events, equal to the socket's frames. ``respond``: wait for the persona's reply, and add its."""
        item_id = data.id or idempotency_key or f"item_{uuid_utils.uuid7().hex}"
        text = checked_text(data.text, services.limits.turn_text, param="text")
        turn = LearnerTurn(
            item_id=checked_id(item_id),
            text=text,
            kind="text",
            body_hash=body_hash("text", text),
            at=services.engine.now_iso(),
        )
        run = services.engine.tasks.run
        answer = await run(services.engine.turn(principal.user_id, session_id, turn), "turn")
        events = answer.events
        if respond:
            reply = await run(services.engine.answer(principal.user_id, session_id, item_id), "answer")
            events = (*events, *reply)
        return _events_body(events)

    @get(
        "/sessions/{session_id:uuid}/events",
        summary="Events after a seq; waits for new ones, or streams them",
        description="With `Accept: text/event-stream` the events come as server-sent events, `id` being the seq; the "
        "stream ends after the summary, and `Last-Event-ID` resumes it.",
        responses=answers(EventsAnswer, "The events, oldest first, at most 500 at once.")
        | failures("invalid_event", "token_invalid", "not_found", "seq_ahead"),
    )
    async def events(
        self,
        request: Request[Any, Any, Any],
        session_id: FromPath[UUID],
        services: NamedDependency[Services],
        principal: NamedDependency[Principal],
        after: Annotated[int, QueryParameter(ge=0, le=2_000_000_000)] = 0,
        wait: Annotated[float, QueryParameter(ge=0, le=LONGEST_WAIT)] = 0.0,
    ) -> Response[bytes] | Stream:
        engine = services.engine
        resumed = request.headers.get("last-event-id", "")
        if resumed.isascii() and resumed.isdigit() and len(resumed) < 10:
            after = int(resumed)
        head = await engine.head(principal.user_id, session_id)
        if after > head.last_seq:
            raise AppError("seq_ahead", param="after")
        if "text/event-stream" in request.headers.get("accept", ""):
            return Stream(stream(engine, principal.user_id, session_id, after), media_type="text/event-stream")
        if wait > 0:
            head = await head_past(engine, principal.user_id, session_id, after, wait)
        found = await engine.events(principal.user_id, session_id, after=after, until=head.last_seq, limit=PAGE)
        return _events_body(found, head.last_seq)

    @post(
        "/sessions/{session_id:uuid}/end",
        status_code=200,
        summary="End the session; the summary, again and again the same",
        responses=answers(SummaryAnswer, "The end summary.")
        | failures("invalid_event", "token_invalid", "not_found"),
    )
    async def end(
        self, session_id: FromPath[UUID], services: NamedDependency[Services], principal: NamedDependency[Principal]
    ) -> Response[bytes]:
        engine = services.engine
        await engine.head(principal.user_id, session_id)
        body = await engine.tasks.run(engine.ender.end_session(principal.user_id, session_id, "CLIENT"), "end")
        assert body is not None, "CLIENT has no condition"
        return _json(body)

    @get(
        "/sessions/{session_id:uuid}/summary",
        summary="The end summary, the bytes that were pushed",
        responses=answers(SummaryAnswer, "The end summary.")
        | failures("invalid_event", "token_invalid", "not_found", "session_open"),
    )
    async def summary(
        self, session_id: FromPath[UUID], services: NamedDependency[Services], principal: NamedDependency[Principal]
    ) -> Response[bytes]:
        await services.engine.head(principal.user_id, session_id)
        async with services.database.read() as connection:
            body = await transcripts.summary(connection, principal.user_id, session_id)
        if body is None:
            raise AppError("session_open")
        return _json(body)

    @delete(
        "/sessions/{session_id:uuid}",
        status_code=204,
        summary="Remove an ended session's transcript; scores and payments stay",
        responses=failures("invalid_event", "token_invalid", "not_found", "session_open"),
    )
    async def remove(
        self, session_id: FromPath[UUID], services: NamedDependency[Services], principal: NamedDependency[Principal]
    ) -> None:
        engine = services.engine
        await engine.tasks.run(engine.forgetter.remove_transcript(principal.user_id, session_id), "remove transcript")


def _refuse_nul(text: str, param: str) -> str:
    if "\x00" in text:
        raise AppError("invalid_event", "Text can't hold the character U+0000.", param=param)
    return text


async def _keyed_session(services: Services, user_id: UUID, key: str, data: NewSessionBody) -> UUID:
    """The session id that belongs to this key: drawn with its first use. Raises ``idempotency_conflict``."""
    digest = body_hash("session", data.model)
    async with services.database.transaction() as connection:
        used = await idempotency.claim(
            connection, user_id, "POST /v1/sessions", key, digest, str(uuid_utils.compat.uuid7())
        )
    if used.body_hash != digest:
        raise AppError("idempotency_conflict", param="Idempotency-Key")
    return UUID(used.response)
