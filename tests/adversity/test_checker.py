"""The oracle sees what it is there to see: each lie that is told to it, or to the database, is found."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.adversity.checker import Checker, _overlap
from tests.adversity.cluster import Cluster
from tests.adversity.duels import Duels
from tests.adversity.journal import Journal
from tests.adversity.talk import Cursor, Talk

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else


@pytest.fixture(scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Cluster, Path]]:
    """One server, on which six sessions were played and ended."""
    folder = tmp_path_factory.mktemp("small")
    async with Cluster(folder, 1, fsync=False, SOCIALGYM_UNSAFE_DB="on") as cluster:
        async with Duels(cluster, folder / "journal", seed=91) as duels:
            await duels.finalizers(6, callers=2)
        yield cluster, folder / "journal"


async def test_nothing_is_wrong(small: tuple[Cluster, Path]) -> None:
    verdict = (await Checker(small[0], [small[1]]).check()).require()
    assert (verdict.sessions, verdict.acknowledged, verdict.replayed) == (6, 18, 6)


#: What is done to the database, and what the checker must say of it. Each is undone after it was seen.
LIES = {
    "lost": ("DELETE FROM turn WHERE ctid IN (SELECT ctid FROM turn WHERE role = 'user' LIMIT 1)", "lost, though"),
    "event": (
        "DELETE FROM session_event WHERE ctid IN (SELECT ctid FROM session_event WHERE seq = 5 LIMIT 1)",
        "has gaps",
    ),
    "byte": (
        """UPDATE session_event SET body = body || ' '
           WHERE ctid IN (SELECT ctid FROM session_event WHERE seq = 5 LIMIT 1)""",
        "other bytes than were sent",
    ),
    "doubled": (
        """INSERT INTO turn SELECT (jsonb_populate_record(t, '{"item_id": "x", "position": 99}')).*
           FROM turn t WHERE role = 'user' LIMIT 1""",
        "stored several times",
    ),
    "wallet": ("UPDATE user_wallet SET xp = xp + 1", "the reconciler"),
    "late": ("UPDATE practice_session SET ended_at = ended_at - interval '1 hour'", "s after its end"),
    "summary": ("UPDATE session_summary SET body = replace(body, '\"xpGained\":', '\"xpGained\": ')", "the summary"),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_is_found(small: tuple[Cluster, Path], name: str) -> None:
    cluster, journal = small
    statement, said = LIES[name]
    async with cluster.database() as database:
        await database.execute("SET session_replication_role = replica")  # no trigger stands in the way
        await database.execute(f"CREATE SCHEMA IF NOT EXISTS kept_{name}")
        tables = ("turn", "session_event", "user_wallet", "practice_session", "session_summary")
        for table in tables:
            await database.execute(f"CREATE TABLE kept_{name}.{table} AS TABLE public.{table}")
        try:
            await database.execute(statement)
            verdict = await Checker(cluster, [journal]).check()
        finally:
            for table in tables:
                await database.execute(f"DELETE FROM public.{table}")
                await database.execute(f"INSERT INTO public.{table} SELECT * FROM kept_{name}.{table}")
    assert any(said in wrong for wrong in verdict.wrong), verdict.wrong


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    journal = Journal(tmp_path / "journal")
    made = Talk(journal, "zq000000000001qz", "user", "session", 1)
    made.say("item", "text")
    yield made
    journal.close()


def event(seq: int, **fields: str) -> bytes:
    said = "".join(f', "{name}": {value}' for name, value in fields.items())
    return f'{{"type": "conversation.item.done", "session_id": "session", "seq": {seq}{said}}}'.encode()


ITEM = '{"id": "item", "role": "user"}'
FRAMES: dict[str, tuple[list[bytes], str]] = {
    "a skip": ([event(1), event(3)], "skipped"),
    "other bytes": ([event(1), event(1, note='"other"')], "other bytes"),
    "another's words": ([event(1, note='"zq000000000002qz"')], "foreign bytes"),
    "another's session": ([event(1).replace(b'"session"', b'"other"')], "an event of session"),
    "stored twice": ([event(1, item=ITEM), event(2, item=ITEM)], "stored twice"),
    "never sent": ([event(1, item=ITEM.replace("item", "none"))], "was not sent"),
    "refused": ([b'{"type": "error", "error": {"code": "idempotency_conflict"}}'], "refused"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_what_may_not_come_is_noted(talk: Talk, tmp_path: Path, name: str) -> None:
    cursor = Cursor(None)
    frames, said = FRAMES[name]
    for frame in frames:
        talk.take(frame, cursor)
    assert talk.journal.violations == 1
    assert said in (tmp_path / "journal").read_text()


def test_what_may_come_is_not(talk: Talk) -> None:
    cursor = Cursor(None)
    for frame in (event(1), event(2, item=ITEM), event(2, item=ITEM), event(1), event(3)):
        talk.take(frame, cursor)
    assert (talk.journal.violations, talk.head, talk.acknowledged) == (0, 3, {"item": 2})


def test_dark_times_are_counted_once() -> None:
    assert _overlap(10, 20, [(0, 5), (8, 12), (11, 13), (19, 30), (40, 50)]) == 4.0
