"""What our server really answers to each of the lines, as templates that the peers store and send.

A peer's scorer costs nothing: it looks the answer up by the line. So all candidates store the same number of events
and the same bytes, and send the same frames; only ids and seqs are filled in.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import websockets

from bench.lines import lines

PATIENCE = 20.0  # seconds for a line's score
AFTERWARDS = 0.2  # seconds after the last score, for what is remembered of that line


class RecordedEvent(msgspec.Struct, frozen=True):
    """A frame in pieces: ``literals`` has one more element than ``slots``; slots are ``hex`` (the session's id
    without dashes), ``session``, ``seq``, ``previous`` and ``item``. ``size``: bytes of the frame as it was sent."""

    type: str
    literals: list[str]
    slots: list[str]
    size: int


class RecordedTurn(msgspec.Struct, frozen=True):
    """The events of a turn, and the fields of ``turn.scored`` that a row of the turn has."""

    text: str
    events: list[RecordedEvent]
    score: int
    rarity: str
    charisma: int
    traits: list[int]
    evidence: str
    observed: str
    xp: int
    coins: int


async def record(url: str, token: str) -> list[RecordedTurn]:
    """Say every line to a running server, in one session, and keep its answers."""
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(url, additional_headers=headers, compression=None, max_size=None) as socket:
        saying = asyncio.create_task(_say(socket))  # beside the reading: a client that does not read is closed
        found: dict[str, list[dict[str, object]]] = {f"line-{number}": [] for number in range(len(lines()))}
        while True:
            complete = all(map(_is_scored, found.values()))
            try:
                frame = msgspec.json.decode(
                    await asyncio.wait_for(socket.recv(), AFTERWARDS if complete else PATIENCE)
                )
            except TimeoutError:
                if not complete:
                    raise
                break
            if frame["type"] == "error":
                raise RuntimeError(f"the server answered a line with {frame}")
            found.get(_item_of(frame), []).append(frame)
        await saying
    return [_turn(line, frames) for line, frames in zip(lines(), found.values(), strict=True)]


async def _say(socket: websockets.ClientConnection) -> None:
    for number, line in enumerate(lines()):
        content = [{"type": "input_text", "text": line}]
        item = {"id": f"line-{number}", "type": "message", "role": "user", "content": content}
        await socket.send(msgspec.json.encode({"type": "conversation.item.create", "item": item}).decode())


def _is_scored(frames: list[dict[str, object]]) -> bool:
    return any(frame["type"] == "turn.scored" for frame in frames)


def _item_of(frame: dict[str, Any]) -> str:
    """The turn that a frame belongs to: its item, its score, or what is remembered of it."""
    holder = frame.get("item") or frame.get("source") or {}
    return str(frame.get("item_id") or holder.get("item_id") or holder.get("id"))


def _turn(text: str, frames: list[dict[str, object]]) -> RecordedTurn:
    scored = next(frame for frame in frames if frame["type"] == "turn.scored")
    rewards = msgspec.convert(scored["rewards"], dict[str, object])
    traits = msgspec.convert(scored["traits"], dict[str, int])
    return RecordedTurn(
        text=text,
        events=[_event(frame) for frame in frames],
        score=msgspec.convert(scored["score"], int),
        rarity=str(scored["rarity"]),
        charisma=msgspec.convert(scored["charismaIndex"], int),
        traits=list(traits.values()),
        evidence=msgspec.json.encode(scored["evidence"]).decode(),
        observed=msgspec.json.encode(scored["observed"]).decode(),
        xp=msgspec.convert(rewards["xp"], int),
        coins=msgspec.convert(rewards["coins"], int),
    )


def _event(frame: dict[str, object]) -> RecordedEvent:
    """The frame with its ids and seq taken out."""
    type_ = str(frame["type"])
    marked = dict(frame)
    marked["event_id"] = f"event_{_mark('hex')}_{_mark('seq')}"
    marked["session_id"] = _mark("session")
    marked["seq"] = _mark("seq")
    if "previous_item_id" in marked:
        marked["previous_item_id"] = _mark("previous")
    if "item_id" in marked:
        marked["item_id"] = _mark("item")
    for holder in ("item", "source"):
        if isinstance(marked.get(holder), dict):
            inner = msgspec.convert(marked[holder], dict[str, object])
            key = "id" if holder == "item" else "item_id"
            marked[holder] = {**inner, key: _mark("item")}
    encoded = msgspec.json.encode(marked).decode().replace('"@@seq@@"', "@@seq@@")
    pieces = encoded.split("@@")
    return RecordedEvent(type_, pieces[0::2], pieces[1::2], len(msgspec.json.encode(frame)))


def _mark(name: str) -> str:
    return f"@@{name}@@"


def save(turns: list[RecordedTurn], path: Path) -> None:
    path.write_bytes(msgspec.json.encode(turns))


def load(path: Path) -> dict[str, RecordedTurn]:
    """The recorded answers by line."""
    return {turn.text: turn for turn in msgspec.json.decode(path.read_bytes(), type=list[RecordedTurn])}
