"""The summary's bound: 128 KiB of UTF-8, whatever was said and however much was learnt."""

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest

from realtime.core import insight
from realtime.core.endings import count, ending_of
from realtime.core.facts import Tally, Terms, TurnFacts
from realtime.core.gates import evaluate
from realtime.core.mood import MoodState, advance
from realtime.core.streak import streak
from realtime.domain import Amounts, Traits
from realtime.opening import terms_of
from realtime.outcome import outcome_of
from realtime.protocol.events import encode
from realtime.summary import MAX_BYTES, Given, memory_write, summary_of
from storage.finalization import SessionFacts
from storage.rows import SessionHead
from storage.wallet import Balance
from tests.ending import shape

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
ISO = "2026-03-01T10:00:00.000Z"
TRAITS = Traits.of([90, 80, 70, 60, 50, 40])


def turns_of(character: str, length: int, number: int) -> tuple[list[dict[str, Any]], Tally]:
    turns, tally, mood = [], Tally(), MoodState()
    for index in range(1, number + 1):
        score = 85 + index % 15
        mood, snapshot = advance(mood, turn_index=index, score=score, traits=TRAITS, pattern_count=0)
        facts = TurnFacts(turn_index=index, score=score, mood_percent=snapshot.smoothed_mood_score, progress=0)
        tally = count(tally, facts)
        turns.append(
            {
                "turn_index": index,
                "text": character * length,
                "score": score,
                "rarity": "S+" if score >= 95 else "S",
                **msgspec.structs.asdict(TRAITS),
                "charisma_index": 75,
                "evidence": "[]",
                "observed": '["humor"]',
                "hooks": '["CONFIDENT_TONE","HIGH_HUMOR"]',
                "patterns": "[]",
                "strike": None,
                "disqualified": None,
                "mood": encode(snapshot),
                "filler_words": 0,
                "total_words": 1,
            }
        )
    return turns, tally


def given(
    character: str, length: int, number: int, *, snapshot: dict[str, str] | None = None, writes: int = 0
) -> Given:
    turns, tally = turns_of(character, length, number)
    terms: Terms = terms_of(None)
    gates, ending = evaluate(terms, tally), ending_of("CLIENT", terms, tally)
    _, needs = insight.deep_insight(sessions=1, categories=0, score_sum=90, already=False)
    record: dict[str, Any] = {"key": "home", "value": character * 200, "op": "updated", "item_id": "i" * 64}
    record |= {"span_start": 0, "span_end": 200, "quote": character * 200}
    head = SessionHead(
        user_id=UUID(int=1),
        id=UUID(int=2),
        template_id=None,
        template_version_id=None,
        template_code=None,
        persona_id=UUID(int=3),
        persona_key="NOA_CALM",
        category_key=None,
        difficulty=None,
        ai_mode="FREEPLAY",
        model="",
        status="FINALIZING",
        cause="CLIENT",
        success_threshold=60,
        fail_threshold=60,
        last_seq=10,
        state="{}",
        ending_until=None,
        reply_id=None,
        reply_until=None,
        created_at=AT,
        ended_at=AT,
    )
    facts = SessionFacts(
        goal_type=None,
        style=None,
        objective_key=None,
        objective_type=None,
        dynamic_type=None,
        location_tag=None,
        channel="TEXT",
        time_zone="UTC",
        local_date=date(2026, 3, 1),
        analysis_enabled=True,
    )
    category = {"categoryKey": None, "categoryName": None, "isCompleted": False, "totalSessions": 0}
    return Given(
        head=head,
        facts=facts,
        turns=turns,
        ended_at=ISO,
        created_at=ISO,
        duration_seconds=60,
        outcome=outcome_of(ending, terms, tally, gates, turns),
        gates=gates,
        progress=0,
        gains=Amounts(xp=120, coins=40, gems=1),
        bonus=Amounts(),
        before=Balance(0, 0, 0),
        after=Balance(120, 40, 1),
        streak=streak([], date(2026, 3, 1)),
        category={
            **category,
            "averageScore": None,
            "discoveredTraits": [],
            "completedMissions": 0,
            "totalMissions": 0,
        },
        memory_snapshot=snapshot,
        memory_writes=[memory_write({**record, "span_start": at}, ISO) for at in range(writes)],
        long_term_before=None,
        long_term=(100, 200, 300, 400, 500, 600),
        mood_timeline_id="m",
        trait_history_id="t",
        deep_insight=insight.shown(needs, None),
        unlocked_missions=[],
        unlocked_categories=[],
        unlocked_deep_insight=False,
    )


@pytest.mark.parametrize("character", ["a", "漢", "🙂", "\x01"])
def test_a_thousand_turns_of_two_thousand_characters_fit(character: str) -> None:
    body = summary_of(given(character, 2_000, 1_000))
    assert len(body.encode()) <= MAX_BYTES
    summary = msgspec.json.decode(body)
    assert shape.differences(summary, shape.summary(mission=False)) == []
    assert (len(summary["keyMessages"]["top"]), len(summary["keyMessages"]["bottom"])) == (3, 3)
    assert summary["keyMessages"]["top"][0]["content"] == character * 2_000, "what is shown is shown whole"
    assert summary["messageCount"] == 1_000


def test_what_fits_is_all_there() -> None:
    summary = msgspec.json.decode(summary_of(given("a", 60, 1_000, snapshot={"home": "Haifa"}, writes=30)))
    assert len(summary["keyMessages"]["rare"]) == 20
    shown = summary["moodSummary"]["snapshots"]
    assert len(shown) == 200
    assert (shown[0]["turnIndex"], shown[-1]["turnIndex"]) == (1, 1_000)
    steps = [after["turnIndex"] - before["turnIndex"] for before, after in pairwise(shown)]
    assert set(steps) == {5, 6}, "thinned evenly"
    assert len(summary["personaMemory"]["memoryWritesDuringSession"]) == 30
    assert summary["personaMemory"]["memorySnapshot"] == {"home": "Haifa"}


@pytest.mark.parametrize("character", ["🙂", "\x01"])
def test_a_memory_of_any_size_leaves_a_summary(character: str) -> None:
    """Eight writes a turn for a thousand turns, and twelve items of two hundred characters under many keys."""
    snapshot = {f"plans.{at}": character * 2_400 for at in range(60)}
    body = summary_of(given(character, 2_000, 1_000, snapshot=snapshot, writes=8_000))
    assert len(body.encode()) <= MAX_BYTES
    memory = msgspec.json.decode(body)["personaMemory"]
    starts = [write["source"]["start"] for write in memory["memoryWritesDuringSession"]]
    assert starts
    assert starts == list(range(8_000 - len(starts), 8_000)), "the latest, in their order"
    assert list(memory["memorySnapshot"]) == [f"plans.{at}" for at in range(len(memory["memorySnapshot"]))]
