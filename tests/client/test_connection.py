"""Connections against a real WebSocket server that misbehaves on purpose."""

import asyncio
import random

import pytest
from websockets.http11 import Request

from server.client import (
    Api,
    Closed,
    ConnectionRefused,
    DeadlinePassed,
    Delta,
    EventError,
    Notice,
    Overflowed,
    Unreachable,
    connect,
)
from server.client.unread import EventQueue
from tests.client.standin import Brain, http_server, socket_server

RNG = random.Random(3)


async def test_a_talk_from_start_to_summary() -> None:
    brain = Brain(summary={"finalScore": 76})
    brain.memory_for["I'm Tal."] = {
        "type": "memory.created",
        "key": "name",
        "value": "Tal",
        "source": {"start": 4, "end": 7, "quote": "Tal"},
    }
    async with socket_server(brain) as url, connect(url, token="t", model="template:X") as talk:
        assert talk.session["socialgym"]["persona"]["name"] == "Noa"
        turn = await talk.say("I'm Tal.")
        assert (turn.score, turn.rarity) == (76, "A")
        deltas: list[Delta] = []
        assert await talk.reply(deltas.append) == brain.reply_text
        assert "".join(delta.text for delta in deltas) == brain.reply_text
        assert [event["value"] for event in turn.memory] == ["Tal"]
        assert [event["seq"] for event in turn.events] == [2, 3, 4, 5]
        assert await talk.end() == {"finalScore": 76}
        seqs = [event["seq"] async for event in talk if "seq" in event]
        assert seqs == list(range(1, len(brain.log) + 1))
        assert isinstance(talk.closed, Closed)
        assert talk.closed.code == 1000
    assert brain.queries == [{"model": "template:X"}]
    assert brain.tokens == ["t"]
    item_id = brain.frames[0]["item"]["id"]
    assert item_id.startswith("item_")
    assert len(item_id) == len("item_") + 32


@pytest.mark.parametrize("point", ["received", "item"])
@pytest.mark.parametrize("action", ["abort", 1012, 1013, 1011])
async def test_an_unacknowledged_turn_is_sent_again_and_is_one_turn(point: str, action: str | int) -> None:
    brain = Brain([(point, action)])
    notices: list[Notice] = []
    async with (
        socket_server(brain) as url,
        connect(url, token="t", rng=RNG, on_notice=notices.append) as talk,
    ):
        turn = await talk.say("Hello.")
        assert list(brain.turns) == [turn.item_id]
        assert [event["seq"] for event in turn.events] == [2, 3, 4]
        second = await talk.say("And again.")
        assert second.scored["turnIndex"] == 2
        await talk.end()
        seqs = [event["seq"] async for event in talk if "seq" in event]
        assert seqs == list(range(1, len(brain.log) + 1))  # each once, in order
    assert brain.queries[1] == {"session_id": "s1", "last_seq": "1"}
    sent = [frame["item"]["id"] for frame in brain.frames if frame["type"] == "conversation.item.create"]
    # What the replay acknowledges is not sent again; what never arrived is, under the same id.
    assert sent.count(turn.item_id) == (2 if point == "received" else 1)
    assert [notice.kind for notice in notices] == ["lost", "waiting", "back"]


async def test_a_repeated_item_id_gives_the_same_answer_once() -> None:
    brain = Brain()
    async with socket_server(brain) as url, connect(url, token="t") as talk:
        first = await talk.say("Hello.", "item_mine")
        again = await talk.say("Hello.", "item_mine")
        assert again.scored == first.scored
        assert again.events == first.events
        await talk.end()
        kinds = [event["type"] async for event in talk]
        assert kinds.count("turn.scored") == 1


async def test_a_lost_reply_is_asked_for_again_and_shown_whole() -> None:
    brain = Brain([("delta", "abort")])
    async with socket_server(brain) as url, connect(url, token="t", rng=RNG) as talk:
        await talk.say("Hello.")
        deltas = [delta async for delta in talk.stream_reply()]
        assert "".join(delta.text for delta in deltas) == brain.reply_text
        assert not any(delta.restart for delta in deltas)  # the second attempt said the same
    assert brain.replies == 2


async def test_a_lost_reply_that_comes_back_different_restarts() -> None:
    brain = Brain([("delta", 1012)])

    def changed(notice: Notice) -> None:
        brain.reply_text = "Something else altogether."

    async with socket_server(brain) as url, connect(url, token="t", rng=RNG, on_notice=changed) as talk:
        await talk.say("Hello.")
        assert await talk.reply() == "Something else altogether."


async def test_a_mission_that_ends_by_its_rules_gives_its_closing_line_and_summary() -> None:
    brain = Brain(summary={"outcome": "done"})
    brain.ends_after = 1
    async with socket_server(brain) as url, connect(url, token="t") as talk:
        await talk.say("Hello.")
        assert await talk.reply() == brain.reply_text
        assert await talk.wait_summary() == {"outcome": "done"}
        assert await talk.end() == {"outcome": "done"}
        await asyncio.wait_for(talk.over.wait(), 5)
        with pytest.raises(Closed) as closed:
            await talk.say("One more.")
        assert closed.value.code == 1000


async def test_an_error_event_reaches_the_call_that_caused_it() -> None:
    async with socket_server(Brain()) as url, connect(url, token="t") as talk:
        with pytest.raises(EventError) as refused:
            await talk.edit_memory("shoe_size", "44")
        assert refused.value.code == "memory_key_unknown"
        assert (await talk.forget_memory("name"))["key"] == "name"


async def test_too_fast_is_waited_out() -> None:
    brain = Brain()
    brain.rate_limit_next = True
    async with socket_server(brain) as url, connect(url, token="t") as talk:
        assert (await talk.say("Hello.")).score == 76
    assert len({frame["event_id"] for frame in brain.frames}) == 1
    assert len(brain.frames) == 2


@pytest.mark.parametrize(("status", "code"), [(403, "mission_locked"), (404, "not_found"), (503, "draining")])
async def test_a_refusal_is_typed(status: int, code: str) -> None:
    async with socket_server(Brain(), lambda request: (status, code)) as url:
        with pytest.raises(ConnectionRefused) as refused:
            async with connect(url, token="t"):
                pass
    assert (refused.value.status, refused.value.code) == (status, code)
    assert refused.value.problem["detail"] == "refused in a test"


async def test_a_refusal_while_coming_back_is_final_but_503_is_not() -> None:
    answers: list[tuple[int, str] | None] = [None, (503, "draining"), (404, "not_found")]
    brain = Brain([("received", 1012)])
    async with socket_server(brain, lambda request: answers.pop(0)) as url, connect(url, token="t", rng=RNG) as talk:
        with pytest.raises(ConnectionRefused) as refused:
            await talk.say("Hello.")
    assert refused.value.status == 404
    assert answers == []


@pytest.mark.parametrize("code", [4505, 4508, 1007, 4001])
async def test_terminal_codes_end_every_wait(code: int) -> None:
    brain = Brain([("received", code)])
    async with socket_server(brain) as url, connect(url, token="t", rng=RNG) as talk:
        with pytest.raises(Closed) as closed:
            await talk.say("Hello.")
        assert closed.value.code == code
        with pytest.raises(Closed):
            async for _ in talk:
                pass
    assert len(brain.queries) == 1


async def test_an_expired_token_is_renewed_before_coming_back() -> None:
    async def refresh(method: str, target: str, headers: dict[str, str], body: object) -> tuple[int, object]:
        assert target == "/v1/auth/refresh"
        return 200, {"accessToken": "new", "refreshToken": "r2", "expiresIn": 600, "user": {"id": "u"}}

    brain = Brain([("received", 4001)])

    async with (
        http_server(refresh) as rest,
        socket_server(brain) as url,
        Api(rest, access_token="old", refresh_token="r1") as api,
        connect(url, api=api, rng=RNG) as talk,
    ):
        await talk.say("Hello.")
    assert brain.tokens == ["old", "new"]


async def test_giving_up_after_the_time_for_coming_back() -> None:
    refusing = {"now": False}

    def refuse(request: Request) -> tuple[int, str] | None:
        return (503, "draining") if refusing["now"] else None

    brain = Brain([("received", 1012)])
    async with (
        socket_server(brain, refuse) as url,
        connect(url, token="t", rng=RNG, reconnect_for=0.3) as talk,
    ):
        refusing["now"] = True
        with pytest.raises(Unreachable):
            await talk.say("Hello.", timeout=20)


async def test_nobody_there() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(Unreachable):
        async with connect(f"http://127.0.0.1:{port}", token="t"):
            pass


async def test_a_wait_has_a_deadline_and_leaving_cancels_the_link() -> None:
    brain = Brain()
    async with socket_server(brain) as url, connect(url, token="t") as talk:
        with pytest.raises(DeadlinePassed):
            await talk.wait_summary(timeout=0.05)
        waiting = asyncio.ensure_future(talk.wait_summary())
        await asyncio.sleep(0)
    with pytest.raises(Closed):
        await waiting
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("socialgym-client")]


async def test_one_reply_at_a_time() -> None:
    async with socket_server(Brain()) as url, connect(url, token="t") as talk:
        await talk.say("Hello.")
        stream = talk.stream_reply()
        await anext(stream)
        with pytest.raises(RuntimeError):
            await talk.reply()
        async for _ in stream:
            pass


async def test_a_full_queue_answers_after_what_it_kept() -> None:
    queue = EventQueue(size=2)
    for seq in (1, 2, 3):
        queue.put({"seq": seq})
    assert [(await queue.get())["seq"] for _ in range(2)] == [1, 2]
    with pytest.raises(Overflowed):
        await queue.get()


async def test_a_reply_that_lives_on_is_taken_up_and_not_asked_for_again() -> None:
    brain = Brain([("delta", "abort")])

    def alive(notice: Notice) -> None:
        brain.live_reply = "resp_1"

    async with socket_server(brain) as url, connect(url, token="t", rng=RNG, on_notice=alive) as talk:
        await talk.say("Hello.")
        deltas = [delta async for delta in talk.stream_reply()]
    assert "".join(delta.text for delta in deltas) == brain.reply_text
    assert not any(delta.restart for delta in deltas)
    assert [frame["type"] for frame in brain.frames].count("response.create") == 1


async def test_a_token_that_runs_out_is_renewed_on_the_open_socket() -> None:
    async def refresh(method: str, target: str, headers: dict[str, str], body: object) -> tuple[int, object]:
        return 200, {"accessToken": "new", "refreshToken": "r2", "expiresIn": 600, "user": {"id": "u"}}

    brain = Brain()
    brain.greeting_signals = [{"type": "session.token_expiring", "expires_at": 0}]
    async with (
        http_server(refresh) as rest,
        socket_server(brain) as url,
        Api(rest, access_token="old", refresh_token="r1") as api,
        connect(url, api=api) as talk,
    ):
        async with asyncio.timeout(5):
            while not brain.frames:
                await asyncio.sleep(0.01)
        await talk.say("Hello.")
    assert brain.frames[0]["type"] == "session.refresh_token"
    assert brain.frames[0]["token"] == "new"
    assert brain.tokens == ["old"]


async def test_sending_waits_for_the_connection_to_come_back() -> None:
    brain = Brain([("received", 1012)])
    lost = asyncio.Event()

    def noticed(notice: Notice) -> None:
        if notice.kind == "lost":
            lost.set()

    async with socket_server(brain) as url, connect(url, token="t", rng=RNG, on_notice=noticed) as talk:
        turn = asyncio.ensure_future(talk.say("Hello."))
        await asyncio.wait_for(lost.wait(), 5)
        event_id = await talk.send("input_audio_buffer.clear")
        await turn
        await talk.say("In order after it.")
    assert event_id in [frame["event_id"] for frame in brain.frames]
    assert brain.frames[-2]["event_id"] == event_id
