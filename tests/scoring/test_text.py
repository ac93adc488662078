"""Words, clauses and sentences keep their places in the text as sent."""

import pytest

from realtime.scoring.text import expand, parse, words_of


@pytest.mark.parametrize(
    ("word", "terms"),
    [
        ("I'm", ("i", "am")), ("I’M", ("i", "am")), ("don’t", ("do", "not")), ("wouldn't", ("would", "not")),
        ("can't", ("can", "not")), ("won‘t", ("will", "not")), ("it's", ("it", "is")), ("sister's", ("sister",)),
        ("they'll", ("they", "will")), ("Let's", ("let", "us")), ("gonna", ("going", "to")), ("hahahaha", ("haha",)),
        ("id\u200biot", ("idiot",)), ("o'clock", ("o'clock",)), ("Café", ("café",)),
    ],
)  # fmt: skip
def test_contractions(word: str, terms: tuple[str, ...]) -> None:
    assert expand(word) == terms


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0), ("  \n ", 0), ("?!...", 0), ("😂👍🏽", 0), ("I'm fine, and you?", 4), ("3.5 km at 10:30", 4),
        ("नमस्ते दोस्त", 2), ("e\u0301te\u0301", 1), ("well-known", 2), ("don’t 'quote' me", 3), ("x_y", 2),
        ("我很好", 1),
    ],
)  # fmt: skip
def test_words_are_counted_as_people_count_them(text: str, count: int) -> None:
    assert parse(text).total_words == count


def test_places_survive_everything() -> None:
    text = "👩‍🚀 I’m İpek—you’re late?! Ça va…  Don't!"
    parsed = parse(text)
    found = [text[a:b] for a, b in zip(parsed.starts, parsed.ends, strict=True)]
    assert found == ["I’m", "I’m", "İpek", "you’re", "you’re", "late", "Ça", "va", "Don't", "Don't"]
    assert parsed.terms[:2] == ["i", "am"]
    assert [s.mark for s in parsed.sentences] == ["?!", "…", "!"]
    assert parsed.terms == words_of(text)


@pytest.mark.parametrize(
    ("text", "once"), [("So?", True), ("So??", False), ("So ? ? ?", False), ("So.?", False), ("So?!", True)]
)
def test_one_question_mark_and_no_string(text: str, once: bool) -> None:
    assert parse(text).sentences[0].asks_once is once
