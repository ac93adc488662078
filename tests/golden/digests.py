"""The digests of all that the minds say of the corpus, and how they are recorded.

``python -m tests.golden.digests`` writes them anew: only where an output was meant to change, which for the scorer
means a new version.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

import msgspec

from realtime.memory import RuleExtractor
from realtime.scoring import RuleScorer
from tests.golden.corpus import cases

PATH: Final = Path(__file__).with_name("digests.json")
_BYTES: Final = 8  # of a digest; chance does not make two groups equal


class Digests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By group: every field of every ``TurnScore`` (``scores``) and ``MemoryCandidate`` (``writes``)."""

    scorer_version: str
    scores: dict[str, str]
    writes: dict[str, str]


def measured() -> Digests:
    """The digests of the minds as they are now."""
    scorer, extractor = RuleScorer(), RuleExtractor()
    scores: dict[str, hashlib.blake2b] = {}
    writes: dict[str, hashlib.blake2b] = {}
    for case in cases():
        said = repr(scorer.score(case.context))
        _of(scores, case.group).update(said.encode("utf-8", "backslashreplace"))
        text, line = case.context.text, case.context.persona_line
        learnt = repr(extractor.extract(text, line, case.known, case.recalled))
        _of(writes, case.group).update(learnt.encode("utf-8", "backslashreplace"))
    return Digests(scorer.version, _hex(scores), _hex(writes))


def recorded() -> Digests:
    return msgspec.json.decode(PATH.read_bytes(), type=Digests)


def _of(hashes: "dict[str, hashlib.blake2b]", group: str) -> "hashlib.blake2b":
    if group not in hashes:
        hashes[group] = hashlib.blake2b(digest_size=_BYTES)
    return hashes[group]


def _hex(hashes: "dict[str, hashlib.blake2b]") -> dict[str, str]:
    return {group: digest.hexdigest() for group, digest in hashes.items()}


if __name__ == "__main__":
    PATH.write_text(json.dumps(msgspec.to_builtins(measured()), indent=1) + "\n", "utf-8")
