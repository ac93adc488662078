"""The short way through the extractor: what a turn's words rule out is nowhere to be found in it."""

import re
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.memory import RuleExtractor, answers
from realtime.memory.matching import I_AM
from realtime.memory.turn import _EVERY, _NEEDS, _TOO, RULES, WORD, Meant, low_of, read, teachable, view_of
from tests.golden.corpus import said

_READABLE = st.characters(codec="ascii", categories=("L", "N", "P", "Z"))


def test_the_extractor_has_its_rules() -> None:
    assert RuleExtractor().extract("I'm Tal.", None, {}, ()), "and the registry is full"
    assert len(RULES) >= 40
    assert len({rule.bit for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("place", range(len(RULES)))
def test_every_match_holds_what_the_pattern_needs(place: int) -> None:
    """Texts made from the pattern itself, among them the shortest: were a needed word missing in one of its
    alternatives, the turn would not be searched for it."""
    rule = RULES[place]

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(text=st.from_regex(rule.pattern, alphabet=_READABLE))
    def holds(text: str) -> None:
        turn = read(text)
        assert rule.behind or rule.pattern.search(turn.low) is None or turn.may & rule.bit, rule.pattern.pattern

    holds()


@pytest.mark.parametrize("place", range(len(answers.QUESTIONS)))
def test_every_question_holds_what_it_needs(place: int) -> None:
    _, needs, pattern = answers.QUESTIONS[place]

    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(line=st.from_regex(pattern, alphabet=_READABLE))
    def holds(line: str) -> None:
        assert not needs.isdisjoint(WORD.findall(line.lower())), pattern.pattern

    holds()


def test_a_rule_that_is_found_in_a_part_is_found_in_the_whole() -> None:
    """The turn is searched once as a whole; each of its clauses is searched as if the turn ended with it."""
    for text in said():
        turn = read(text)
        kept, _ = teachable(turn)
        for gap in re.finditer(r"(?<=\w)\b", turn.low):
            for rule in RULES:
                if turn.may & rule.bit and not kept.may & rule.bit and rule.pattern.pattern != I_AM:
                    assert rule.pattern.search(turn.low, 0, gap.start()) is None, (text, rule.pattern.pattern)


def test_small_letters_are_what_a_search_without_case_would_see() -> None:
    """Of all of Unicode: as long as it was, the same kind of character, and the same ASCII letter or none."""
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    low = low_of(every)
    assert len(low) == len(every)
    for kind in (r"\w", r"\d", r"\s"):
        assert [found.start() for found in re.finditer(kind, every)] == [f.start() for f in re.finditer(kind, low)]
    for letter in "abcdefghijklmnopqrstuvwxyz":
        alike = [found.start() for found in re.finditer(letter, every, re.IGNORECASE)]
        assert alike == [found.start() for found in re.finditer(letter, low)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(alphabet=st.sampled_from("ab '\"“”«»>\n’\t\u00a0."), max_size=40))
def test_the_view_is_as_long_as_the_text_and_hides_quotations(text: str) -> None:
    view = view_of(text)
    assert len(view) == len(text)
    plain = text.translate({0x2019: "'", 0x00A0: " ", 0x09: " "})
    assert all(seen in (char, "\x00") for seen, char in zip(view, plain, strict=True))
    assert not set(view) & set('"“«')


@pytest.mark.parametrize(
    ("text", "view"), [("a 'b c' d", "a ····· d"), ("it's Tom's", "it's Tom's"), (">a\nb", "··\nb")]
)
def test_quotations_are_masked(text: str, view: str) -> None:
    assert view_of(text).replace("\x00", "·") == view


def test_a_letter_of_another_case_breaks_nothing() -> None:
    """The long s is an "s" to a search without case, and no relation's name."""
    assert [(c.key, c.value) for c in RuleExtractor().extract("My ſister Dana", None, {}, ())] == [
        ("people.sister", "Dana")
    ]


def test_what_is_remembered_of_words_has_bounded_room_and_holds_no_number_and_no_address() -> None:
    meant = Meant()
    for number in range(20_000):
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        assert meant[letters] == meant[letters + "."]
    assert 0 < len(meant) <= 16_384
    meant.clear()
    for chunk in ("050123456", "dana@example.org", "x" * 2_000, "3rd", "haifa/akko", "\x00"):
        assert meant[chunk] == meant[chunk]
    assert not meant
    assert meant["nurse,"] == meant["nurse"] != 0
    assert set(meant) == {"nurse,", "nurse"}


def test_a_turn_read_in_one_piece_may_hold_what_its_words_mean() -> None:
    """Whatever parts the words: they are looked up together with the signs that stand at them."""
    for text in said():
        words, meant = _NEEDS[_EVERY], Meant()
        for word in WORD.findall(low_of(view_of(text))):
            words |= meant[word]
        may = read(text).may
        assert may | (words & words >> _TOO) == may
