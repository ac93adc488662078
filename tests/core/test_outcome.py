"""What an end says to a person: the reason, what worked (quoted), the nearest miss in numbers, what to try next."""

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import pytest

from realtime.core.endings import EndReasonCode, ending_of, tally_of
from realtime.core.facts import Cause, Terms, TurnFacts
from realtime.core.gates import GateKey, evaluate
from realtime.core.mood import MoodState, advance
from realtime.domain import Disqualifier, Evidence, Pattern, Strike, TraitName, Traits
from realtime.outcome import QUOTE, Outcome, outcome_of
from realtime.telling import TEXTS, Circumstance, Other

MISSION = Terms(
    mission=True, max_messages=6, max_strikes=3, timer_seconds=None, success_threshold=70, fail_threshold=50
)
FREE = Terms(
    mission=False, max_messages=None, max_strikes=None, timer_seconds=None, success_threshold=60, fail_threshold=60
)
LINE = "I walk here on Sundays because the light is good. What do you order?"


def gained(text: str, words: str, effect: int = 9, trait: TraitName = "clarity") -> Evidence:
    start = text.index(words)
    return Evidence(trait=trait, effect=effect, start=start, end=start + len(words), rule="r", note="n")


class Line(msgspec.Struct, kw_only=True):
    """A turn as a test says it; ``turns_of`` makes of it what is stored."""

    text: str = LINE
    score: int = 60
    progress: int = 60
    evidence: Sequence[Evidence] = ()
    patterns: Sequence[Pattern] = ()
    strike: Strike | None = None
    disqualified: Disqualifier | None = None


def turns_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    turns, mood = [], MoodState()
    traits = Traits.of([50, 50, 50, 60, 50, 50])
    for index, line in enumerate(lines, 1):
        mood, seen = advance(mood, turn_index=index, score=line.score, traits=traits, pattern_count=0)
        turns.append(
            msgspec.structs.asdict(line)
            | {"turn_index": index, "mood": msgspec.json.encode(seen), "mood_percent": seen.smoothed_mood_score}
            | {name: msgspec.json.encode(list(getattr(line, name))) for name in ("evidence", "patterns")}
            | {"total_words": len(line.text.split()), "xp": 8, "coins": 3, "gems": 0}
        )
    return turns


def told(*lines: Line, cause: Cause = "RULE", terms: Terms = MISSION) -> Outcome:
    turns = turns_of(lines)
    names = ("turn_index", "score", "mood_percent", "progress", "strike", "disqualified")
    tally = tally_of(TurnFacts(**{name: turn[name] for name in names}) for turn in turns)
    return outcome_of(ending_of(cause, terms, tally), terms, tally, evaluate(terms, tally), turns)


def scores(*values: int, **more: Any) -> list[Line]:
    return [Line(score=value, **more) for value in values]


# --- every end ---------------------------------------------------------------------------------------------------

INSULTED = Line(text="You are an idiot.", score=8, progress=0, strike="INSULT", patterns=["DOMINANCE_ISSUE"])
PUSHED = Line(text="Come on, give it to me.", score=12, progress=0, strike="BOUNDARY_CROSSED")
THREAT = Line(text="I am going to hurt you.", score=5, strike="INSULT", disqualified="THREAT")
# One row for what is said: the end, what was played, and words of the message that no other row has.
ENDS: list[tuple[EndReasonCode, Outcome, str]] = [
    ("SUCCESS_OBJECTIVE", told(*scores(72, 78, 75, progress=100)), "on the way|came out of the talk"),
    ("SUCCESS_OBJECTIVE", told(*scores(95, 20, 20, 97, 99, 100, progress=100)), "reached the aim|where you wanted"),
    ("SUCCESS_OBJECTIVE", told(*scores(90, 91, 92, progress=100)), "room to spare|looked easy"),
    ("SUCCESS_GATE_SEQUENCE", told(*scores(70, 71, 72, 70, 70, 71)), "A close one|little to spare"),
    ("SUCCESS_GATE_SEQUENCE", told(*scores(76, 74, 75), cause="CLIENT"), "A good talk|Well talked"),
    ("SUCCESS_SCORE_MILESTONE", told(*scores(65, 66, 64), cause="CLIENT", terms=FREE), "free talk|give and take"),
    ("FAIL_TIMER_EXPIRED", told(cause="TIMER"), "before your first line"),
    ("FAIL_TIMER_EXPIRED", told(*scores(80, 80, 80, progress=80), cause="TIMER"), "in sight|half-way"),
    ("FAIL_TIMER_EXPIRED", told(*scores(60, progress=10), cause="TIMER"), "pause grew|choosing your words"),
    ("FAIL_TOO_MANY_STRIKES", told(INSULTED, INSULTED, INSULTED), "words hurt|heated"),
    ("FAIL_TOO_MANY_STRIKES", told(PUSHED, PUSHED, PUSHED), "further than"),
    (
        "FAIL_TOO_MANY_STRIKES",
        told(*scores(28, 25, 27, strike="LOW_SCORE", progress=0)),
        "little to answer|fell flat",
    ),
    ("FAIL_GATE_SEQUENCE", told(*scores(45, 44, 43), cause="CLIENT"), "left while the talk|not found its feet"),
    ("FAIL_GATE_SEQUENCE", told(*scores(30, 40, 55), cause="CLIENT"), "getting better|better ones"),
    ("FAIL_GATE_SEQUENCE", told(*scores(45, 44, 43), cause="IDLE"), "went quiet"),
    ("FAIL_GATE_SEQUENCE", told(*scores(59, 58, 60), cause="CLIENT", terms=FREE), "too soon|few points"),
    ("FAIL_MOOD_COLLAPSE", told(*scores(0, 0, 0, 0, 0, progress=0)), "sank and stayed|too far"),
    ("FAIL_MAX_MESSAGES", told(*scores(60, 61, 62, 60, 61, 62)), "ran its length|not quite enough"),
    ("FAIL_MAX_MESSAGES", told(*scores(69, 68, 69, 69, 69, 69)), "So close|used every line"),
    ("FAIL_MAX_MESSAGES", told(*scores(50, 52, 54, 70, 72, 74)), "line by line|second half"),
    ("FAIL_MAX_MESSAGES", told(*scores(74, 72, 70, 54, 52, 50)), "ran out of breath|better than it ended"),
    ("FAIL_OBJECTIVE", told(*scores(74, 75, 73, 74, 75, 73, progress=30)), "left lying|went past"),
    ("FAIL_OBJECTIVE", told(*scores(84, 85, 83, 84, 85, 83, progress=30)), "never got round|goes for the aim"),
    ("ABORT_DISQUALIFIED", told(*scores(70), THREAT), "reads as a threat"),
    ("ABORT_SYSTEM_ERROR", told(*scores(70), cause="SYSTEM"), "on our side"),
    ("ABORT_SYSTEM_ERROR", told(*scores(70), cause="ADMIN"), "run this server"),
    ("ABORT_USER_EXIT", told(cause="CLIENT"), "before your first line"),
    ("ABORT_USER_EXIT", told(*scores(70), cause="CLIENT"), "left before|left early"),
    ("ABORT_USER_EXIT", told(*scores(60, 61, 60), cause="CLIENT"), "either way"),
    ("ABORT_USER_EXIT", told(*scores(70), cause="GRACE"), "connection stayed away"),
    ("ABORT_USER_EXIT", told(*scores(70), cause="REPLACED"), "began another talk"),
]


@pytest.mark.parametrize(("code", "outcome", "words"), ENDS, ids=[f"{n}-{row[0]}" for n, row in enumerate(ENDS)])
def test_the_message_says_what_happened(code: EndReasonCode, outcome: Outcome, words: str) -> None:
    assert outcome.end_reason_code == code
    message = outcome.message
    first = message.split(" What worked")[0].split(" Nearest miss")[0]
    assert re.search(words, first), message
    assert not re.search(r"[{}]|  |\.\.", message)
    unquoted = re.sub("“.*?”", "", message)
    assert not re.search("(?i)you (should|must|failed)|bad|wrong|stupid|poor|never learn", unquoted), message
    said = [line for entry in TEXTS.reasons[code] for line in entry.say]
    assert any(message.startswith(line) for line in said)


def test_every_end_reason_is_among_them() -> None:
    assert {row[0] for row in ENDS} == set(get_args(EndReasonCode))
    assert len({row[1].message for row in ENDS}) == len(ENDS)


@pytest.mark.parametrize("outcome", [row[1] for row in ENDS if row[1].status == "FAIL" and row[1].worked])
def test_a_fail_names_one_thing_that_worked_the_nearest_miss_and_what_to_try(outcome: Outcome) -> None:
    assert outcome.worked is not None
    assert outcome.nearest_miss is not None
    assert f"“{outcome.worked.quote}" in outcome.message
    assert re.search(
        rf"Nearest miss: .*\b{outcome.nearest_miss.have:g}\b.*\b{outcome.nearest_miss.need:g}\b", outcome.message
    )
    assert any(outcome.message.endswith(line) for lines in TEXTS.next.values() for line in lines)


def test_a_fail_without_a_word_names_the_miss_alone() -> None:
    outcome = told(cause="TIMER")
    assert outcome.worked is None
    assert outcome.nearest_miss is not None
    assert "Nearest miss: the number of lines, 0 of 3." in outcome.message


def test_a_success_names_what_worked_and_misses_nothing() -> None:
    line = Line(score=75, progress=100, evidence=[gained(LINE, "because the light")])
    outcome = told(line, line, line)
    assert outcome.worked is not None
    assert (outcome.worked.turn_index, outcome.worked.quote) == (
        1,
        "I walk here on Sundays because the light is good.",
    )
    assert "What worked: “I walk here on Sundays because the light is good.” That was easy" in outcome.message
    assert outcome.nearest_miss is None


# --- what worked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("Thanks, but no. I have promised the day.", "but no", "Thanks, but no."),
        ("Hm. I see, but no! Really?", "no", "I see, but no!"),
        ("well but no", "no", "well but no"),
        ("Thanks! I would love to.", "Thanks", "Thanks! I would love to."),
        ("I ran 3.5 miles on Monday instead. Would that help?", "ran 3.5", "I ran 3.5 miles on Monday instead."),
        ("First line\nand the second one here", "second", "and the second one here"),
        (f"{'so ' * 60}I would like to come on Monday {'and ' * 60}", "like to come", "like to come"),
    ],
)
def test_what_worked_is_quoted_so_that_it_can_be_understood(text: str, words: str, shown: str) -> None:
    outcome = told(*[Line(text=text, evidence=[gained(text, words)])] * 6)
    assert outcome.worked is not None
    assert outcome.worked.quote == shown
    assert shown in text
    assert f"“{shown}”" in outcome.message


def test_the_best_moment_is_the_sentence_that_gained_most_and_not_the_line_of_the_top_score() -> None:
    kind = "Thank you for telling me that, it matters. Maybe we could, um, sit?"
    better = Line(text=LINE, score=69, evidence=[gained(LINE, "because", 6)])
    moved = [gained(kind, "Thank you", 8, "emotionalWarmth"), gained(kind, "it matters", 7, "emotionalWarmth")]
    outcome = told(*[better] * 5, Line(text=kind, score=52, evidence=[*moved, gained(kind, "Maybe", -9)]))
    assert outcome.worked is not None
    assert (outcome.worked.turn_index, outcome.worked.quote) == (6, "Thank you for telling me that, it matters.")
    assert "That was warm." in outcome.message


def test_what_a_sentence_loses_is_taken_off_what_it_gains() -> None:
    mixed = "Thank you so much, maybe, I guess. I like your hat."
    evidence = [gained(mixed, "Thank you", 8), gained(mixed, "maybe, I guess", -7), gained(mixed, "I like", 5)]
    outcome = told(*[Line(text=mixed, evidence=evidence)] * 6)
    assert outcome.worked is not None
    assert outcome.worked.quote == "I like your hat."


def test_an_insult_is_never_what_worked_while_there_is_another_line() -> None:
    rude = Line(
        text="Thanks, idiot.",
        score=10,
        progress=0,
        strike="INSULT",
        evidence=[gained("Thanks, idiot.", "Thanks", 30)],
    )
    flat = Line(text="fine, I suppose", score=35, progress=0)
    outcome = told(rude, flat, rude, rude)
    assert outcome.worked is not None
    assert outcome.worked.quote == "fine, I suppose"
    assert "Your best line was “fine, I suppose”. It scored 35." in outcome.message


def test_of_insults_alone_none_is_praised() -> None:
    message = told(INSULTED, INSULTED, INSULTED).message
    assert "this one did the least harm: “You are an idiot.”" in message
    assert "What worked" not in message
    thin = told(*scores(28, 25, 27, strike="LOW_SCORE", progress=0)).message
    assert "Your best line was" in thin, "a thin line did no harm"


def test_a_line_that_was_forgotten_is_not_quoted() -> None:
    gone, kept = Line(text="", score=90, evidence=[gained(LINE, "light", 20)]), Line(text="fine, I suppose")
    outcome = told(gone, kept, gone, gone, gone, gone)
    assert outcome.worked is not None
    assert outcome.worked.quote == "fine, I suppose"
    assert told(*[gone] * 6, terms=msgspec.structs.replace(MISSION, success_threshold=95)).worked is None


def test_a_shout_that_only_raises_dominance_is_no_good_moment() -> None:
    line = Line(text="Do it now. I like tea.", evidence=[gained("Do it now.", "Do it", 20, "dominance")])
    assert "What worked" not in told(*[line] * 6).message


def test_a_long_line_is_cut_between_words_and_says_so() -> None:
    text = "word " * 200
    outcome = told(*[Line(text=text)] * 6)
    assert outcome.worked is not None
    assert outcome.worked.quote in text
    assert len(outcome.worked.quote) <= QUOTE
    assert outcome.worked.quote.endswith("word")
    assert f"“{outcome.worked.quote}…”" in outcome.message


def test_marks_alone_cost_no_more_than_words() -> None:
    """A row of marks that ends no sentence is walked once."""
    text = "!" * 1_999 + "x"
    outcome = told(*[Line(text=text, evidence=[gained(text, "x")])] * 900, terms=FREE, cause="CLIENT")
    assert outcome.worked is not None


# --- the nearest miss ---------------------------------------------------------------------------------------------


def test_the_nearest_miss_counts_the_points_that_were_missing() -> None:
    outcome = told(*scores(70, 69, 68, 70, 69, 70))
    assert outcome.nearest_miss is not None
    miss = outcome.nearest_miss
    assert (miss.gate_key, miss.have, miss.need) == ("GATE_SUCCESS_THRESHOLD", 69.33, 70)
    assert "an average of 69.33 where 70 was needed, 4 points short over 6 lines." in outcome.message
    floor = told(*scores(50, 50, 50), cause="CLIENT")
    assert "an average of 50 where more than 50 was needed, 1 point short over 3 lines." in floor.message


def test_the_nearest_of_several_gates_is_named() -> None:
    outcome = told(*scores(60, 60, 60, 60, 60, 60, progress=45))
    assert outcome.nearest_miss is not None
    assert outcome.nearest_miss.gate_key == "GATE_OBJECTIVE_PROGRESS"
    assert "45% of the way to the aim, where 50% was needed." in outcome.message


def test_with_every_gate_passed_the_aim_is_what_was_missing() -> None:
    outcome = told(*scores(80, 80, 80, progress=80), cause="TIMER")
    assert outcome.nearest_miss is not None
    miss = outcome.nearest_miss
    assert (miss.gate_key, miss.have, miss.need) == ("GATE_OBJECTIVE_PROGRESS", 80, 100)


# --- what was kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (told(cause="CLIENT"), "nothing was kept or paid"),
        (told(*scores(70), cause="CLIENT"), "Kept: your 1 line with its score, and what was earned by it, 8 XP and"),
        (
            told(*scores(70, 70), cause="ADMIN"),
            "your 2 lines with their scores, and what was earned by them, 16 XP and",
        ),
        (told(*scores(70), THREAT), "Kept: your 2 lines with their scores. Not paid: what was earned by them."),
    ],
)
def test_an_aborted_session_says_what_was_kept_and_what_was_not(outcome: Outcome, words: str) -> None:
    assert outcome.status == "ABORTED"
    assert words in outcome.message
    assert re.search(r"[Nn]ot(hing)? (kept|was said)", outcome.message)
    assert (outcome.worked, outcome.nearest_miss) == (None, None)


# --- what to try --------------------------------------------------------------------------------------------------


def tried(*lines: Line, cause: Cause = "RULE", terms: Terms = MISSION) -> str:
    """Which of the things to try the message names."""
    message = told(*lines, cause=cause, terms=terms).message
    return next((key for key, said in TEXTS.next.items() if any(message.endswith(line) for line in said)), "")


FULL = Line(score=72, text=LINE)


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("INSULT", [FULL, FULL, INSULTED, INSULTED, INSULTED]),
        ("BOUNDARY_CROSSED", [PUSHED, PUSHED, PUSHED]),
        ("FILLER_WORDS", [*scores(60, 60, 60, patterns=["FILLER_WORDS"]), *scores(60, 60, 60, patterns=["UNCLEAR"])]),
        ("UNCLEAR", [*scores(60, patterns=["FILLER_WORDS"]), *scores(60, 60, 60, 60, 60, patterns=["UNCLEAR"])]),
        ("SHORT", scores(60, 60, 60, 60, 60, 60, text="Yes, really?")),
        ("NO_QUESTION", scores(60, 60, 60, 60, 60, 60, text="I walk here on Sundays with a dog.")),
        ("emotionalWarmth", scores(60, 60, 60, 60, 60, 60, evidence=[gained(LINE, "I walk", -4, "emotionalWarmth")])),
        ("OBJECTIVE", scores(80, 80, 80, 80, 80, 80, progress=30)),
        ("HARDER", [FULL, FULL, FULL, FULL, FULL, FULL]),
        ("HEARD", scores(60, 60, 60, 60, 60, 60)),
        ("HARDER", [FULL, FULL, FULL, FULL, FULL, *scores(72, evidence=[gained(LINE, "I walk", -7, "confidence")])]),
        ("OVEREXPLAINING", [FULL, FULL, FULL, FULL, FULL, *scores(72, patterns=["OVEREXPLAINING"])]),
    ],
)
def test_one_thing_to_try_comes_from_what_was_seen_most(key: str, lines: list[Line]) -> None:
    assert tried(*lines) == key


def test_the_end_itself_may_say_what_to_try() -> None:
    assert tried(*scores(70), cause="TIMER") == "TIMER"
    assert tried(cause="CLIENT") == "BEGIN"
    assert tried(*scores(70), cause="CLIENT") == "MORE_LINES"
    assert tried(*scores(60, 60, 60), cause="CLIENT") == "STAY"
    assert tried(*scores(70), cause="SYSTEM") == "AGAIN"
    assert tried(*scores(70), THREAT) == "ANGER"


# --- the texts ----------------------------------------------------------------------------------------------------


def test_the_tables_of_texts_are_whole() -> None:
    assert set(TEXTS.reasons) == set(get_args(EndReasonCode))
    assert set(TEXTS.misses) == set(get_args(GateKey)) - {"GATE_DISQUALIFIED"}  # no fail misses that one
    traits = set(get_args(TraitName)) - {"dominance"}
    assert set(TEXTS.worked) == traits
    strikes = set(get_args(Strike)) - {"LOW_SCORE"}
    assert set(TEXTS.next) == {*get_args(Pattern), *strikes, *traits, *get_args(Other)}
    used = {name for said in TEXTS.reasons.values() for entry in said for name in entry.when}
    assert used <= {name for part in get_args(Circumstance) for name in get_args(part)}


def test_the_last_text_of_each_reason_fits_whatever_happened_and_no_line_is_there_twice() -> None:
    lines = [line for said in TEXTS.reasons.values() for entry in said for line in entry.say]
    lines += [line for said in TEXTS.next.values() for line in said]
    for said in TEXTS.reasons.values():
        assert said[-1].when == ()
        assert all(entry.when for entry in said[:-1])
    assert len(set(lines)) == len(lines)
    assert all(line[0].isupper() and line.endswith(".") for line in lines)


def test_the_same_session_always_says_the_same() -> None:
    assert told(*scores(60, 61, 62, 60, 61, 62)) == told(*scores(60, 61, 62, 60, 61, 62))
