"""A good learner succeeds and a bad one fails in every mission that ships, by their words alone."""

import re
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tests.missions import aims, listening, phrases, players
from tests.missions.listening import Kind, listen
from tests.missions.players import PLAYERS, GoodPlayer
from tests.missions.stage import Played, codes, play, read_mission

SEEDS = range(1, 6)
CODES = codes()
every_template = pytest.mark.parametrize("code", CODES)
mission = cache(read_mission)


@cache
def played(code: str, who: str, seed: int) -> Played:
    at = mission(code)
    return play(at, PLAYERS[who](at.task, seed), seed)


def ends(code: str, who: str) -> list[str]:
    return [played(code, who, seed).ending.end_reason_code for seed in SEEDS]


# The ends


@every_template
def test_the_good_player_reaches_the_objective_with_every_seed(code: str) -> None:
    assert ends(code, "good") == ["SUCCESS_OBJECTIVE"] * len(SEEDS), played(code, "good", 1).text()


@every_template
def test_the_bad_player_fails_with_every_seed_and_nobody_is_insulted(code: str) -> None:
    assert set(ends(code, "bad")) <= {"FAIL_MAX_MESSAGES", "FAIL_MOOD_COLLAPSE"}, played(code, "bad", 1).text()


@every_template
def test_the_rude_player_is_shown_the_door(code: str) -> None:
    assert set(ends(code, "rude")) == {"FAIL_TOO_MANY_STRIKES"}, played(code, "rude", 1).text()


@every_template
def test_a_word_or_two_for_everything_never_wins_the_way(code: str) -> None:
    """Such a learner fails, and does not even get to the end of the graph."""
    assert set(ends(code, "curt")) <= {"FAIL_MAX_MESSAGES", "FAIL_MOOD_COLLAPSE"}
    furthest = max(played(code, "curt", seed).turns[-1].progress for seed in SEEDS)
    assert furthest < 100, played(code, "curt", 1).text()


@pytest.mark.parametrize("code", [code for code in CODES if mission(code).task.goal in ("BOUNDARY", "RECOVERY")])
def test_charm_holds_no_limit_and_mends_nothing(code: str) -> None:
    """A learner who talks as well, and as in a job interview, gets nowhere where a no or an apology is due."""
    elsewhere = msgspec.structs.replace(mission(code).task, category="JOB_INTERVIEW", goal="LOGISTICS")
    for seed in SEEDS:
        session = play(mission(code), GoodPlayer(elsewhere, seed), seed)
        assert session.ending.status == "FAIL", session.text()


@every_template
def test_good_and_bad_lie_well_apart(code: str) -> None:
    """Their means don't meet: no seed of the bad one comes near any seed of the good one."""
    good = min(played(code, "good", seed).mean for seed in SEEDS)
    bad = max(played(code, "bad", seed).mean for seed in SEEDS)
    assert good - bad > 15


# The players themselves


@every_template
def test_the_good_player_never_repeats_itself_and_always_speaks(code: str) -> None:
    for seed in SEEDS:
        said = [turn.text for turn in played(code, "good", seed).turns]
        sentences = [sentence for line in said for sentence in re.split(r"(?<=[.!?])\s+", line)]
        assert all(len(line.split()) > 5 for line in said)
        assert len(set(sentences)) == len(sentences), said


@every_template
def test_seeds_make_other_talks(code: str) -> None:
    talks = {tuple(turn.text for turn in played(code, "good", seed).turns) for seed in SEEDS}
    assert len(talks) == len(SEEDS)


def test_a_talk_is_the_same_when_played_again() -> None:
    at = mission(CODES[0])
    assert play(at, PLAYERS["good"](at.task, 3), 3) == played(CODES[0], "good", 3)


@every_template
def test_the_players_know_no_template(code: str) -> None:
    """They are the same for all: none of their files names a mission or takes a line out of one."""
    sources = "".join(
        Path(module.__file__ or "").read_text(encoding="utf-8") for module in (players, phrases, aims, listening)
    )
    template = mission(code).template
    lines = {line for node in template.graph.nodes for said in node.lines.values() for line in said}
    assert code not in sources
    assert not [line for line in lines | set(template.opening) if len(line.split()) > 3 and line in sources]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Lovely day. What's your name?", "NAME"),
        ("I'm Noa, by the way.", "NAMES_SELF"),
        ("Tell me about yourself.", "NAME"),
        ("I came by bus. And you?", "AND_YOU"),
        ("When shall we meet?", "PLAN"),
        ("There's a band on Friday. Are you in?", "OFFER"),
        ("Tea or coffee?", "CHOICE"),
        ("Why did you come?", "WHY"),
        ("How long did it take?", "AMOUNT"),
        ("How are you?", "HOW_ARE"),
        ("Where do you live?", "WHERE"),
        ("Who taught you?", "WHO"),
        ("What do you read?", "WHAT"),
        ("Do you cook?", "YES_NO"),
        ("What's your biggest weakness?", "WEAKNESS"),
        ("Give me an example.", "EXAMPLE"),
        ("Tell me more.", "TELL"),
        ("It rained.", "NONE"),
    ],
)
def test_a_question_is_known_by_its_kind(line: str, kind: Kind) -> None:
    assert listen(line).kind == kind


@pytest.mark.parametrize(
    ("line", "topic"),
    [
        ("I've got a ticket for the concert on Friday.", "concert"),
        ("My sister rings at nine.", None),
        ("It was a long time ago.", None),
        ("There's a dog on the sofa, of course.", "sofa"),
    ],
)
def test_a_word_worth_taking_up(line: str, topic: str | None) -> None:
    assert listen(line).topic == topic
