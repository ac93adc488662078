"""One session played to its end, over as many sockets as that takes: talks, loses sockets, comes back, repeats, ends.

It is an honest client of the protocol, and a stubborn one: what was not acknowledged is sent again with the same id,
over the socket, over REST, to whatever process answers, until it is acknowledged or refused for good.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.adversity.lines import line
from tests.adversity.talk import Cursor, Talk
from tests.adversity.wires import LOST, dial, item_frame, tear
from tests.adversity.world import SHAPE

if TYPE_CHECKING:
    from tests.adversity.learner import Learner

QUIET_SECONDS = 2.0  # without a frame while something is awaited: look whether to repeat
REPEAT_SECONDS = 3.0  # a turn unacknowledged for so long is sent again


class Practice:
    """Made with the talk, the credential of its sockets, and the first socket if that began it."""

    def __init__(self, learner: "Learner", talk: Talk, credential: str, wire: ClientConnection | None) -> None:
        self.learner = learner
        self.world = learner.world
        self.talk = talk
        self._credential = credential
        self._wire = wire
        self._sent_at: dict[str, float] = {}
        self._first_sent: dict[str, float] = {}
        self._ending = False
        self._asked_at: float | None = None
        self._room = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        talk.on_acknowledged = self._acknowledged

    def _acknowledged(self, item_id: str) -> None:
        self.world.count("acknowledged")
        self.world.latencies.append(time.monotonic() - self._first_sent.pop(item_id, time.monotonic()))

    async def play(self) -> None:
        follower = None
        if self.world.dice.random() < self.world.habits.follow:
            follower = asyncio.create_task(self._follow())
        while not self.talk.over:
            await self._one_socket()
            if not self.talk.over:
                await asyncio.sleep(self.world.dice.uniform(0, SHAPE))
        if self._asked_at is not None:
            took = time.monotonic() - self._asked_at
            self.world.slowest_end = max(self.world.slowest_end, (round(took, 2), self.talk.id))
        await asyncio.gather(*self._requests)
        while self.talk.waiting:  # it may have been stored before the end, or not: that must be settled
            await asyncio.gather(*(self._say_by_request(item_id) for item_id in list(self.talk.waiting)))
        await self._read_summary()
        if follower is not None:
            await follower

    # --- sockets -----------------------------------------------------------------------------------------------

    async def _one_socket(self) -> None:
        """Be on one socket until it is lost, or the session over."""
        wire, self._wire = self._wire, None
        try:
            if wire is None:
                wire = await self._come_back(self.talk.head)
                self.world.count("resumes")
            await self._converse(wire, Cursor(self.talk.head))
        except LOST as error:
            self._look_at(error)
        finally:
            if wire is not None:
                tear(wire, reset=False)

    async def _come_back(self, last_seq: int) -> ClientConnection:
        url = self.world.nodes.any(self.world.dice)
        by_secret = self._credential != self.learner.token
        return await dial(url, self._credential, session_id=None if by_secret else self.talk.id, last_seq=last_seq)

    def _look_at(self, error: BaseException) -> None:
        """A refusal at the door that no fault of a process explains tells of something lost."""
        if isinstance(error, InvalidStatus) and error.response.status_code < 500:
            said = bytes(error.response.body or b"")[:300]
            self.world.journal.violation(f"session {self.talk.id} at {self.talk.head} was refused: {said!r}")
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            self.world.count(f"closed {error.rcvd.code}")
            if error.rcvd.code not in (1000, 1001, 1011, 1012, 1013):
                self.world.journal.violation(f"session {self.talk.id} was closed with {error.rcvd}")

    async def _converse(self, wire: ClientConnection, cursor: Cursor) -> None:
        speaking = asyncio.create_task(self._speak(wire))
        try:
            heard = time.monotonic()
            while not self.talk.over:
                try:
                    async with asyncio.timeout(min(QUIET_SECONDS, self.world.habits.patience)):
                        body = await wire.recv(decode=False)
                except TimeoutError:
                    if time.monotonic() - heard > self.world.habits.patience and self._awaited:
                        self.world.count("stuck sockets")
                        return
                    await self._repeat_old(wire)
                    continue
                heard = time.monotonic()
                self.talk.take(body, cursor)
                self._room.set()
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    @property
    def _awaited(self) -> bool:
        """Whether the server owes something."""
        return bool(self.talk.waiting) or self._ending or self.talk.closing

    async def _speak(self, wire: ClientConnection) -> None:
        """Repeat what was not acknowledged; then say what is planned, some turns at once; then end. The socket may
        be lost at any await, on purpose too."""
        talk, habits, dice = self.talk, self.world.habits, self.world.dice
        for item_id in list(talk.waiting):
            await self._send(wire, item_id)
        while await self._may_say(habits.window):
            item_id = f"t{talk.said}-{dice.getrandbits(40):010x}"
            talk.say(item_id, line(dice, self.learner.canary, item_id))
            self._first_sent[item_id] = time.monotonic()
            await self._say(wire, item_id)
            if dice.random() < habits.tear:
                self.world.count("torn sockets")
                tear(wire, reset=dice.random() < 0.5)
                return
        await self._room_for(1)
        while self._to_be_ended:
            await self._end(wire)
            await asyncio.sleep(REPEAT_SECONDS)  # it may be lost with a process: asked again

    async def _may_say(self, window: int) -> bool:
        """Wait for a turn's place among those under way, and in the rate; False when no more is said."""
        if self._more:
            await self._room_for(window)
            await self.world.turn_allowed()
        return self._more

    async def _room_for(self, window: int) -> None:
        """Wait until fewer turns than ``window`` are under way."""
        while len(self.talk.waiting) >= window:
            self._room.clear()
            await self._room.wait()

    @property
    def _to_be_ended(self) -> bool:
        return not self.talk.closing

    @property
    def _more(self) -> bool:
        """Whether another turn may be said."""
        return not self.talk.closing and self.talk.said < self.talk.planned and not self.learner.finished

    async def _say(self, wire: ClientConnection, item_id: str) -> None:
        """A new turn: over the socket, over REST, or both at once."""
        habits, dice = self.world.habits, self.world.dice
        if dice.random() < habits.rest:
            self._sent_at[item_id] = time.monotonic()
            self._spawn(self._say_by_request(item_id))
            if dice.random() < 0.5:
                return
        await self._send(wire, item_id)
        if dice.random() < habits.repeat:
            await self._send(wire, item_id)
        if dice.random() < habits.reply:
            await wire.send('{"type": "response.create"}')

    async def _send(self, wire: ClientConnection, item_id: str) -> None:
        text = self.talk.waiting.get(item_id)
        if text is not None:
            self._sent_at[item_id] = time.monotonic()
            await wire.send(item_frame(item_id, text))

    async def _repeat_old(self, wire: ClientConnection) -> None:
        now = time.monotonic()
        for item_id in [i for i in self.talk.waiting if now - self._sent_at.get(i, 0.0) > REPEAT_SECONDS]:
            self.world.count("repeated turns")
            await self._send(wire, item_id)

    async def _follow(self) -> None:
        """A second device: it begins at the beginning, only listens, and has seen all when the session is over."""
        cursor = Cursor(0)
        ended = False
        while not ended:
            wire = None
            try:
                wire = await self._come_back(cursor.last or 0)
                while True:
                    frame = self.talk.take(await wire.recv(decode=False), cursor)
                    ended = ended or frame.type == "session.summary"
            except LOST as error:
                self._look_at(error)
            finally:
                if wire is not None:
                    tear(wire, reset=False)
            if not ended:
                await asyncio.sleep(self.world.dice.uniform(0, 2 * SHAPE))
        if cursor.last != self.talk.head:
            self.world.journal.violation(f"session {self.talk.id}: a second device ended at {cursor.last}")

    # --- requests ----------------------------------------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _say_by_request(self, item_id: str) -> None:
        text = self.talk.waiting.get(item_id)
        if text is None:
            return
        answer = await self.learner.request(
            "POST", f"/v1/sessions/{self.talk.id}/turns", json={"id": item_id, "text": text}
        )
        if answer is None:
            await asyncio.sleep(self.world.dice.uniform(0, SHAPE))
        elif answer.status_code == 200:
            self.talk.take_answer(answer.content)
            self._room.set()
        elif answer.json().get("code") == "session_ended":
            self.talk.refuse(item_id)
            self._room.set()
        else:
            self.world.journal.violation(f"session {self.talk.id}: a turn was answered {answer.text[:300]}")

    async def _end(self, wire: ClientConnection) -> None:
        """By the socket, by REST, or by REST many times at once."""
        self._ending = True
        self._asked_at = self._asked_at or time.monotonic()
        how = self.world.dice.random()
        if how < 0.5:
            await wire.send('{"type": "session.end"}')
        else:
            for _ in range(1 if how < 0.8 else 3):
                self._spawn(self._end_by_request())

    async def _end_by_request(self) -> None:
        answer = await self.learner.request("POST", f"/v1/sessions/{self.talk.id}/end")
        if answer is not None and answer.status_code == 200:
            self.talk.take_summary(answer.content)

    async def _read_summary(self) -> None:
        """The summary over REST is the one that was pushed."""
        for _ in range(40):
            answer = await self.learner.request("GET", f"/v1/sessions/{self.talk.id}/summary")
            if answer is not None and answer.status_code == 200:
                self.talk.take_summary(answer.content)
                return
            await asyncio.sleep(SHAPE)
        self.world.count("summaries not read")
