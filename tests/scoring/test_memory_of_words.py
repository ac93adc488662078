"""What the scorer remembers of words and lines has bounded room and changes nothing."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.minds import TurnContext
from realtime.scoring import RuleScorer, reading
from realtime.scoring.reading import Lines
from realtime.scoring.stems import Stems
from realtime.scoring.text import (
    CAPITALS,
    DIGIT,
    MIXED,
    SIGN,
    Chunks,
    Terms,
    _parse_any,
    _parse_plain,
    expand,
    parse,
    words_of,
)
from tests.golden.corpus import said


def test_room_is_bounded() -> None:
    terms, stems, lines, chunks = Terms(), Stems(frozenset({"the"})), Lines(), Chunks()
    for number in range(40_000):
        word = f"word{number}"
        assert terms[word] == (word,)
        assert stems[word] == word
        assert lines[word][0] == [word]
        assert chunks[word + ","] == ((word,), len(word), ",", DIGIT | MIXED)
    assert len(chunks) <= 16_384
    assert len(terms) <= 16_384
    assert len(stems) <= 16_384
    assert len(lines) <= 1_024


def test_what_is_long_is_not_kept() -> None:
    terms, stems, lines, chunks = Terms(), Stems(frozenset()), Lines(), Chunks()
    word = "x" * 2_000
    assert terms[word] == (word,)
    assert stems[word] == word
    assert lines[word][0] == [word]
    assert chunks[word + "."] == ((word,), 2_000, ".", 0)
    assert not terms
    assert not stems
    assert not lines
    assert not chunks
    for address in ("dana@example.org", "05-12", "(word", "word?!", ""):
        with pytest.raises(KeyError):
            chunks[address]
    assert not chunks


def test_what_is_remembered_is_what_was_found() -> None:
    terms = Terms()
    for line in said():
        for word in line.lower().split():
            if word[0].isalnum():
                assert terms[word] == expand(word) == terms[word]
            else:
                assert terms[word] == ()


def test_a_scorer_that_has_read_much_scores_as_a_new_one() -> None:
    old = RuleScorer()
    turns = [
        TurnContext(text=line, persona_line=heard, recent_lines=(heard, line[: len(line) // 2]))
        for line, heard in zip(said()[::3], said()[1::3], strict=False)
    ]
    first = [old.score(turn) for turn in turns]
    assert [old.score(turn) for turn in turns] == first
    assert [RuleScorer().score(turn) for turn in turns[::40]] == first[::40]


def test_no_line_is_kept_after_something_was_forgotten() -> None:
    scorer = RuleScorer()
    turn = TurnContext(
        text="My sister Dana sails.", persona_line="Is Dana here?", recent_lines=("I know Dana well.",)
    )
    before = scorer.score(turn)
    assert {"My sister Dana sails.", "I know Dana well."} <= reading._LINES.keys()
    assert scorer._read_line.cache_info().currsize == 1
    scorer.forget()
    assert not reading._LINES
    assert scorer._read_line.cache_info().currsize == 0
    assert scorer.score(turn) == before


@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=st.text(alphabet=st.sampled_from("aI9'.,:;!?-_() \n\tz\x00\x1f~"), max_size=40))
def test_the_quick_way_through_plain_text_is_the_long_one(text: str) -> None:
    """One letter of another alphabet in front makes the whole text take the long way."""
    quick, long = parse(text), parse("é\n" + text)
    assert long.terms[1:] == quick.terms
    assert [start - 2 for start in long.starts[1:]] == quick.starts
    assert [end - 2 for end in long.ends[1:]] == quick.ends
    assert [sentence.mark for sentence in long.sentences[1:]] == [sentence.mark for sentence in quick.sentences]
    assert words_of("é\n" + text)[1:] == words_of(text) == quick.terms


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    words=st.lists(
        st.from_regex(r"([A-Za-z0-9]{1,6}(['’][a-z]{1,2})?|xD|ABC)[.,!?;:]?", fullmatch=True), min_size=1, max_size=9
    )
)
def test_a_plain_text_is_read_as_any_other(words: list[str]) -> None:
    """Word by word as it is remembered, or sign by sign: the same, but for what it may hold, which is never less than
    it does hold."""
    text = " ".join(words)
    plain, whole = _parse_plain(text), _parse_any(text)
    assert msgspec.structs.replace(plain, may_hold=whole.may_hold) == whole
    for bit, pattern in ((DIGIT, r"\d"), (CAPITALS, "[A-Z]{3}"), (SIGN, r"!!|\?!|!\?|\?\?\?|[:;xX]-?[D)]")):
        assert plain.may_hold & bit or re.search(pattern, text) is None
    slur_like = [term for term in plain.terms if len(term) > 3 and not term.isalpha() and not term.isdigit()]
    assert plain.may_hold & MIXED or not slur_like
