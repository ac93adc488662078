"""The unmodified official ``openai`` package as a client: base_url is this server, the key is a client secret."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.durability.talk import LINES, MISSION, assert_paid_once, log_of, said
from tests.support import Learner, RunningServer, ServerProcess


async def secret_of(learner: Learner, model: str) -> tuple[str, str]:
    """A client secret, and the id of the session that it opens."""
    made = await learner.post("/v1/realtime/client_secrets", json={"session": {"type": "realtime", "model": model}})
    return made["value"], made["session"]["id"]


def item(text: str, item_id: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }
    return made if item_id is None else {**made, "id": item_id}


async def read_to(connection: AsyncRealtimeConnection, wanted: str) -> Any:
    """Iterate, as a stock program does, to the first event of this type; the client reconnects by itself."""
    async for event in connection:
        if event.type == wanted:
            return event
    raise AssertionError(f"the connection ended before {wanted}")


async def say(connection: AsyncRealtimeConnection, text: str, item_id: str | None = None) -> str:
    """A line and the persona's answer to it, read until ``response.done``."""
    await connection.conversation.item.create(item=item(text, item_id))  # type: ignore[arg-type]
    await connection.response.create()
    done = await read_to(connection, "response.done")
    assert done.response.status == "completed"
    return str(done.response.output[0].content[0].text)


async def hard(process: ServerProcess) -> None:
    process.kill()


async def soft(process: ServerProcess) -> None:
    assert await process.stop() == 0


@pytest.mark.parametrize("down", [hard, soft])
async def test_a_talk_survives_the_server(process: ServerProcess, down: Callable[[ServerProcess], Any]) -> None:
    learner = await Learner.guest(process.url)
    value, session_id = await secret_of(learner, MISSION)
    reconnects = []
    async with AsyncOpenAI(api_key=value, base_url=f"{process.url}/v1") as client:
        # More tries than the default 5: the machine that runs the tests may be slow to start a server.
        manager = client.realtime.connect(
            model=MISSION,
            on_reconnecting=lambda event: reconnects.append(event.close_code),
            max_retries=60,
            max_delay=1,
        )
        async with manager as connection:
            created: Any = await read_to(connection, "session.created")
            assert created.session.id == session_id
            answers = [await say(connection, LINES[0], "line-0"), await say(connection, LINES[1], "line-1")]

            going_down = asyncio.create_task(down(process))
            coming_up = asyncio.create_task(_restart_after(going_down, process))
            again: Any = await read_to(connection, "session.created")
            await coming_up
            assert reconnects, "the client came back by itself"
            assert again.session.id == session_id, "and found its talk again"
            assert again.event_id == created.event_id

            await connection.conversation.item.retrieve(item_id="line-0")
            found: Any = await read_to(connection, "conversation.item.retrieved")
            assert found.item.content[0].text == LINES[0]
            answers.append(await say(connection, LINES[2], "line-2"))
    assert len(set(answers)) == 3
    summary = await learner.post(f"/v1/sessions/{session_id}/end")
    events = await log_of(learner, session_id)
    assert said(events) == ["line-0", "line-1", "line-2"]
    assert len(said(events, "assistant")) == 4, "the greeting and three answers"
    await assert_paid_once(learner, summary)


async def _restart_after(going_down: "asyncio.Task[None]", process: ServerProcess) -> None:
    await going_down
    await process.start()


async def test_a_free_talk_without_a_restart(server: RunningServer) -> None:
    """The model that such programs name by default; reading until ``response.done``, never one reply behind."""
    learner = await server.learner()
    value, session_id = await secret_of(learner, "gpt-realtime")
    client = AsyncOpenAI(api_key=value, base_url=f"{server.url}/v1")
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        for line in LINES:
            assert await say(connection, line)
    events = await log_of(learner, session_id)
    kinds = [event["item"]["role"] for event in events if event["type"] == "conversation.item.done"]
    assert kinds == ["assistant", *["user", "assistant"] * len(LINES)]


# openai enters the connection of websockets by hand, which websockets 17 dislikes; not ours to change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
async def test_the_synchronous_client(server: RunningServer) -> None:
    learner = await server.learner()
    value, session_id = await secret_of(learner, MISSION)
    heard: list[str] = []

    def talk() -> None:
        client = OpenAI(api_key=value, base_url=f"{server.url}/v1")
        with client, client.realtime.connect(model=MISSION) as connection:
            for line in LINES[:3]:
                connection.conversation.item.create(item=item(line))  # type: ignore[arg-type]
                connection.response.create()
                for event in connection:
                    if event.type == "response.output_text.delta":
                        heard.append(event.delta)
                    if event.type == "response.done":
                        break

    await asyncio.wait_for(asyncio.to_thread(talk), 30)
    events = await log_of(learner, session_id)
    texts = [
        event["response"]["output"][0]["content"][0]["text"] for event in events if event["type"] == "response.done"
    ]
    assert len(texts) == 3
    assert "".join(heard) == "".join(texts)
