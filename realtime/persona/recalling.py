"""Saying back what the persona knows of the learner: seldom, once, and woven into an answer."""

import re

import msgspec

from realtime.domain import MemoryEntry
from realtime.memory.dates import event_parts
from realtime.minds import ReplyContext
from realtime.persona.choosing import Chooser, Pool
from realtime.persona.notes import Notes
from realtime.persona.words import plainly

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
# "My sister's name" is not the learner's.
_ANOTHERS = re.compile(r"\bmy (?:\w+ ){0,2}\w+'s\b|\b(?:his|her|their|its) name\b")
# When it was to be is no longer so by the time it is said back.
_WHEN = re.compile(
    r"[, ]+(?:(?:on|this|next|coming) )*(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|tonight|today|weekend"
    r"|week|month|year)(?: (?:morning|afternoon|evening|night))?$",
    re.I,
)
_INTENT = re.compile(r"^(?:(?:am|i'm|we're) )?(?:going to|planning to|want to|to) (?=\w)", re.I)
# What people plan to do; of other words it is not sure that they are verbs ("going to therapy").
_VERBS = frozenset(
    {
        "apply", "ask", "bake", "build", "buy", "call", "celebrate", "change", "clean", "climb", "cook", "cut",
        "drive", "finish", "fly", "get", "give", "go", "grow", "join", "learn", "leave", "make", "marry",
        "meet", "move", "open", "paint", "plant", "play", "quit", "read", "renovate", "repair", "ring", "run",
        "sell", "sew", "start", "stop", "study", "swim", "take", "teach", "tell", "tidy", "travel", "try",
        "visit", "walk", "watch", "write", "see",
    }
)  # fmt: skip
_NOUNS_TOO = frozenset({"call", "change", "drive", "play", "run", "start", "swim", "visit", "walk", "watch"})
_DOUBLED = frozenset({"get", "run", "swim", "quit", "cut", "stop"})
_ENDS_IN_E = re.compile(r"(?<![eoy])e$")
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

    Never what was told before in this session, by the persona or by the learner (``hear``), nor what one of the last
    two lines holds already. What the learner's line touches on comes first. The caller decides whether it is time
    (``notes.may_recall``).
    ``asked``: the learner asks what the persona knows ("do you remember my dog?"). Then only what they ask
    for will do, and it may be told again; asked for nothing in particular, anything not yet told.
    """
    learner = _heard(context.learner_line)
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


def names(context: ReplyContext) -> dict[str, str]:
    """Plain names of those the learner has told of, to their keys."""
    return {
        plainly(item.value): key
        for key, entry in context.memory.items()
        if key.startswith(("pets.", "people."))
        for item in entry.items
        if item.value[:1].isupper()
    }


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
    # Of a plan or an event, which has a date too, it is the thing that one would mention.
    what = " ".join(event_parts(value)["what"].split()).rstrip(".!?,;: ")
    if key.startswith(("plans.", "events.")):
        what = _as_thing(_WHEN.sub("", what))
    if not what or len(what) > MAX_SPOKEN or "{" in what:
        return None
    if key.startswith(("people.", "pets.")):
        what = _SOME.sub("your ", what)
    return _TURN.sub(lambda match: _TURNED[match[0].casefold()], what)


def _as_thing(what: str) -> str:
    """What one means to do as a thing that one can ask about: "going to plant roses" is "planting roses"."""
    meant = _INTENT.match(what)
    verb, _, rest = what[meant.end() if meant else 0 :].partition(" ")
    if verb not in _VERBS or (meant is None and verb in _NOUNS_TOO):
        return what
    stem = verb + verb[-1] if verb in _DOUBLED else _ENDS_IN_E.sub("", verb)
    return f"{stem}ing {rest}".strip()


def hear(context: ReplyContext, notes: Notes) -> None:
    """Note what the learner has just told: it is for another session to be recalled."""
    learner = _heard(context.learner_line)
    for key, entry in context.memory.items():
        for item in entry.items:
            quote = _heard(item.source.quote)
            if (quote and quote in learner) or item.value.casefold() in learner:
                notes.mark(_told(key, item.value))


def _heard(text: str | None) -> str:
    return (text or "").casefold().replace("’", "'")


def _asked_for(key: str, learner: str) -> bool:
    if key == "name" and _ANOTHERS.search(learner):
        return False
    words = _ASKED_WITH.get(key.partition(".")[0])
    return _touches(key, learner) or (words is not None and re.search(words, learner) is not None)


def _touches(key: str, heard: str) -> bool:
    """Whether the words heard name what the key is about ("music", "sister", "dog")."""
    topic = key.rpartition(".")[2].replace("_", " ")
    return re.search(rf"\b{re.escape(topic)}", heard) is not None
