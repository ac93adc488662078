"""When the learner lets it be seen that they are low: what is kindly said to it, and what had better not be."""

import re

from storage.catalogue.model import PersonaStyle

_LOW = (
    r"tired|exhausted|drained|worn out|wiped|overwhelmed|stressed|sad|lonely|down|anxious|nervous|not sleeping"
    r"|burnt out|burned out|sleepy|a wreck|low|not great|unwell|ill|struggling"
)
_SOFTENED = r"(?:(?:a|so|really|very|just|pretty|quite|still|feeling|bit|little|rather|too|kind of|honestly) )*"
_LOW_SELF = re.compile(
    rf"\b(?:i am|i'm|im|i feel|i've been|i have been|feeling) {_SOFTENED}(?:{_LOW})\b"
    r"|\b(?:rough|hard|long|awful|bad|tough|heavy) (?:day|week|night|month|shift)\b"
    r"|\bi (?:barely|hardly|didn't|did not) (?:sleep|slept)\b"
)
_NOT_LOW = re.compile(
    r"\b(?:not|never|no longer|isn't|wasn't) (?:a |so |too |very |really |at all )*(?:tired|sad|nervous)\b"
)
_PRAISE = re.compile(r"\b(?:boast\w*|brag\w*|show-off|proud|impress\w*|well done|congratulations|good for you)\b")

_GENTLE = (
    "That sounds tiring. We can take it slowly.",
    "Then let's keep this easy. There's no hurry here.",
    "I'm sorry it's one of those days. Sit with me for a bit.",
    "Thank you for saying so. You don't have to be bright for my sake.",
    "That takes it out of a person. I hope you get some rest tonight.",
    "Mm. Some days ask for more than they give back.",
)
_CHEERFUL = (
    "Oh, one of those days. Okay, low lights and soft voices, then.",
    "Ouch. Come and lean on this end of the talk, it's padded.",
    "That sounds like a lot. You're allowed to run on half a battery with me.",
    "Poor you, honestly. I won't make you be funny.",
    "Then we go gently. I can do gently, I've seen it done.",
    "I'm glad you said it. I hope something soft happens to you tonight.",
)
_BRIEF = (
    "That sounds hard. Take your time.",
    "Long days do that. I hope you get some rest.",
    "I see. We can go slowly.",
    "Understood. Thank you for telling me.",
    "Then we'll keep this plain and short.",
)
_CHEERFUL_STYLES = frozenset({"PLAYFUL", "FLIRTY", "CHAOTIC"})
_BRIEF_STYLES = frozenset({"COLD", "DIRECT", "JUDGMENTAL", "CHALLENGING"})


def is_low(text: str | None) -> bool:
    """Whether the learner says that they are tired, sad or worn; not when they say they are none of it."""
    said = (text or "").casefold().replace("’", "'")
    return _LOW_SELF.search(said) is not None and _NOT_LOW.search(said) is None


def praises(line: str) -> bool:
    """Whether the line speaks of achievement, which would be beside the point then."""
    return _PRAISE.search(line.casefold()) is not None


def comfort(style: PersonaStyle) -> tuple[str, ...]:
    """Kind words in the style's own manner; none of them asks anything."""
    if style in _CHEERFUL_STYLES:
        return _CHEERFUL
    return _BRIEF if style in _BRIEF_STYLES else _GENTLE
