"""The session as a state machine without I/O: state, input and time in; new state and effects out.

Each function takes the present ``State`` (which it leaves untouched) and returns a ``Step``: the state after it, the
durable events with their seqs, and the rows. Nothing here waits, draws a number or reads a clock, so a step that
was not committed can be made again, by this process or another, and gives the same bytes.
"""

import copy
from collections.abc import Container
from typing import Any

import msgspec

from realtime.core import mood as moods
from realtime.core.contexts import turn_context
from realtime.core.endings import NOTHING, count, ends_now
from realtime.core.facts import TurnFacts
from realtime.core.lines import line_hash
from realtime.core.numbers import decimals, mean_hundredths
from realtime.core.rewards import rarity_of, turn_rewards
from realtime.core.rows import learner_row, memory_row, persona_row
from realtime.core.state import Spec, State, encode, give_tip, kept
from realtime.domain import Amounts, MemoryEntry, Moment, MoodSnapshot, TurnRewards, TurnScore
from realtime.memory.rules import Change, apply, event_payload, forget
from realtime.memory.rules import edit as edit_memory
from realtime.minds import MemoryExtractor, Scorer, TurnContext
from realtime.protocol import events
from realtime.protocol.events import Event, Payload
from storage.rows import MemoryRow, SessionWrite, TurnRow

Memory = dict[str, MemoryEntry]


class Minds(msgspec.Struct, frozen=True):
    """The pure minds that a turn is read with."""

    scorer: Scorer
    extractor: MemoryExtractor

    def forget(self) -> None:
        """Something was forgotten: no line of anybody is kept for speed. Nothing that they find changes."""
        self.scorer.forget()
        self.extractor.forget()


class LearnerTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn as any transport delivers it. ``at``: ISO time of its arrival. ``delivery``: voice turns only."""

    item_id: str
    text: str
    kind: str
    body_hash: bytes
    at: str
    delivery: Payload | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reply: ``text`` None when nothing was said before it was cancelled or failed."""

    response_id: str
    item_id: str
    text: str | None
    status: str
    details: Payload | None = None
    metadata: dict[str, str] | None = None
    carry: str = ""
    recalled: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one input did. ``ends``: the mission's own rules end the session with this turn."""

    state: State
    events: tuple[Event, ...]
    turns: tuple[TurnRow, ...] = ()
    changes: tuple[Change, ...] = ()
    memory_rows: tuple[MemoryRow, ...] = ()
    ends: bool = False
    voice: bool = False
    clears_reply: str | None = None

    def as_write(self, spec: Spec, expected_seq: int, ending_seconds: float) -> SessionWrite:
        return SessionWrite(
            user_id=spec.user_id,
            session_id=spec.session_id,
            expected_seq=expected_seq,
            seq=self.state.seq,
            state=encode(self.state),
            new_turn=any(row.role == "user" for row in self.turns),
            voice=self.voice,
            ending_seconds=ending_seconds if self.ends else None,
            clears_reply=self.clears_reply,
            turns=self.turns,
            events=self.events,
            memory=self.memory_rows,
        )


class _Draft:
    """A step in the making: hands out seqs and collects."""

    def __init__(self, spec: Spec, state: State) -> None:
        self.spec = spec
        self.state = copy.copy(state)
        self.events: list[Event] = []
        self.rows: list[MemoryRow] = []

    def emit(self, type_: str, payload: Payload) -> Event:
        return self._emit(type_, events.encode(payload))

    def _emit(self, type_: str, payload: str) -> Event:
        self.state.seq += 1
        event = events.placed(self.spec.session_id, self.state.seq, type_, payload)
        self.events.append(event)
        return event

    def remember(self, change: Change, redacts: tuple[int, ...] = ()) -> None:
        event = self.emit(f"memory.{change.op}", event_payload(change, redacts=redacts))
        self.rows.append(memory_row(self.spec.persona.code, change, event.seq))

    def item(self, item: Payload, *, added: bool = True) -> None:
        """Append an item to the conversation: ``added`` and ``done`` (a reply's ``added`` was a signal)."""
        payload = events.encode(events.after(self.state.last_item, item))
        if added:
            self._emit("conversation.item.added", payload)
        self._emit("conversation.item.done", payload)
        self.state.position += 1
        self.state.last_item = item["id"]
        self.state.last_role = item["role"]


def begin(
    spec: Spec,
    session_object: dict[str, Any],
    *,
    xp_left_today: int,
    opening: Reply | None,
    time_zone: str = "UTC",
) -> Step:
    """The first batch of a session: ``session.created``, and the persona's opening line if it has one."""
    node = spec.template.graph.start if spec.template else None
    draft = _Draft(spec, State(xp_left_today=xp_left_today, time_zone=time_zone, node=node))
    draft.emit("session.created", {"session": session_object})
    turns: tuple[TurnRow, ...] = ()
    if opening is not None and opening.text is not None:
        draft.item(events.assistant_item(opening.item_id, opening.text))
        draft.state.persona_line = kept(opening.text)
        draft.state.carry = opening.carry
        draft.state.recalled = opening.recalled
        seqs = (draft.state.seq - 1, draft.state.seq)
        turns = (persona_row(opening, position=draft.state.position, parent=None, status="completed", seqs=seqs),)
    return Step(state=draft.state, events=tuple(draft.events), turns=turns)


def learner_turn(
    spec: Spec, state: State, turn: LearnerTurn, minds: Minds, memory: Memory, paid_before: Container[int]
) -> Step:
    """A turn of the learner: stored, scored, learnt from, and paid for, all in one step.

    ``paid_before``: line hashes the user was paid for before this session. The events are, in order,
    ``conversation.item.added``, ``.done`` (the acknowledgement), ``turn.scored``, ``memory.*``.
    """
    draft = _Draft(spec, state)
    after = draft.state
    index = state.tally.turns + 1
    score = _scored_once(minds.scorer, turn_context(spec, state, turn.text, index))
    progress = _walk_on(spec, after, score)
    after.mood, snapshot = moods.advance(
        state.mood, turn_index=index, score=score.score, traits=score.traits, pattern_count=len(score.patterns)
    )
    line = line_hash(turn.text)
    rewards = _rewarded(state, score.score, line, paid_before)
    paid = Amounts(xp=rewards.xp, coins=rewards.coins, gems=rewards.gems)
    after.tally = count(state.tally, _facts(score, snapshot, progress), paid=paid)
    _keep(after, state, turn.text, score, pays=line if paid != NOTHING else None)

    draft.item(events.user_item(turn.item_id, turn.text, voice=turn.kind == "voice"))
    draft.emit("turn.scored", _scored(spec, after, turn, score, rewards, snapshot))
    changes = _learn(draft, turn, score, minds.extractor, memory)
    after.ending = state.ending or ends_now(spec.terms, after.tally)
    after.voice = state.voice or turn.kind == "voice"
    return Step(
        state=after,
        events=tuple(draft.events),
        turns=(_learner_row(draft, state, turn, score, rewards, snapshot, line),),
        changes=changes,
        memory_rows=tuple(draft.rows),
        ends=after.ending,
        voice=turn.kind == "voice",
    )


def reply_done(spec: Spec, state: State, reply: Reply) -> Step:
    """The end of a reply: its item (if anything was said) and ``response.done``, committed together."""
    draft = _Draft(spec, state)
    output: list[Payload] = []
    item_status = "completed" if reply.status == "completed" else "incomplete"
    if reply.text is not None:
        output = [events.assistant_item(reply.item_id, reply.text, item_status)]
        draft.item(output[0], added=False)
        draft.state.persona_line = kept(reply.text)
        draft.state.arrived = False
    if reply.status == "completed":
        draft.state.carry = reply.carry
        draft.state.recalled = reply.recalled
    response = events.response(
        reply.response_id, reply.status, output=output, metadata=reply.metadata, details=reply.details
    )
    draft.emit("response.done", {"response": response})
    turns: tuple[TurnRow, ...] = ()
    if reply.text is not None:
        seqs = (state.seq + 1, draft.state.seq)
        position, parent = draft.state.position, state.last_item
        turns = (persona_row(reply, position=position, parent=parent, status=item_status, seqs=seqs),)
    return Step(state=draft.state, events=tuple(draft.events), turns=turns, clears_reply=reply.response_id)


def update_session(spec: Spec, state: State, session_object: dict[str, Any]) -> Step:
    """``session.updated`` with the whole effective session."""
    draft = _Draft(spec, state)
    ours = session_object["socialgym"]
    draft.state.auto_response = bool(ours["autoResponse"])
    draft.state.memory_mode = ours["memoryMode"]
    draft.emit("session.updated", {"session": session_object})
    draft.state.session_seq = draft.state.seq
    return Step(state=draft.state, events=tuple(draft.events))


def correct_memory(spec: Spec, state: State, key: str, value: str, memory: Memory, *, at: str) -> Step:
    """The learner sets a value right. Raises ``KeyUnknown`` when nothing is remembered under ``key``."""
    draft = _Draft(spec, state)
    change = edit_memory(memory, key, value, written_at=at)
    draft.remember(change)
    return Step(state=draft.state, events=tuple(draft.events), changes=(change,), memory_rows=tuple(draft.rows))


def forget_memory(spec: Spec, state: State, key: str, memory: Memory, redacts: tuple[int, ...], *, at: str) -> Step:
    """The learner has a key forgotten; ``redacts`` names the seqs of this session that the store redacts with it."""
    draft = _Draft(spec, state)
    change = forget(memory, key, written_at=at)
    draft.remember(change, redacts)
    return Step(state=draft.state, events=tuple(draft.events), changes=(change,), memory_rows=tuple(draft.rows))


def _scored_once(scorer: Scorer, context: TurnContext) -> TurnScore:
    """The turn's score, without a tip that was given before, whatever the scorer makes of that."""
    score = scorer.score(context)
    if score.tip is not None and score.tip in context.given_tips:
        return msgspec.structs.replace(score, tip=None)
    return score


def _walk_on(spec: Spec, after: State, score: TurnScore) -> int:
    """Move through the mission's graph; the highest progress reached. Free play has none."""
    progress = after.tally.progress
    if spec.walk is None or after.node is None:
        return progress
    after.node, after.arrived = spec.walk.step(after.node, score.intents, score.score)
    return spec.walk.progress_after(after.node, progress)


def _rewarded(state: State, score: int, line: int, paid_before: Container[int]) -> TurnRewards:
    paid = state.tally.paid
    already = line in state.paid_lines or line in paid_before
    left_today = state.xp_left_today - paid.xp
    return turn_rewards(score, paid=paid, xp_left_today=left_today, already_paid_line=already)


def _facts(score: TurnScore, mood: MoodSnapshot, progress: int) -> TurnFacts:
    return TurnFacts(
        turn_index=mood.turn_index,
        score=score.score,
        mood_percent=mood.smoothed_mood_score,
        progress=progress,
        strike=score.strike,
        disqualified=score.disqualified,
    )


def _keep(after: State, before: State, text: str, score: TurnScore, *, pays: int | None) -> None:
    """Carry forward what the next turns are compared with. ``pays``: the hash of the line, if it was paid."""
    after.recent_lines = (*before.recent_lines, kept(text))[-3:]
    after.recent_scores = (*before.recent_scores, score.score)[-3:]
    after.intents = score.intents
    if score.tip is not None:
        give_tip(after, score.tip)
    if pays is not None:
        after.paid_lines = (*before.paid_lines, pays)


def _learn(
    draft: _Draft, turn: LearnerTurn, score: TurnScore, extractor: MemoryExtractor, memory: Memory
) -> tuple[Change, ...]:
    state = draft.state
    if state.memory_mode != "readWrite" or score.disqualified is not None:
        return ()
    known = dict(memory)
    changes: list[Change] = []
    moment = Moment(turn.at, state.time_zone)
    for candidate in extractor.extract(turn.text, state.persona_line, known, state.recalled, moment):
        change = apply(known, candidate, item_id=turn.item_id, written_at=turn.at)
        if change is not None:
            known[change.key] = change.entry
            draft.remember(change)
            changes.append(change)
    return tuple(changes)


def _scored(
    spec: Spec, after: State, turn: LearnerTurn, score: TurnScore, rewards: TurnRewards, mood: MoodSnapshot
) -> Payload:
    """The payload of ``turn.scored``."""
    tally = after.tally
    payload: Payload = {
        "item_id": turn.item_id,
        "turnIndex": tally.turns,
        "score": score.score,
        "rarity": rarity_of(score.score),
        "traits": score.traits,
        "charismaIndex": score.charisma_index,
        "evidence": score.evidence,
        "observed": score.observed,
        "hooks": score.hooks,
        "patterns": score.patterns,
        "tip": score.tip,
        "rewards": rewards,
        "totals": {
            "xp": tally.paid.xp,
            "coins": tally.paid.coins,
            "gems": tally.paid.gems,
            "averageScore": decimals(mean_hundredths(tally.score_sum, tally.turns)),
        },
        "mood": {"state": mood.mood_state, "percent": mood.smoothed_mood_score},
    }
    if spec.terms.mission and spec.terms.max_messages is not None:
        payload["mission"] = {
            "progressPct": tally.progress,
            "messagesLeft": max(0, spec.terms.max_messages - tally.turns),
            "strikes": tally.strikes,
        }
    if turn.delivery is not None:
        payload["delivery"] = turn.delivery
    payload["scorerVersion"] = score.scorer_version
    return payload


def _learner_row(
    draft: _Draft,
    before: State,
    turn: LearnerTurn,
    score: TurnScore,
    rewards: TurnRewards,
    mood: MoodSnapshot,
    line: int,
) -> TurnRow:
    """The turn's row; asked for when all its events are drafted, the first of which follows ``before``."""
    after = draft.state
    return learner_row(
        turn,
        score,
        rewards,
        mood,
        position=after.position,
        progress=after.tally.progress,
        parent=before.last_item,
        line_hash=line,
        seqs=(before.seq + 1, after.seq),
    )
