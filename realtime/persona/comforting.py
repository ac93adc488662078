"""What anybody who listens says, whoever they are: kind words to somebody who is low, a word that keeps a story
going, help for somebody of few words. Data (``data/care.json``), in the style's own manner."""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from realtime.persona.choosing import Pool
from realtime.persona.noticing import Manner, manner
from realtime.persona.tone import Low
from storage.catalogue.model import Line, PersonaStyle

_DATA: Final = Path(__file__).parent / "data" / "care.json"
# STAYING: while the talk is still tender. SMALL_SORRY: for what needed no apology.
Care = Low | Literal["STAYING", "LISTENING", "TERSE", "SMALL_SORRY"]


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    lines: dict[Care, dict[Manner, tuple[Line, ...]]]


@cache
def _lines() -> dict[Care, dict[Manner, tuple[Line, ...]]]:
    return msgspec.json.decode(_DATA.read_bytes(), type=_Data).lines


def care(kind: Care, style: PersonaStyle) -> Pool:
    return Pool(f"care:{kind}", _lines()[kind][manner(style)])
