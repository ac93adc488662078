"""When the learner speaks of harming or killing themselves: practice stops there, in any mood and any mission.

The persona steps out of its part, says that it is a program, and names where people are who can help. It is a word
list and no more: it misses what is said between the lines, and takes some figures of speech in earnest. That costs a
reply; the other mistake could cost more.
"""

import re
from typing import Final

from realtime.persona.words import plainly

_SELF = r"(?:myself|my self|my own life|my life)"
_SPEAKS = re.compile(
    rf"\b(?:kill|killing|hurt|hurting|harm|harming|cut|cutting|hang|drown|shoot) {_SELF}\b"
    rf"|\b(?:end|ending|take|taking) {_SELF}\b|\bend it all\b|\bself harm\w*\b"
    r"|\bi (?:am|feel|have been|was) (?:\w+ )?suicidal\b|\b(?:commit|thinking (?:of|about)|thoughts of) suicide\b"
    r"|\bi (?:do not|dont|no longer) want to (?:live|be alive|be here|exist|wake up)(?: any ?more| anymore)?$"
    r"|\bi (?:do not|dont) want to (?:live|be alive|be here|exist) any ?more\b"
    r"|\bi no longer want to (?:live|be alive)\b"
    r"|\bi (?:just )?(?:want|wanted|would like|wish) (?:to die|to be dead|i was dead|i were dead)\b"
    r"|\b(?:everyone|everybody|they|you) would (?:all )?be better off without me\b"
)
# Said of laughing, of a mistake at work, or of a film; and the plain denial.
_NOT_MEANT = re.compile(
    r"\b(?:laugh\w*|joking|kidding)\b|\bhurt myself (?:on|at|in|while|when|playing|running|falling|yesterday|last)\b"
    r"|\bcut myself (?:on|while|shaving|cooking|chopping|off|some|a)\b|\b(?:film|movie|book|novel|song|character)\b"
    r"|\b(?:not|never|no longer) (?:\w+ )?(?:suicidal|kill myself|hurt myself|harm myself)\b"
)
# findahelpline.com lists free lines by country.
LINES: Final = (
    "I'm stepping out of my part for this, because it matters more than any practice. I'm a program, and you should"
    " have a person. If you might act on it, please call your local emergency number now. Free helplines for every"
    " country are at findahelpline.com. Is there somebody you could be with tonight?",
    "I won't go on as if you hadn't said that. I can't help the way a person can, I'm only software. Please call your"
    " local emergency number if you're in danger, or one of the free lines at findahelpline.com. And tell someone"
    " near you, in just the words you used here.",
    "Thank you for saying it. Nothing here is as important. Please say it to a person, too, today: a friend, a"
    " doctor, or one of the free helplines at findahelpline.com. If it can't wait, your local emergency number.",
)


def speaks_of_it(text: str | None) -> bool:
    """Whether the line says, of the learner's own self, that they would do themselves harm or be dead."""
    said = plainly(text or "")
    return _SPEAKS.search(said) is not None and _NOT_MEANT.search(said) is None
