"""The peer that a team would write: FastAPI's WebSocket, SQLAlchemy's asynchronous ORM, a commit per turn.

A pool of twenty connections, opened per command; the frames leave after COMMIT.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.peers import common
from bench.peers.common import EVENT_COLUMNS, HEALTH, TURN_COLUMNS, Row, Talk

POOL = 20


class Base(DeclarativeBase):
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - nothing is read back: an INSERT without RETURNING


class Turn(Base):
    __tablename__ = "turn"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    text: Mapped[str]
    score: Mapped[int]
    rarity: Mapped[str]
    charisma_index: Mapped[int]
    confidence: Mapped[int]
    clarity: Mapped[int]
    humor: Mapped[int]
    tension_control: Mapped[int]
    emotional_warmth: Mapped[int]
    dominance: Mapped[int]
    evidence: Mapped[Any] = mapped_column(JSONB)
    observed: Mapped[Any] = mapped_column(JSONB)
    xp: Mapped[int]
    coins: Mapped[int]
    first_seq: Mapped[int]
    final_seq: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionEvent(Base):
    __tablename__ = "session_event"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Part(BaseModel):
    text: str


class Item(BaseModel):
    id: str
    content: list[Part]


class Said(BaseModel):
    item: Item


engine = create_async_engine(
    common.dsn().replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=POOL,
    max_overflow=0,
    # The recorded columns are JSON text already: the peer pays nothing for making it.
    json_serializer=str,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
answers = common.answers()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get(HEALTH)
async def health() -> str:
    return "ready"


@app.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    user_id = common.user_of(socket.headers.get("authorization"))
    if user_id is None:
        await socket.close(4401)
        return
    await socket.accept()
    talk = Talk(user_id)
    await socket.send_text(talk.created())
    try:
        while True:
            item = Said.model_validate_json(await socket.receive_text()).item
            turn, events, frames = talk.said(item.id, answers[item.content[0].text])
            async with sessions() as session:
                await store(session, turn, events)
            for frame in frames:
                await socket.send_text(frame)
    except WebSocketDisconnect:
        return


async def store(session: AsyncSession, turn: Row, events: list[Row]) -> None:
    session.add(Turn(**dict(zip(TURN_COLUMNS, turn, strict=True))))
    session.add_all([SessionEvent(**dict(zip(EVENT_COLUMNS, event, strict=True))) for event in events])
    await session.commit()


if __name__ == "__main__":
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=common.port(),
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            access_log=False,
            log_level="warning",
        )
    )
    server.run()
