"""The corpus that pins what the minds say: ordinary lines, every cue of the data files, and mutations of both.

Nothing here is random: a mutation is chosen by the CRC-32 of its line, so that every run, on every machine and
Python, sees the same corpus.
"""

import json
import zlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple, get_args

from realtime.domain import MemoryEntry, MemorySource, RememberedItem
from realtime.minds import TurnContext
from realtime.scoring.cues import variants
from storage.catalogue.model import Intent

GROUP: Final = 64  # cases of one digest: few enough to see where an output changed
LONG: Final = 2_000  # code points, as many as a turn may have
_HERE: Final = Path(__file__).parent
_INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)
_JOINTS: Final = (", ", ". ", " and ", "! ", " but ", "? ", " ", "\n", "... ", " - ", "; ", " because ")
_SCRAPS: Final = (
    "😂", "❤️", ":)", "!!", "???", "’", "“", "\u200b", "\u0301", "\x00", "İ", "ſ", "ß", "ﬁ", "Ⅷ", "٣", "7/10", "3.5",
    "YOU MUST", "maybe", "not", "lol", "um", "and", "i", "I'm", "my", "I love", "in", "…", "(", "\t", "\u00a0",
    "\ud83d", "yeah right", "27", "Tal", "I\u2019ve", "n't", "K", "  ",
)  # fmt: skip
_KNOWN: Final[tuple[dict[str, tuple[str, ...]], ...]] = (
    {},
    {"likes.music": ("jazz", "Abba"), "pets.dog": ("a dog",), "name": ("Tal",)},
    {
        "likes.other": ("Jazz",),
        "dislikes.food": ("olives",),
        "people.brother": ("two brothers",),
        "home": ("Berlin",),
    },
)
_RECALLED: Final[tuple[tuple[str, ...], ...]] = ((), (), (), ("jazz", "a nurse"), ("Berlin",))
_QUESTIONS: Final = (
    "What's your name?", "How old are you?", "Where do you live?", "Where are you from?", "What do you do?",
    "What kind of music do you like?", "What’s your favourite food?", "What do you study?", "Any plans?",
    "What languages do you speak?", "What's your dog's name?", "How are you doing today, my friend?",
    "Tell me about yourself.", "I said no. Please stop asking.",
    "How many siblings do you have, and when did you move?",
)  # fmt: skip


class Case(NamedTuple):
    """One turn, as both minds are asked about it."""

    group: str
    context: TurnContext
    known: dict[str, MemoryEntry]
    recalled: tuple[str, ...]


def said() -> list[str]:
    """Lines as learners and personas say them, from the tests of both minds and from the catalogue."""
    held: dict[str, list[str]] = json.loads((_HERE / "lines.json").read_text("utf-8"))
    return [line for lines in held.values() for line in lines]


def cues() -> list[str]:
    """Two phrases of the scorer's data files to a line; together every phrase of every group."""
    found: dict[str, None] = {}
    for name in ("cues", "harm"):
        raw = resources.files("realtime.scoring").joinpath(f"data/{name}.json").read_text("utf-8")
        for group in json.loads(raw).values():
            for phrase in (*group["phrases"], *group.get("spared", ())):
                forms = variants(phrase)[1]
                found[" ".join(forms[pick(phrase, len(forms))]).replace("*", "quite")] = None
    one = list(found)
    return [a + _JOINTS[pick(a + b, len(_JOINTS))] + b for a, b in zip(one[::2], one[1::2], strict=False)]


def pick(text: str, among: int, salt: str = "") -> int:
    """A number below ``among`` that depends on the text alone."""
    return zlib.crc32((salt + text).encode("utf-8", "surrogatepass")) % among


def mutated(line: str, other: str, salt: str) -> str:
    """The line, changed in one of twelve ways."""
    words, kind = line.split(" "), pick(line, 12, salt)
    at = pick(line, len(words) + 1, "at" + salt)
    scrap = _SCRAPS[pick(line, len(_SCRAPS), "scrap" + salt)]
    joint = _JOINTS[pick(other, len(_JOINTS), "joint" + salt)]
    return (
        line.upper(),
        line.title() if at % 2 else line.swapcase(),
        line.replace("'", "’").replace('"', "“"),
        " ".join([*words[:at], scrap, *words[at:]]),
        line[: len(line) // 2] + scrap + line[len(line) // 2 :],
        line + joint + other,
        other + joint + line,
        line + joint + line,
        " ".join(words[at:] + words[:at]),
        " ".join(words[: max(1, at)]),
        line.lower().replace("'", "").rstrip(".!?"),
        f"{scrap}{line}?" if at % 2 else f"“{line}” {other}",
    )[kind]


def long_texts() -> Iterator[str]:
    """2,000 code points of one thing."""
    for unit in (
        "a",
        "i ",
        "? ",
        "I'm ",
        "😂",
        "you are ",
        "1.",
        "my dog ",
        "\u0301",
        "not ",
        "“",
        "'a",
        "I love a and ",
    ):
        yield (unit * LONG)[:LONG]
    lines = said()
    for start in range(0, len(lines), 100):
        yield _JOINTS[start // 100 % len(_JOINTS)].join(lines[start : start + 60])[:LONG]


def cases() -> Iterator[Case]:
    """Every case, the groups one after the other. Always the same ones in the same order."""
    plain, phrases = said(), cues()
    lines = [*plain, *phrases]
    sets = {"said": plain, "cues": phrases, "long": [*long_texts(), "", " ", ".", "\n\n", "\x00", "?"]}
    for turn in ("a", "b", "c", "d"):
        sets["mutated-" + turn] = [
            mutated(line, lines[pick(line, len(lines), turn)], turn) for line in lines if pick(line, 2, turn)
        ]
    for name, texts in sets.items():
        for number, text in enumerate(texts):
            yield _case(f"{name}-{number // GROUP:03}", text, plain)


def _case(group: str, text: str, plain: list[str]) -> Case:
    number = pick(text, 1 << 30)
    other, question = plain[number % len(plain)], _QUESTIONS[number // 7 % len(_QUESTIONS)]
    heard = (None, other, question, other, text, question, f"{text[:200]}?")[number % 7]
    context = TurnContext(
        text=text,
        persona_line=heard,
        recent_lines=((), (text,), (plain[number % 97], text + " then", "Yes."), (other,))[number % 4],
        recent_scores=((), (20,), (60, 74, 81), (75, 90))[number // 4 % 4],
        turn_index=number // 16 % 5 + 1,
        mood_percent=number // 80 % 101,
        wanted=(_INTENTS[number % len(_INTENTS)],) if number % 2 else (),
        minor=number % 13 == 0,
    )
    return Case(group, context, held(number // 3 % len(_KNOWN)), _RECALLED[number // 9 % len(_RECALLED)])


def held(number: int) -> dict[str, MemoryEntry]:
    """What the persona knows already: nothing, or one of two small memories."""
    source = MemorySource(item_id="item_1", start=0, end=1, quote="x")
    return {
        key: MemoryEntry(
            key=key,
            items=tuple(RememberedItem(value=v, confidence=0.9, source=source, written_at="t") for v in values),
            version=1,
        )
        for key, values in _KNOWN[number].items()
    }
