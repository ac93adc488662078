"""What tests drive the product with: a server in this process, a server in its own process, learners and sockets."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import msgspec
import websockets
from litestar import Litestar
from websockets.asyncio.client import ClientConnection

from realtime.bus import Bus
from realtime.engine import Engine
from realtime.limits import Limits
from server.app import make_app, services_of
from server.run import Server, listen
from server.settings import Settings
from storage.catalogue.model import Catalogue

ROOT = Path(__file__).resolve().parent.parent
TLS = ssl.create_default_context()  # made once: reading the certificates takes longer than a dozen requests
PATIENCE = 10.0  # seconds a test waits for what must come


def settings_for(directory: Path, **changes: Any) -> Settings:
    """Settings of a server in this process, on a database whose durability is not what is tested."""
    made = Settings(
        host="127.0.0.1",
        port=0,
        data_dir=directory,
        secret_key=b"a secret key for tests, long enough!",
        allowed_origins=frozenset({"https://practice.example.org"}),
        tls_cert=None,
        tls_key=None,
        database_url=None,
        redis_url=None,
        unsafe_db=True,
        rate_limits=True,
    )
    return msgspec.structs.replace(made, **changes)


class RunningServer:
    """``url`` is the base of REST, ``ws`` that of the sockets."""

    def __init__(self, app: Litestar, port: int, scheme: str = "http") -> None:
        self.app = app
        self.port = port
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.ws = f"ws{self.url[4:]}"

    @property
    def engine(self) -> Engine:
        return services_of(self.app).engine

    async def learner(self, **body: Any) -> "Learner":
        return await Learner.guest(self.url, **body)


async def _serving(server: Server, listening: socket.socket) -> None:
    """Serve without uvicorn's signal handlers (pytest has its own); a failed start is an error, not an exit."""
    try:
        await server._serve([listening])
    except SystemExit:
        raise RuntimeError("the server did not start; its log says why") from None


@asynccontextmanager
async def running_server(
    dsn: str,
    directory: Path,
    *,
    limits: Limits | None = None,
    catalogue: Catalogue | None = None,
    pace_ms: int = 0,
    bus: Bus | None = None,
    **changes: Any,
) -> AsyncIterator[RunningServer]:
    """A real uvicorn with the real application, on a free port."""
    settings = settings_for(directory, **changes)
    app = make_app(settings, dsn, limits=limits, catalogue=catalogue, pace_ms=pace_ms, bus=bus)
    started = asyncio.Event()
    listening = listen(settings.host, 0)
    server = Server(app, settings, listening, on_started=started.set)
    task = asyncio.create_task(_serving(server, listening))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        listening.close()
        task.result()
        raise RuntimeError("the server did not start")
    try:
        yield RunningServer(app, server.port, settings.scheme)
    finally:
        server.should_exit = True
        await task
        listening.close()


class Learner:
    """A user with tokens, who can call REST and open raw sockets."""

    def __init__(self, url: str, tokens: dict[str, Any]) -> None:
        self.url = url
        self.ws = f"ws{url[4:]}"
        self.token: str = tokens["accessToken"]
        self.refresh_token: str = tokens["refreshToken"]
        self.user_id: str = tokens["user"]["id"]

    @classmethod
    async def guest(cls, url: str, **body: Any) -> "Learner":
        async with httpx.AsyncClient(base_url=url, verify=TLS) as http:
            answer = await http.post("/v1/auth/guest", json=body)
        answer.raise_for_status()
        return cls(url, answer.json())

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        async with httpx.AsyncClient(base_url=self.url, timeout=30, verify=TLS) as http:
            return await http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        answer = await self.call("GET", path, **options)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, **options: Any) -> Any:
        answer = await self.call("POST", path, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def connect(
        self,
        model: str | None = None,
        *,
        session_id: str | None = None,
        last_seq: int | None = None,
        path: str = "/v1/realtime",
        **options: Any,
    ) -> "Wire":
        """``async with learner.connect("template:...") as wire``."""
        query = {"model": model, "session_id": session_id, "last_seq": last_seq}
        said = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        headers = options.pop("headers", self.headers)
        return Wire(f"{self.ws}{path}?{said}", headers=headers, **options)


class Wire:
    """A raw socket: frames in and out, nothing hidden. ``frames`` keeps every one that came, as text."""

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, subprotocols: Any = None) -> None:
        self._url = url
        self._headers = headers
        self._subprotocols = subprotocols
        self.frames: list[str] = []
        self.socket: ClientConnection

    async def __aenter__(self) -> "Wire":
        self.socket = await websockets.connect(
            self._url,
            additional_headers=self._headers,
            subprotocols=self._subprotocols,
            compression=None,
            max_size=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(msgspec.json.encode({"type": type_, **fields}).decode())

    async def say(self, text: str, item_id: str | None = None) -> None:
        item: dict[str, Any] = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        if item_id is not None:
            item["id"] = item_id
        await self.send("conversation.item.create", item=item)

    async def next(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next frame. Raises ``ConnectionClosed`` when the server closed."""
        async with asyncio.timeout(timeout):
            text = await self.socket.recv()
        assert isinstance(text, str)
        self.frames.append(text)
        frame: dict[str, Any] = msgspec.json.decode(text)
        return frame

    async def until(
        self, wanted: str | Callable[[dict[str, Any]], bool], timeout: float = PATIENCE
    ) -> dict[str, Any]:
        """Read on to the first frame of this type (or that the function accepts), and give it."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.next(timeout)
                if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                    return frame

    async def turn(self, text: str, item_id: str | None = None) -> dict[str, Any]:
        """Say a line and read to its ``turn.scored``."""
        await self.say(text, item_id)
        return await self.until("turn.scored")

    async def reply(self) -> str:
        """Have the persona answer; its whole line."""
        await self.send("response.create")
        done = await self.until("response.done")
        output = done["response"]["output"]
        return str(output[0]["content"][0]["text"]) if output else ""

    async def drained(self, seconds: float = 0.3) -> list[dict[str, Any]]:
        """Every frame that comes until none came for ``seconds``."""
        found = []
        while True:
            try:
                found.append(await self.next(seconds))
            except TimeoutError:
                return found

    async def closed(self, timeout: float = PATIENCE) -> int:
        """Read until the server closes; the close code."""
        try:
            while True:
                await self.next(timeout)
        except websockets.ConnectionClosed as error:
            return error.rcvd.code if error.rcvd is not None else 1006

    @property
    def durable(self) -> list[str]:
        """The durable frames that came, byte for byte."""
        return [frame for frame in self.frames if "seq" in msgspec.json.decode(frame)]


class ServerProcess:
    """``socialgym serve`` in a process of its own, with its own embedded PostgreSQL in ``data_dir``. It can be killed
    for real and started again on the same port and data."""

    program: tuple[str, ...] = ("server", "serve")

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SOCIALGYM_PORT": str(self.port),
            "SOCIALGYM_DATA_DIR": str(self.data_dir),
            "SOCIALGYM_RATE_LIMITS": "off",
            **self._environment,
        }

    async def start(self, patience: float = 30.0) -> None:
        """Start, and wait until it is ready. A start that fails leaves no process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.program], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        try:
            await self._ready(patience)
        except BaseException:
            self.kill()
            raise

    async def _ready(self, patience: float) -> None:
        assert self.process is not None
        async with asyncio.timeout(patience), httpx.AsyncClient(verify=TLS) as http:
            while True:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the server ended: {self.log.read_text()[-2000:]}")
                try:
                    if (await http.get(f"{self.url}/v1/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and wait for an orderly end; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    async def command(self, *arguments: str) -> tuple[int, str]:
        """``socialgym <arguments>`` beside the running server: (exit code, output)."""
        done = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server",
            *arguments,
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await done.communicate()
        return done.returncode or 0, output.decode()

    async def __aenter__(self) -> "ServerProcess":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            await self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
