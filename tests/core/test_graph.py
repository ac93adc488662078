"""Walking the graph: edges in order, staying, what is wanted, and progress that never falls."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.graph import Walk, holds
from storage.catalogue.model import Condition, Edge, Graph, Intent, Node

INTENTS: tuple[Intent, ...] = get_args(Intent)


def node(name: str, progress: int, *edges: Edge) -> Node:
    return Node(id=name, progress=progress, lines={"NEUTRAL": (f"You are at {name}.",)}, edges=edges)


def edge(to: str, *intents: Intent, low: int = 0, high: int = 100) -> Edge:
    return Edge(to=to, when=Condition(intents=intents, min_score=low, max_score=high))


GRAPH = Graph(
    start="door",
    nodes=(
        node(
            "door",
            0,
            edge("friends", "JOKES", low=80),
            edge("talk", "ASKS_QUESTION", "GREETS"),
            edge("talk", "JOKES", "GREETS"),
        ),
        node(
            "talk",
            50,
            edge("door", "DECLINES"),
            edge("talk", "SHARES_ABOUT_SELF"),
            edge("friends", low=75),
        ),
        node("friends", 100),
    ),
)
WALK = Walk(GRAPH)


@pytest.mark.parametrize(
    ("at", "intents", "score", "to", "moved"),
    [
        ("door", {"JOKES"}, 80, "friends", True),
        ("door", {"JOKES"}, 79, "talk", True),  # the first edge does not fit, a later one does
        ("door", {"GREETS", "JOKES"}, 90, "friends", True),  # both fit: the first in order
        ("door", {"THANKS"}, 100, "door", False),
        ("door", set(), 100, "door", False),
        ("talk", {"THANKS"}, 75, "friends", True),  # an edge without intents asks for the score alone
        ("talk", set(), 75, "friends", True),
        ("talk", set(), 74, "talk", False),
        ("talk", {"SHARES_ABOUT_SELF"}, 90, "talk", True),  # back to its own node, by an edge
        ("talk", {"DECLINES"}, 10, "door", True),
        ("friends", {"JOKES"}, 100, "friends", False),
    ],
)
def test_step(at: str, intents: set[Intent], score: int, to: str, moved: bool) -> None:
    assert WALK.step(at, intents, score) == (to, moved)
    assert WALK.step(at, tuple(sorted(intents)), score) == (to, moved)


def test_wanted_is_each_intent_once_in_the_order_of_the_catalogue() -> None:
    assert WALK.wanted("door") == ("GREETS", "ASKS_QUESTION", "JOKES")
    assert WALK.wanted("talk") == ()  # its score alone leads a line on
    assert WALK.wanted("friends") == ()


def test_what_leads_aside_or_back_is_not_wanted() -> None:
    limits = Graph(
        start="asked",
        nodes=(
            node("asked", 20, edge("gave_in", "AGREES"), edge("said_no", "SETS_LIMIT"), edge("lost", "JOKES")),
            node("gave_in", 20, edge("asked", "APOLOGIZES"), edge("lost", "THANKS")),
            node("said_no", 100),
            node("lost", 0),
        ),
    )
    walk = Walk(limits)
    assert walk.wanted("asked") == ("SETS_LIMIT",)
    assert walk.wanted("gave_in") == ("APOLOGIZES",)  # no edge gains, so the way round is the way on
    assert walk.wanted("lost") == ()


def test_progress_is_the_highest_reached() -> None:
    assert WALK.progress_after("talk", 0) == 50
    assert WALK.progress_after("door", 50) == 50
    assert WALK.progress_after("friends", 50) == 100


def test_nodes_by_id() -> None:
    assert WALK.start == "door"
    assert WALK.node("talk") is GRAPH.nodes[1]
    with pytest.raises(KeyError):
        WALK.node("cellar")
    with pytest.raises(KeyError):
        WALK.step("cellar", (), 50)
    with pytest.raises(KeyError):
        WALK.wanted("cellar")


@pytest.mark.parametrize(
    ("graph", "complaint"),
    [
        (Graph(start="cellar", nodes=GRAPH.nodes), "cellar"),
        (Graph(start="a", nodes=(node("a", 0, edge("attic"), edge("b")), node("b", 100))), "attic"),
        (Graph(start="a", nodes=(node("a", 0), node("a", 100))), "same id"),
    ],
)
def test_a_graph_that_cannot_be_walked(graph: Graph, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Walk(graph)


@pytest.mark.parametrize(("score", "fits"), [(39, False), (40, True), (60, True), (61, False)])
def test_the_bounds_of_a_condition_are_inclusive(score: int, fits: bool) -> None:
    assert holds(Condition(min_score=40, max_score=60), (), score) is fits
    greets: tuple[Intent, ...] = ("GREETS",)
    assert not holds(Condition(intents=("JOKES",), min_score=40, max_score=60), greets, score)
    assert holds(Condition(intents=("JOKES", "GREETS"), min_score=40, max_score=60), greets, score) is fits


@given(st.lists(st.tuples(st.sets(st.sampled_from(INTENTS), max_size=4), st.integers(0, 100)), max_size=20))
def test_a_walk_stays_in_the_graph_and_its_progress_never_falls(turns: list[tuple[set[Intent], int]]) -> None:
    at, best = WALK.start, 0
    for intents, score in turns:
        before, came_from = best, at
        at, moved = WALK.step(at, intents, score)
        best = WALK.progress_after(at, best)
        assert best >= max(before, WALK.node(at).progress)
        assert moved or at == came_from


def test_an_edge_may_ask_for_the_objective() -> None:
    asked = Edge(to="friends", when=Condition(objectives=("GET_NUMBER",)))
    graph = Graph(start="door", nodes=(node("door", 0, asked, edge("talk")), node("talk", 50), node("friends", 100)))
    assert Walk(graph, "GET_NUMBER").step("door", set(), 50) == ("friends", True)
    for other in ("GET_INSTAGRAM", None):
        assert Walk(graph, other).step("door", set(), 50) == ("talk", True)
        assert asked not in Walk(graph, other).edges("door")
