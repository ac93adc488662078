"""Writing down a session as it happens, with placeholders for what differs from run to run."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tests.transcripts.golden import ANY, DELTA, Answer, Bindings, Golden, Header, Line, Request
from tests.transcripts.stage import Stage

QUIET = 0.6  # seconds without a frame after which a server is taken to have said everything

MEASURED = frozenset({"durationSeconds"})  # numbers of the clock

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?")
_MADE = re.compile(r"(item|resp)_[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Namer:
    """Gives every value that varies its placeholder. Ids and texts are named by value; times by their place in the
    log, because two of them may happen to be equal."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def frame(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        seq = frame.get("seq")
        named: dict[str, Any] = self._value(dict(frame), f"seq{seq}" if seq else None, "")
        named["event_id"] = f"$event{seq}" if seq else ANY
        return named

    def body(self, body: Any) -> Any:
        """A REST body: events are named as frames are, a summary as the one on the wire."""
        if isinstance(body, dict) and "events" in body:
            rest = {key: self._value(value, None, key) for key, value in body.items() if key != "events"}
            return {"events": [self.frame(event) for event in body["events"]], **rest}
        return self._value(body, None, "")

    def _value(self, value: Any, place: str | None, key: str) -> Any:
        if isinstance(value, dict):
            if "endReasonCode" in (value.get("outcome") or {}):
                place = "summary"  # the same one on the wire and by REST
            spoken = value.get("type") in ("output_text", "text", DELTA, "response.output_text.done")
            return {
                name: self._spoken(inner)
                if spoken and name in ("text", "delta")
                else self._name(f"at {place}.{name}", "measured")
                if name in MEASURED
                else self._value(inner, place and f"{place}.{name}", name)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner, place and f"{place}.{n}", key) for n, inner in enumerate(value)]
        return self._string(value, place, key) if isinstance(value, str) else value

    def _string(self, value: str, place: str | None, key: str) -> str:
        if _TIME.fullmatch(value):
            return self._name(f"at {place}", "time") if place else ANY
        if value in self._names:
            return self._names[value]
        made = _MADE.fullmatch(value)
        if made:
            return self._name(value, {"item": "item", "resp": "response"}[made[1]])
        if _UUID.fullmatch(value):
            own = "session" if key in ("id", "session_id", "sessionId") else key.removesuffix("Id")
            return self._names.setdefault(value, f"${own}")
        return value

    def _spoken(self, text: str) -> str:
        if not text or text == ANY:
            return text
        name = self._name(text, "text")
        self.texts[name] = text
        return name

    def _name(self, value: str, kind: str) -> str:
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"${kind}{self._counts[kind]}"
        return self._names[value]


class Recorder:
    """What a script drives. After each thing a client does, everything the server says is read, unless the script
    reads to a frame of its choice."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lines: list[Line] = []
        self._bindings = Bindings()
        self._namer = Namer()
        self._gone: set[str] = set()

    def note(self, text: str) -> None:
        self._lines.append(Line(note=text))

    async def connect(self, conn: str, **query: Any) -> None:
        self._lines.append(Line("client", conn, connect=query))
        refusal = await self._stage.connect(conn, self._bindings.fill(query))
        if refusal is not None:
            self._lines.append(Line("server", conn, answer=Answer(*refusal)))
        await self.settle()

    async def send(self, conn: str, type_: str, *, until: str | None = None, **fields: Any) -> None:
        frame = {"type": type_, **fields}
        self._lines.append(Line("client", conn, frame=frame))
        await self._stage.send(conn, frame)
        if until is None:
            await self.settle()
        else:
            while (await self._read(conn, 10.0)) != until:
                pass

    async def say(self, conn: str, item_id: str, text: str, **fields: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        await self.send(conn, "conversation.item.create", **fields, item=item)

    async def drop(self, conn: str) -> None:
        self._lines.append(Line("client", conn, drop=True))
        self._stage.drop(conn)
        self._gone.add(conn)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        request = Request(method, path, body)
        self._lines.append(Line("client", request=request))
        self._session_known()
        filled = Request(method, self._bindings.fill(path), self._bindings.fill(body))
        status, answer = await self._stage.call(filled)
        self._lines.append(Line("server", answer=Answer(status, answer)))
        await self.settle()

    async def settle(self) -> None:
        """Read every open connection until it is quiet."""
        for conn in self._stage.wires:
            try:
                while conn not in self._gone:
                    await self._read(conn, QUIET)
            except TimeoutError:
                continue

    async def _read(self, conn: str, timeout: float) -> str:
        found = await self._stage.next(conn, timeout)
        if isinstance(found, int):
            self._gone.add(conn)
            self._lines.append(Line("server", conn, close=found))
            return "closed"
        self._lines.append(Line("server", conn, frame=found))
        self._session_known()
        return str(found["type"])

    def _session_known(self) -> None:
        for line in self._lines:
            if line.frame and line.frame["type"] == "session.created":
                self._bindings.values["$session"] = line.frame["session"]["id"]

    def golden(self, name: str, about: str, pace_ms: int) -> Golden:
        """Everything so far. Raises AssertionError when a connection is still open."""
        assert self._gone == set(self._stage.wires), "a golden session ends with its connections closed"
        lines = [self._named(line) for line in merged(self._lines)]
        return Golden(Header(name, about, pace_ms, self._namer.texts), lines)

    def _named(self, line: Line) -> Line:
        if line.dir == "client" or line.note is not None:
            return line
        if line.frame is not None:
            return msgspec.structs.replace(line, frame=self._namer.frame(line.frame))
        if line.answer is not None:
            return msgspec.structs.replace(
                line, answer=Answer(line.answer.status, self._namer.body(line.answer.json))
            )
        return line


def merged(lines: list[Line]) -> list[Line]:
    """Deltas that follow one another on a connection become one, where the first stood; one whose reply ended
    elsewhere holds ``$any``: how much of it came before is chance."""
    made: list[Line] = []
    following: dict[str, dict[str, Any]] = {}  # by connection, the delta that takes up those after it
    for line in lines:
        conn = line.conn or ""
        if line.is_delta and line.frame is not None:
            if conn in following:
                following[conn]["delta"] += line.frame["delta"]
                continue
            following[conn] = dict(line.frame)
            line = msgspec.structs.replace(line, frame=following[conn])
        elif line.drop and conn in following:
            following.pop(conn)["delta"] = ANY
        elif line.dir == "server":
            following.pop(conn, None)
        made.append(line)
    return made
