"""The rows that a step stores, made of what the step worked out. Pure; the columns are those of ``storage.rows``."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UnsetType

from realtime.core.rewards import rarity_of
from realtime.domain import MoodSnapshot, TurnRewards, TurnScore
from realtime.memory.rules import Change
from realtime.protocol.events import encode
from storage.rows import MemoryRow, TurnRow

if TYPE_CHECKING:
    from realtime.core.session import LearnerTurn, Reply


def learner_row(
    turn: "LearnerTurn",
    score: TurnScore,
    rewards: TurnRewards,
    mood: MoodSnapshot,
    *,
    position: int,
    progress: int,
    parent: str | None,
    line_hash: int,
    seqs: tuple[int, int],
) -> TurnRow:
    """A turn of the learner with everything that was found out about it; nothing is scored again later.

    ``progress``: the highest reached after this turn. ``seqs``: the first and the last event of the turn.
    """
    return TurnRow(
        item_id=turn.item_id,
        position=position,
        turn_index=mood.turn_index,
        role="user",
        kind=turn.kind,
        status="completed",
        parent_item_id=parent,
        text=turn.text,
        body_hash=turn.body_hash,
        line_hash=line_hash,
        **_found(score),
        mood=encode(mood),
        mood_percent=mood.smoothed_mood_score,
        progress=progress,
        xp=rewards.xp,
        coins=rewards.coins,
        gems=rewards.gems,
        reward_reason=None if isinstance(rewards.reason, UnsetType) else rewards.reason,
        delivery=None if turn.delivery is None else encode(turn.delivery),
        first_seq=seqs[0],
        final_seq=seqs[1],
    )


def _found(score: TurnScore) -> dict[str, Any]:
    """The columns of what the scorer found, by name."""
    return {
        "score": score.score,
        "rarity": rarity_of(score.score),
        **msgspec.structs.asdict(score.traits),
        "charisma_index": score.charisma_index,
        "evidence": encode(score.evidence),
        "observed": encode(score.observed),
        "hooks": encode(score.hooks),
        "patterns": encode(score.patterns),
        "tip": score.tip,
        "strike": score.strike,
        "disqualified": score.disqualified,
        "filler_words": score.filler_words,
        "total_words": score.total_words,
        "scorer_version": score.scorer_version,
    }


def persona_row(reply: "Reply", *, position: int, parent: str | None, status: str, seqs: tuple[int, int]) -> TurnRow:
    """A line of the persona. ``status``: ``completed``, or ``incomplete`` for what was said before a cancel."""
    return TurnRow(
        item_id=reply.item_id,
        position=position,
        role="assistant",
        kind="text",
        status=status,
        parent_item_id=parent,
        text=reply.text or "",
        first_seq=seqs[0],
        final_seq=seqs[1],
    )


def memory_row(persona_key: str, change: Change, seq: int) -> MemoryRow:
    """One write to the persona's memory, as the event of ``seq`` tells it: an item taken off a list is the previous
    value, and there is no new one."""
    return MemoryRow(
        persona_key=persona_key,
        key=change.key,
        items=encode(change.entry.items),
        previous_value=change.value if change.removed else change.previous_value,
        version=change.version,
        expected_version=change.expected_version,
        op=change.op,
        value=None if change.removed else change.value,
        confidence=change.confidence,
        seq=seq,
        item_id=change.source.item_id,
        span_start=change.source.start,
        span_end=change.source.end,
        quote=change.source.quote,
        created_at=datetime.fromisoformat(change.written_at),
    )
