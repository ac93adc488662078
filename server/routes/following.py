"""Following a session without a socket: polls that wait, and server-sent events.

Whatever touches the database runs in tasks of the process, so that a client that goes away cuts nothing off half-way.
A wait is woken by what happens, here or (over the bus) in another process. It is made of slices all the same: between
them it looks for what nobody told of, seldom while the bus is up, and often while it is not.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from realtime.engine import Engine
from realtime.errors import AppError
from storage.rows import SessionHead

SLICE = 1.0
#: While the bus is up.
TOLD_SLICE = 5.0
#: How often the row of a session that has ended, but has no summary yet, is looked at.
FINALIZING_SLICE = 0.1
#: Between two comments on a silent stream: proxies cut idle connections off after 30 seconds and more.
SILENCE = 15.0
PAGE = 500


async def head_past(engine: Engine, user_id: UUID, session_id: UUID, after: int, seconds: float) -> SessionHead:
    """The session's row as soon as it has an event past ``after`` or is final; at the latest after ``seconds``, or
    when the server drains. Raises ``not_found``."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        head = await engine.tasks.run(engine.head(user_id, session_id), "head")
        left = deadline - loop.time()
        if head.last_seq > after or head.final or left <= 0 or engine.draining:
            return head
        if head.open:
            longest = TOLD_SLICE if engine.peers.bus.healthy else SLICE
            news = engine.wait(user_id, session_id, after, min(left, longest))
            await engine.tasks.run(news, "wait for events")
        else:
            await asyncio.sleep(min(left, FINALIZING_SLICE))


async def stream(engine: Engine, user_id: UUID, session_id: UUID, after: int) -> AsyncIterator[str]:
    """Durable events as server-sent events, ``id`` = seq, as they come; it ends after the summary, when the server
    drains, and when the session is gone."""
    try:
        while not engine.draining:
            head = await head_past(engine, user_id, session_id, after, SILENCE)
            if after >= head.last_seq:
                if head.final:
                    return
                yield ": nothing new\n\n"
            while after < head.last_seq:
                page = engine.events(user_id, session_id, after=after, until=head.last_seq, limit=PAGE)
                for event in await engine.tasks.run(page, "events"):
                    after = event.seq
                    yield f"id: {event.seq}\nevent: {event.type}\ndata: {event.body}\n\n"
    except AppError:
        return  # the status went out long ago; a client that comes back learns why
