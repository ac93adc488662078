"""What the terminal shows, on 80 columns, as text."""

import io
import re
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from server.chat.remembered import memory_view
from server.chat.stream import SpokenLine
from server.chat.summary import Sparkline, summary_view, wallet_check
from server.chat.talk import header
from server.chat.turns import turn_view, why_view
from server.chat.views import clipped
from server.chat.words import amounts, harmless, listed, plain
from tests.client.standin import scored

TEXT = "Hi there 👋🏽, sort of a long day. How was yours?"


def shown(view: RenderableType, *, width: int = 80, encoding: str = "utf-8") -> str:
    """The view as it is printed without a terminal, and so without colours; every line fits."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n", errors="strict")
    Console(file=file, width=width, highlight=False, legacy_windows=False).print(view)
    file.flush()
    text = raw.getvalue().decode(encoding)
    assert all(cell_len(line) <= width for line in text.splitlines())
    return text


def on_terminal(view: RenderableType, *, colours: bool = True, width: int = 80) -> str:
    """The same with a terminal's escape sequences."""
    file, environment = io.StringIO(), {} if colours else {"NO_COLOR": "1"}
    console = Console(
        file=file, width=width, highlight=False, force_terminal=True, color_system="standard", _environ=environment
    )
    console.print(view)
    return file.getvalue()


def sample(**more: Any) -> dict[str, Any]:
    start = TEXT.index("sort of")
    evidence = [
        {"trait": "confidence", "effect": -6, "start": start, "end": start + 7, "rule": "hedge", "note": "A hedge."},
        {"trait": "clarity", "effect": 8, "start": 0, "end": 8, "rule": "plain", "note": "Plain words."},
    ]
    return scored("i1", 1, evidence=evidence, **more)


def test_a_turn_shows_its_score_and_its_reasons_in_the_learners_words() -> None:
    text = shown(turn_view(TEXT, sample(tip='Instead of "sort of", say what it was.', patterns=["FILLER_WORDS"])))
    assert "Score 76  rarity A  charisma 70  +14 XP, +5 coins" in text
    assert '-6 confidence "sort of" A hedge.' in text  # offsets after an emoji of two code points
    assert '+8 clarity    "Hi there" Plain words.' in text
    assert "not shown yet: humour, tension control and dominance" in text
    assert "Confidence       71" in text
    assert "Humour" not in text  # a trait that was not observed has no number
    assert "That worked: warmth" in text
    assert "Watch out for: filler words" in text
    assert 'Tip: Instead of "sort of", say what it was.' in text
    assert "Mood warm 59%  Mission 20%  5 messages left  average 76" in text
    assert "strike" not in text


def _reason(start: int, effect: int, note: str = "A note.") -> dict[str, Any]:
    return {"trait": "clarity", "effect": effect, "start": start, "end": start + 2, "rule": "r", "note": note}


def test_the_strongest_reasons_are_shown_and_the_rest_are_counted() -> None:
    effects = [3, 9, 5, -2, 8, -4, 7]
    turn = scored("i1", 1, evidence=[_reason(n, effect) for n, effect in enumerate(effects)])
    text = shown(turn_view(TEXT, turn))
    order = [row.split()[0] for row in text.splitlines() if "clarity" in row]
    assert order == ["+9", "+8", "-4", "+7"]  # the strongest against the line has its place
    assert "and 3 more reasons; /why shows all" in text
    everything = shown(why_view(TEXT, turn))
    assert [row.split()[0] for row in everything.splitlines() if "clarity" in row] == [f"{e:+d}" for e in effects]


def test_few_reasons_are_all_shown_and_nothing_is_promised() -> None:
    assert "/why" not in shown(turn_view(TEXT, sample()))
    assert "Nothing in that line" in shown(why_view(TEXT, scored("i1", 1, evidence=[])))


def test_the_line_is_shown_again_with_its_words_marked_where_that_can_be_seen() -> None:
    turn = sample()
    text = on_terminal(turn_view(TEXT, turn))
    assert "\x1b[32mHi there\x1b[0m 👋🏽, \x1b[4;31msort of\x1b[0m a long day." in text
    assert "\x1b[31msort of" in text, "and in the reason"
    grey = on_terminal(turn_view(TEXT, turn), colours=False)
    assert "\x1b[4msort of\x1b[0m a long day." in grey, "without colours a loss is still underlined"
    assert "\x1b[3" not in grey.replace("\x1b[39m", "")
    assert "a long day. How was yours?" not in shown(turn_view(TEXT, turn)), (
        "in a file there is nothing to mark it with"
    )


def test_a_hostile_line_keeps_its_places_when_it_is_marked() -> None:
    line = "\x1b[2Jsort of\u202e gone"
    assert harmless(line) == " [2Jsort of  gone"
    evidence = [_reason(line.index("sort"), -6)]
    text = on_terminal(turn_view(line, scored("i", 1, evidence=evidence)))
    assert "\x1b[4;31mso\x1b[0m" in text
    assert "\u202e" not in text
    assert "\x1b[2J" not in text


def test_dominance_has_no_good_end_and_no_colour_of_one() -> None:
    reason = _reason(0, 9) | {"trait": "dominance"}
    turn = scored("i", 1, evidence=[reason], observed=["dominance"])
    text = on_terminal(turn_view("Do it now.", turn))
    assert "\x1b[33m+9 dominance" in text
    assert "\x1b[33mDo\x1b[0m it now." in text
    traits = {"snapshot": {"dominance": 60}, "deltas": {"dominance": 9}, "observed": ["dominance"]}
    summary = SUMMARY | {"traitSummary": traits}
    assert re.search("\x1b\\[33m *\\+9\x1b", on_terminal(summary_view(summary)))


def test_a_trait_says_what_the_line_moved_it_by() -> None:
    evidence = [_reason(0, 9), _reason(3, 5), _reason(6, -2)]
    turn = scored("i", 1, evidence=evidence, observed=["clarity", "humor", "confidence"])
    rows = [" ".join(line.split()) for line in shown(turn_view(TEXT, turn)).splitlines()]
    assert "Confidence 71 ███████░░░ Clarity 68 ███████░░░ +12" in rows
    narrow = [" ".join(line.split()) for line in shown(turn_view(TEXT, turn), width=60).splitlines()]
    assert "Confidence 71 ███████░░░" in narrow
    assert "Clarity 68 ███████░░░ +12" in narrow


@pytest.mark.parametrize("width", [40, 60, 80])
def test_wide_characters_fit_at_any_width(width: int) -> None:
    line = "漢字を勉強しています 🙂 " * 8
    note = f"“{line[:40]}” begins a plain statement of your own."
    evidence = [{"trait": "tensionControl", "effect": 12, "start": 0, "end": 40, "rule": "r", "note": note}]
    assert shown(turn_view(line, scored("i", 1, evidence=evidence, tip=note)), width=width)
    top = [{"turnIndex": 1, "content": line, "score": 78, "rarity": "A"}]
    assert shown(summary_view(SUMMARY | {"keyMessages": {"top": top, "bottom": [], "rare": []}}), width=width)


def test_a_clipped_text_ends_between_words() -> None:
    assert clipped("builds props for a small theatre", 40) == "builds props for a small theatre"
    assert clipped("builds props for a small theatre", 20) == "builds props for ..."
    assert clipped("漢字 漢字 漢字", 11) == "漢字 ..."
    assert clipped("unbreakable", 8) == "unbr ..."
    assert [cell_len(clipped("漢字を勉強", width)) <= width for width in range(12)] == [True] * 12


def test_words_that_the_note_quotes_are_not_quoted_twice() -> None:
    turn = scored("i1", 1, evidence=[_reason(0, 4, "“Hi” is a greeting."), _reason(3, 4, "Plain words.")])
    text = shown(turn_view(TEXT, turn))
    assert "+4 clarity “Hi” is a greeting." in text
    assert '+4 clarity "th" Plain words.' in text


def test_a_turn_says_why_it_pays_nothing_and_counts_strikes() -> None:
    rewards = {"xp": 0, "coins": 0, "gems": 0, "reason": "ALREADY_PAID"}
    mission = {"progressPct": 0, "messagesLeft": 1, "strikes": 2}
    text = shown(turn_view(TEXT, sample(rewards=rewards, mission=mission)))
    assert "(no rewards: this line has paid you before)" in text
    assert "XP" not in text.splitlines()[0]
    assert "1 message left  2 strikes" in text


def test_free_play_has_no_mission_line() -> None:
    mission = {"progressPct": 0, "messagesLeft": None, "strikes": 0}
    assert "Mission" not in shown(turn_view(TEXT, sample(mission=mission)))


def test_a_turn_on_a_terminal_that_knows_ascii_only() -> None:
    text = shown(turn_view("Hi there, sort of.", scored("i", 1)), encoding="ascii")
    assert "Confidence       71 #######..." in text


def test_nobody_can_steer_the_terminal() -> None:
    hostile = "\x1b[2Jgone\x07\r\u009b1m [bold red]x[/]"
    assert plain(hostile) == "[2Jgone 1m [bold red]x[/]"
    event = {"type": "memory.created", "key": "name", "value": hostile, "source": {"quote": hostile}}
    text = shown(memory_view(event))
    assert "\x1b" not in text
    assert "[bold red]x[/]" in text.replace("\n", " ")


SUMMARY: dict[str, Any] = {
    "sessionId": "s1",
    "aiMode": "MISSION",
    "averageMessageScore": 72.67,
    "messageCount": 3,
    "completionPercentage": 60,
    "outcome": {
        "status": "FAIL",
        "isSuccess": False,
        "endReasonCode": "FAIL_MAX_MESSAGES",
        "endReasonMeta": {"cause": "RULE", "nearMiss": True},
        "successThreshold": 74,
        "failThreshold": 55,
        "message": "The talk ran its length, and the average stayed under the aim. "
        "What worked: “How was your morning?”. Nearest miss: average score, 72.67 of 74.",
        "worked": {"turnIndex": 1, "quote": "How was your morning?"},
        "nearestMiss": {"gateKey": "GATE_SUCCESS_THRESHOLD", "have": 72.67, "need": 74},
    },
    "gateResults": [
        {"gateKey": "GATE_MIN_MESSAGES", "passed": True, "reasonCode": "OK", "context": {"have": 3, "need": 3}},
        {
            "gateKey": "GATE_SUCCESS_THRESHOLD",
            "passed": False,
            "reasonCode": "MEAN_BELOW",
            "context": {"have": 72.67, "need": 74},
        },
        {"gateKey": "GATE_DISQUALIFIED", "passed": True, "reasonCode": "OK", "context": {"have": 0, "need": 0}},
    ],
    "rewards": {
        "xpGained": 36,
        "coinsGained": 13,
        "gemsGained": 0,
        "rarityCounts": {"C": 0, "B": 1, "A": 2, "S": 0, "S+": 0},
        "missionBonus": None,
    },
    "wallet": {"before": {"xp": 90, "coins": 2, "gems": 1}, "after": {"xp": 126, "coins": 15, "gems": 1}},
    "level": {"before": 1, "after": 2},
    "streak": {"current": 1, "longest": 4},
    "traitSummary": {
        "snapshot": {"confidence": 70.5, "clarity": 66, "humor": 50},
        "deltas": {"confidence": 3.25, "clarity": -2, "humor": 0},
        "longTermScores": {"confidence": 67.25, "clarity": 68, "humor": 50},
        "observed": ["confidence", "clarity"],
    },
    "moodSummary": {
        "current": {"moodState": "WARM", "moodPercent": 61},
        "baseline": 50,
        "delta": 11,
        "arc": "RISING_WARMTH",
        "snapshots": [{"smoothedMoodScore": 50}, {"smoothedMoodScore": 55}, {"smoothedMoodScore": 61}],
    },
    "keyMessages": {
        "top": [{"turnIndex": 1, "content": "How was your morning?", "score": 78, "rarity": "A"}],
        "bottom": [{"turnIndex": 3, "content": "ok", "score": 61, "rarity": "B"}],
        "rare": [],
    },
    "personaMemory": {
        "memoryWritesDuringSession": [
            {"memoryKey": "name", "memoryValue": "Tal", "source": {"quote": "I'm Tal"}, "op": "set"}
        ]
    },
    "unlocked": {"missions": ["CAFE_HELLO"], "categories": ["OPENERS"], "deepInsights": False, "badges": []},
}


def test_the_summary_says_why_what_and_how_much() -> None:
    text = shown(summary_view(SUMMARY, {"CAFE_HELLO": "Hello at the café"}))
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "Not this time" in text
    assert "The talk ran its length, and the average stayed under the aim." in text
    assert "Average 72.67 over 3 messages; 74 was needed. Mission 60% done." in text
    assert text.count("What worked") == 1  # the message says it, so it is not said again
    assert text.count("Nearest miss") == 1
    assert "That was close." in text
    assert "Enough messages passed 3, 3 needed" in rows
    assert "Average for success missed 72.67, 74 needed" in rows
    assert "Fair play passed nothing out of bounds" in rows
    assert "XP 90 +36 126" in rows
    assert "Gems 1 +0 1" in rows
    assert "Lines by rarity: 1 B, 2 A." in rows
    assert "Level up: 1 to 2, streak 1 day." in rows
    assert "Confidence 70.5 +3.25 67.25" in rows
    assert "Clarity 66 -2 68" in rows
    assert "Humour not shown yet 50" in rows
    assert "▅▅▅" in text
    assert "from 50% to 61%, warm: it grew warmer." in rows
    assert '78 A "How was your morning?"' in rows
    assert '61 B "ok"' in rows
    assert 'name Tal "I\'m Tal"' in rows
    assert "Unlocked: Hello at the café" in rows
    assert "Category completed: openers" in rows


def test_the_summary_tells_the_tips_and_what_the_persona_knows_now() -> None:
    memory = {
        "memorySnapshot": {"name": "Tal", "likes.music": "jazz, soul"},
        "memoryWritesDuringSession": [
            {"memoryKey": "likes.music", "memoryValue": None, "op": "updated", "source": {"quote": "no more pop"}},
            {"memoryKey": "home", "memoryValue": None, "op": "created", "source": {"quote": None}},
            {"memoryKey": "home", "memoryValue": None, "op": "forgotten", "source": None},
        ],
    }
    tips = [f"Tip number {number}." for number in range(5)]
    blank = {"top": [{"turnIndex": 1, "content": "", "score": 78, "rarity": "A"}], "bottom": [], "rare": []}
    text = shown(summary_view(SUMMARY | {"personaMemory": memory, "keyMessages": blank}, tips=tips, name="Noa"))
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "What Noa knows of you now" in rows
    assert "name Tal; likes.music jazz, soul." in rows
    assert 'likes.music no longer "no more pop"' in rows
    assert rows.count("home forgotten") == 2, "of what was forgotten not even that it was taken off"
    assert [row for row in rows if row.startswith("- Tip")] == [f"- {tip}" for tip in tips[2:]]
    assert "78 A (taken out of the talk)" in rows


def test_a_summary_without_turns_has_no_empty_tables() -> None:
    empty = SUMMARY | {
        "aiMode": "FREEPLAY",
        "messageCount": 0,
        "averageMessageScore": 0,
        "outcome": {"status": "ABORTED", "endReasonCode": "ABORT_USER_EXIT", "endReasonMeta": {}, "message": ""},
        "gateResults": [],
        "traitSummary": {"snapshot": None, "deltas": None, "longTermScores": None, "observed": []},
        "moodSummary": {"current": None, "snapshots": [], "arc": None},
        "keyMessages": {"top": [], "bottom": [], "rare": []},
        "personaMemory": {"memorySnapshot": None, "memoryWritesDuringSession": []},
        "unlocked": {"missions": [], "categories": [], "deepInsights": False, "badges": []},
    }
    text = shown(summary_view(empty))
    assert "Ended early" in text
    assert "You left before there was enough to judge." in text  # no message: the reason in our words
    assert "No message was sent." in text
    for word in ("Gates", "Traits", "Mood", "lines\n", "Remembered", "Unlocked"):
        assert word not in text


def test_the_wallet_is_compared_and_not_only_repeated() -> None:
    same = shown(wallet_check(SUMMARY, {"xp": 126, "coins": 15, "gems": 1, "level": 2}))
    assert "126 XP, 15 coins, 1 gem, as the summary says." in same
    other = shown(wallet_check(SUMMARY, {"xp": 126, "coins": 16, "gems": 1}))
    assert "as the summary says" not in other
    assert "16 coins" in other


def test_a_sparkline_keeps_its_ends_and_its_width() -> None:
    line = Sparkline(list(range(101)))
    assert len(line.values) == 40
    assert (line.values[0], line.values[-1]) == (0, 100)
    assert line.line(ascii_only=False)[0] == "▁"
    assert line.line(ascii_only=False)[-1] == "█"
    assert Sparkline([0, 100]).line(ascii_only=True) == "0 100"


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_reply_in_pieces_is_broken_between_words_whatever_the_pieces(size: int) -> None:
    text = "I baked bread this morning, and the whole kitchen still smells of it. " * 3
    file = io.StringIO()
    line = SpokenLine(Console(file=file, width=40, highlight=False), "Noa")
    for at in range(0, len(text), size):
        line.feed(text[at : at + size])
    line.finish()
    lines = file.getvalue().rstrip("\n").split("\n")
    assert all(len(row) <= 40 for row in lines)
    assert " ".join(" ".join(lines).split()) == f"Noa: {text.strip()}"
    assert all(row.startswith("     ") for row in lines[1:])


def test_a_reply_that_restarts_says_so() -> None:
    file = io.StringIO()
    line = SpokenLine(Console(file=file, width=80, highlight=False), "Noa")
    line.feed("Half a ")
    line.restart("Another line.")
    line.finish()
    assert file.getvalue() == "Noa: Half a ... (cut off by the lost connection)\nNoa: Another line.\n"


def test_the_header_of_a_mission_and_of_a_free_talk() -> None:
    ours = {
        "template": {
            "code": "X",
            "title": "Hello at the café",
            "objective": {"title": "Open a talk", "description": "Say hello."},
        },
        "categoryKey": "SMALL_TALK",
        "difficulty": "EASY",
        "limits": {"turns": 6},
    }
    text = shown(header(ours, "Noa"))
    assert "Hello at the café  (small talk, easy)" in text
    assert "Your aim: Open a talk. Say hello." in text
    assert "You talk with Noa, 6 messages at most." in text
    assert "A free talk with Noa." in shown(header({}, "Noa"))


def test_words() -> None:
    assert amounts({"xp": 1, "coins": 1, "gems": 2}) == "+1 XP, +1 coin, +2 gems"
    assert amounts({"xp": 0, "coins": 0}) == ""
    assert amounts({"xp": 1200, "coins": 0, "gems": 1}, sign=False) == "1,200 XP, 0 coins, 1 gem"
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
