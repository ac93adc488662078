"""Ends in competition, over REST on every process at once: many finalizers for one session, and turns that race the
end. What was answered goes into a journal, and so before the checker."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.adversity.cluster import Cluster
from tests.adversity.journal import Journal
from tests.adversity.lines import FREE, line
from tests.adversity.talk import Talk

SESSIONS_EACH = 4
TURNS = 3
LEARNERS_AT_ONCE = 4  # times 16 callers: more requests than the processes have connections to the database


class Duels:
    """``async with Duels(cluster, path, seed) as duels``; ``journal`` is to be given to the checker afterwards."""

    def __init__(self, cluster: Cluster, journal: Path, seed: int) -> None:
        self._cluster = cluster
        self._dice = random.Random(seed)
        self._journal = Journal(journal)
        self._tokens: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._next = 0

    async def __aenter__(self) -> "Duels":
        # A connection a request: the server closes what was idle for five seconds, and the pool, when it is to do so
        # earlier, now and then closes one that it has just given to a request (ReadError from ClosedResourceError).
        limits = httpx.Limits(max_connections=256, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(timeout=60, limits=limits, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        self._journal.close()

    def flush(self) -> None:
        self._journal.flush()

    # --- the two duels -----------------------------------------------------------------------------------------

    async def finalizers(self, sessions: int, callers: int) -> None:
        """``callers`` ask for the end of a session at the same moment; all get the same summary."""

        async def duel(talk: Talk) -> None:
            await self._say(talk, TURNS)
            await self._end(talk, callers)

        await self._all(sessions, duel)

    async def races(self, sessions: int) -> None:
        """Turns and ends of a session at the same moment, on all processes, each turn twice."""

        async def race(talk: Talk) -> None:
            await self._say(talk, 1)
            turns = [self._new_turn(talk) for _ in range(3)]
            calls = [partial(self._turn, talk, item_id) for item_id in (*turns, *turns)]
            calls.append(partial(self._end, talk, 2))
            await asyncio.gather(*(self._soon(call) for call in calls))
            await asyncio.gather(*(self._turn(talk, item_id) for item_id in turns))
            assert not talk.waiting, "every turn was answered"

        await self._all(sessions, race)

    # --- their moves -------------------------------------------------------------------------------------------

    async def _all(self, sessions: int, duel: Callable[[Talk], Awaitable[None]]) -> None:
        """``sessions`` of some learners; a learner's one after the other, so that her wallet goes on from each."""
        places = asyncio.Semaphore(LEARNERS_AT_ONCE)

        async def learner(count: int) -> None:
            async with places:
                for talk in await self._learner(count):
                    await duel(talk)

        whole, rest = divmod(sessions, SESSIONS_EACH)
        await asyncio.gather(*(learner(count) for count in [SESSIONS_EACH] * whole + [rest] * bool(rest)))

    async def _soon(self, call: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(self._dice.uniform(0, 0.01))
        await call()

    async def _learner(self, sessions: int) -> list[Talk]:
        made = (await self._http.post(f"{self._url()}/v1/auth/guest", json={})).raise_for_status().json()
        user_id, canary = made["user"]["id"], f"zq{self._dice.getrandbits(48):012x}qz"
        self._tokens[user_id] = made["accessToken"]
        self._journal.note("U", user_id, canary)
        talks = []
        for _ in range(sessions):
            answer = await self._call(user_id, "POST", "/v1/sessions", json={"model": FREE})
            talks.append(Talk(self._journal, canary, user_id, answer.json()["id"], 0))
        return talks

    async def _say(self, talk: Talk, turns: int) -> None:
        for _ in range(turns):
            await self._turn(talk, self._new_turn(talk))

    def _new_turn(self, talk: Talk) -> str:
        item_id = f"d{self._dice.getrandbits(48):012x}"
        self._texts[item_id] = line(self._dice, talk.canary.decode(), item_id)
        talk.say(item_id, self._texts[item_id])
        return item_id

    async def _turn(self, talk: Talk, item_id: str) -> None:
        body = {"id": item_id, "text": self._texts[item_id]}
        answer = await self._call(talk.user_id, "POST", f"/v1/sessions/{talk.id}/turns", json=body)
        if answer.status_code == 200:
            talk.take_answer(answer.content)
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "session_ended"), answer.text
            talk.refuse(item_id)

    async def _end(self, talk: Talk, callers: int) -> None:
        path = f"/v1/sessions/{talk.id}/end"
        answers = await asyncio.gather(*(self._call(talk.user_id, "POST", path) for _ in range(callers)))
        assert {answer.status_code for answer in answers} == {200}, [answer.text[:200] for answer in answers]
        for answer in answers:
            talk.take_summary(answer.content)

    async def _call(self, user_id: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens[user_id]}"}
        return await self._http.request(method, f"{self._url()}{path}", headers=headers, **options)

    def _url(self) -> str:
        """Each process in turn, so that callers at once meet on all of them."""
        self._next += 1
        return self._cluster.nodes[self._next % len(self._cluster.nodes)].url
