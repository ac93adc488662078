"""What the tests of the wire have in common: refusals, errors, client secrets."""

from typing import Any

import httpx
import msgspec
import pytest
import websockets

from tests.support import Learner, RunningServer, Wire

PROBLEM = "application/problem+json"


async def refused(wire: Wire) -> tuple[int, dict[str, Any], websockets.Headers]:
    """The HTTP status, the problem and the headers of a connect that is refused."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await wire.__aenter__()
    response = caught.value.response
    assert response.headers["content-type"] == PROBLEM
    problem = httpx.Response(200, content=bytes(response.body)).json()
    assert problem["status"] == response.status_code
    return response.status_code, problem, response.headers


async def refused_upgraded(wire: Wire) -> tuple[dict[str, Any], int]:
    """The one ``error`` and the close code of a refusal to a client that offered ``realtime``."""
    async with wire:
        assert wire.socket.subprotocol == "realtime"
        frame = await wire.next()
        assert frame["type"] == "error"
        return frame["error"], await only_closes(wire)


async def only_closes(wire: Wire) -> int:
    """The close code; no frame may come before."""
    count = len(wire.frames)
    code = await wire.closed()
    assert len(wire.frames) == count
    return code


async def client_secret(learner: Learner, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = await learner.post("/v1/realtime/client_secrets", json=body)
    return made


def with_secret(house: RunningServer, value: str, query: str = "model=", **options: Any) -> Wire:
    headers = {"Authorization": f"Bearer {value}"}
    return Wire(f"{house.ws}/v1/realtime?{query}", headers=headers, **options)


def decoded(frame: str) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(frame)
    return made


async def error_of(wire: Wire) -> dict[str, Any]:
    """The next frame, which is an ``error``."""
    frame = await wire.next()
    assert frame["type"] == "error", frame
    assert set(frame) == {"type", "event_id", "error"}
    error: dict[str, Any] = frame["error"]
    assert (
        {"type", "code", "message"}
        <= set(error)
        <= {*("type", "code", "message", "param", "event_id", "retry_after_ms")}
    )
    assert error["message"]
    return error


async def alive(wire: Wire) -> None:
    """The socket still answers."""
    await wire.send("response.cancel", event_id="are you there")
    assert (await error_of(wire))["event_id"] == "are you there"
