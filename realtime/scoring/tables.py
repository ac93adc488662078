"""The scorer's data files, read once and checked: weights.toml, data/*.json and VADER's lexicon.

A file that does not fit its type, or a rule that names a cue or signal nobody knows, is an error at start.
"""

import tomllib
import zlib
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from realtime.domain import TRAIT_NAMES, TraitName
from realtime.scoring.cues import CueIndex, Group, variants
from realtime.scoring.stems import Stems
from storage.catalogue.model import Intent

_SIGNALS_WORDS: Final = """
statement question asks interest answers shares detail picks_up follows_up holds_firm names_self
long_sentence winding name choice personified misplaced to_point flat number laugh_sign
warm_sign warm_word harsh_word shouting marks insult boundary danger
"""
SIGNALS: Final = frozenset(_SIGNALS_WORDS.split())
_FILES: Final = ("weights.toml", *(f"data/{n}.json" for n in ("cues", "harm", "heard", "intents", "tips", "words")))
# VADER: mean valence of ten raters, -4..4. From here on a word is taken for clearly warm or harsh.
WARM_FROM: Final = 1.8
HARSH_FROM: Final = -2.0


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trait: TraitName
    source: str
    effect: Annotated[int, msgspec.Meta(ge=-50, le=50)]
    note: str
    again: Annotated[int, msgspec.Meta(ge=-50, le=50)] = 0
    finds: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1
    whole: bool = False


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``weights.toml``. ``charisma`` and both rows of ``score`` are per cent and add up to 100."""

    version: str
    base: dict[TraitName, int]
    charisma: dict[TraitName, int]
    score: dict[str, dict[str, int]]
    progress: dict[str, int]
    responsiveness: dict[str, int]
    detracts: dict[str, int]
    penalty: dict[str, int]
    patterns: dict[str, int]
    hooks: dict[str, int]
    rule: dict[str, Rule]


class IntentRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    says: str
    cues: frozenset[str]
    signals: frozenset[str]


class Tip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: str
    say: tuple[str, ...]


class TipFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    tips: tuple[Tip, ...]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: dict[str, str]
    stop: frozenset[str]
    auxiliaries: frozenset[str]
    pronouns: frozenset[str]
    asking: frozenset[str]
    acronyms: frozenset[str]
    not_warm: frozenset[str]
    reciprocal: frozenset[str]
    things: frozenset[str]
    minds: frozenset[str]
    between: frozenset[str]


class Tables(NamedTuple):
    """``asks``: words that open a question. ``marked``: warm or harsh. ``heard``: what is looked for in a persona's
    line alone."""

    version: str
    weights: Weights
    cues: CueIndex
    intents: dict[Intent, IntentRule]
    tips: tuple[Tip, ...]
    words: Words
    asks: frozenset[str]
    stems: Stems
    warm: frozenset[str]
    harsh: frozenset[str]
    marked: frozenset[str]
    heard: CueIndex
    slurs: frozenset[str]


def load() -> Tables:
    """Every table, with ``stems`` that remember nothing yet; nothing else in them changes. Raises
    ``msgspec.ValidationError`` or ``ValueError`` when a file is not as it must be."""
    tables = _read()
    return tables._replace(stems=Stems(tables.words.stop))


@cache
def _read() -> Tables:
    """Once in a process: the index of cues is some 70,000 nodes."""
    raw = {name: resources.files("realtime.scoring").joinpath(name).read_bytes() for name in _FILES}
    weights = msgspec.convert(tomllib.loads(raw["weights.toml"].decode()), Weights)
    cues = msgspec.json.decode(raw["data/cues.json"], type=dict[str, Group])
    harm = msgspec.json.decode(raw["data/harm.json"], type=dict[str, Group])
    words = msgspec.json.decode(raw["data/words.json"], type=Words)
    groups = cues | {f"harm.{name}": group for name, group in harm.items()}
    index = CueIndex(groups)
    intents = msgspec.json.decode(raw["data/intents.json"], type=dict[Intent, IntentRule])
    tips = msgspec.json.decode(raw["data/tips.json"], type=TipFile).tips
    _check(weights, index, intents, tips)
    warm, harsh = _vader(words.not_warm)
    print_of_all = zlib.crc32(b"\0".join(raw[name] for name in _FILES))
    return Tables(
        version=f"rules-{weights.version}+{print_of_all:08x}",
        weights=weights,
        cues=index,
        intents=intents,
        tips=tips,
        words=words,
        asks=words.asking | words.auxiliaries,
        stems=Stems(words.stop),
        warm=warm,
        harsh=harsh,
        marked=warm | harsh,
        heard=CueIndex(msgspec.json.decode(raw["data/heard.json"], type=dict[str, Group])),
        slurs=frozenset(t[0] for p in harm["slur"].phrases for t in variants(p)[1] if len(t) == 1),
    )


def _check(weights: Weights, index: CueIndex, intents: dict[Intent, IntentRule], tips: tuple[Tip, ...]) -> None:
    if set(weights.base) != set(TRAIT_NAMES):
        raise ValueError("weights.toml: [base] must name the six traits")
    for row in (list(weights.charisma.values()), *(list(r.values()) for r in weights.score.values())):
        if sum(row) != 100:
            raise ValueError(f"weights.toml: {row} must add up to 100")
    sources = [(f"rule {name}", rule.source) for name, rule in weights.rule.items()]
    for intent, said in intents.items():
        sources += [(intent, f"cue:{cue}") for cue in sorted(said.cues)]
        sources += [(intent, f"signal:{signal}") for signal in sorted(said.signals)]
    for where, source in sources:
        kind, _, name = source.partition(":")
        if name not in (index.names if kind == "cue" else SIGNALS):
            raise ValueError(f"{where}: unknown source {source!r}")
    for tip in tips:
        kind, _, name = tip.on.partition(":")
        if (kind == "rule" and name not in weights.rule) or any("{q}" not in said for said in tip.say):
            raise ValueError(f"tips.json: {tip.on!r} names no rule, or a line quotes nothing")


def _vader(not_warm: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Clearly warm and clearly harsh words of VADER's lexicon (Hutto and Gilbert, 2014; MIT licence)."""
    text = resources.files("vaderSentiment").joinpath("vader_lexicon.txt").read_text(encoding="utf-8")
    warm: set[str] = set()
    harsh: set[str] = set()
    for line in text.splitlines():
        word, valence, *_rest = line.split("\t")
        if word.isalpha():
            if float(valence) >= WARM_FROM and word not in not_warm:
                warm.add(word)
            elif float(valence) <= HARSH_FROM:
                harsh.add(word)
    return frozenset(warm), frozenset(harsh)


def rule_rows(weights: Weights) -> list[tuple[Any, ...]]:
    """(trait, rule, source, effect, again, finds) in the file's order: what the documentation's table shows."""
    return [(r.trait, name, r.source, r.effect, r.again, r.finds) for name, r in weights.rule.items()]
