"""The storage as one object: what the engine asks of it, and nothing of how it is done.

Each field is a family of functions. In production it is the module that writes or reads those tables, which satisfies
the protocol as it stands; a store of another kind gives an object with the same functions. What a function guarantees
is said where it is written, in the module; a contract test holds every store to it.

The first argument of every function is a connection that ``database`` of the same store gave: ``read`` for what
reads, ``transaction`` for what writes or locks, ``raw`` for ``append``.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from storage import accounts, append, finalization, heads, memory, sessions, statistics, transcripts, wallet
from storage.database import Database
from storage.finalization import SessionFacts
from storage.reads import progress, standing
from storage.reads.progress import Progress
from storage.reads.standing import CategoryStanding
from storage.rows import EventRow, SessionHead, SessionWrite
from storage.sessions import NewSession
from storage.statistics import Fact, UserStats
from storage.transcripts import StoredTurn
from storage.wallet import Balance, Entry

# A connection, as the store's own functions take it. Nobody else looks into it.
Handle = Any


class Connections(Protocol):
    """``read``: one snapshot. ``transaction``: committed when the block ends, rolled back when it raises. ``raw``: a
    connection of the caller's own, each statement of which commits by itself."""

    def read(self) -> AbstractAsyncContextManager[Handle]: ...

    def transaction(self) -> AbstractAsyncContextManager[Handle]: ...

    async def raw(self) -> Handle: ...


class Heads(Protocol):
    async def head(
        self, connection: Handle, user_id: UUID, session_id: UUID, *, lock: bool = False
    ) -> SessionHead | None: ...

    async def due(
        self, connection: Handle, *, grace: float, idle: float, age: float, limit: int
    ) -> list[tuple[UUID, UUID, str]]: ...

    async def unfinished(self, connection: Handle, *, attempts: int, limit: int) -> list[tuple[UUID, UUID]]: ...

    async def positions(self, connection: Handle, keys: list[tuple[UUID, UUID]]) -> list[tuple[UUID, int, str]]: ...

    async def may_end(
        self, connection: Handle, user_id: UUID, session_id: UUID, cause: str, **condition: Any
    ) -> bool: ...


class Transcripts(Protocol):
    async def stored_turn(
        self, connection: Handle, user_id: UUID, session_id: UUID, item_id: str
    ) -> StoredTurn | None: ...

    async def reply_to(
        self, connection: Handle, user_id: UUID, session_id: UUID, item_id: str
    ) -> StoredTurn | None: ...

    async def events(
        self, connection: Handle, user_id: UUID, session_id: UUID, *, after: int, until: int, limit: int
    ) -> list[tuple[int, str, str]]: ...

    async def learner_turns(self, connection: Handle, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]: ...

    async def paid_lines(self, connection: Handle, user_id: UUID, before: datetime) -> frozenset[int]: ...

    async def turn_xp_of_day(self, connection: Handle, user_id: UUID, day: date) -> int: ...

    async def summary(self, connection: Handle, user_id: UUID, session_id: UUID) -> str | None: ...

    async def open_sessions(self, connection: Handle, user_id: UUID) -> list[tuple[UUID, bool]]: ...

    async def sessions_since(self, connection: Handle, user_id: UUID, seconds: float) -> int: ...

    async def lock_user(self, connection: Handle, user_id: UUID) -> None: ...

    async def age_band(self, connection: Handle, user_id: UUID) -> str: ...


class Sessions(Protocol):
    async def create(self, connection: Handle, new: NewSession) -> bool: ...

    async def claim_reply(
        self, connection: Handle, user_id: UUID, session_id: UUID, reply_id: str, *, seconds: float
    ) -> bool: ...

    async def drop_reply(self, connection: Handle, user_id: UUID, session_id: UUID, reply_id: str) -> None: ...

    async def attach(self, connection: Handle, keys: list[tuple[UUID, UUID]], *, lease_seconds: float) -> None: ...

    async def detach(self, connection: Handle, user_id: UUID, session_id: UUID) -> None: ...

    async def begin_end(
        self, connection: Handle, user_id: UUID, session_id: UUID, cause: str, **condition: Any
    ) -> str | None: ...

    async def finalize_failed(self, connection: Handle, user_id: UUID, session_id: UUID) -> int: ...

    async def finish(
        self,
        connection: Handle,
        user_id: UUID,
        session_id: UUID,
        *,
        status: str,
        end_reason_code: str,
        user_seq: int,
        summary_event: EventRow,
    ) -> None: ...


class Finalization(Protocol):
    async def facts(self, connection: Handle, user_id: UUID, session_id: UUID) -> SessionFacts: ...

    async def add_finalization(
        self,
        connection: Handle,
        user_id: UUID,
        session_id: UUID,
        *,
        user_seq: int,
        status: str,
        end_reason_code: str,
        turn_count: int,
        turn_xp: int,
        local_date: date,
    ) -> None: ...

    async def add_gates(
        self, connection: Handle, user_id: UUID, session_id: UUID, gates: list[tuple[str, bool, str, str]]
    ) -> None: ...

    async def add_mood_timeline(
        self, connection: Handle, user_id: UUID, session_id: UUID, timeline_id: UUID, arc: str, snapshots: str
    ) -> None: ...

    async def add_trait_history(
        self,
        connection: Handle,
        user_id: UUID,
        session_id: UUID,
        history_id: UUID,
        *,
        user_seq: int,
        counts: bool,
        snapshot: tuple[int, ...] | None,
        before: tuple[int, ...] | None,
        after: tuple[int, ...] | None,
    ) -> None: ...

    async def add_summary(self, connection: Handle, user_id: UUID, session_id: UUID, body: str) -> None: ...

    async def outbox_end(self, connection: Handle) -> int: ...

    async def outbox_after(
        self, connection: Handle, since: int, limit: int
    ) -> tuple[int, list[tuple[int, UUID, UUID]]]: ...

    async def prune_outbox(self, connection: Handle, *, seconds: float) -> int: ...


class Statistics(Protocol):
    async def lock(self, connection: Handle, user_id: UUID) -> UserStats: ...

    async def next_user_seq(self, connection: Handle, user_id: UUID) -> int: ...

    async def record(self, connection: Handle, fact: Fact, long_term: tuple[int, ...] | None) -> None: ...

    async def attempt_mission(
        self,
        connection: Handle,
        user_id: UUID,
        template_id: UUID,
        session_id: UUID,
        ended_at: datetime,
        *,
        completed: bool,
    ) -> None: ...

    async def reach_category(
        self,
        connection: Handle,
        user_id: UUID,
        category_key: str,
        ended_at: datetime,
        catalogue_hash: str,
        *,
        completed: bool,
    ) -> bool: ...

    async def unlock_deep_insight(self, connection: Handle, user_id: UUID, ended_at: datetime) -> None: ...

    async def add_streak_day(self, connection: Handle, user_id: UUID, day: date) -> None: ...


class Wallet(Protocol):
    async def lock(self, connection: Handle, user_id: UUID) -> Balance: ...

    async def was_paid(self, connection: Handle, user_id: UUID, kind: str, source_id: str) -> bool: ...

    async def book(self, connection: Handle, user_id: UUID, before: Balance, booked: list[Entry]) -> Balance: ...


class Memory(Protocol):
    async def present(self, connection: Handle, user_id: UUID, persona_key: str) -> list[dict[str, Any]]: ...

    async def of_session(self, connection: Handle, user_id: UUID, session_id: UUID) -> list[dict[str, Any]]: ...


class Standing(Protocol):
    async def categories_played(self, connection: Handle, user_id: UUID) -> int: ...

    async def streak_days(self, connection: Handle, user_id: UUID) -> list[date]: ...

    async def category(self, connection: Handle, user_id: UUID, category_key: str) -> CategoryStanding: ...


class Road(Protocol):
    async def progress(self, connection: Handle, user_id: UUID) -> Progress: ...


class Accounts(Protocol):
    async def versions(self, connection: Handle, ids: Sequence[UUID]) -> dict[UUID, int]: ...


class Append(Protocol):
    async def append(self, connection: Handle, writes: Sequence[SessionWrite]) -> set[tuple[UUID, UUID]]: ...


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """One storage. Sessions, replies, ends, the sweeper and the relay reach their data through this alone; forgetting
    searches the text of whole tables, and is done in SQL beside it."""

    database: Connections
    heads: Heads
    transcripts: Transcripts
    sessions: Sessions
    finalization: Finalization
    statistics: Statistics
    wallet: Wallet
    memory: Memory
    standing: Standing
    road: Road
    accounts: Accounts
    append: Append


def sql_store(database: Database) -> Store:
    """PostgreSQL, by the modules of this package."""
    return Store(
        database=database,
        heads=heads,
        transcripts=transcripts,
        sessions=sessions,
        finalization=finalization,
        statistics=statistics,
        wallet=wallet,
        memory=memory,
        standing=standing,
        road=progress,
        accounts=accounts,
        append=append,
    )
