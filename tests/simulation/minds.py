"""Minds that cost next to nothing, and the catalogue: what a universe is played with.

The score is a number made of the text, so the same text gives the same bytes. A line with ``threat`` disqualifies,
one with ``like:<word>`` is remembered. The simulation is about what happens to turns, not about what is in them.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from functools import cache
from uuid import UUID, uuid5

from realtime.core.session import Minds
from realtime.domain import MemoryCandidate, MemoryEntry, Moment, Traits, TurnScore
from realtime.minds import ReplyContext, ReplyDelta, ReplyEnd, TurnContext
from storage.catalogue.loader import load
from storage.catalogue.store import PublishedTemplate, Shelf, content_digest

NAMESPACE = UUID(int=0x50C1A15)
LEARNT = "like:"
THREAT = "threat"


class Scorer:
    version = "simulated"

    def score(self, context: TurnContext) -> TurnScore:
        number = zlib.crc32(context.text.encode())
        score = 30 + number % 66
        return TurnScore(
            score=score,
            traits=Traits.of((score, 50, 60, 40, 70, 50)),
            charisma_index=score,
            evidence=(),
            observed=(),
            hooks=(),
            patterns=(),
            tip=None,
            intents=(),
            strike=None,
            disqualified="THREAT" if THREAT in context.text else None,
            filler_words=0,
            total_words=5,
            scorer_version=self.version,
        )

    def forget(self) -> None:
        """It keeps nothing."""


class Extractor:
    def extract(
        self,
        text: str,
        persona_line: str | None,
        known: dict[str, MemoryEntry],
        recalled: tuple[str, ...],
        moment: Moment | None = None,
    ) -> tuple[MemoryCandidate, ...]:
        start = text.find(LEARNT)
        if start < 0:
            return ()
        value = text[start + len(LEARNT) :]
        made = MemoryCandidate(
            op="set", key="likes.hobby", value=value, confidence=0.9, start=start, end=len(text), quote=text[start:]
        )
        return (made,)

    def forget(self) -> None:
        """It keeps nothing."""


class Persona:
    """Three deltas, a moment apart; the opening at once."""

    async def stream(self, context: ReplyContext) -> AsyncIterator[ReplyDelta | ReplyEnd]:
        yield ReplyDelta(f"Line {context.turn_index}")
        if context.kind != "OPENING":
            for piece in (", then", "."):
                await asyncio.sleep(0.006)
                yield ReplyDelta(piece)
        yield ReplyEnd("")


MINDS = Minds(Scorer(), Extractor())


@cache
def shelf() -> Shelf:
    """The product's catalogue, with ids made of its codes."""
    catalogue = load()
    personas = {code: (uuid5(NAMESPACE, code), persona) for code, persona in catalogue.personas.items()}
    templates = {
        code: PublishedTemplate(uuid5(NAMESPACE, code), uuid5(NAMESPACE, f"{code} 1"), template)
        for code, template in catalogue.templates.items()
    }
    return Shelf(catalogue.categories, personas, templates, content_digest(catalogue))
