"""What an operator does from the command line, on the database itself; running servers see it by the outbox."""

from uuid import UUID

import msgspec

from realtime.assembly import built_in_engine
from realtime.limits import Limits
from server.settings import Settings
from storage.catalogue.loader import load
from storage.catalogue.store import publish
from storage.database import Database
from storage.heads import owner


async def end_session(settings: Settings, dsn: str, session_id: UUID) -> int:
    """End a session for cause ADMIN and finalize it. Ending an ended one changes nothing. 1: there is none."""
    database = Database(dsn)
    try:
        await database.check(unsafe=settings.unsafe_db)
        async with database.transaction() as connection:
            shelf = await publish(connection, load())
            user_id = await owner(connection, session_id)
        if user_id is None:
            print(f"There is no session {session_id}.")
            return 1
        engine = built_in_engine(database, shelf, Limits())
        body = await engine.ender.end_session(user_id, session_id, "ADMIN")
        await engine.tasks.close()
        assert body is not None, "ADMIN has no condition"
        outcome = msgspec.json.decode(body)["outcome"]
        print(f"Session {session_id}: {outcome['status']} ({outcome['endReasonCode']}). {outcome['message']}")
        return 0
    finally:
        await database.close()
