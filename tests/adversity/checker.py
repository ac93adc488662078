"""After healing: what learners were told, compared with what is stored and with what is given again.

The oracle of every test here. It asks PostgreSQL itself, and every session's log anew over REST and over a socket.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import msgspec
from websockets.exceptions import ConnectionClosed

from server.auth.tokens import Tokens
from storage.database import Database
from storage.reconciler import reconcile
from tests.adversity.cluster import Cluster
from tests.adversity.journal import Testimony, Told, digest, read
from tests.adversity.talk import CANARY
from tests.adversity.wires import dial
from tests.ending import books

#: The promise: every session is finalized so long after its end at the latest, given a server and a database.
FINALIZED_WITHIN = 20.0
FINALIZING_SECONDS = 60.0  # patience for what the sweepers still have to do
REPLAYS_AT_ONCE = 8

EVENTS = "SELECT seq, body FROM session_event WHERE user_id = $1 AND session_id = $2 ORDER BY seq"
TURNS = "SELECT item_id, text FROM turn WHERE user_id = $1 AND session_id = $2 AND role = 'user'"
#: From the statement that ended a session to the COMMIT that finalized it, by the database's clock; slowest first.
#: Where nobody was there to end it, ``ended_at`` is the time of the last turn, and its event says when it was ended.
FINALIZATIONS = """
WITH ends AS (
    SELECT extract(epoch FROM CASE WHEN s.cause IN ('IDLE', 'GRACE', 'REPLACED', 'SYSTEM')
            THEN pg_xact_commit_timestamp(e.xmin) ELSE s.ended_at END)::float8 AS ended,
        extract(epoch FROM pg_xact_commit_timestamp(f.xmin))::float8 AS finalized
    FROM finalization f
    JOIN practice_session s ON s.user_id = f.user_id AND s.id = f.session_id
    JOIN session_event e ON e.user_id = f.user_id AND e.session_id = f.session_id AND e.type = 'session.finalizing'
)
SELECT ended, finalized FROM ends ORDER BY ended - finalized LIMIT 100
"""
UNFINISHED = "SELECT count(*) FROM practice_session WHERE status = 'FINALIZING'"
#: Every turn's text is the only one of its kind that its learner ever said.
DOUBLED_TEXTS = "SELECT text, count(*) FROM turn WHERE role = 'user' GROUP BY user_id, text HAVING count(*) > 1"


class Verdict(msgspec.Struct):
    """What was found. ``wrong`` is empty when every promise was kept. ``drift``: violations that the reconciler sees.
    ``replayed``: sessions read again. ``slowest_finalization``: seconds from the end, without those in which there
    was no server, or no database, to do it."""

    sessions: int = 0
    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    drift: int = 0
    events: int = 0
    replayed: int = 0
    slowest_finalization: float = 0.0
    wrong: list[str] = msgspec.field(default_factory=list)

    def require(self) -> "Verdict":
        """Fails with what was found wrong."""
        assert not self.wrong, f"{len(self.wrong)} promises broken, the first: " + "\n".join(self.wrong[:10])
        return self


class _Page(msgspec.Struct):
    events: list[msgspec.Raw]


class _Place(msgspec.Struct):
    seq: int | None = None


def _overlap(start: float, end: float, spans: list[tuple[float, float]]) -> float:
    """How much of the time from ``start`` to ``end`` lies in the spans, which may overlap each other."""
    covered, at = 0.0, start
    for begin, finish in sorted(spans):
        begin, finish = max(begin, at), min(finish, end)
        if finish > begin:
            covered += finish - begin
            at = finish
    return covered


class Checker:
    """One check of one cluster, that is healed and at rest."""

    def __init__(self, cluster: Cluster, journals: Iterable[Path]) -> None:
        self._cluster = cluster
        self._testimony: Testimony = read(journals)
        self._tokens = Tokens(cluster.secret.encode())
        self._verdict = Verdict(wrong=list(self._testimony.violations))

    async def check(self, *, replay_every: int = 1) -> Verdict:
        """Everything; every ``replay_every``-th session is read again over REST and over a socket."""
        async with self._cluster.database() as database:
            await self._await_sweepers(database)
            for session_id, told in self._testimony.sessions.items():
                await self._check_session(database, session_id, told)
            await self._check_books(database)
        chosen = list(self._testimony.sessions.items())[::replay_every]
        await self._replay_all(chosen)
        self._verdict.sessions, self._verdict.replayed = len(self._testimony.sessions), len(chosen)
        return self._verdict

    # --- what is stored ----------------------------------------------------------------------------------------

    async def _await_sweepers(self, database: "asyncpg.Connection[asyncpg.Record]") -> None:
        deadline = time.monotonic() + FINALIZING_SECONDS
        while unfinished := await database.fetchval(UNFINISHED):
            if time.monotonic() > deadline:
                self._wrong(f"{unfinished} sessions are not finalized in {FINALIZING_SECONDS} s")
                return
            await asyncio.sleep(0.2)

    async def _check_session(
        self, database: "asyncpg.Connection[asyncpg.Record]", session_id: str, told: Told
    ) -> None:
        key = (UUID(told.user), UUID(session_id))
        stored = {record["seq"]: digest(record["body"].encode()) for record in await database.fetch(EVENTS, *key)}
        turns = {record["item_id"]: record["text"] for record in await database.fetch(TURNS, *key)}
        self._verdict.sent += len(told.sent)
        self._verdict.acknowledged += len(told.acknowledged)
        self._verdict.events += len(stored)
        if sorted(stored) != list(range(1, len(stored) + 1)):
            self._wrong(f"session {session_id}: the log has gaps: {sorted(stored)}")
        for item_id, seq in told.acknowledged.items():
            if item_id not in turns or seq not in stored:
                self._verdict.lost += 1
                self._wrong(f"session {session_id}: lost, though acknowledged at {seq}: {item_id}")
        for seq, seen in told.events.items():
            if stored.get(seq) != seen:
                self._wrong(f"session {session_id}: {seq} is stored with other bytes than were sent")
        if refused := told.refused & turns.keys():
            self._wrong(f"session {session_id}: stored, though refused: {refused}")
        if strangers := turns.keys() - told.sent:
            self._wrong(f"session {session_id}: stored, though never sent: {strangers}")
        if silent := turns.keys() - told.acknowledged.keys():
            self._wrong(f"session {session_id}: stored, though its learner never learned of it: {silent}")
        canary = self._testimony.canaries[told.user]
        if foreign := [text for text in turns.values() if canary not in text]:
            self._wrong(f"session {session_id}: texts of others: {foreign}")

    async def _check_books(self, database: "asyncpg.Connection[asyncpg.Record]") -> None:
        doubled = await database.fetch(DOUBLED_TEXTS)
        self._verdict.doubled = len(doubled)
        if doubled:
            self._wrong(f"said once, stored several times: {[dict(record) for record in doubled[:3]]}")
        for ended, finalized in await database.fetch(FINALIZATIONS):
            took = finalized - ended - _overlap(ended, finalized, self._cluster.dark)
            self._verdict.slowest_finalization = max(took, self._verdict.slowest_finalization)
            if took > FINALIZED_WITHIN:
                self._wrong(f"a session was finalized {took:.1f} s after its end")
        try:
            await books.check(database)
        except AssertionError as error:
            self._wrong(f"the books: {error}")
        store = Database(self._cluster.postgres.dsn)
        try:
            async with store.read() as connection:
                report = await reconcile(connection)
        finally:
            await store.close()
        self._verdict.drift = len(report.violations)
        for violation in report.violations:
            self._wrong(f"the reconciler: {violation}")

    # --- what is given again -----------------------------------------------------------------------------------

    async def _replay_all(self, chosen: list[tuple[str, Told]]) -> None:
        places = asyncio.Semaphore(REPLAYS_AT_ONCE)

        async def replay(number: int, session_id: str, told: Told) -> None:
            async with places:
                url = self._cluster.nodes[number % len(self._cluster.nodes)].url
                token = self._tokens.access(UUID(told.user), 1)
                over_rest, summary = await self._over_rest(http, url, token, session_id)
                over_socket = await self._over_socket(url, token, session_id)
                self._compare(session_id, told, over_rest, over_socket, summary)

        async with self._http() as http:
            await asyncio.gather(*(replay(n, session_id, told) for n, (session_id, told) in enumerate(chosen)))

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            yield http

    def _compare(
        self, session_id: str, told: Told, over_rest: list[bytes], over_socket: list[bytes], summary: str | None
    ) -> None:
        if over_rest != over_socket:
            self._wrong(f"session {session_id}: REST and socket give different logs")
        places = [msgspec.json.decode(body, type=_Place).seq for body in over_rest]
        if places != list(range(1, len(places) + 1)):
            self._wrong(f"session {session_id}: the replay has gaps: {places}")
        given = {seq: digest(body) for seq, body in enumerate(over_rest, 1)}
        if different := [seq for seq, seen in told.events.items() if given.get(seq) != seen]:
            self._wrong(f"session {session_id}: replayed with other bytes than were sent live: {different}")
        if told.summaries and told.summaries != {summary}:
            self._wrong(f"session {session_id}: the summary has changed")
        own = self._testimony.canaries[told.user].encode()
        foreign = {found for body in over_rest for found in CANARY.findall(body) if found.lower() != own}
        if foreign:
            self._wrong(f"session {session_id}: foreign bytes: {foreign}")

    async def _over_rest(
        self, http: httpx.AsyncClient, url: str, token: str, session_id: str
    ) -> tuple[list[bytes], str | None]:
        """The log from its beginning, and the summary's digest."""
        headers = {"Authorization": f"Bearer {token}"}
        events: list[bytes] = []
        while True:
            address = f"{url}/v1/sessions/{session_id}/events?after={len(events)}"
            answer = (await http.get(address, headers=headers)).raise_for_status()
            page = msgspec.json.decode(answer.content, type=_Page).events
            if not page:
                break
            events.extend(bytes(event) for event in page)
        answer = await http.get(f"{url}/v1/sessions/{session_id}/summary", headers=headers)
        return events, digest(answer.content) if answer.status_code == 200 else None

    async def _over_socket(self, url: str, token: str, session_id: str) -> list[bytes]:
        """The log of an ended session from its beginning, to the good-bye."""
        events: list[bytes] = []
        wire = await dial(url, token, session_id=session_id, last_seq=0)
        try:
            while True:
                body = await wire.recv(decode=False)
                if msgspec.json.decode(body, type=_Place).seq is not None:
                    events.append(body)
        except ConnectionClosed as error:
            if error.rcvd is None or error.rcvd.code != 1000:
                self._wrong(f"session {session_id}: its replay was closed with {error.rcvd}")
        return events

    def _wrong(self, text: str) -> None:
        self._verdict.wrong.append(text)
