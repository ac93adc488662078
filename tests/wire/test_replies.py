"""A reply of the persona: its frames in order, one at a time, cancelled, joined by who comes late."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from realtime.minds import PersonaProvider, ReplyContext, ReplyDelta, ReplyEnd
from tests.support import Learner, RunningServer, Wire
from tests.wire.conftest import opened
from tests.wire.helpers import error_of

HEAD = ["response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added"]
TAIL = [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
DELTA = "response.output_text.delta"


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    """Their types, each run of deltas as one."""
    found: list[str] = []
    for frame in frames:
        if frame["type"] != DELTA or found[-1:] != [DELTA]:
            found.append(frame["type"])
    return found


async def whole_reply(wire: Wire) -> list[dict[str, Any]]:
    frames = [await wire.next()]
    while frames[-1]["type"] != "response.done":
        frames.append(await wire.next())
    return frames


async def speaking(wire: Wire, deltas: int = 2) -> list[dict[str, Any]]:
    """Ask for a reply, and read on until it is under way."""
    await wire.send("response.create")
    return [await wire.next() for _ in range(len(HEAD) + deltas)]


async def test_the_frames_of_a_reply_in_order(talk: Wire) -> None:
    await talk.turn("Hello, how was your day?", "mine")
    await talk.drained()
    await talk.send("response.create", response={"metadata": {"round": "1"}})
    frames = await whole_reply(talk)
    assert kinds(frames) == [*HEAD, DELTA, *TAIL]
    by_type = {frame["type"]: frame for frame in frames}
    response = by_type["response.created"]["response"]
    item_id = by_type["response.output_item.added"]["item"]["id"]
    assert response == {
        "object": "realtime.response",
        "id": response["id"],
        "status": "in_progress",
        "output": [],
        "output_modalities": ["text"],
        "metadata": {"round": "1"},
    }
    empty = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant", "content": []}
    assert by_type["response.output_item.added"]["item"] == {**empty, "status": "in_progress"}
    assert by_type["conversation.item.added"]["item"] == {**empty, "status": "in_progress"}
    assert by_type["conversation.item.added"]["previous_item_id"] == "mine"
    assert by_type["response.content_part.added"]["part"] == {"type": "text", "text": ""}
    place = {"response_id": response["id"], "item_id": item_id, "output_index": 0, "content_index": 0}
    for type_ in ("response.content_part.added", DELTA, "response.output_text.done", "response.content_part.done"):
        assert {name: by_type[type_][name] for name in place} == place
    text = "".join(frame["delta"] for frame in frames if frame["type"] == DELTA)
    assert text
    assert by_type["response.output_text.done"]["text"] == text
    assert by_type["response.content_part.done"]["part"] == {"type": "text", "text": text}
    item = {**empty, "status": "completed", "content": [{"type": "output_text", "text": text}]}
    assert by_type["response.output_item.done"]["item"] == item
    assert by_type["conversation.item.done"]["item"] == item
    assert by_type["conversation.item.done"]["previous_item_id"] == "mine"
    done = by_type["response.done"]["response"]
    usage = done.pop("usage")
    assert done == {**response, "status": "completed", "output": [item], "status_details": {"type": "completed"}}
    assert (usage["total_tokens"], usage["input_tokens"], usage["output_tokens"]) == (0, 0, 0)
    assert [frame["type"] for frame in frames if "seq" in frame] == ["conversation.item.done", "response.done"]
    assert frames[-1]["seq"] == frames[-2]["seq"] + 1


async def test_a_reply_can_come_before_any_turn_and_without_metadata(talk: Wire) -> None:
    await talk.send("response.create")
    frames = await whole_reply(talk)
    assert "metadata" not in frames[0]["response"]
    assert "metadata" not in frames[-1]["response"]


@pytest.mark.parametrize(
    "asked",
    [
        {"instructions": "Shout.", "output_modalities": ["audio"], "max_output_tokens": 1, "tools": [{"type": "x"}]},
        {
            "conversation": "auto",
            "tool_choice": "none",
            "prompt": {"id": "x"},
            "audio": {"output": {"voice": "marin"}},
        },
        {"metadata": None, "conversation": None, "input": None},
    ],
    ids=["said", "auto", "null"],
)
async def test_other_overrides_have_no_effect(talk: Wire, asked: dict[str, Any]) -> None:
    await talk.send("response.create", response=asked)
    done = (await whole_reply(talk))[-1]["response"]
    assert (done["status"], done["output_modalities"]) == ("completed", ["text"])


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"conversation": "none"}, "response.conversation"),
        ({"input": []}, "response.input"),
        ({"input": [{"type": "message"}]}, "response.input"),
    ],
)
async def test_out_of_band_is_refused(talk: Wire, asked: dict[str, Any], param: str) -> None:
    await talk.send("response.create", response=asked, event_id="e")
    error = await error_of(talk)
    assert (error["code"], error["param"], error["event_id"]) == ("out_of_band_not_supported", param, "e")


@pytest.mark.parametrize(
    "metadata", [{str(n): "x" for n in range(17)}, {"k" * 65: "x"}, {"k": "v" * 513}, {"k": 1}, ["k"], "k"], ids=str
)
async def test_metadata_is_bounded(talk: Wire, metadata: Any) -> None:
    await talk.send("response.create", response={"metadata": metadata})
    assert (await error_of(talk))["code"] == "invalid_event"


async def test_metadata_comes_back_as_it_was(talk: Wire) -> None:
    metadata = {"k" * 64: "v" * 512, "": "", "nul": "a\x00b", "emoji": "😀"}
    await talk.send("response.create", response={"metadata": metadata})
    frames = await whole_reply(talk)
    assert frames[0]["response"]["metadata"] == frames[-1]["response"]["metadata"] == metadata


# --- one at a time -------------------------------------------------------------------------------------------------


@pytest.fixture
async def slow_learner(slow_house: RunningServer) -> Learner:
    return await slow_house.learner()


async def test_a_second_response_create_is_refused(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        async with slow_learner.connect(session_id=session_id) as other:
            await other.next()
            await wire.turn("Hello, how was your day?")
            await speaking(wire)
            for device in (wire, other):
                await device.send("response.create", event_id="second")
                error = (await device.until("error"))["error"]
                assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")
            for _ in range(2):
                for device in (wire, other):
                    assert (await device.until("response.done"))["response"]["status"] == "completed"
                await wire.send("response.create")
            await wire.send("response.cancel")
            for device in (wire, other):
                await device.until("response.done")


async def test_a_cancelled_reply_keeps_what_was_said(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        await wire.turn("Hello, how was your day?")
        frames = await speaking(wire, deltas=3)
        await wire.send("response.cancel", response_id=frames[0]["response"]["id"])
        frames += await whole_reply(wire)
        assert kinds(frames) == [*HEAD, DELTA, *TAIL]
        said = "".join(frame["delta"] for frame in frames if frame["type"] == DELTA)
        item, done = frames[-2]["item"], frames[-1]["response"]
        assert item["status"] == "incomplete"
        assert item["content"] == [{"type": "output_text", "text": said}]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert done["output"] == [item]
        await wire.send("response.cancel", event_id="late")
        error = await error_of(wire)
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "late")
        assert await wire.turn("Go on, please.")
        await wire.send("conversation.item.retrieve", item_id=item["id"])
        assert (await wire.until("conversation.item.retrieved"))["item"] == item


class Thinker:
    """A persona that thinks before its first word, for as long as the test wants, and may then fail."""

    def __init__(self, spoken: PersonaProvider, *, fails: bool = False) -> None:
        self._spoken = spoken
        self._fails = fails
        self.thought = asyncio.Event()

    async def stream(self, context: ReplyContext) -> AsyncIterator[ReplyDelta | ReplyEnd]:
        if context.kind == "REPLY":
            await self.thought.wait()
        async for piece in self._spoken.stream(context):
            if self._fails and context.kind == "REPLY" and isinstance(piece, ReplyEnd):
                raise RuntimeError("secret detail")
            yield piece


async def test_cancelled_before_any_text_has_no_output(
    house: RunningServer, talk: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinker = Thinker(house.engine.persona)
    monkeypatch.setattr(house.engine, "persona", thinker)
    await talk.turn("Hello, how was your day?", "mine")
    await talk.drained()
    await talk.send("response.create", response={"metadata": {"a": "b"}})
    frames = [await talk.next() for _ in HEAD]
    await talk.send("response.create", event_id="meanwhile")
    assert (await error_of(talk))["code"] == "conversation_already_has_active_response"
    await talk.send("response.cancel")  # the provider still thinks, and is stopped all the same
    done = await talk.next()
    assert kinds(frames) == HEAD
    assert done["type"] == "response.done"
    response = done["response"]
    assert (response["status"], response["output"], response["metadata"]) == ("cancelled", [], {"a": "b"})
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    await talk.say("Never mind.")
    assert (await talk.until("conversation.item.added"))["previous_item_id"] == "mine"


async def test_a_reply_that_fails_is_said_and_the_talk_goes_on(
    house: RunningServer, talk: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        thinker = Thinker(house.engine.persona, fails=True)
        thinker.thought.set()
        patch.setattr(house.engine, "persona", thinker)
        await talk.send("response.create")
        done = (await talk.until("response.done"))["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["type"] == "failed"
    assert done["status_details"]["error"]["type"] == "server_error"
    assert done["output"][0]["status"] == "incomplete"
    assert "secret" not in "".join(talk.frames)
    assert await talk.reply()


async def test_cancelling_another_reply_does_nothing(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        await speaking(wire)
        await wire.send("response.cancel", response_id="resp_other", event_id="e")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"]) == ("response_cancel_not_active", "response_id")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_turn_during_a_reply_is_committed_at_once(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        await wire.turn("Hello, how was your day?", "first")
        await speaking(wire)
        await wire.say("Sorry, one more thing about the weather.", "second")
        frames = await whole_reply(wire)
        types = [frame["type"] for frame in frames if "seq" in frame and not frame["type"].startswith("memory.")]
        assert types == [
            *("conversation.item.added", "conversation.item.done", "turn.scored"),
            *("conversation.item.done", "response.done"),
        ]
        by_item = [frame for frame in frames if frame["type"] == "conversation.item.done"]
        assert by_item[0]["item"]["id"] == "second"
        assert by_item[0]["previous_item_id"] == "first"
        assert by_item[1]["item"]["role"] == "assistant"
        assert by_item[1]["previous_item_id"] == "second", "the reply's item comes after it"


async def test_a_lost_socket_does_not_cancel_a_reply(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("Hello, how was your day?")
        await speaking(wire)
        head = msgspec.json.decode(wire.durable[-1])["seq"]
    async with slow_learner.connect(session_id=session_id, last_seq=head) as wire:
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_who_comes_back_during_a_reply_joins_it(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("Hello, how was your day?")
        await wire.drained()
        head = msgspec.json.decode(wire.durable[-1])["seq"]
        begun = await speaking(wire, deltas=3)
        async with slow_learner.connect(session_id=session_id, last_seq=head - 1) as late:
            resumed = await late.next()
            assert resumed["type"] == "session.resumed"
            assert resumed["active_response_id"] == begun[0]["response"]["id"]
            missed = await late.next()
            assert missed["seq"] == head
            joined = await whole_reply(late)
            assert kinds(joined) == [*HEAD, DELTA, *TAIL]
            rest = await whole_reply(wire)
            said = "".join(frame["delta"] for frame in begun + rest if frame["type"] == DELTA)
            first = next(frame["delta"] for frame in joined if frame["type"] == DELTA)
            assert len(first.split()) >= 3, "one delta with all text so far"
            assert "".join(frame["delta"] for frame in joined if frame["type"] == DELTA) == said
            assert list(late.durable[1:]) == wire.durable[-2:]
        async with slow_learner.connect(session_id=session_id) as fresh:
            await fresh.next()
            assert await fresh.drained() == []


async def test_the_end_cancels_a_reply_under_way(slow_learner: Learner) -> None:
    async with slow_learner.connect("persona:MAYA_PLAYFUL") as wire:
        await opened(wire)
        await wire.turn("Hello, how was your day?")
        await speaking(wire)
        await wire.send("session.end")
        types: list[str] = []
        while types[-1:] != ["wallet.updated"]:
            frame = await wire.next()
            types.append(frame["type"])
            if frame["type"] == "response.done":
                assert frame["response"]["status"] == "cancelled"
        durable = [
            "conversation.item.done",
            "response.done",
            "session.finalizing",
            "session.summary",
            "wallet.updated",
        ]
        assert types[-5:] == durable
        assert await wire.closed() == 1000


async def test_auto_response_asks_again_for_who_comes_back(house: RunningServer) -> None:
    """The last item is the learner's and no reply is under way (the process died): the server answers."""
    learner = await house.learner()
    async with learner.connect("persona:MAYA_PLAYFUL") as wire:
        session_id = await opened(wire)
        await wire.turn("Hello, how was your day?")
        await wire.send("session.update", session={"socialgym": {"autoResponse": True}})
        head = (await wire.until("session.updated"))["seq"]
        async with learner.connect(session_id=session_id, last_seq=head) as again:
            assert (await again.next())["type"] == "session.resumed"
            assert (await again.until("response.done"))["response"]["status"] == "completed"


async def test_while_the_mission_closes_the_closing_line_is_the_answer(slow_learner: Learner) -> None:
    async with slow_learner.connect("template:OPENERS_CAFE_HELLO") as wire:
        await opened(wire)
        await wire.turn("I'm going to kill you.")
        await wire.say("I did not mean it.", "late")
        await wire.send("response.create", event_id="mine")
        error = (await wire.until("error"))["error"]
        assert error["code"] == "session_ended"
        assert await wire.closed() == 1000
    frames = [msgspec.json.decode(frame) for frame in wire.frames]
    assert [frame["error"]["code"] for frame in frames if frame["type"] == "error"] == ["session_ended"]
    assert [frame["type"] for frame in frames].count("response.created") == 1
    tail = ["conversation.item.done", "response.done", "session.finalizing", "session.summary", "wallet.updated"]
    assert [frame["type"] for frame in frames[-5:]] == tail
    assert frames[-4]["response"]["status"] == "completed"
    assert frames[-3]["reason"] == "RULE"
    assert '"late"' not in "".join(wire.frames)
