"""The server as it runs in production, in a process of its own, and one session that every test's socket joins."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.raw import Raw, new_key, request
from tests.support import Learner, ServerProcess
from tests.wire.conftest import opened

Headers = list[tuple[str, str]]


class Stack:
    """``headers`` are those of a right handshake; ``path`` joins the session."""

    def __init__(self, port: int, token: str, session_id: str) -> None:
        self.port = port
        self.path = f"/v1/realtime?session_id={session_id}"
        self.token = token

    def headers(self, *without: str, **changed: str) -> Headers:
        """``without`` these; the names of those that are ``changed`` have ``_`` for ``-``."""
        made = {
            "Host": f"127.0.0.1:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": new_key(),
            "Sec-WebSocket-Version": "13",
            "Authorization": f"Bearer {self.token}",
        }
        made |= {name.replace("_", "-"): value for name, value in changed.items()}
        return [(name, value) for name, value in made.items() if name not in without]

    async def dial(self) -> Raw:
        return await Raw.dial(self.port)

    async def open(self) -> Raw:
        """A socket on the session, past its first frame."""
        raw = await self.dial()
        await raw.send(request(self.path, self.headers()))
        assert (await raw.answer()).status == 101
        assert (await raw.event())["type"] == "session.created"
        return raw


@pytest.fixture(scope="package")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    directory = tmp_path_factory.mktemp("conformance")
    async with ServerProcess(directory / "data", SOCIALGYM_UNSAFE_DB="on") as process:
        learner = await Learner.guest(process.url)
        async with learner.connect("persona:MAYA_PLAYFUL") as wire:
            session_id = await opened(wire)
            yield Stack(process.port, learner.token, session_id)


@pytest.fixture
async def raw(stack: Stack) -> AsyncIterator[Raw]:
    async with await stack.open() as made:
        yield made
