"""What the minds are told: of a turn that is to be scored, and of a line that the persona is to say. Pure."""

from realtime.core import mood as moods
from realtime.core.facts import Tally, Terms
from realtime.core.state import GivenTips, Spec, State
from realtime.domain import MemoryEntry
from realtime.minds import ClosingKind, ReplyContext, TurnContext


def turn_context(spec: Spec, state: State, text: str, index: int) -> TurnContext:
    """Of the turn ``text``, the session's ``index``th, from 1."""
    wanted = spec.walk.wanted(state.node) if spec.walk is not None and state.node is not None else ()
    return TurnContext(
        text=text,
        persona_line=state.persona_line,
        recent_lines=state.recent_lines,
        recent_scores=state.recent_scores,
        turn_index=index,
        mood_percent=moods.percent(state.mood),
        goal=spec.template.goal_type if spec.template is not None else None,
        wanted=wanted,
        progress=state.tally.progress,
        given_tips=GivenTips(state),
        minor=spec.minor,
    )


def opening_context(spec: Spec, memory: dict[str, MemoryEntry]) -> ReplyContext:
    """Of the persona's first line."""
    config = spec.template.mission_config_v1 if spec.template else None
    return ReplyContext(
        kind="OPENING",
        persona=spec.persona,
        template=spec.template,
        node=spec.walk.node(spec.walk.start) if spec.walk else None,
        dynamics=config.dynamics if config else None,
        objective=config.objective if config else None,
        style=config.style if config else None,
        memory=_held(memory),
        seed=spec.seed,
    )


def reply_context(
    spec: Spec,
    state: State,
    memory: dict[str, MemoryEntry],
    *,
    closing: ClosingKind | None = None,
    instructions: str | None = None,
) -> ReplyContext:
    """Of a reply to the learner's last turn, or with ``closing`` of the persona's parting line. A mission has no
    ``instructions``: it is its own."""
    config = spec.template.mission_config_v1 if spec.template is not None else None
    return ReplyContext(
        kind="CLOSING" if closing else "REPLY",
        closing=closing,
        persona=spec.persona,
        template=spec.template,
        node=spec.walk.node(state.node) if spec.walk is not None and state.node is not None else None,
        arrived=state.arrived,
        dynamics=config.dynamics if config else None,
        objective=config.objective if config else None,
        style=config.style if config else None,
        mood=state.mood.state,
        mood_percent=moods.percent(state.mood),
        turn_index=state.tally.turns,
        learner_line=state.recent_lines[-1] if state.recent_lines else None,
        learner_intents=state.intents,
        learner_score=state.recent_scores[-1] if state.recent_scores else None,
        persona_line=state.persona_line,
        memory={} if state.memory_mode == "off" else _held(memory),
        instructions=instructions if spec.template is None else None,
        seed=spec.seed,
        carry=state.carry,
    )


def closing_kind(terms: Terms, tally: Tally) -> ClosingKind:
    """How the persona takes leave: by what ended the mission."""
    if tally.disqualified is not None:
        return "DISQUALIFIED"
    if terms.max_strikes is not None and tally.strikes >= terms.max_strikes:
        return "STRIKES"
    if tally.collapsed:
        return "COLLAPSE"
    return "SUCCESS" if tally.score_sum >= terms.success_threshold * tally.turns else "FAIL"


def _held(memory: dict[str, MemoryEntry]) -> dict[str, MemoryEntry]:
    """Without the tombstones."""
    return {key: entry for key, entry in memory.items() if entry.items}
