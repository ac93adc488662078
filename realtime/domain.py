"""The words of the domain as types, shared by the core, the minds, the finalizer and the wire.

JSON names are camelCase (``rename``); a field that does not apply is left out where its type is UNSET.
Offsets count Unicode code points of the text exactly as sent; ``end`` is exclusive.
"""

from datetime import date, datetime
from typing import Literal, NamedTuple, dataclass_transform
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from storage.catalogue.model import Intent, Mood

TraitName = Literal["confidence", "clarity", "humor", "tensionControl", "emotionalWarmth", "dominance"]
TRAIT_NAMES: tuple[TraitName, ...] = (
    "confidence",
    "clarity",
    "humor",
    "tensionControl",
    "emotionalWarmth",
    "dominance",
)
Rarity = Literal["C", "B", "A", "S", "S+"]
RARITIES: tuple[Rarity, ...] = ("C", "B", "A", "S", "S+")
Hook = Literal[
    "CONFIDENT_TONE",
    "HIGH_HUMOR",
    "EMOTIONAL_WARMTH",
    "CLEAR_COMMUNICATION",
    "CHARISMATIC",
    "STRONG_OPENER",
    "RECOVERY_MOMENT",
    "CONSISTENT_PERFORMANCE",
]
Pattern = Literal[
    "OVEREXPLAINING",
    "UNDEREXPLAINING",
    "FILLER_WORDS",
    "LOW_CONFIDENCE",
    "UNCLEAR",
    "TOO_FORMAL",
    "TOO_CASUAL",
    "EMOTIONAL_DISTANCE",
    "DOMINANCE_ISSUE",
]
Strike = Literal["INSULT", "BOUNDARY_CROSSED", "LOW_SCORE"]
Disqualifier = Literal["THREAT", "SLUR", "SEXUAL_MINOR"]
MemoryMode = Literal["off", "read", "readWrite"]


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Json(msgspec.Struct, frozen=True, rename="camel"):
    """Base of every value that goes out as JSON."""


class Traits(Json):
    """The six truth metrics of a turn, integers 0..100."""

    confidence: int
    clarity: int
    humor: int
    tension_control: int
    emotional_warmth: int
    dominance: int

    def get(self, name: TraitName) -> int:
        return self.values()[TRAIT_NAMES.index(name)]

    def values(self) -> tuple[int, int, int, int, int, int]:
        """In the order of ``TRAIT_NAMES``."""
        return (
            self.confidence,
            self.clarity,
            self.humor,
            self.tension_control,
            self.emotional_warmth,
            self.dominance,
        )

    @classmethod
    def of(cls, values: "tuple[int, ...] | list[int]") -> "Traits":
        """From six values in the order of ``TRAIT_NAMES``."""
        a, b, c, d, e, f = values
        return cls(confidence=a, clarity=b, humor=c, tension_control=d, emotional_warmth=e, dominance=f)


class Evidence(Json):
    """Why a trait moved: the span of the learner's own text, the rule, and a note that is true read alone."""

    trait: TraitName
    effect: int
    start: int
    end: int
    rule: str
    note: str


class TurnScore(Json):
    """What the scorer says of one turn. Equal inputs, equal bytes (``scorer_version`` names the weights)."""

    score: int
    traits: Traits
    charisma_index: int
    evidence: tuple[Evidence, ...]
    observed: tuple[TraitName, ...]
    hooks: tuple[Hook, ...]
    patterns: tuple[Pattern, ...]
    tip: str | None
    intents: tuple[Intent, ...]
    strike: Strike | None
    disqualified: Disqualifier | None
    filler_words: int
    total_words: int
    scorer_version: str


class Amounts(Json):
    """XP, coins and gems, whole numbers."""

    xp: int = 0
    coins: int = 0
    gems: int = 0

    def plus(self, other: "Amounts") -> "Amounts":
        return Amounts(xp=self.xp + other.xp, coins=self.coins + other.coins, gems=self.gems + other.gems)


class TurnRewards(Json):
    """What a turn pays: shown, stored with the turn, and paid by the finalizer unchanged."""

    xp: int
    coins: int
    gems: int
    reason: Literal["CAPPED", "ALREADY_PAID"] | UnsetType = UNSET


class MoodSnapshot(Json):
    """The mood after one turn of the learner; all numbers 0..100."""

    turn_index: int
    raw_score: int
    smoothed_mood_score: int
    mood_state: Mood
    tension: int
    warmth: int
    vibe: int
    flow: int


class MemorySource(Json):
    """The turn and the quote that caused a memory write (the quote is ``text[start:end]`` of that turn)."""

    item_id: str | None
    start: int | None
    end: int | None
    quote: str | None


class RememberedItem(Json):
    value: str
    confidence: float
    source: MemorySource
    written_at: str


class MemoryEntry(Json):
    """The present of one key: one item for single keys, up to twelve for lists. ``version`` only grows."""

    key: str
    items: tuple[RememberedItem, ...]
    version: int


class Moment(NamedTuple):
    """When something was said: ``at`` is an ISO time with its offset, ``zone`` the speaker's time zone (IANA)."""

    at: str
    zone: str

    def day(self) -> date:
        """The date on the speaker's own calendar."""
        return datetime.fromisoformat(self.at).astimezone(ZoneInfo(self.zone)).date()


class MemoryCandidate(Json):
    """A write the extractor proposes. ``remove`` takes ``value`` off a list key; ``set`` replaces or adds."""

    op: Literal["set", "remove"]
    key: str
    value: str
    confidence: float
    start: int
    end: int
    quote: str
