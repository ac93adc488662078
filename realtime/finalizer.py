"""The finalizer: the one transaction that ends a session, exactly once, whoever runs it and how often.

Order of locks: the session's row, then the user's ``user_stats``, then the wallet. The session's final status and the
primary key of ``finalization`` are the arbiter: of many finalizers one writes, the others find its summary. No call
leaves this transaction, and what is shown was computed in it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import uuid_utils.compat

from realtime import road
from realtime.core import insight, longterm
from realtime.core import mood as moods
from realtime.core import streak as streaks
from realtime.core.endings import Ending, ending_of, tally_of
from realtime.core.facts import Cause, Tally, Terms, TurnFacts
from realtime.core.gates import GateResult, evaluate
from realtime.core.numbers import decimals, mean_hundredths, mean_whole
from realtime.core.state import UnreadableState, decode
from realtime.core.times import iso
from realtime.domain import TRAIT_NAMES, Amounts, MoodSnapshot
from realtime.memory.rules import snapshot
from realtime.opening import load_memory, terms_of
from realtime.outcome import outcome_of
from realtime.protocol.events import durable, encode
from realtime.summary import Given, memory_write, summary_of, trait_means
from storage import wallet
from storage.catalogue.model import Template
from storage.catalogue.store import Shelf
from storage.errors import NotFound
from storage.finalization import SessionFacts
from storage.rows import EventRow, SessionHead
from storage.statistics import Fact, UserStats
from storage.store import Handle, Store
from storage.wallet import Balance

STREAK_TURNS = 3  # learner turns that make a counting session's day an active one
DISCOVERED_FROM = 7_000  # hundredths: a category's trait is discovered at a mean of 70
DISCOVERED_SESSIONS = 2


class Played(msgspec.Struct, frozen=True):
    """The session as it was played. ``turns``: the learner's, with everything that was stored of them."""

    facts: SessionFacts
    turns: list[dict[str, Any]]
    template: Template | None
    terms: Terms
    tally: Tally
    ending: Ending
    gates: tuple[GateResult, ...]

    @property
    def makes_a_day(self) -> bool:
        """Whether a counting session like this makes its day an active one."""
        return len(self.turns) >= STREAK_TURNS or self.facts.channel in ("VOICE", "AB")


class Grown(msgspec.Struct, frozen=True):
    """The user's long-term traits before and after, in hundredths (None: no session has counted yet), and the ids of
    the rows that the summary names."""

    before: tuple[int, ...] | None
    after: tuple[int, ...] | None
    timeline_id: UUID
    history_id: UUID


class Pay(msgspec.Struct, frozen=True):
    """What the session moved in the wallet."""

    gains: Amounts
    bonus: Amounts
    before: Balance
    after: Balance


class Progress(msgspec.Struct, frozen=True):
    """What the session unlocked. ``completed``: the user's completed missions with it (empty for free play)."""

    missions: list[str]
    categories: list[str]
    deep_insight: bool
    needs: insight.DeepInsightNeeds
    unlocked_at: datetime | None
    completed: frozenset[UUID]


class Finalizer:
    """Finalizes sessions that are FINALIZING. Idempotent: a final session gives its stored summary."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self._store = store
        self._shelf = shelf

    async def finalize(self, user_id: UUID, session_id: UUID) -> str:
        """The summary's text, stored. Raises ``NotFound``; any other error leaves everything as it was."""
        async with self._store.database.transaction() as connection:
            head = await self._store.heads.head(connection, user_id, session_id, lock=True)
            if head is None:
                raise NotFound(f"session {session_id}")
            if head.final:
                stored = await self._store.transcripts.summary(connection, user_id, session_id)
                assert stored is not None, "a final session has its summary"
                return stored
            if head.open:
                raise ValueError(f"session {session_id} has not ended")
            return await self._finalize(connection, head)

    async def _finalize(self, connection: Handle, head: SessionHead) -> str:
        before = await self._store.statistics.lock(connection, head.user_id)
        user_seq = await self._store.statistics.next_user_seq(connection, head.user_id)
        played = await self._played(connection, head)
        grown = await self._record_session(connection, head, played, before, user_seq)
        pay = await self._pay(connection, head, played)
        fact = _fact(head, played, pay)
        await self._store.statistics.record(connection, fact, grown.after)
        made = await self._progress(connection, head, played.ending, before, fact.final_score)
        if played.ending.counts and played.makes_a_day:
            await self._store.statistics.add_streak_day(connection, head.user_id, played.facts.local_date)
        body = summary_of(await self._given(connection, head, played, grown, pay, made))
        await self._conclude(connection, head, played, user_seq, pay, body)
        return body

    async def _played(self, connection: Handle, head: SessionHead) -> Played:
        """The session as it is stored, and what its end is called."""
        facts = await self._store.finalization.facts(connection, head.user_id, head.id)
        turns = await self._store.transcripts.learner_turns(connection, head.user_id, head.id)
        template = None
        if head.template_version_id is not None:
            template = await self._shelf.version(connection, head.template_version_id, head.template_code or "")
        terms = terms_of(template)
        tally = tally_of(_facts_of(turns))
        cause: Cause = msgspec.convert(head.cause, Cause)
        ending = ending_of(cause, terms, tally)
        return Played(facts, turns, template, terms, tally, ending, evaluate(terms, tally))

    async def _record_session(
        self, connection: Handle, head: SessionHead, played: Played, stats: UserStats, user_seq: int
    ) -> Grown:
        """Gates, mood timeline and trait history."""
        user_id, session_id, counts = head.user_id, head.id, played.ending.counts
        means = trait_means(played.turns)
        before = None if stats.long_term is None else tuple(stats.long_term)
        after = longterm.step(before, means) if counts and means is not None else before
        grown = Grown(before, after, uuid_utils.compat.uuid7(), uuid_utils.compat.uuid7())
        moods_seen = [msgspec.json.decode(turn["mood"], type=MoodSnapshot) for turn in played.turns]
        gates: list[tuple[str, bool, str, str]] = [
            (g.gate_key, g.passed, g.reason_code, encode(g.context)) for g in played.gates
        ]
        await self._store.finalization.add_gates(connection, user_id, session_id, gates)
        await self._store.finalization.add_mood_timeline(
            connection, user_id, session_id, grown.timeline_id, moods.arc(moods_seen), encode(moods_seen)
        )
        await self._store.finalization.add_trait_history(
            connection,
            user_id,
            session_id,
            grown.history_id,
            user_seq=user_seq,
            counts=counts,
            snapshot=means,
            before=before,
            after=after,
        )
        return grown

    async def _given(
        self,
        connection: Handle,
        head: SessionHead,
        played: Played,
        grown: Grown,
        pay: Pay,
        made: Progress,
    ) -> Given:
        """Everything that the summary says, read under the same locks."""
        ending, gates, tally, turns = played.ending, played.gates, played.tally, played.turns
        writes = await self._store.memory.of_session(connection, head.user_id, head.id)
        return Given(
            head=head,
            facts=played.facts,
            turns=turns,
            created_at=iso(head.created_at),
            ended_at=iso(_ended_at(head)),
            duration_seconds=max(0, int((_ended_at(head) - head.created_at).total_seconds())),
            outcome=outcome_of(ending, played.terms, tally, gates, turns),
            gates=gates,
            progress=tally.progress,
            gains=pay.gains,
            bonus=pay.bonus,
            before=pay.before,
            after=pay.after,
            streak=await self._streak(connection, head, played.facts),
            category=await self._category(connection, head, made.completed),
            memory_snapshot=await self._memory_snapshot(connection, head),
            memory_writes=[memory_write(record, iso(record["created_at"])) for record in writes],
            long_term_before=grown.before,
            long_term=grown.after,
            mood_timeline_id=str(grown.timeline_id),
            trait_history_id=str(grown.history_id),
            deep_insight=insight.shown(made.needs, None if made.unlocked_at is None else iso(made.unlocked_at)),
            unlocked_missions=made.missions,
            unlocked_categories=made.categories,
            unlocked_deep_insight=made.deep_insight,
        )

    async def _conclude(
        self,
        connection: Handle,
        head: SessionHead,
        played: Played,
        user_seq: int,
        pay: Pay,
        body: str,
    ) -> None:
        """The finalization, the summary with its event and outbox row, and the final status."""
        ending = played.ending
        await self._store.finalization.add_finalization(
            connection,
            head.user_id,
            head.id,
            user_seq=user_seq,
            status=ending.status,
            end_reason_code=ending.end_reason_code,
            turn_count=len(played.turns),
            turn_xp=pay.gains.xp - pay.bonus.xp,
            local_date=played.facts.local_date,
        )
        await self._store.finalization.add_summary(connection, head.user_id, head.id, body)
        event = durable(head.id, head.last_seq + 1, "session.summary", {"summary": msgspec.Raw(body.encode())})
        await self._store.sessions.finish(
            connection,
            head.user_id,
            head.id,
            status=ending.status,
            end_reason_code=ending.end_reason_code,
            user_seq=user_seq,
            summary_event=EventRow(event.seq, event.type, event.body),
        )

    async def _pay(self, connection: Handle, head: SessionHead, played: Played) -> Pay:
        """Pay what the turns were shown to earn, and the mission's bonus once per user and template."""
        ending, turns, gains = played.ending, played.turns, Amounts()
        if ending.pays_turns:
            gains = Amounts(
                xp=sum(turn["xp"] for turn in turns),
                coins=sum(turn["coins"] for turn in turns),
                gems=sum(turn["gems"] for turn in turns),
            )
        bonus = Amounts()
        if ending.status == "SUCCESS" and played.template is not None:
            paid = await self._store.wallet.was_paid(connection, head.user_id, "MISSION_BONUS", str(head.template_id))
            if not paid:
                rewards = played.template.rewards
                bonus = Amounts(xp=rewards.xp, coins=rewards.coins, gems=rewards.gems)
        before = await self._store.wallet.lock(connection, head.user_id)
        entries = [
            *wallet.entries("SESSION", str(head.id), "SESSION_REWARD", gains.xp, gains.coins, gains.gems),
            *wallet.entries("TEMPLATE", str(head.template_id), "MISSION_BONUS", bonus.xp, bonus.coins, bonus.gems),
        ]
        after = await self._store.wallet.book(connection, head.user_id, before, entries)
        return Pay(gains.plus(bonus), bonus, before, after)

    async def _progress(
        self, connection: Handle, head: SessionHead, ending: Ending, before: UserStats, final_score: int
    ) -> Progress:
        """Missions, categories and deep insight that this session unlocked."""
        ended_at, missions, categories = _ended_at(head), [], []
        done: frozenset[UUID] = frozenset()
        if head.template_id is not None and head.category_key is not None and head.template_code is not None:
            success = ending.status == "SUCCESS"
            stood = await self._store.road.progress(connection, head.user_id)
            await self._store.statistics.attempt_mission(
                connection, head.user_id, head.template_id, head.id, ended_at, completed=success
            )
            if success and self._is_active(head.template_code):
                missions = road.unlocked_by(self._shelf, stood.completed, head.template_code, stood.unlocked)
            done = stood.completed | {head.template_id} if success else stood.completed
            active = self._shelf.in_category(head.category_key)
            completed = bool(active) and all(p.id in done for p in active)
            if await self._store.statistics.reach_category(
                connection, head.user_id, head.category_key, ended_at, self._shelf.digest, completed=completed
            ):
                categories = [head.category_key]
        counted = int(ending.counts)
        unlocked, needs = insight.deep_insight(
            sessions=before.success_count + before.fail_count + counted,
            categories=await self._store.standing.categories_played(connection, head.user_id),
            score_sum=before.score_sum + counted * final_score,
            already=before.is_deep_insight_unlocked,
        )
        news = unlocked and not before.is_deep_insight_unlocked
        if news:
            await self._store.statistics.unlock_deep_insight(connection, head.user_id, ended_at)
        at = ended_at if news else before.deep_insight_unlocked_at
        return Progress(missions, categories, news, needs, at, done)

    def _is_active(self, template_code: str) -> bool:
        published = self._shelf.templates.get(template_code)
        return published is not None and published.template.active

    async def _streak(self, connection: Handle, head: SessionHead, facts: SessionFacts) -> streaks.Streak:
        days = await self._store.standing.streak_days(connection, head.user_id)
        return streaks.streak(days, _ended_at(head).astimezone(ZoneInfo(facts.time_zone)).date())

    async def _category(self, connection: Handle, head: SessionHead, done: frozenset[UUID]) -> dict[str, Any]:
        """``categorySummary``, this session included."""
        key = head.category_key
        if key is None:
            return {
                "categoryKey": None,
                "categoryName": None,
                "isCompleted": False,
                "totalSessions": 0,
                "averageScore": None,
                "discoveredTraits": [],
                "completedMissions": 0,
                "totalMissions": 0,
            }
        stats = await self._store.standing.category(connection, head.user_id, key)
        active = self._shelf.in_category(key)
        count = stats.success_count + stats.fail_count
        return {
            "categoryKey": key,
            "categoryName": self._shelf.categories[key].label if key in self._shelf.categories else key,
            "isCompleted": stats.completed,
            "totalSessions": count,
            "averageScore": decimals(mean_hundredths(stats.score_sum, count)) if count else None,
            "discoveredTraits": [
                name
                for name, (n, total) in zip(TRAIT_NAMES, stats.traits, strict=True)
                if n >= DISCOVERED_SESSIONS and total >= DISCOVERED_FROM * n
            ],
            "completedMissions": sum(1 for published in active if published.id in done),
            "totalMissions": len(active),
        }

    async def _memory_snapshot(self, connection: Handle, head: SessionHead) -> dict[str, str] | None:
        try:
            if decode(head.state).memory_mode == "off":
                return None
        except UnreadableState:
            return None
        return snapshot(await load_memory(self._store, connection, head.user_id, head.persona_key))


def _facts_of(turns: list[dict[str, Any]]) -> list[TurnFacts]:
    return [
        TurnFacts(
            turn_index=turn["turn_index"],
            score=turn["score"],
            mood_percent=turn["mood_percent"],
            progress=turn["progress"],
            strike=turn["strike"],
            disqualified=turn["disqualified"],
        )
        for turn in turns
    ]


def _fact(head: SessionHead, played: Played, pay: Pay) -> Fact:
    turns = played.turns
    total, count = sum(turn["score"] for turn in turns), len(turns)
    charisma = sum(turn["charisma_index"] for turn in turns)
    return Fact(
        user_id=head.user_id,
        status=played.ending.status,
        category_key=head.category_key or "",
        persona_key=head.persona_key,
        local_date=played.facts.local_date,
        ended_at=_ended_at(head),
        final_score=mean_whole(total, count),
        message_score=mean_hundredths(total, count),
        traits=trait_means(turns),
        charisma=mean_hundredths(charisma, count) if count else None,
        xp=pay.gains.xp,
        gates=tuple((gate.gate_key, gate.passed) for gate in played.gates),
    )


def _ended_at(head: SessionHead) -> datetime:
    assert head.ended_at is not None, "begin_end stamps it"
    return head.ended_at
