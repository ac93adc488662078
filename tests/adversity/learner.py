"""One learner of the fleet: an account, and the sessions that she begins, in every way there is."""

import asyncio
import time
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection

from tests.adversity.lines import MODELS
from tests.adversity.practice import Practice
from tests.adversity.talk import Cursor, Talk
from tests.adversity.wires import LOST, dial
from tests.adversity.world import SHAPE, World

LIFE_SECONDS = 240.0  # then another learner takes the place: an access token lives 600 s


class Learner:
    """Made by ``guest``; ``live`` plays one talk after the other until the world settles or its time is over."""

    def __init__(self, world: World, user_id: str, token: str) -> None:
        self.world = world
        self.user_id = user_id
        self.token = token
        self.canary = f"zq{world.dice.getrandbits(48):012x}qz"
        self._born = time.monotonic()
        world.journal.note("U", user_id, self.canary)

    @classmethod
    async def guest(cls, world: World) -> "Learner":
        while True:
            try:
                answer = await world.http.post(f"{world.nodes.any(world.dice)}/v1/auth/guest", json={})
                answer.raise_for_status()
            except LOST:
                await asyncio.sleep(world.dice.uniform(0, SHAPE))
                continue
            made = answer.json()
            return cls(world, made["user"]["id"], made["accessToken"])

    @property
    def finished(self) -> bool:
        return self.world.settling or time.monotonic() - self._born > LIFE_SECONDS

    async def live(self) -> None:
        """Some learners talk on two devices at once, in two sessions."""
        strands = 1 + (self.world.dice.random() < 0.3)
        await asyncio.gather(*(self._strand() for _ in range(strands)))

    async def _strand(self) -> None:
        while not self.finished:
            begun = await self._begin()
            if begun is not None:
                await Practice(self, *begun).play()
                self.world.count("sessions")

    # --- requests ----------------------------------------------------------------------------------------------

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """An answer below 500, of any process; None when it was lost, whatever became of the request."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        url = self.world.nodes.any(self.world.dice)
        try:
            answer = await self.world.http.request(method, f"{url}{path}", headers=headers, **options)
        except LOST:
            return None
        return answer if answer.status_code < 500 else None

    # --- beginnings --------------------------------------------------------------------------------------------

    async def _begin(self) -> tuple[Talk, str, ClientConnection | None] | None:
        """A new talk, the credential for its sockets, and its first socket if that was how it began."""
        dice = self.world.dice
        how = dice.choice((self._by_socket, self._by_request, self._by_secret))
        planned = min(60, 1 + int(dice.expovariate(1 / self.world.habits.turns)))
        try:
            begun = await how(dice.choice(MODELS), planned)
        except LOST:
            begun = None
        if begun is None:
            await asyncio.sleep(dice.uniform(0, SHAPE))
        return begun

    def _talk(self, session_id: str, planned: int) -> Talk:
        return Talk(self.world.journal, self.canary, self.user_id, session_id, planned)

    async def _by_socket(self, model: str, planned: int) -> tuple[Talk, str, ClientConnection | None] | None:
        """The socket begins it. One that is lost before its first frame leaves a session that nobody knows."""
        wire = await dial(self.world.nodes.any(self.world.dice), self.token, model=model)
        body = await wire.recv(decode=False)
        created = msgspec.json.decode(body)
        talk = self._talk(created["session"]["id"], planned)
        talk.take(body, Cursor(None))
        return talk, self.token, wire

    async def _by_request(self, model: str, planned: int) -> tuple[Talk, str, ClientConnection | None] | None:
        """Over REST, twice at once and with the same key: one session."""
        key = {"Idempotency-Key": f"begin-{self.world.dice.getrandbits(64):x}"}
        asked = [self.request("POST", "/v1/sessions", json={"model": model}, headers=key) for _ in range(2)]
        ids = {answer.json()["id"] for answer in await asyncio.gather(*asked) if answer and answer.status_code == 201}
        if len(ids) > 1:
            self.world.journal.violation(f"one key began several sessions: {ids}")
        return (self._talk(ids.pop(), planned), self.token, None) if ids else None

    async def _by_secret(self, model: str, planned: int) -> tuple[Talk, str, ClientConnection | None] | None:
        """A client secret opens one session, however often it is tried."""
        body = {
            "session": {"type": "realtime", "model": model},
            "expires_after": {"anchor": "created_at", "seconds": 600},
        }
        answer = await self.request("POST", "/v1/realtime/client_secrets", json=body)
        if answer is None or answer.status_code != 200:
            return None
        made = answer.json()
        return self._talk(made["session"]["id"], planned), made["value"], None
