"""The same socket under TLS, where the transport is another: lengths, fragments, failures, closing, a turn."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.conftest import Stack
from tests.conformance.raw import CONT, PING, PONG, TEXT, Raw, close, frame, question, request, sized
from tests.house.test_settings import certificate
from tests.support import TLS, Learner, ServerProcess


class SecureStack(Stack):
    """Its sockets begin a session each: the first frames are the opening's."""

    def __init__(self, port: int, token: str, trusted: Path) -> None:
        super().__init__(port, token, "")
        self.path = "/v1/realtime?model=persona:MAYA_PLAYFUL"
        self._context = ssl.create_default_context(cafile=str(trusted))

    async def dial(self) -> Raw:
        return await Raw.dial(self.port, self._context)

    async def open(self) -> Raw:
        raw = await self.dial()
        await raw.send(request(self.path, self.headers()))
        assert (await raw.answer()).status == 101
        while (await raw.event())["type"] != "conversation.item.done":
            pass
        return raw


class SecureProcess(ServerProcess):
    """Ready is asked over TLS."""

    def __init__(self, data_dir: Path, cert: Path, key: Path) -> None:
        names = {"SOCIALGYM_TLS_CERT": str(cert), "SOCIALGYM_TLS_KEY": str(key)}
        super().__init__(data_dir, SOCIALGYM_UNSAFE_DB="on", **names)
        self.url = f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureStack]:
    directory = tmp_path_factory.mktemp("tls")
    cert, key = certificate(directory)
    TLS.load_verify_locations(cert)  # whom the harness's HTTP clients trust
    async with SecureProcess(directory / "data", cert, key) as process:
        learner = await Learner.guest(process.url)
        yield SecureStack(process.port, learner.token, cert)


@pytest.fixture
async def raw(secure: SecureStack) -> AsyncIterator[Raw]:
    async with await secure.open() as made:
        yield made


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536])
async def test_lengths(raw: Raw, size: int) -> None:
    await raw.send(frame(TEXT, sized(size)), chop=5_000)
    await raw.answered("sized")


async def test_fragments_and_pings(raw: Raw) -> None:
    whole = question("κόσμε")
    await raw.send(frame(TEXT, whole[:40], fin=False), frame(PING, b"between"), frame(CONT, whole[40:]), chop=1)
    assert await raw.frame() == (PONG, b"between")
    await raw.answered("κόσμε")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(TEXT, b"x" * 300_000), 1009),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"{}", masked=False), 1002),
        (frame(5, b"x"), 1002),
    ],
    ids=["too large", "no text", "unmasked", "reserved"],
)
async def test_failures(raw: Raw, wrong: bytes, code: int) -> None:
    await raw.send(wrong)
    assert await raw.close_code() == code


async def test_closing(raw: Raw) -> None:
    await raw.send(frame(TEXT, question("before")), close(1000, b"bye"))
    await raw.answered("before")
    assert await raw.close_code() == 1000


async def test_a_turn(raw: Raw) -> None:
    item = b'{"type":"message","role":"user","content":[{"type":"input_text","text":"I saw ducks by the river."}]}'
    await raw.send(frame(TEXT, b'{"type":"conversation.item.create","item":' + item + b"}"))
    types = [(await raw.event())["type"] for _ in range(3)]
    assert types == ["conversation.item.added", "conversation.item.done", "turn.scored"]
