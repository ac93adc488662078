"""What the learner aims at decides: who talks as well about something else does not succeed. The rules that a graph
keeps for this are told in ``astray``."""

from collections import Counter
from collections.abc import Callable

import pytest

from realtime.core.gates import OBJECTIVE_PROGRESS
from storage.catalogue.model import Edge, GoalType, Intent
from tests.missions.astray import AIMS, with_aim, wrong_aims
from tests.missions.stage import Mission, codes
from tests.missions.test_players import every_template, mission

SEEDS = range(1, 4)
# Of a hundred talks with a wrong aim, how many may succeed. An interview of the easier kinds is won by a story of
# oneself that would prove something, and some who only chat have one.
AT_MOST = 20
AT_MOST_IN = {"INTERVIEW_TELL_ME_ABOUT_YOU": 34, "INTERVIEW_WHY_YOU": 34}
# To open a talk, to chat, to flirt and to tell of one's work are near each other, and people do all of them at once.
# To apologise for nothing, or to refuse what nobody asked for, is no talk.
NO_TALK: tuple[GoalType, ...] = ("RECOVERY", "BOUNDARY")
HUMAN_TALK = ("OPENERS", "SMALL_TALK")
# What a road to the objective can't do without, by category.
HEARTS: dict[str, frozenset[Intent]] = {
    "FLIRTING": frozenset({"PROPOSES", "AGREES", "COMPLIMENTS", "ASKS_QUESTION"}),
    "RECOVERY": frozenset({"OWNS_IT", "APOLOGIZES", "EMPATHIZES"}),
    "BOUNDARIES": frozenset({"SETS_LIMIT", "HOLDS_FIRM", "DECLINES"}),
    "JOB_INTERVIEW": frozenset({"GIVES_EXAMPLE", "STATES_STRENGTH", "GIVES_REASON", "OWNS_IT"}),
}
# There one may also show it, to a caller that the persona plays: what she would hear is a proof as well.
HEARTS_IN: dict[str, frozenset[Intent]] = {
    "INTERVIEW_TELL_ME_ABOUT_YOU": HEARTS["JOB_INTERVIEW"]
    | {"EMPATHIZES", "APOLOGIZES", "REPAIRS", "OFFERS_ALTERNATIVE", "PROPOSES", "ASKS_QUESTION"}
}
CODES = codes()
TALKS = [code for code in CODES if mission(code).task.category in HUMAN_TALK]
TASKS = [code for code in CODES if code not in TALKS]


def told(code: str, aims: list[tuple[str, GoalType]]) -> Counter[str]:
    """The ends of such talks, each aim with each seed."""
    ends = (with_aim(mission(code), *aim, seed).ending for aim in aims for seed in SEEDS)
    return Counter(end.status for end in ends)


@pytest.mark.parametrize("code", TASKS)
def test_a_good_talker_with_another_aim_seldom_succeeds(code: str) -> None:
    ends = told(code, list(wrong_aims(mission(code))))
    assert ends["SUCCESS"] * 100 <= AT_MOST_IN.get(code, AT_MOST) * ends.total(), ends


@pytest.mark.parametrize("code", TALKS)
def test_who_only_apologises_or_refuses_does_not_make_a_talk(code: str) -> None:
    assert told(code, [aim for aim in AIMS if aim[1] in NO_TALK])["SUCCESS"] == 0


@every_template
def test_the_right_aim_is_not_a_wrong_one(code: str) -> None:
    assert mission(code).task.category in {category for category, _ in AIMS}
    assert len(list(wrong_aims(mission(code)))) == len(AIMS) - 1


@pytest.mark.parametrize("code", TASKS)
def test_no_road_gets_past_the_objectives_gate_without_its_heart(code: str) -> None:
    at = mission(code)
    heart = HEARTS_IN.get(code, HEARTS[at.task.category])
    graph = at.template.graph
    around = reached(at, lambda edge: not (edge.when.intents and heart.issuperset(edge.when.intents)))
    assert not [node.id for node in graph.nodes if node.id in around and node.progress >= OBJECTIVE_PROGRESS]
    assert any(node.progress == 100 for node in graph.nodes if node.id in reached(at, lambda edge: True))


@every_template
def test_the_last_edges_ask_for_something_said_well(code: str) -> None:
    """None of them is open to whatever line."""
    graph = mission(code).template.graph
    ends = {node.id for node in graph.nodes if node.progress == 100}
    last = [edge for node in graph.nodes for edge in node.edges if edge.to in ends]
    assert last
    assert all(edge.when.intents and edge.when.min_score >= 50 for edge in last)


def reached(at: Mission, open_edges: Callable[[Edge], bool]) -> set[str]:
    """The nodes that some road leads to, by such edges alone."""
    seen, front = {at.walk.start}, [at.walk.start]
    while front:
        fresh = {edge.to for edge in at.walk.edges(front.pop()) if open_edges(edge)} - seen
        seen |= fresh
        front += fresh
    return seen
