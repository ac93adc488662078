"""Saying back what the persona knows of the learner: seldom, once, and woven into an answer."""

import json
import re

import msgspec

from realtime.domain import MemoryEntry
from realtime.minds import ReplyContext
from realtime.persona.choosing import Chooser, Pool
from realtime.persona.notes import Notes

# Longer values read as a list or a story; said back inside a sentence they would sound recited.
MAX_SPOKEN = 60
_TURNED = {
    "my": "your",
    "mine": "yours",
    "me": "you",
    "myself": "yourself",
    "our": "your",
    "i": "you",
    "i'm": "you're",
    "we": "you",
}
# How learners ask for what is known of them, besides by the key's own last word.
_ASKED_WITH = {
    "name": r"\bcalled\b|\bwho i am\b|\bwho am i\b",
    "age": r"\bold\b",
    "job": r"\bwork\b|\bi do\b|\bliving\b",
    "home": r"\blive\b",
    "origin": r"\bfrom\b",
    "study": r"\bstud",
    "likes": r"(?<!dis)(?<!n't )\b(?:like|love|enjoy|favou?rite)",
    "dislikes": r"\b(?:dislike|hate|can't stand|don't like)",
    "pets": r"\b(?:pet|animal)",
    "plans": r"\bplan",
}
_IN_GENERAL = re.compile(r"\b(?:about me|remember me|know me|who i am|who am i)\b")
_SOME = re.compile(r"^(?:an? |(?=(?:two|three|four|five|six|some|several|many)\b))", re.I)
_TURN = re.compile(r"(?<![\w'])(" + "|".join(sorted(_TURNED, key=len, reverse=True)) + r")(?![\w'])", re.I)


class Recall(msgspec.Struct, frozen=True):
    """``line`` to say; ``value`` as stored; ``spoken`` as the line says it."""

    line: str
    value: str
    spoken: str


def recall(context: ReplyContext, notes: Notes, chooser: Chooser, asked: bool = False) -> Recall | None:
    """One thing remembered, told in a fresh line, and noted as told; None when there is nothing fit to say.

    Never what was told before in this session, nor what one of the last two lines holds already. What the
    learner's line touches on comes first. The caller decides whether it is time (``notes.may_recall``).
    ``asked``: the learner asks what the persona knows ("do you remember my dog?"). Then only what they ask
    for will do, and it may be told again; asked for nothing in particular, anything not yet told.
    """
    learner = (context.learner_line or "").casefold().replace("’", "'")
    heard = f"{learner}\n{(context.persona_line or '').casefold()}"
    options: list[tuple[str, str, str, tuple[str, ...]]] = []
    for key, entry in sorted(context.memory.items()):
        patterns = _patterns(key, context)
        for value in _values(entry):
            spoken = _spoken(key, value)
            if not patterns or not spoken:
                continue
            old = notes.said(_told(key, value)) or spoken.casefold() in heard
            if not old or (asked and _asked_for(key, learner)):
                options.append((key, value, spoken, patterns))
    if asked:
        general = _IN_GENERAL.search(learner) is not None
        options = [option for option in options if general or _asked_for(option[0], learner)]
    near = [option for option in options if _touches(option[0], learner)] or options
    if not near:
        return None
    key, value, spoken, patterns = near[chooser.number("recall") % len(near)]
    pool = Pool(f"recall:{key}", tuple(pattern.replace("{value}", spoken) for pattern in patterns))
    line = chooser.choose([pool])
    if line is None:
        return None
    notes.mark(_told(key, value))
    notes.since_recall = 0
    return Recall(line, value, spoken)


def touches(context: ReplyContext) -> bool:
    """Whether the learner's line comes near something remembered."""
    heard = (context.learner_line or "").casefold()
    return any(_touches(key, heard) for key in context.memory)


def _told(key: str, value: str) -> str:
    return f"told {key} {value}"


def _patterns(key: str, context: ReplyContext) -> tuple[str, ...]:
    """The patterns of the key itself, or of its nearest prefix."""
    while key:
        if key in context.persona.recalls:
            return context.persona.recalls[key]
        key = key.rpartition(".")[0]
    return ()


def _values(entry: MemoryEntry) -> list[str]:
    return [item.value for item in entry.items]


def _spoken(key: str, value: str) -> str | None:
    """The value as a part of the persona's sentence: the learner's "my" is "your", and so is "a" of somebody or some
    animal of theirs. None if unfit to say."""
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    # Plans and events may hold {what, date}: what is it that one would mention.
    what = str(read.get("what", "")) if isinstance(read, dict) else value
    what = " ".join(what.split()).rstrip(".!?,;: ")
    if not what or len(what) > MAX_SPOKEN or "{" in what:
        return None
    if key.startswith(("people.", "pets.")):
        what = _SOME.sub("your ", what)
    return _TURN.sub(lambda match: _TURNED[match[0].casefold()], what)


def _asked_for(key: str, learner: str) -> bool:
    words = _ASKED_WITH.get(key.partition(".")[0])
    return _touches(key, learner) or (words is not None and re.search(words, learner) is not None)


def _touches(key: str, heard: str) -> bool:
    """Whether the words heard name what the key is about ("music", "sister", "dog")."""
    topic = key.rpartition(".")[2].replace("_", " ")
    return re.search(rf"\b{re.escape(topic)}", heard) is not None
