"""One WebSocket of the generator: says a line, waits for its acknowledgement and its score.

A turn is good when ``conversation.item.done`` with its id came, and then ``turn.scored`` of it. Whatever else comes
in their place is counted as an error, and so is a turn that nothing came for.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec

from bench.frames import CLOSE, PING, PONG, Handshake, client_frame, header
from bench.lines import lines

DONE = b'{"type":"conversation.item.done"'
SCORED = b'{"type":"turn.scored"'
ERROR = b'{"type":"error"'
CREATED = b'{"type":"session.created"'
BY_USER = b'"role":"user"'
_TEXTS = [msgspec.json.encode(line) for line in lines()]


class Tally:
    """What all sockets of a run write down. Latencies are kept from ``opens`` to ``closes`` (monotonic seconds)."""

    def __init__(self) -> None:
        self.opens = float("inf")
        self.closes = float("inf")
        self.acknowledgements: list[float] = []
        self.scores: list[float] = []
        self.acknowledged_ever = 0
        self.bytes_received = 0
        self.errors: Counter[str] = Counter()

    def in_window(self, now: float) -> bool:
        return self.opens <= now < self.closes


class Talker(asyncio.Protocol):
    """``on_free`` is called when the turn under way is settled, well or not; never after the connection is lost."""

    def __init__(
        self, tally: Tally, handshake: Handshake, name: str, offset: int, on_free: Callable[["Talker"], None]
    ) -> None:
        self.turns = 0
        self.lost = False
        self.leaving = False
        self.busy = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._handshake: Handshake | None = handshake
        self._name = name
        self._offset = offset
        self._on_free = on_free
        self._rest = b""
        self._acknowledged = False
        self._since = 0.0
        self._done_mark = b""
        self._scored_mark = b""
        self._transport: asyncio.Transport

    # --- speaking ----------------------------------------------------------------------------------------------

    def say(self, since: float | None = None) -> None:
        """Send the next line; ``since`` (monotonic seconds): when it was due, if that was earlier."""
        self.turns += 1
        item = f"{self._name}-{self.turns}".encode()
        text = _TEXTS[(self._offset + self.turns) % len(_TEXTS)]
        self._done_mark = b'"id":"%b"' % item
        self._scored_mark = b'"item_id":"%b"' % item
        self._acknowledged = False
        self.busy = True
        frame = client_frame(
            b'{"type":"conversation.item.create","item":{"id":"%b","type":"message","role":"user",'
            b'"content":[{"type":"input_text","text":%b}]}}' % (item, text)
        )
        self._since = time.perf_counter() if since is None else since
        self._transport.write(frame)

    def leave(self) -> None:
        """Close in order; what the server says from now on does not count."""
        self.leaving = True
        if not self.lost:
            self._transport.write(client_frame(b"\x03\xe8", CLOSE))
            self._transport.close()

    # --- hearing -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self._handshake is not None
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(self._handshake.request)

    def data_received(self, data: bytes) -> None:
        self._tally.bytes_received += len(data)
        if self._rest:
            data = self._rest + data
        at = 0
        if self._handshake is not None:
            try:
                begin = self._handshake.answer(data)
            except ConnectionRefusedError as refused:
                self._fail(refused)
                return
            if begin is None:
                self._rest = data
                return
            self._handshake, at = None, begin
        self._rest = data[self._frames(data, at) :]

    def _frames(self, data: bytes, at: int) -> int:
        """Take every whole frame; where the rest begins. A free socket is handed on after the last of them."""
        free = False
        size = len(data)
        while at < size:
            found = header(data, at)
            if found is None or found[2] > size:
                break
            first, start, end = found
            if first != 0x81:
                self._control(first, data[start:end])
            elif data.startswith(SCORED, start):
                free = self._scored(data, start, end) or free
            elif data.startswith(DONE, start):
                self._done(data, start, end)
            elif data.startswith(ERROR, start):
                free = self._error(data[start:end]) or free
            elif not self.ready.done() and data.startswith(CREATED, start):
                self.ready.set_result(None)
            at = end
        if free and not self.lost:
            self._on_free(self)
        return at

    def _done(self, data: bytes, start: int, end: int) -> None:
        if self.busy and not self._acknowledged and data.find(self._done_mark, start, end) >= 0:
            self._acknowledged = True
            now = time.perf_counter()
            tally = self._tally
            tally.acknowledged_ever += 1
            if tally.opens <= now < tally.closes:
                tally.acknowledgements.append(now - self._since)
        elif data.find(BY_USER, start, end) >= 0:  # the persona's own lines are done, too
            self._tally.errors["wrong acknowledgement"] += 1

    def _scored(self, data: bytes, start: int, end: int) -> bool:
        if not self.busy or not self._acknowledged or data.find(self._scored_mark, start, end) < 0:
            self._tally.errors["wrong score"] += 1
            return False
        self.busy = False
        now = time.perf_counter()
        tally = self._tally
        if tally.opens <= now < tally.closes:
            tally.scores.append(now - self._since)
        return True

    def _error(self, frame: bytes) -> bool:
        """An ``error`` in answer to the turn settles it: as failed."""
        code = msgspec.json.decode(frame)["error"]["code"]
        self._tally.errors[f"error: {code}"] += 1
        settled, self.busy = self.busy, False
        return settled

    def _control(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == PING:
            self._transport.write(client_frame(payload, PONG))
        elif opcode == CLOSE and not self.leaving:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._tally.errors[f"closed: {code}"] += 1
            self.leaving = True
            self._transport.close()
        elif opcode not in (CLOSE, PONG):
            self._tally.errors[f"unexpected frame: {first:#04x}"] += 1

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.busy:
            self._tally.errors["unanswered"] += 1
            self.busy = False
        if not self.leaving:
            self._tally.errors["connection lost"] += 1
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionResetError("closed before the session began"))

    def _fail(self, error: Exception) -> None:
        self.leaving = True
        if not self.ready.done():
            self.ready.set_exception(error)
        self._transport.close()
