"""A talk as a Markdown page that a person likes to read."""

from typing import Final

from realtime.core.gates import GateResult
from realtime.domain import Evidence
from realtime.memory.rules import Change
from tests.talks.playing import Talk, Turn

TRAITS: Final = {
    "confidence": "confidence",
    "clarity": "clarity",
    "humor": "humour",
    "tensionControl": "calm",
    "emotionalWarmth": "warmth",
    "dominance": "dominance",
}
WHERE: Final = {
    "BAR": "in a bar",
    "CLUB": "outside a club",
    "CAFE": "in a café",
    "STREET": "in the street",
    "APP_CHAT": "in a chat",
    "HOME": "at home",
    "OFFICE": "in an office",
    "OTHER": "on the way",
}
GATES: Final = {
    "GATE_MIN_MESSAGES": "enough turns",
    "GATE_SUCCESS_THRESHOLD": "the mean asked for",
    "GATE_FAIL_FLOOR": "above the floor",
    "GATE_DISQUALIFIED": "nothing disqualifying",
    "GATE_OBJECTIVE_PROGRESS": "far enough along",
}
MADE_BY: Final = "<!-- Made by `python -m tests.talks.write` from tests/talks/data/. Not written by hand. -->"


def page(talk: Talk) -> str:
    """The whole page, ending in a newline."""
    blocks = [f"# {talk.script.title}", MADE_BY, talk.script.about, _where(talk), "---"]
    blocks.append(_said(talk.persona.name, talk.opening.line))
    for turn in talk.turns:
        blocks += [_said(talk.script.learner, turn.row.text), _margin(turn)]
        blocks.append(_said(talk.persona.name, turn.reply.line) + _recalled(turn))
    return "\n\n".join([*blocks, "---", *_end(talk)]) + "\n"


def _said(name: str, line: str) -> str:
    return f"**{name}:** " + " ".join(line.split())


def _where(talk: Talk) -> str:
    who = talk.persona
    if talk.template is None:
        if talk.script.follows is None:
            known = "They have not met before."
        else:
            told = "; ".join(f"{key}: {', '.join(i.value for i in e.items)}" for key, e in sorted(talk.known.items()))
            known = f"{who.name} remembers from the last time: {told}."
        return f"*With {who.name} (`{who.code}`), in free play. {known}*"
    config = talk.template.mission_config_v1
    return (
        f"*With {who.name} (`{who.code}`), {WHERE[config.dynamics.location_tag]}. Mission `{talk.template.code}`,"
        f" {talk.template.difficulty.lower()}: {config.objective.user_title}.*"
    )


def _margin(turn: Turn) -> str:
    row, mood = turn.row, turn.mood
    told = [f"> `{row.score}` {row.rarity} · {mood.mood_state.lower()}, mood {mood.smoothed_mood_score}"]
    reason = _reason(turn)
    if reason is not None:
        told.append(f"> {TRAITS[reason.trait]} {reason.effect:+d}, {_quote(turn, reason)}: {reason.note}")
    if row.strike is not None:
        told.append(f"> a strike: {row.strike.replace('_', ' ').lower()}")
    if row.tip:
        told.append(f"> tip: {row.tip}")
    if turn.changes:
        told.append("> noted: " + "; ".join(map(_noted, turn.changes)))
    return "  \n".join(told)


def _reason(turn: Turn) -> Evidence | None:
    """The strongest; of equals the first."""
    return max(turn.evidence, key=lambda one: abs(one.effect), default=None)


def _quote(turn: Turn, reason: Evidence) -> str:
    words = " ".join(turn.row.text[reason.start : reason.end].split())
    return f'"{words}"' if len(words) <= 60 else f'"{words[:40].rsplit(" ", 1)[0]} ..."'


def _noted(change: Change) -> str:
    if change.op == "forgotten" or change.value is None:
        return f"{change.key} is forgotten"
    taken_off = all(item.value != change.value for item in change.entry.items)
    return f"{change.key} no longer {change.value}" if taken_off else f"{change.key}: {change.value}"


def _recalled(turn: Turn) -> str:
    return f" *(remembered: {turn.reply.recalled[0]})*" if turn.reply.recalled else ""


def _end(talk: Talk) -> list[str]:
    numbers = f"mean {talk.mean:.2f} over {len(talk.turns)} turns"
    progress = "" if talk.template is None else f", {talk.turns[-1].row.progress} % of the way"
    gates = [_gate(gate) for gate in talk.gates]
    return [
        f"**{talk.ending.status}** `{talk.ending.end_reason_code}`: {numbers}{progress}.",
        talk.message,
        "\n".join(gates),
    ]


def _gate(gate: GateResult) -> str:
    have, need = gate.context.get("have"), gate.context.get("need")
    numbers = "" if need is None or gate.gate_key == "GATE_DISQUALIFIED" else f" ({have} of {need})"
    return f"- {'passed' if gate.passed else '**missed**'}: {GATES[gate.gate_key]}{numbers}"
