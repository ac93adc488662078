"""RFC 6455, 4: the opening handshake, and HTTP that is none."""

import base64

import pytest

from tests.conformance.conftest import Headers, Stack
from tests.conformance.raw import TEXT, Answer, frame, new_key, question, request


async def tried(stack: Stack, headers: Headers, **options: str) -> Answer:
    async with await stack.dial() as raw:
        await raw.send(request(stack.path, headers, **options))
        return await raw.answer()


async def test_the_accept_header_of_the_rfc(stack: Stack) -> None:
    answer = await tried(stack, stack.headers(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="))
    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "Upgrade")
    assert "sec-websocket-protocol" not in answer.headers


@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
        {"Sec_WebSocket_Protocol": "chat"},
    ],
)
async def test_a_right_handshake(stack: Stack, changed: dict[str, str]) -> None:
    answer = await tried(stack, stack.headers(**changed))
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers, "no compression is agreed to"
    assert "sec-websocket-protocol" not in answer.headers


async def test_our_subprotocol_is_chosen_wherever_it_stands(stack: Stack) -> None:
    answer = await tried(stack, stack.headers(Sec_WebSocket_Protocol="chat,realtime , other"))
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "realtime")


@pytest.mark.parametrize("version", ["8", "12", "14", "0", "", "13, 8", "thirteen"])
async def test_another_version_is_told_ours(stack: Stack, version: str) -> None:
    answer = await tried(stack, stack.headers(Sec_WebSocket_Version=version))
    assert (answer.status, answer.headers["sec-websocket-version"]) == (426, "13")


async def test_no_version_is_told_ours(stack: Stack) -> None:
    answer = await tried(stack, stack.headers("Sec-WebSocket-Version"))
    assert (answer.status, answer.headers["sec-websocket-version"]) == (426, "13")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        "not base64 at all!!!!!!",
        base64.b64encode(b"x" * 15).decode(),
        base64.b64encode(b"x" * 17).decode(),
    ],
)
async def test_a_wrong_key(stack: Stack, key: str) -> None:
    assert (await tried(stack, stack.headers(Sec_WebSocket_Key=key))).status == 400


async def test_no_key_and_two(stack: Stack) -> None:
    headers = stack.headers("Sec-WebSocket-Key")
    assert (await tried(stack, headers)).status == 400
    two = [("Sec-WebSocket-Key", new_key()), ("Sec-WebSocket-Key", new_key())]
    assert (await tried(stack, headers + two)).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_another_method(stack: Stack, method: str) -> None:
    answer = await tried(stack, stack.headers(), method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "changed", [{"Upgrade": "h2c"}, {"Upgrade": "websocket2"}, {"Connection": "keep-alive"}, {"Upgrade": ""}]
)
async def test_what_is_no_upgrade_is_http(stack: Stack, changed: dict[str, str]) -> None:
    answer = await tried(stack, stack.headers(**changed))
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("version", ["1.0"])
async def test_an_older_http(stack: Stack, version: str) -> None:
    answer = await tried(stack, stack.headers(), version=version)
    assert answer.status in (400, 404, 405, 426, 505)


async def test_a_path_that_is_none(stack: Stack) -> None:
    async with await stack.dial() as raw:
        await raw.send(request("/v1/nowhere", stack.headers()))
        assert (await raw.answer()).status in (403, 404)
        await raw.ended()


async def test_a_refusal_is_a_problem_and_the_end(stack: Stack) -> None:
    async with await stack.dial() as raw:
        await raw.send(request(stack.path, stack.headers("Authorization")))
        answer = await raw.answer()
        assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
        assert "date" in answer.headers
        await raw.ended()


@pytest.mark.parametrize("chop", [1, 3])
async def test_a_handshake_in_pieces(stack: Stack, chop: int) -> None:
    async with await stack.dial() as raw:
        await raw.send(request(stack.path, stack.headers()), chop=chop)
        assert (await raw.answer()).status == 101
        assert (await raw.event())["type"] == "session.created"
        await raw.alive()


async def test_frames_that_come_with_the_request_are_not_lost(stack: Stack) -> None:
    async with await stack.dial() as raw:
        early = [frame(TEXT, question(f"early {number}")) for number in range(3)]
        await raw.send(request(stack.path, stack.headers()), *early)
        assert (await raw.answer()).status == 101
        assert (await raw.event())["type"] == "session.created"
        for number in range(3):
            await raw.answered(f"early {number}")


@pytest.mark.parametrize("size", [40_000, 400_000])
async def test_a_large_header(stack: Stack, size: int) -> None:
    async with await stack.dial() as raw:
        await raw.send(request(stack.path, stack.headers(X_Large="x" * size)), chop=4_000)
        assert (await raw.answer()).status == 431


@pytest.mark.parametrize("size", [40_000, 2_000_000])
async def test_a_header_without_an_end(stack: Stack, size: int) -> None:
    async with await stack.dial() as raw:
        whole = request(stack.path, stack.headers(X_Large="x" * size))
        await raw.send(whole[:-10], chop=8_000)
        assert (await raw.answer()).status == 431


async def test_many_headers(stack: Stack) -> None:
    async with await stack.dial() as raw:
        many = [(f"X-{number}", "y" * 20) for number in range(3_000)]
        await raw.send(request(stack.path, stack.headers() + many), chop=4_000)
        assert (await raw.answer()).status == 431


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http(stack: Stack, garbage: bytes) -> None:
    async with await stack.dial() as raw:
        await raw.send(garbage)
        assert (await raw.answer()).status == 400
        await raw.ended()
