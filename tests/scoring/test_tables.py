"""The tables and the page that explains them say the same."""

import re
from pathlib import Path
from typing import get_args

import pytest

from realtime.domain import Pattern
from realtime.scoring.cues import CueIndex, Group, variants
from realtime.scoring.patterns import PATTERNS
from realtime.scoring.tables import load, rule_rows
from realtime.scoring.text import parse
from storage.catalogue.model import Intent

_TABLES = load()
_PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"


def test_every_intent_and_pattern_has_its_rule() -> None:
    assert set(_TABLES.intents) == set(get_args(Intent))
    assert {name for name, _test in PATTERNS} == set(get_args(Pattern))


def test_charisma_is_the_formula() -> None:
    assert _TABLES.weights.charisma == {
        "confidence": 30, "clarity": 25, "emotionalWarmth": 20, "humor": 15, "tensionControl": 10,
    }  # fmt: skip


def test_the_page_shows_every_rule_as_it_is() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for trait, name, source, effect, again, finds in rule_rows(_TABLES.weights):
        further = f"{again:+d}, up to {finds}" if finds > 1 else ""
        assert f"| {trait} | {name} | {source} | {effect:+d} | {further} |" in page
    for intent, rule in _TABLES.intents.items():
        assert f"| {intent} | {rule.says} |" in page
    for part, per_cent in _TABLES.weights.score["open"].items():
        assert f"| {part} | {per_cent} | {_TABLES.weights.score['mission'][part]} |" in page
    said_points = {int(n) for n in re.findall(r"\| (\d+) \|$", page, re.M)}
    assert {
        *_TABLES.weights.responsiveness.values(),
        *_TABLES.weights.detracts.values(),
        *_TABLES.weights.penalty.values(),
    } - {0} <= said_points
    assert f"Version {_TABLES.weights.version}" in page


def test_phrases_are_lower_case_and_in_terms() -> None:
    """A phrase with a capital, an apostrophe or a contraction could never match."""
    from realtime.scoring.text import expand

    data = Path(__file__).parents[2] / "realtime" / "scoring" / "data"
    import msgspec

    for name in ("cues", "harm", "heard"):
        groups = msgspec.json.decode((data / f"{name}.json").read_bytes(), type=dict[str, Group])
        for group, content in groups.items():
            for phrase in (*content.phrases, *content.spared):
                for terms in variants(phrase)[1]:
                    for term in terms:
                        assert term == "*" or expand(term) == (term,), (name, group, phrase, term)


def test_a_phrase_must_begin_with_a_word() -> None:
    with pytest.raises(ValueError, match="must begin"):
        variants("(a) * b")


def test_phrase_forms() -> None:
    index = CueIndex(
        {
            "wild": Group(about="", phrases=("as * as",)),
            "start": Group(about="", phrases=("^hold on",)),
            "text": Group(about="", phrases=("^^well",)),
            "end": Group(about="", phrases=("now$",)),
            "no": Group(about="", phrases=("sorry",), negatable=True),
            "spared": Group(about="", phrases=("up to you",), spared=("make it up to you",)),
        }
    )

    def names(text: str) -> set[str]:
        return set(index.find(parse(text)))

    assert names("As big as") == {"wild"}
    assert names("As. Big as") == set()
    assert names("Please hold on") == set()
    assert names("Please, hold on") == {"start"}
    assert names("Well. Well.") == {"text"}
    assert names("Now or never") == set()
    assert names("Do it now!") == {"end"}
    assert names("I'm not sorry") == set()
    assert names("No, sorry") == {"no"}
    assert names("It's up to you") == {"spared"}
    assert names("I'll make it up to you") == set()
