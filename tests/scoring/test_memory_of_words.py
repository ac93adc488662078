"""What the scorer remembers of words and lines has bounded room and changes nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.minds import TurnContext
from realtime.scoring import RuleScorer, reading
from realtime.scoring.reading import Lines
from realtime.scoring.stems import Stems
from realtime.scoring.text import Terms, expand, parse, words_of
from tests.golden.corpus import said


def test_room_is_bounded() -> None:
    terms, stems, lines = Terms(), Stems(frozenset({"the"})), Lines()
    for number in range(40_000):
        word = f"word{number}"
        assert terms[word] == (word,)
        assert stems[word] == word
        assert lines[word][0] == [word]
    assert len(terms) <= 16_384
    assert len(stems) <= 16_384
    assert len(lines) <= 1_024


def test_what_is_long_is_not_kept() -> None:
    terms, stems, lines = Terms(), Stems(frozenset()), Lines()
    word = "x" * 2_000
    assert terms[word] == (word,)
    assert stems[word] == word
    assert lines[word][0] == [word]
    assert not terms
    assert not stems
    assert not lines


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
