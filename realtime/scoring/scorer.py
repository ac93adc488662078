"""The rule scorer: a turn's text and context in, ``TurnScore`` out. Pure, without clock, chance or I/O."""

from collections.abc import Iterator
from functools import lru_cache
from operator import mul
from typing import Final

from realtime.domain import TRAIT_NAMES, Strike, Traits, TurnScore
from realtime.minds import TurnContext
from realtime.scoring.answers import Found
from realtime.scoring.harm import Harm, judge
from realtime.scoring.patterns import find_hooks, find_patterns
from realtime.scoring.questions import Question
from realtime.scoring.reading import Heard, Reading, forget_lines, gives_back, hear, read, repeats
from realtime.scoring.signals import find_signals
from realtime.scoring.tables import load
from realtime.scoring.text import forget_words, parse
from realtime.scoring.tips import choose, in_order
from realtime.scoring.traits import prepare, weigh
from storage.catalogue.model import Intent

LOW_SCORE_BELOW: Final = 30  # a score below this is a strike by itself (the practice rules)
_ACKNOWLEDGES: Final = (
    "empathy", "owns", "appreciation", "compliment", "feeling_named", "notices", "support", "thanks", "calm",
    "common_ground", "apology", "good_wish",
)  # fmt: skip
_POLITE: Final = frozenset(_ACKNOWLEDGES)
_HEARTFELT: Final = frozenset(
    {"empathy", "owns", "appreciation", "compliment", "feeling_named", "notices", "support"}
)
_SUBSTANCE: Final = frozenset({
    "reason", "example", "concrete", "strength", "limit", "proposal", "alternative", "repair", "playful",
    "self_irony", "simile", "plain_request",
    "feeling_named", "notices",
})  # fmt: skip

_HEDGES: Final = ("hedge", "filler")
_LOOSE: Final = ("vague", "stock", "stiff", "formal")
_SMALL: Final = ("apologetic_opening", "put_down", "over_apology", "submission")
_EDGES: Final = ("accusation", "excuse", "barb", "scorn", "pressure", "demand", "my_way")
_DETRACTING: Final = frozenset(_HEDGES + _LOOSE + _SMALL + _EDGES)


_KEPT_LINES: Final = 512  # of personas, some kilobytes each: a script's come again and again
_KEPT_LINE_CHARS: Final = 600  # a longer line is read anew


class RuleScorer:
    """Implements ``realtime.minds.Scorer`` with the tables beside this file, which are read once, here.

    Same context, same bytes, in every process. Cost is linear in the text (at most 2,000 characters on the
    wire) and independent of the session's length. Safe to share between tasks: after construction nothing changes
    but what is remembered of words and lines, in bounded room, and that changes no score.
    """

    def __init__(self) -> None:
        self._tables = load()
        self._rules = prepare(self._tables.weights)
        weights = self._tables.weights
        self._base = [weights.base[name] for name in TRAIT_NAMES]
        self._charisma = [weights.charisma.get(name, 0) for name in TRAIT_NAMES]
        self._tip_order = in_order(self._tables.tips)
        self._read_line = lru_cache(maxsize=_KEPT_LINES)(self._heard)
        self._all_intents = tuple(self._tables.intents)
        self._by_cue, self._by_signal = self._intent_bits()
        self.version: str = self._tables.version

    def forget(self) -> None:
        forget_lines()
        forget_words()
        self._tables.stems.clear()
        self._read_line.cache_clear()

    def score(self, context: TurnContext) -> TurnScore:
        """The score of one turn. Never raises for any text."""
        tables, weights = self._tables, self._tables.weights
        reading = read(context.text, self._hear(context.persona_line), tables.cues, tables.words)
        refused = reading.heard is not None and "refusal" in reading.heard.moods
        harm = judge(reading, context.minor, refused, tables.slurs)
        found, questions = find_signals(reading, harm, tables)
        traits, evidence, moved = weigh(reading, found, self._rules, self._base)
        charisma = self.charisma_index(traits)
        intents = self._intents(reading, found)
        score = self._score(context, reading, harm, found, questions, charisma, intents)
        strike: Strike | None = harm.strike or ("LOW_SCORE" if score < LOW_SCORE_BELOW else None)
        patterns = find_patterns(reading, found, traits, weights.patterns)
        return TurnScore(
            score=score,
            traits=traits,
            charisma_index=charisma,
            evidence=evidence,
            observed=moved,
            hooks=find_hooks(context, traits, score, weights.hooks),
            patterns=tuple(patterns),
            tip=choose(context, reading, found, evidence, patterns, tables.tips, self._tip_order),
            intents=intents,
            strike=strike,
            disqualified=harm.disqualified,
            filler_words=len(reading.all_hits.get("filler", ())),
            total_words=reading.parsed.total_words,
            scorer_version=self.version,
        )

    def charisma_index(self, traits: Traits) -> int:
        """The weighted mean of the traits, rounded half up, in whole numbers throughout."""
        weighed: Iterator[int] = map(mul, self._charisma, traits.values())
        return (sum(weighed) + 50) // 100

    def _hear(self, line: str | None) -> Heard | None:
        if not line:
            return None
        return self._read_line(line) if len(line) <= _KEPT_LINE_CHARS else self._heard(line)

    def _heard(self, line: str) -> Heard | None:
        parsed = parse(line)
        if not parsed.terms:
            return None
        return hear(line, parsed.terms, frozenset(self._tables.heard.find(parsed)), self._tables.stems)

    def _intent_bits(self) -> tuple[dict[str, int], dict[str, int]]:
        """By cue and by signal: a bit for each intent it shows, at the intent's place in the table."""
        by_cue: dict[str, int] = {}
        by_signal: dict[str, int] = {}
        for place, rule in enumerate(self._tables.intents.values()):
            for names, bits in ((rule.cues, by_cue), (rule.signals, by_signal)):
                for name in names:
                    bits[name] = bits.get(name, 0) | 1 << place
        return by_cue, by_signal

    def _intents(self, reading: Reading, found: Found) -> tuple[Intent, ...]:
        shown, by_cue, by_signal = 0, self._by_cue, self._by_signal
        for cue in reading.hits:
            if cue in by_cue:
                shown |= by_cue[cue]
        for signal in found:
            if signal in by_signal:
                shown |= by_signal[signal]
        out: list[Intent] = []
        while shown:
            first = shown & -shown
            out.append(self._all_intents[first.bit_length() - 1])
            shown ^= first
        return tuple(out)

    def _score(
        self,
        context: TurnContext,
        reading: Reading,
        harm: Harm,
        found: Found,
        questions: list[Question],
        charisma: int,
        intents: tuple[Intent, ...],
    ) -> int:
        weights = self._tables.weights
        row = weights.score["mission" if context.wanted else "open"]
        met = any(intent in intents for intent in context.wanted)
        total = (
            row["charisma"] * charisma
            + row["responsiveness"] * self._responsiveness(reading, found, questions)
            + row["progress"] * (100 if met else weights.progress["missed"])
            + row["mood"] * context.mood_percent
        )
        return min(100, max(0, (total + 50) // 100 - self._penalty(context, reading, harm)))

    def _responsiveness(self, reading: Reading, found: Found, questions: list[Question]) -> int:
        """0..100: answers, asks back, takes up a word, acknowledges, brings substance."""
        points, hits, heard = self._tables.weights.responsiveness, reading.hits, reading.heard
        if not reading.parsed.terms:
            return points["silent"]
        if len(reading.skipped) == len(reading.parsed.sentences):
            return max(0, points["unread"] - self._detracted(reading, found))
        total = points["words"]
        asked = heard is not None and heard.asks
        if "answers" in found if asked else "shares" in found or not _HEARTFELT.isdisjoint(hits):
            total += points["answers" if not asked or "to_point" in found else "answers_vaguely"]
        elif asked and ("agreement" in hits or "decline" in hits or "bare_no" in hits):
            total += points["answers_short"]
        if questions:
            total += points["asks_short" if all(q.short for q in questions) else "asks"]
        if "picks_up" in found:
            total += points["picks_up"]
        if not _SUBSTANCE.isdisjoint(hits):
            total += points["substance"] + (points["substance_more"] if len(_SUBSTANCE & hits.keys()) > 1 else 0)
        polite = [] if _POLITE.isdisjoint(hits) else [cue for cue in _ACKNOWLEDGES if cue in hits]
        if len(polite) > 1 or (polite and (polite[0] in _HEARTFELT or total > points["words"])):
            total += points["acknowledges"]  # a lone "sorry" or "thanks" is manners, not yet a reply
        return min(100, max(0, total - self._detracted(reading, found)))

    def _detracted(self, reading: Reading, found: Found) -> int:
        """What takes away from a reply: taking it half back, leaving it open, running on, an edge, making oneself
        small."""
        hits, points = reading.all_hits, self._tables.weights.detracts
        total = points["runs_on"] if "long_sentence" in found else 0
        if _DETRACTING.isdisjoint(hits) and "misplaced" not in found:
            return total
        for cues, name, most in (
            (_HEDGES, "hedged", 3),
            (_LOOSE, "loose", 3),
            (_SMALL, "small", 2),
            (_EDGES, "edge", 2),
        ):
            count = sum(len(hits[cue]) for cue in cues if cue in hits)
            total += points[name] * min(most, count + (name == "edge" and "misplaced" in found))
        return total

    def _penalty(self, context: TurnContext, reading: Reading, harm: Harm) -> int:
        table = self._tables.weights.penalty
        total = 0
        if harm.disqualified:
            total += table["DISQUALIFIED"]
        if harm.insults:
            total += table["INSULT"]
        if harm.boundaries:
            total += table["BOUNDARY_CROSSED"]
        if "rude" in reading.all_hits:
            total += table["rude"]
        if repeats(reading, context.recent_lines):
            total += table["repeats"]
        if gives_back(reading, self._tables.words):
            total += table["echo"]
        return total
