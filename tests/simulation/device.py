"""A client that keeps the protocol's rules and trusts nothing: it sends every turn until it is settled, over whatever
process it reaches, comes back with its ``last_seq``, and writes down all it was told.

What it is told wrong (a seq that skips, an answer that contradicts another) it reports at once.
"""

from random import Random
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from realtime.errors import AppError
from realtime.protocol.events import Event
from tests.simulation.minds import LEARNT, THREAT
from tests.simulation.socket import Frame, Socket

if TYPE_CHECKING:
    from tests.simulation.world import World

AGAIN_SECONDS = 0.35  # a turn without an answer is sent again
PATIENCE_SECONDS = 0.7  # for a socket to open
HOBBIES = ("hiking", "painting", "knitting", "fishing")
COMES_BACK = (1011, 1012, 1013)

Where = Literal["away", "connecting", "online", "done"]


class Said(msgspec.Struct):
    """A turn of this device. ``state``: pending, acked or refused. ``sent``: how often."""

    text: str
    state: str = "pending"
    sent: int = 0
    last: float = 0.0


def encode_turn(item_id: str, text: str, event_id: str) -> str:
    item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    frame = {"type": "conversation.item.create", "event_id": event_id, "item": item}
    return msgspec.json.encode(frame).decode()


class Device:
    """``keen``: it reads from the first event on; else from where the session is when it first comes."""

    def __init__(
        self, world: "World", number: int, user_id: UUID, session_id: UUID, model: str, draw: Random
    ) -> None:
        self.world = world
        self.name = f"device {number}"
        self.user_id = user_id
        self.session_id = session_id
        self.model = model
        self.keen = draw.random() < 0.7
        self.where: Where = "away"
        self.socket: Socket | None = None
        self.seen: dict[int, str] = {}
        self.last_seq: int | None = None
        self.first_seq: int | None = None
        self.items: dict[str, Said] = {}
        self.talkative = True
        self.staying = False  # it does not go of itself any more
        self.asleep = False  # nor does it come back
        # A socket opened without last_seq: events before its place are answers to turns that were sent again.
        self._unplaced: Socket | None = None
        self._draw = draw
        self._number = number

    # --- coming and going --------------------------------------------------------------------------------------

    def start(self) -> None:
        self.world.later(self._draw.uniform(0.0, 0.1), self.connect)
        self.world.later(self._draw.uniform(0.1, 0.3), self._act)

    def connect(self) -> None:
        if self.where != "away" or self.asleep:
            return
        process = self.world.any_process(self._draw)
        if process is None:
            self.world.later(0.1, self.connect)
            return
        self.where = "connecting"
        last = self.last_seq if self.last_seq is not None else (0 if self.keen else None)
        self.world.note(self.name, "connects", process.name, last)
        self.socket = Socket(self, process, last)
        self._unplaced = self.socket if last is None else None
        self.world.later(PATIENCE_SECONDS, self._impatient, self.socket)

    def _impatient(self, socket: Socket) -> None:
        if self.socket is socket and self.where == "connecting":
            self.leave()
            self.world.later(self._draw.uniform(0.01, 0.1), self.connect)

    def opened(self, socket: Socket) -> None:
        if self.socket is socket:
            self.where = "online"
            for item_id, said in self.items.items():
                if said.state == "pending":
                    self._send(item_id, said)

    def refused(self, socket: Socket, code: str) -> None:
        if self.socket is not socket:
            return
        self.socket, self.where = None, "away"
        if code not in ("draining", "internal_error"):
            self.world.violation("refused", f"{self.name} was refused: {code}")
        self.world.later(self._draw.uniform(0.02, 0.15), self.connect)

    def closed(self, socket: Socket, code: int) -> None:
        self.world.note(self.name, "closed", code)
        if self.socket is not socket:
            return
        self.socket, self.where = None, "away"
        if code == 1000:
            self.where = "done"
        elif code not in COMES_BACK:
            self.world.violation("closed", f"{self.name} was closed with {code}")
        else:
            self.world.later(self._draw.uniform(0.005, 0.1), self.connect)

    def leave(self) -> None:
        """Go, without a word."""
        socket, self.socket = self.socket, None
        self.where = "away" if self.where != "done" else "done"
        if socket is not None:
            self.world.note(self.name, "leaves")
            socket.cut()

    def lost(self, socket: Socket) -> None:
        """The process is gone."""
        if self.socket is socket:
            self.leave()
            self.world.later(self._draw.uniform(0.005, 0.15), self.connect)

    # --- what it is told ---------------------------------------------------------------------------------------

    def receive(self, socket: Socket, frame: Frame, text: str) -> None:
        if frame.seq is not None:
            self._read(socket, frame.seq, frame, text)
        elif frame.error is not None:
            self.world.note(self.name, "error", frame.error.code, frame.error.event_id)
            self._failed(frame.error.event_id, frame.error.code)

    def _read(self, socket: Socket, seq: int, frame: Frame, text: str) -> None:
        """Durable events come in order and without a gap; copies of earlier ones may come between."""
        known = self.seen.get(seq)
        if known is not None and known != text:
            self.world.violation("same_bytes", f"{self.name}: seq {seq} came with two bodies")
        if frame.type == "conversation.item.done" and frame.item is not None and frame.item.role == "user":
            self._acknowledged(frame.item.id)
        if self.socket is not socket:
            return
        if self.last_seq is None:
            self.seen[seq] = text
            if seq == 1 and not self.keen:
                return  # the first frame of a connect without last_seq; the next is where the session is now
            self.first_seq = seq
        elif seq <= self.last_seq:
            self.seen.setdefault(seq, text)
            return
        elif seq != self.last_seq + 1 and socket is self._unplaced:
            self.first_seq = seq
        elif seq != self.last_seq + 1:
            self.world.violation("no_gap", f"{self.name}: seq {self.last_seq}, then {seq}")
        self.seen[seq] = text
        self.last_seq = seq

    def _acknowledged(self, item_id: str) -> None:
        said = self.items.get(item_id)
        if said is not None:
            if said.state == "refused":
                self.world.violation("settled_once", f"{item_id} was refused, and then acknowledged")
            said.state = "acked"

    def _failed(self, event_id: str | None, code: str) -> None:
        if code == "internal_error":
            self.world.failed_inside(self.name)
        said = self.items.get(event_id or "")
        if said is None or code in ("internal_error", "draining"):
            return
        if said.state == "acked":
            self.world.violation("settled_once", f"{event_id} was acknowledged, and then refused: {code}")
        elif code == "session_ended":
            said.state = "refused"
        else:
            self.world.violation("idempotent", f"{event_id} was refused: {code}")

    def rest_answered(self, item_id: str, answer: tuple[Event, ...] | AppError) -> None:
        """A turn over REST gives the same events as the socket."""
        if isinstance(answer, AppError):
            self._failed(item_id, answer.code)
            return
        for event in answer:
            if self.seen.setdefault(event.seq, event.body) != event.body:
                self.world.violation("same_bytes", f"{self.name}: seq {event.seq} came with two bodies")
        self._acknowledged(item_id)

    # --- what it does ------------------------------------------------------------------------------------------

    def _act(self) -> None:
        self.send_again()
        if self.where == "done":
            if self.settled:
                return
        elif self.talkative:
            draw = self._draw.random()
            if draw < 0.5:
                self.speak()
            elif self.where == "online":
                self._do_something(draw)
        self.world.later(self._draw.uniform(0.3, 1.7) * self.world.plan.pace, self._act)

    def speak(self) -> None:
        """A new turn, of whatever kind, over socket or REST; now and then an old one again, or with other words."""
        draw = self._draw.random()
        old = self._draw.choice(list(self.items)) if self.items else None
        if old is not None and draw < 0.2:
            self._send(old, self.items[old], twice=draw < 0.08)
            return
        if old is not None and draw < 0.25 and self.items[old].state == "acked" and self.socket is not None:
            self.socket.say(encode_turn(old, "other words", "conflict"))
            return
        number = len(self.items)
        text = f"word {self._number}-{number}"
        if draw > 0.9:
            text = f"{text} {LEARNT}{self._draw.choice(HOBBIES)}"
        elif draw > 0.885:
            text = f"{text} {THREAT}"
        item_id = f"i{self._number}.{number}"
        self.items[item_id] = Said(text)
        self._send(item_id, self.items[item_id], twice=draw > 0.8)

    def _send(self, item_id: str, said: Said, *, twice: bool = False) -> None:
        said.sent += 1
        said.last = self.world.loop.now
        self.world.note(self.name, "says", item_id, said.sent)
        over_rest = self._draw.random() < 0.15 or self.where == "done"
        if self.socket is not None and self.where == "online" and not over_rest:
            self.socket.say(encode_turn(item_id, said.text, item_id))
        if twice or over_rest:
            self.world.over_rest(self, item_id, said.text, self._draw)

    def send_again(self) -> None:
        for item_id, said in self.items.items():
            if said.state == "pending" and said.last < self.world.loop.now - AGAIN_SECONDS:
                self._send(item_id, said)

    def _do_something(self, draw: float) -> None:
        socket = self.socket
        assert socket is not None
        if draw < 0.72:
            socket.say('{"type":"response.create"}')
        elif draw < 0.76:
            socket.say('{"type":"response.cancel"}')
        elif draw < 0.82:
            on = "true" if self._draw.random() < 0.5 else "false"
            ours = '{"type":"realtime","socialgym":{"autoResponse":' + on + "}}"
            socket.say('{"type":"session.update","session":' + ours + "}")
        elif draw < 0.86:
            value = self._draw.choice(HOBBIES)
            socket.say('{"type":"memory.edit","key":"likes.hobby","value":"' + value + '"}')
        elif draw < 0.96 and not self.staying:
            self.leave()
            self.world.later(self._draw.uniform(0.0, 0.3), self.connect)
        elif draw > 0.985:
            self.end()

    def end(self) -> None:
        """Ask for the end, over the socket or over REST."""
        self.world.note(self.name, "ends")
        if self.socket is not None and self.where == "online" and self._draw.random() < 0.5:
            self.socket.say('{"type":"session.end"}')
        else:
            self.world.end_over_rest(self, self._draw)

    @property
    def settled(self) -> bool:
        return all(said.state != "pending" for said in self.items.values())
