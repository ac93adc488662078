"""Books to reconcile: a database in which one learner has played in every way, and what can be done to it.

Everything is played over REST on a real server; nothing is inserted by hand.
"""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from realtime.limits import Limits
from server.app import services_of
from storage.database import Database
from storage.reconciler import Report, Violation, reconcile
from tests.ending.play import FLAT, GOOD, THREAT, begin, catalogue, end, say
from tests.support import Learner, running_server

MAYA = "persona:MAYA_PLAYFUL"


class Played(msgspec.Struct, frozen=True):
    """A learner's sessions. mission: a success with its bonus; free: played freely, with memory; threat: disqualified
    and not paid; open: still open."""

    user: UUID
    mission: UUID
    again: UUID
    free: UUID
    threat: UUID
    open: UUID

    @property
    def names(self) -> dict[str, UUID]:
        return {name: getattr(self, name) for name in self.__struct_fields__}


async def play_all(dsn: str, directory: Path) -> Played:
    """A whole life of a learner, on a server that is gone when this returns; and another's, which stays right."""
    async with running_server(dsn, directory, limits=Limits(enforced=False), catalogue=catalogue()) as server:
        sides = [await _play(await server.learner()) for _ in range(2)]
        await services_of(server.app).engine.tasks.close()
    return sides[0]


async def _play(learner: Learner) -> Played:
    played = {"user": learner.user_id}
    for name in ("mission", "again"):
        played[name] = await begin(learner, "template:STRAIGHT")
        for line in GOOD:
            answer = await learner.call("POST", f"/v1/sessions/{played[name]}/turns", json={"text": line})
            if answer.status_code == 409:
                break  # it was a success before every line was said
        summary = await end(learner, played[name])
        assert summary["outcome"]["status"] == "SUCCESS"
        assert (summary["rewards"]["missionBonus"]["xp"] > 0) == (name == "mission")
    for name, lines in (
        ("threat", ("Nice place.", THREAT)),
        ("free", (*FLAT, "My name is Talmadge. I love hiking.", "I also love painting. My name is Tom.")),
        ("open", ("I work as a nurse. Is it late?",)),
    ):
        played[name] = await begin(learner, MAYA)
        for line in lines:
            await say(learner, played[name], line)
        if name != "open":
            await end(learner, played[name])
    return Played(**{name: UUID(value) for name, value in played.items()})


async def corrupted(connection: AsyncConnection, played: Played, *statements: str) -> None:
    """Do this to the database, as its owner: ``:user``, ``:mission`` and so on are the learner's."""
    await connection.execute(text("SET LOCAL ROLE NONE"))
    for statement in statements:
        clause = text(statement)
        given = {name: value for name, value in played.names.items() if name in clause.compile().params}
        done = await connection.execute(clause, given)
        assert done.rowcount != 0, f"it did nothing: {statement}"


async def found(
    database: Database,
    played: Played,
    *statements: str,
    since: datetime | None = None,
    again: tuple[Violation, ...] = (),
) -> Report:
    """What the reconciler says of the database with this done to it; then it is undone."""
    async with database.engine.connect() as connection:
        await corrupted(connection, played, *statements)
        report = await reconcile(connection, since=since, again=again)
        await connection.rollback()
    return report
