"""What the terminal says for the codes of the wire, and how it keeps other people's text harmless."""

import unicodedata
from typing import Any

TRAITS = {
    "confidence": "Confidence",
    "clarity": "Clarity",
    "humor": "Humour",
    "tensionControl": "Tension control",
    "emotionalWarmth": "Warmth",
    "dominance": "Dominance",
}

HOOKS = {
    "CONFIDENT_TONE": "a confident tone",
    "HIGH_HUMOR": "real humour",
    "EMOTIONAL_WARMTH": "warmth",
    "CLEAR_COMMUNICATION": "clear words",
    "CHARISMATIC": "charisma",
    "STRONG_OPENER": "a strong opener",
    "RECOVERY_MOMENT": "a good recovery",
    "CONSISTENT_PERFORMANCE": "three strong lines in a row",
}

PATTERNS = {
    "OVEREXPLAINING": "explaining too much",
    "UNDEREXPLAINING": "saying too little",
    "FILLER_WORDS": "filler words",
    "LOW_CONFIDENCE": "talking yourself down",
    "UNCLEAR": "hard to follow",
    "TOO_FORMAL": "too formal",
    "TOO_CASUAL": "too casual",
    "EMOTIONAL_DISTANCE": "keeping your distance",
    "DOMINANCE_ISSUE": "pushing too hard",
}

NO_PAY = {
    "CAPPED": "no more rewards: you have reached the limit for now",
    "ALREADY_PAID": "no rewards: this line has paid you before",
}

END_REASONS = {
    "SUCCESS_OBJECTIVE": "You reached the objective, and every gate was passed.",
    "SUCCESS_GATE_SEQUENCE": "You passed every gate of this mission.",
    "SUCCESS_SCORE_MILESTONE": "A good talk: your lines averaged 60 or better.",
    "FAIL_TIMER_EXPIRED": "The time for an answer ran out.",
    "FAIL_TOO_MANY_STRIKES": "Too many strikes: an insult, a crossed boundary or a very weak line counts as one.",
    "FAIL_GATE_SEQUENCE": "You left while your average was still too low.",
    "FAIL_MOOD_COLLAPSE": "The mood had collapsed, and the talk was over.",
    "FAIL_MAX_MESSAGES": "The messages were used up before your average reached the mark.",
    "FAIL_OBJECTIVE": "Your lines were good enough, but the objective was left open.",
    "ABORT_DISQUALIFIED": "The session was stopped: what was said is not allowed here.",
    "ABORT_USER_EXIT": "You left before there was enough to judge.",
    "ABORT_SYSTEM_ERROR": "The session was ended from outside; this was not your doing.",
}

GATES = {
    "GATE_MIN_MESSAGES": "Enough messages",
    "GATE_SUCCESS_THRESHOLD": "Average for success",
    "GATE_FAIL_FLOOR": "Average above the floor",
    "GATE_DISQUALIFIED": "Fair play",
    "GATE_OBJECTIVE_PROGRESS": "Progress to the objective",
}

ARCS = {
    "RECOVERY_ARC": "it dipped, and you brought it back",
    "TESTING_SPIKE": "one tense moment, passed",
    "TENSION_BUILD": "tension built up",
    "RISING_WARMTH": "it grew warmer",
    "COOL_DOWN": "it cooled down",
    "STABLE_ARC": "it held steady",
}


# Marks that turn the direction of what follows them, beyond the text they stand in.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset("\n\r\t\u2028\u2029")


def plain(text: Any) -> str:
    """Text from the wire without control characters (line breaks become spaces): nothing that somebody
    typed can move the cursor, change colours or turn the line round here."""
    return "".join(" " if c in _BREAKS else c for c in str(text) if c in _BREAKS or not _steers(c))


def harmless(text: str) -> str:
    """The same with every code point in its place: what ``plain`` leaves out is a space."""
    return "".join(" " if c in _BREAKS or _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in ("Cc", "Cs")


def shortened(quote: str, most: int = 60) -> str:
    """A quote that leaves room for what is said of it."""
    return quote if len(quote) <= most else f"{quote[: most - 4].rstrip()} ..."


def human(code: str) -> str:
    """``JOB_INTERVIEW`` to ``job interview``: for codes without words of their own."""
    return plain(code).replace("_", " ").lower()


def amounts(pay: dict[str, Any], *, sign: bool = True) -> str:
    """``+14 XP, +5 coins, +1 gem``; currencies at zero are left out; "" for nothing at all."""
    parts = []
    for key, one, many in (("xp", "XP", "XP"), ("coins", "coin", "coins"), ("gems", "gem", "gems")):
        amount = int(pay.get(key) or 0)
        if amount or not sign:
            parts.append(f"{amount:+d}" if sign else f"{amount:,}")
            parts[-1] += f" {one if abs(amount) == 1 else many}"
    return ", ".join(parts)


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """``a, b and c``."""
    return ", ".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"
