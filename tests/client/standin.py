"""Stand-ins for the server: small, but on real sockets, and with the durable log that resuming rests on.

``Brain`` knows the protocol's order of events; ``socket_server`` puts it behind ``websockets`` (which can tear
a connection down without a close frame), ``http_server`` answers REST from a table of handlers.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Event = dict[str, Any]
Send = Callable[[Event], Awaitable[None]]


def scored(item_id: str, index: int, **more: Any) -> Event:
    """A ``turn.scored`` as the protocol describes it."""
    return {
        "type": "turn.scored",
        "item_id": item_id,
        "turnIndex": index,
        "score": 76,
        "rarity": "A",
        "traits": {
            "confidence": 71,
            "clarity": 68,
            "humor": 50,
            "tensionControl": 50,
            "emotionalWarmth": 80,
            "dominance": 50,
        },
        "charismaIndex": 70,
        "evidence": [
            {"trait": "emotionalWarmth", "effect": 12, "start": 0, "end": 2, "rule": "greeting", "note": "You greet."}
        ],
        "observed": ["confidence", "clarity", "emotionalWarmth"],
        "hooks": ["EMOTIONAL_WARMTH"],
        "patterns": [],
        "tip": None,
        "rewards": {"xp": 14, "coins": 5, "gems": 0},
        "totals": {"xp": 14 * index, "coins": 5 * index, "gems": 0, "averageScore": 76.0},
        "mood": {"state": "WARM", "percent": 59},
        "mission": {"progressPct": 20 * index, "messagesLeft": 6 - index, "strikes": 0},
        "scorerVersion": "1",
        **more,
    }


class Brain:
    """One session with its log. ``drops``: what to do to the socket at given points, consumed in order:
    ``(point, action)`` with point ``item`` (turn committed, nothing sent yet), ``received`` (nothing
    committed), ``delta`` (in the middle of a reply); action ``abort``, a close code, or
    ``finish`` (at ``received``: the session ends instead)."""

    def __init__(self, drops: list[tuple[str, str | int]] | None = None, *, summary: Event | None = None) -> None:
        self.log: list[Event] = []
        self.turns: dict[str, list[Event]] = {}
        self.frames: list[Event] = []
        self.queries: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.drops = list(drops or [])
        self.summary = summary or {"sessionId": "s1"}
        self.memory_for: dict[str, Event] = {}
        self.ends_after: int | None = None
        self.reply_text = "Nice to meet you. How is your day?"
        self.replies = 0
        self.rate_limit_next = False
        self.greeting_signals: list[Event] = []
        self.opening: str | None = None
        self.tip: str | None = None
        self.opens = asyncio.Event()  # cleared: the opening waits for it
        self.opens.set()
        self.live_reply: str | None = None

    def _append(self, event: Event) -> Event:
        event = {**event, "session_id": "s1", "seq": len(self.log) + 1}
        self.log.append(event)
        return event

    async def run(self, query: dict[str, str], recv: Callable[[], Awaitable[str]], send: Send, drop: Any) -> None:
        """Serve one socket until it closes."""
        self.queries.append(query)
        if "session_id" not in query:
            socialgym = {"persona": {"key": "NOA_CALM", "name": "Noa"}, "memorySnapshot": {"name": "Tal"}}
            session = {"id": "s1", "type": "realtime", "socialgym": socialgym}
            await send(self._append({"type": "session.created", "session": session}))
            for signal in self.greeting_signals:
                await send(signal)
            if self.opening is not None:
                await self.opens.wait()
                content = [{"type": "output_text", "text": self.opening}]
                item = {"id": "opening", "role": "assistant", "status": "completed", "content": content}
                await send(self._append({"type": "conversation.item.added", "item": item}))
                await send(self._append({"type": "conversation.item.done", "item": item}))
        else:
            await self._resume(int(query.get("last_seq", "0")), send, drop)
        if self.log[-1]["type"] == "session.summary":
            await drop(1000)
            return
        while True:
            frame = json.loads(await recv())
            self.frames.append(frame)
            if not await self._answer(frame, send, drop):
                return

    async def _resume(self, last: int, send: Send, drop: Any) -> None:
        resumed = {"type": "session.resumed", "last_seq": last, "head_seq": len(self.log), "recovered": True}
        active = {"active_response_id": self.live_reply} if self.live_reply else {}
        await send(resumed | active)
        for event in self.log[last:]:
            await send(event)
        if self.live_reply is not None:
            await self._say(self.live_reply, [self.reply_text], send, drop)

    def _due(self, point: str) -> str | int | None:
        if self.drops and self.drops[0][0] == point:
            return self.drops.pop(0)[1]
        return None

    async def _answer(self, frame: Event, send: Send, drop: Any) -> bool:
        kind = frame["type"]
        if self.rate_limit_next:
            self.rate_limit_next = False
            error = {"type": "rate_limit_error", "code": "rate_limited", "message": "slow down"}
            await send({"type": "error", "error": {**error, "event_id": frame["event_id"], "retry_after_ms": 20}})
        elif kind == "conversation.item.create":
            return await self._turn(frame, send, drop)
        elif kind == "response.create":
            return await self._reply(send, drop)
        elif kind == "session.end":
            return await self._finish(send, drop)
        elif kind == "memory.forget":
            told = [e["seq"] for e in self.log if e["type"] in ("turn.scored", "memory.created")]
            gone = {"version": 2, "redacts": told if frame.get("withTurns") else []}
            await send(self._append({"type": "memory.forgotten", "key": frame["key"], **gone}))
        elif kind == "memory.edit":
            error = {"type": "invalid_request_error", "code": "memory_key_unknown", "message": "no such key"}
            await send({"type": "error", "error": {**error, "event_id": frame["event_id"]}})
        return True

    async def _turn(self, frame: Event, send: Send, drop: Any) -> bool:
        if (action := self._due("received")) is not None:
            if action == "finish":
                return await self._finish(send, drop)
            await drop(action)
            return False
        item = frame["item"]
        if item["id"] not in self.turns:
            made = [
                {"type": "conversation.item.added", "item": item},
                {"type": "conversation.item.done", "item": item},
                scored(item["id"], len(self.turns) + 1, tip=self.tip),
            ]
            memory = self.memory_for.get(item["content"][0]["text"])
            if memory is not None:
                made.append({**memory, "source": {**memory["source"], "item_id": item["id"]}})
            self.turns[item["id"]] = [self._append(event) for event in made]
            if (action := self._due("item")) is not None:
                await drop(action)
                return False
        for event in self.turns[item["id"]]:
            await send(event)
        if self.ends_after is not None and len(self.turns) >= self.ends_after:
            await self._reply(send, drop)
            return await self._finish(send, drop)
        return True

    async def _reply(self, send: Send, drop: Any) -> bool:
        self.replies += 1
        words = self.reply_text.split(" ")
        return await self._say(f"resp_{self.replies}", [words[0], *(f" {word}" for word in words[1:])], send, drop)

    async def _say(self, rid: str, deltas: list[str], send: Send, drop: Any) -> bool:
        item_id = f"item_{rid}"
        await send({"type": "response.created", "response": {"id": rid, "status": "in_progress", "output": []}})
        for number, delta in enumerate(deltas):
            if number == 2 and (action := self._due("delta")) is not None:
                await drop(action)
                return False
            await send({"type": "response.output_text.delta", "response_id": rid, "item_id": item_id, "delta": delta})
        content = [{"type": "output_text", "text": self.reply_text}]
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}
        await send(self._append({"type": "conversation.item.done", "item": item}))
        response = {"id": rid, "status": "completed", "output": [item]}
        await send(self._append({"type": "response.done", "response": response}))
        return True

    async def _finish(self, send: Send, drop: Any) -> bool:
        await send(self._append({"type": "session.finalizing", "reason": "SUCCESS_GATE_SEQUENCE"}))
        await send(self._append({"type": "session.summary", "summary": self.summary}))
        await drop(1000)
        return False


def problem(status: int, code: str, message: str) -> bytes:
    return json.dumps({"status": status, "code": code, "detail": message}).encode()


@contextlib.asynccontextmanager
async def socket_server(
    brain: Brain, refuse: Callable[[Request], tuple[int, str] | None] = lambda request: None
) -> AsyncIterator[str]:
    """The brain behind a real WebSocket server; yields its base URL. ``refuse`` may answer an upgrade with
    ``(status, code)`` instead."""

    def check(connection: ServerConnection, request: Request) -> Response | None:
        brain.tokens.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        refused = refuse(request)
        if refused is None:
            return None
        body = problem(*refused, "refused in a test")
        headers = Headers({"Content-Type": "application/problem+json", "Content-Length": str(len(body))})
        return Response(refused[0], HTTPStatus(refused[0]).phrase, headers, body)

    async def handle(ws: ServerConnection) -> None:
        assert ws.request is not None
        query = {key: values[0] for key, values in parse_qs(urlsplit(ws.request.path).query).items()}

        async def recv() -> str:
            return str(await ws.recv())

        async def send(event: Event) -> None:
            await ws.send(json.dumps(event))

        async def drop(action: str | int) -> None:
            if isinstance(action, int):
                await ws.close(action)
            else:
                ws.transport.abort()

        with contextlib.suppress(ConnectionClosed):
            await brain.run(query, recv, send, drop)

    async with serve(handle, "127.0.0.1", 0, process_request=check, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


Answer = tuple[int, Any]
Handler = Callable[[str, str, dict[str, str], Any], Awaitable[Answer]]


@contextlib.asynccontextmanager
async def http_server(handler: Handler) -> AsyncIterator[str]:
    """HTTP/1.1, one request a connection: ``handler(method, target, headers, body)`` gives status and JSON."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            status, answer = await handler(method, target, headers, json.loads(raw) if raw else None)
            body = json.dumps(answer).encode()
            phrase = HTTPStatus(status).phrase
            writer.write(
                f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def whole_server(brain: Brain, handler: Handler) -> AsyncIterator[str]:
    """REST and the socket on one port, under uvicorn, as a client of both meets them."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _http(scope, receive, send, handler)
        elif scope["type"] == "websocket":
            await _websocket(scope, receive, send, brain)

    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _http(scope: dict[str, Any], receive: Any, send: Any, handler: Handler) -> None:
    message = await receive()
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    body = json.loads(message["body"]) if message.get("body") else None
    status, answer = await handler(scope["method"], scope["path"], headers, body)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def _websocket(scope: dict[str, Any], receive: Any, send: Any, brain: Brain) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}

    async def recv() -> str:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionError
        return str(message["text"])

    async def tell(event: Event) -> None:
        await send({"type": "websocket.send", "text": json.dumps(event)})

    async def drop(code: int) -> None:
        await send({"type": "websocket.close", "code": code})

    with contextlib.suppress(ConnectionError):
        await brain.run(query, recv, tell, drop)
