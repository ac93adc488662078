"""Every edge of every graph is taken by some turn that was really said and scored; no node is out of reach, and a
mission can be won before its turns run out."""

import pytest

from realtime.minds import TurnContext
from realtime.opening import terms_of
from storage.catalogue.model import Intent
from tests.missions import bank
from tests.missions.exploring import all_edges, explore, fewest_turns
from tests.missions.players import PLAYERS
from tests.missions.stage import MINDS, Played
from tests.missions.test_players import SEEDS, every_template, mission, played


def sessions(code: str) -> list[Played]:
    return [played(code, who, seed) for who in PLAYERS for seed in SEEDS]


@every_template
def test_every_edge_is_taken_by_some_turn(code: str) -> None:
    at = mission(code)
    of_players = {edge for session in sessions(code) for edge in session.edges()}
    left = all_edges(at.template.graph) - explore(at, of_players)
    told = [f"{node} edges[{place}] {at.walk.node(node).edges[place]}" for node, place in sorted(left)]
    assert not told, "\n".join(told)


@every_template
def test_the_shortest_road_has_room_for_a_slip_and_for_the_gate_of_turns(code: str) -> None:
    """One turn to spare for a slip, and not under the three turns that a session must have."""
    at = mission(code)
    fewest, terms = fewest_turns(at.walk, at.template.graph), terms_of(at.template)
    assert fewest is not None
    assert terms.max_messages is not None
    assert terms.min_messages <= fewest <= terms.max_messages - 1


# The bank: each line does what it is filed under, said to a line that asks.
ASKED = "I was late for the concert. What was it like for you, and would you do it again?"


@pytest.mark.parametrize("intent", bank.STRONG)
def test_lines_of_the_bank_do_what_they_are_filed_under(intent: Intent) -> None:
    shelf = (*bank.STRONG[intent], *bank.PLAIN[intent])
    for line in (line.format(topic="concert") for line in shelf):
        shown = MINDS.scorer.score(TurnContext(text=line, persona_line=ASKED)).intents
        assert intent in shown, (line, shown)


def test_strong_lines_score_above_plain_ones_and_those_above_sharp_ones() -> None:
    def mean(lines: list[str]) -> float:
        said = [line.format(topic="concert") for line in lines]
        scores = [MINDS.scorer.score(TurnContext(text=line, persona_line=ASKED)).score for line in said]
        return sum(scores) / len(scores)

    strong, plain, sharp = (
        mean([line for shelf in bank.STRONG.values() for line in shelf]),
        mean([line for shelf in bank.PLAIN.values() for line in shelf]),
        mean(list(bank.SHARP)),
    )
    assert strong > plain + 10
    assert plain > sharp + 10
