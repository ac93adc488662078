"""Playing a golden session against a server: do what the client does, compare everything that comes."""

from typing import Any

from tests.transcripts.golden import DELTA, Bindings, Golden, Line, Mismatch
from tests.transcripts.stage import Stage


class Replay:
    """``run`` raises ``Mismatch`` at the first line that the server does not keep to.

    One delta in a file stands for all that follow one another on a connection: how a reply is cut is no promise.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._bindings = Bindings()
        self._open: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {}  # conn: (where, expected, so far)
        self._answer: tuple[int, Any] | None = None  # to the last request, or the refusal of the last connect

    async def run(self, golden: Golden) -> None:
        for number, line in enumerate(golden.lines, 2):  # line 1 of the file is its header
            where = f"{golden.header.golden}.jsonl line {number}"
            if line.note is None:
                await (self._client(line) if line.dir == "client" else self._server(line, where))
        assert not self._open, "a golden session ends with its connections closed"

    async def _client(self, line: Line) -> None:
        if line.request is not None:
            self._answer = await self._stage.call(self._filled(line))
            return
        assert line.conn is not None
        if line.connect is not None:
            self._answer = await self._stage.connect(line.conn, self._bindings.fill(line.connect))
        elif line.frame is not None:
            await self._stage.send(line.conn, self._bindings.fill(line.frame))
        elif line.drop:
            self._settle(line.conn)
            self._stage.drop(line.conn)

    def _filled(self, line: Line) -> Any:
        request = line.request
        assert request is not None
        return type(request)(request.method, self._bindings.fill(request.path), self._bindings.fill(request.json))

    async def _server(self, line: Line, where: str) -> None:
        if line.answer is not None:
            if self._answer is None:
                raise Mismatch(f"{where}: the connect was not refused with {line.answer.status}")
            self._bindings.match([line.answer.status, line.answer.json], list(self._answer), where)
            return
        assert line.conn is not None
        try:
            found = await self._next(line.conn)
        except TimeoutError:
            raise Mismatch(f"{where}: nothing came, {line.frame or line.close!r} expected") from None
        if line.close is not None or isinstance(found, int):
            self._bindings.match(line.close if line.close is not None else line.frame, found, where)
        elif line.is_delta:
            assert line.frame is not None
            if found["type"] != DELTA:
                raise Mismatch(f"{where}: a delta expected, {found['type']} came")
            self._open[line.conn] = (where, line.frame, found)
        else:
            self._bindings.match(line.frame, found, where)

    async def _next(self, conn: str) -> dict[str, Any] | int:
        """The next frame or close code that is not more of the reply at hand."""
        while True:
            found = await self._stage.next(conn)
            if conn not in self._open:
                return found
            so_far = self._open[conn][2]
            if isinstance(found, int) or found["type"] != DELTA or found["item_id"] != so_far["item_id"]:
                self._settle(conn)
                return found
            so_far["delta"] += found["delta"]

    def _settle(self, conn: str) -> None:
        """No more of this reply comes here: compare what came."""
        if conn in self._open:
            where, expected, found = self._open.pop(conn)
            self._bindings.match(expected, found, where)
