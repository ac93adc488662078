"""The extractor: what it writes, what it leaves, and that its evidence is true."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.domain import MemoryCandidate, MemoryEntry, MemorySource, Moment, RememberedItem
from realtime.memory import RuleExtractor
from realtime.memory.rules import apply
from realtime.memory.vocabulary import MAX_VALUE_CHARS, is_known_key
from realtime.minds import MemoryExtractor
from tests.memory.sentences import NONE, WRITES

EXTRACTOR: MemoryExtractor = RuleExtractor()


def extract(
    text: str,
    persona_line: str | None = None,
    known: dict[str, MemoryEntry] | None = None,
    recalled: tuple[str, ...] = (),
) -> tuple[MemoryCandidate, ...]:
    return EXTRACTOR.extract(text, persona_line, known or {}, recalled)


def shown(candidates: tuple[MemoryCandidate, ...]) -> list[str]:
    return [f"{'-' if c.op == 'remove' else ''}{c.key}={c.value}" for c in candidates]


def holding(key: str, *values: str) -> dict[str, MemoryEntry]:
    source = MemorySource(item_id="item_1", start=0, end=1, quote="x")
    items = tuple(RememberedItem(value=v, confidence=0.9, source=source, written_at="t") for v in values)
    return {key: MemoryEntry(key=key, items=items, version=len(values))}


def assert_true(text: str, candidates: tuple[MemoryCandidate, ...]) -> None:
    """All that must hold of any answer, whatever the text."""
    assert len(candidates) <= 8
    assert [c.start for c in candidates] == sorted(c.start for c in candidates)
    for c in candidates:
        assert 0 <= c.start < c.end <= len(text)
        assert c.quote == text[c.start : c.end]
        assert c.quote == c.quote.strip()
        assert is_known_key(c.key)
        assert 0 < len(c.value) <= MAX_VALUE_CHARS
        assert c.value == c.value.strip()
        assert c.value.isprintable()
        assert 0 < c.confidence < 1


@pytest.mark.parametrize("text", WRITES)
def test_writes(text: str) -> None:
    found = extract(text)
    assert shown(found) == WRITES[text]
    assert_true(text, found)


@pytest.mark.parametrize("text", NONE)
def test_writes_nothing(text: str) -> None:
    assert shown(extract(text)) == []


def test_tables_are_large_enough() -> None:
    assert len(WRITES) >= 60
    assert len(NONE) >= 60


@pytest.mark.parametrize("text", WRITES)
def test_spans_count_code_points_wherever_the_sentence_stands(text: str) -> None:
    shift = "👩‍🚀 Wow! "
    alone, shifted = extract(text), extract(shift + text)
    assert [(c.op, c.key, c.value, c.start + len(shift)) for c in alone] == [
        (c.op, c.key, c.value, c.start) for c in shifted
    ]
    assert_true(shift + text, shifted)


@pytest.mark.parametrize("text", WRITES)
def test_a_quotation_of_the_same_words_is_nobodys_statement(text: str) -> None:
    assert extract(f"He wrote: “{text}”") == ()


def test_the_quote_is_the_statement_itself() -> None:
    (found,) = extract("Well, funny you ask. I have a dog called Rex, by the way.")
    assert found.quote == "I have a dog called Rex"


def test_explicit_is_surer_than_implied_and_implied_than_hedged() -> None:
    explicit, implied, hedged = (
        extract(text)[0].confidence for text in ("I love tennis", "I play tennis", "I think I like tennis")
    )
    assert explicit >= 0.9 > implied > hedged


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        ("What's your name?", "Tal", ["name=Tal"]),
        ("What’s your name?", "tal, and you?", ["name=tal"]),
        ("I'm Maya. What's your name?", "It's Tal Cohen", ["name=Tal Cohen"]),
        ("What's your name?", "I'm zuri", ["name=zuri"]),
        ("What's your name?", "I'm exhausted", []),
        ("What's your name?", "Nice try", []),
        ("What's your name?", "why?", []),
        ("What's your name?", "Not telling", []),
        ("How old are you?", "27", ["age=27"]),
        ("How old are you?", "old enough", []),
        ("Where do you live?", "Berlin", ["home=Berlin"]),
        ("Where do you live?", "In my head", []),
        ("Where are you from?", "from a small town near Haifa", ["origin=a small town near Haifa"]),
        ("What do you do?", "a nurse", ["job=nurse"]),
        ("What do you do?", "Nothing much", []),
        ("What kind of music do you like?", "jazz and blues mostly", ["likes.music=jazz", "likes.music=blues"]),
        ("What music do you like?", "oh, everything", []),
        ("What do you study?", "Biology", ["study=Biology"]),
        ("What languages do you speak?", "English and Hebrew", ["languages=English", "languages=Hebrew"]),
        ("What's your dog's name?", "Rex", ["pets.dog=Rex"]),
        ("What's your name, and where are you from?", "Tal", []),
        ("My name is Maya.", "Tal", []),
        (None, "Tal", []),
    ],
)
def test_bare_answers(line: str | None, text: str, expected: list[str]) -> None:
    found = extract(text, line)
    assert shown(found) == expected
    assert_true(text, found)
    assert all(c.confidence < 0.9 for c in found)


def test_a_statement_answers_the_question_once_and_with_its_own_confidence() -> None:
    (found,) = extract("I live in Berlin", "Where do you live?")
    assert found.confidence >= 0.9


def test_recalled_values_are_no_news() -> None:
    assert extract("I'm a nurse", recalled=("a nurse",)) == ()
    assert shown(extract("I'm a nurse from Leeds", recalled=("nurse",))) == ["origin=Leeds"]


def test_a_change_of_mind_about_a_recalled_value_is_news() -> None:
    assert shown(extract("I don't like jazz any more", known=holding("likes.music", "jazz"), recalled=("jazz",))) == [
        "-likes.music=jazz",
        "dislikes.music=jazz",
    ]


def test_known_values_are_not_proposed_again() -> None:
    assert extract("I love JAZZ", known=holding("likes.music", "jazz")) == ()
    assert shown(extract("I love jazz and blues", known=holding("likes.music", "jazz"))) == ["likes.music=blues"]


def test_a_taste_that_turns_leaves_the_list_that_holds_it() -> None:
    assert shown(extract("I hate jazz", known=holding("likes.other", "Jazz"))) == [
        "-likes.other=jazz",
        "dislikes.music=jazz",
    ]
    assert shown(extract("I love olives", known=holding("dislikes.food", "olives"))) == [
        "-dislikes.food=olives",
        "likes.food=olives",
    ]


def test_a_name_takes_the_place_of_the_nameless() -> None:
    known = holding("pets.dog", "a dog")
    assert shown(extract("My dog Rex is old", known=known)) == ["-pets.dog=a dog", "pets.dog=Rex"]
    assert extract("I have a dog", known=holding("pets.dog", "Rex")) == ()


TUESDAY = Moment("2026-03-10T22:30:00.000Z", "UTC")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have an exam on Friday", ["events.exam=exam (2026-03-13)"]),
        ("Tomorrow I start to paint the kitchen", ["plans.paint_kitchen=paint the kitchen (2026-03-11)"]),
        (
            "I've signed up for a sewing course, it starts on the 23rd",
            ["plans.sewing_course=a sewing course (2026-03-23)"],
        ),
        ("I'm going to Lisbon in May with my mum", ["plans.lisbon_mum=going to Lisbon with my mum (2026-05)"]),
        ("We broke up two weeks ago", ["events.broke_up=broke up (2026-02-24)"]),
        ("I'm going to Lisbon next summer", ["plans.lisbon=going to Lisbon next summer"]),
    ],
)
def test_what_lies_ahead_or_behind_has_its_day(text: str, expected: list[str]) -> None:
    assert shown(EXTRACTOR.extract(text, None, {}, (), TUESDAY)) == expected


def test_the_day_is_that_of_the_learners_own_calendar() -> None:
    east = Moment(TUESDAY.at, "Asia/Tokyo")
    assert shown(EXTRACTOR.extract("I have an exam tomorrow", None, {}, (), east)) == [
        "events.exam=exam (2026-03-12)"
    ]


def test_a_plan_whose_day_is_known_is_not_told_again_without_it() -> None:
    known = holding("plans.lisbon", "going to Lisbon (2026-05)")
    assert EXTRACTOR.extract("I'm going to Lisbon", None, known, ()) == ()


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("It's Marek, not Marc", holding("name", "Marc"), ["name=Marek"]),
        ("No, I live in Jaffa, not Haifa", holding("home", "Haifa"), ["home=Jaffa"]),
        ("It's biochemistry, not biology", holding("study", "biology"), ["study=biochemistry"]),
        (
            "My sister is called Elena not Helena",
            holding("people.sister", "Helena"),
            ["people.sister=Elena", "-people.sister=Helena"],
        ),
        ("I quit teaching last term", holding("job", "teacher"), ["-job=teacher"]),
        ("I gave up tennis", holding("likes.sport", "tennis"), ["-likes.sport=tennis"]),
        (
            "I used to hate running but now I love it",
            holding("dislikes.sport", "running"),
            ["-dislikes.sport=running", "likes.sport=running"],
        ),
        ("It's Marek, not Marc", {}, []),
    ],
)
def test_what_is_known_is_put_right(text: str, known: dict[str, MemoryEntry], expected: list[str]) -> None:
    assert sorted(shown(extract(text, known=known))) == sorted(expected)


def test_at_most_eight_writes_the_first_ones() -> None:
    text = "I'm Tal, 25, from Haifa. I live in Berlin. I'm a nurse. I love jazz, sushi, tennis, hiking and films."
    found = extract(text)
    assert shown(found)[:5] == ["name=Tal", "age=25", "origin=Haifa", "home=Berlin", "job=nurse"]
    assert len(found) == 8


def test_the_same_turn_gives_the_same_writes() -> None:
    text = "I'm Tal, 25, from Haifa. I don't like jazz any more, I have a dog called Rex and I speak French."
    first = extract(text)
    assert len(first) == 7
    assert all(RuleExtractor().extract(text, None, {}, ()) == first for _ in range(100))


@pytest.mark.parametrize(
    "text",
    [
        "My name is " + "A" * 5000,
        "I love " + "very" * 400,
        "I'm planning to " + "b" * 900 + " in Rome",
        "I study " + "c" * 201,
    ],
)
def test_overlong_values_are_not_stored(text: str) -> None:
    assert extract(text) == ()


_PARTS = st.sampled_from(
    [
        *WRITES, *NONE, "I'm ", "I love ", "and ",
        "my sister ", ", ", ". ", "?", "'", '"', "“", "\n", "\x00", "\u202e",
        "no longer ", "Tal ", "jazz ", "in ", "on Friday ", "’", "İ", "ſ", "\ud7ff", "  ", "from ", "27 ",
    ]
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=300), st.lists(_PARTS, max_size=12).map("".join))
_LINES = st.one_of(st.none(), st.text(max_size=80), st.sampled_from(["What's your name?", "What music do you like?"]))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=_TEXTS, line=_LINES)
def test_any_text_gives_true_spans_and_writes_that_apply(text: str, line: str | None) -> None:
    found = extract(text, line)
    assert_true(text, found)
    assert extract(text, line) == found
    known: dict[str, MemoryEntry] = {}
    for candidate in found:
        change = apply(known, candidate, item_id="item_1", written_at="t")
        if change:
            known[change.key] = change.entry


_SEEDS = [
    "I'm ",
    "my dog ",
    "I love jazz and ",
    "I am not ",
    "I hate a and love b and ",
    "“",
    "'a",
    "  ",
    "if I ",
    "#",
    "and  i ",
    "im 5 ",
]


@pytest.mark.parametrize("seed", _SEEDS)
def test_time_grows_with_the_length_and_no_faster(seed: str) -> None:
    """Eight times the text may take up to twenty times as long (a noisy machine); a square would take 64."""

    def seconds(repeats: int) -> float:
        text, best = seed * repeats, float("inf")
        for _ in range(3):
            began = time.process_time()
            extract(text, "What's your name?")
            best = min(best, time.process_time() - began)
        return best

    assert seconds(2000) < 20 * seconds(250)
