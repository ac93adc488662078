"""What the tests of the end play with: a small catalogue made from the shipped one, and a learner over REST."""

import asyncio
from typing import Any

import msgspec

from storage.catalogue.loader import load
from storage.catalogue.model import Catalogue, Condition, Edge, Graph, Node, Rewards, StatePolicy, Template
from tests.support import PATIENCE, Learner

SHIPPED = load()
BASE = SHIPPED.templates["OPENERS_CAFE_HELLO"]
THREAT = "I am going to hurt you."
INSULT = "You are an idiot."
GOOD = (
    "Hi, I'm Tal. I love the music they play here. What are you reading?",
    "I walk here on Sundays because the light is so good. What do you order?",
    "Thank you for telling me that, I'd love to hear more. How did you begin?",
    "That sounds like a good week. I spent mine in the garden. What did you cook?",
    "I like that you laugh at your own jokes. Do you come from a funny family?",
)
FLAT = ("ok", "no", "fine", "well", "hm")


def template(code: str, *, policy: StatePolicy, steps: tuple[int, ...] = (0, 60, 100), **changes: Any) -> Template:
    """A mission whose graph any turn leads one step on; ``steps`` are the nodes' progress."""
    said = BASE.graph.nodes[0].lines
    nodes = tuple(
        Node(
            id=f"n{at}",
            progress=progress,
            lines=said,
            edges=(Edge(to=f"n{at + 1}", when=Condition()),) if at + 1 < len(steps) else (),
        )
        for at, progress in enumerate(steps)
    )
    if len(nodes) == 1:
        nodes = (*nodes, Node(id="away", progress=100, lines=said))
    config = msgspec.structs.replace(BASE.mission_config_v1, state_policy=policy)
    made = msgspec.structs.replace(
        BASE, code=code, lane=f"LANE_{code}", mission_config_v1=config, graph=Graph(start="n0", nodes=nodes)
    )
    return msgspec.structs.replace(made, **changes)


def policy(
    success: int, fail: int, *, messages: int = 8, strikes: int = 10, timer: float | None = None
) -> StatePolicy:
    return StatePolicy(
        max_messages=messages,
        max_strikes=strikes,
        timer_seconds_per_message=timer,
        success_score_threshold=success,
        fail_score_threshold=fail,
    )


STILL = (0,)
HALF = (0, 60)
TEMPLATES = (
    template("TIMED", policy=policy(1, 0, timer=1.0)),
    template("STRICT", policy=policy(60, 40, strikes=2), steps=STILL),
    template("HIGH_FLOOR", policy=policy(99, 98), steps=HALF),
    template("WEAK_NERVES", policy=policy(60, 40), steps=STILL),
    template("SHORT_AND_HIGH", policy=policy(99, 10, messages=3), steps=HALF),
    template("SHORT_AND_STILL", policy=policy(10, 5, messages=3), steps=STILL),
    template("SHORT_AND_EASY", policy=policy(10, 5, messages=3), steps=HALF),
    template("STRAIGHT", policy=policy(10, 5), rewards=Rewards(xp=40, coins=15, gems=2)),
    template("HALFWAY", policy=policy(10, 5), steps=HALF),
    template("SECOND_OF_LANE", policy=policy(10, 5), lane="LANE_STRAIGHT", order=2, rewards=Rewards(xp=10, coins=0)),
    template("ALONE", policy=policy(10, 5), category="SMALL_TALK", rewards=Rewards(xp=25, coins=5)),
)


def catalogue() -> Catalogue:
    return msgspec.structs.replace(SHIPPED, templates={made.code: made for made in TEMPLATES})


async def begin(learner: Learner, model: str) -> str:
    made = await learner.post("/v1/sessions", json={"model": model})
    return str(made["id"])


async def say(learner: Learner, session_id: str, text: str, **options: Any) -> list[dict[str, Any]]:
    """The events of the turn."""
    answer = await learner.post(f"/v1/sessions/{session_id}/turns", json={"text": text}, **options)
    return list(answer["events"])


def scored(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(event for event in events if event["type"] == "turn.scored")


async def end(learner: Learner, session_id: str) -> dict[str, Any]:
    """The learner leaves; the summary."""
    summary: dict[str, Any] = await learner.post(f"/v1/sessions/{session_id}/end")
    return summary


async def summary_when_ended(learner: Learner, session_id: str) -> dict[str, Any]:
    """The summary of a session that ends by itself."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await learner.call("GET", f"/v1/sessions/{session_id}/summary")
            if answer.status_code == 200:
                summary: dict[str, Any] = answer.json()
                return summary
            assert answer.status_code == 409, answer.text
            await asyncio.sleep(0.02)


async def play(learner: Learner, model: str, lines: tuple[str, ...], *, leave: bool) -> dict[str, Any]:
    """A whole session; its summary."""
    session_id = await begin(learner, model)
    for line in lines:
        await say(learner, session_id, line)
    return await (end if leave else summary_when_ended)(learner, session_id)
