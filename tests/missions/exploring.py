"""Which edges of a mission's graph can be taken, found by playing: from the start on, at each node that was reached,
every line of the bank is scored by the real scorer in the talk as it stands, and where a line takes an edge that no
line took yet, it is said, and the talk goes on from there. No intent and no score is made up."""

import copy
from collections import deque
from collections.abc import Iterable

from realtime.core.graph import Walk
from storage.catalogue.model import Graph
from tests.missions import bank
from tests.missions.stage import MINDS, Mission, Session, taken, with_objective

Edge = tuple[str, int]  # a node's id, and the edge's place among the node's own
_SEEDS = range(1, 4)  # talks whose persona speaks other lines
_VISITS = 3  # talks at one node that are tried, while edges of it are missing


def all_edges(graph: Graph) -> set[Edge]:
    return {(node.id, place) for node in graph.nodes for place in range(len(node.edges))}


def explore(mission: Mission, found: Iterable[Edge] = ()) -> set[Edge]:
    """The edges that some line of the bank takes, and those of ``found``. Edges that ask for another objective than
    the mission's are looked for in the same mission with that objective."""
    graph = mission.template.graph
    known, wanted = set(found), all_edges(graph)
    kinds = {kind for node in graph.nodes for edge in node.edges for kind in edge.when.objectives}
    kinds -= {mission.task.kind}
    for variant in (mission, *(with_objective(mission, kind) for kind in sorted(kinds))):
        for seed in _SEEDS:
            if known >= wanted:
                return known
            _explore_once(variant, seed, wanted, known)
    return known


def _explore_once(mission: Mission, seed: int, wanted: set[Edge], known: set[Edge]) -> None:
    visits: dict[str, int] = {}
    waiting = deque([Session(mission, seed)])
    while waiting:
        session = waiting.popleft()
        node = session.state.node or ""
        visits[node] = visits.get(node, 0) + 1
        if visits[node] > _VISITS:
            continue
        missing = any(edge not in known for edge in wanted if edge[0] == node)
        tried: set[int] = set()
        for line in bank.lines(session.persona_line):
            place = would_take(session, line)
            if place is None or place in tried:
                continue
            tried.add(place)
            known.add((node, place))
            after = fork(session)
            after.turn(line)
            if after.ending is None:
                waiting.append(after)
            if len(tried) == len(mission.walk.edges(node)):
                break
        if missing and visits[node] == 1:
            stayed = stay(session)
            if stayed is not None:
                waiting.append(stayed)


def would_take(session: Session, line: str) -> int | None:
    score = MINDS.scorer.score(session.context(line))
    return taken(session.walk, session.state.node or "", score.intents, score.score)


def stay(session: Session) -> Session | None:
    """The talk after a line that leads nowhere, if the bank has one."""
    for line in bank.FLAT:
        if would_take(session, line) is None:
            after = fork(session)
            after.turn(line)
            return after if after.ending is None else None
    return None


def fork(session: Session) -> Session:
    """The same talk, to go on in another way. (A state is never changed in place.)"""
    other = copy.copy(session)
    other.memory = dict(session.memory)
    return other


def fewest_turns(walk: Walk, graph: Graph) -> int | None:
    """The fewest edges from the start to a node of full progress."""
    seen, front, turns = {graph.start}, {graph.start}, 0
    while front:
        if any(walk.node(node).progress == 100 for node in front):
            return turns
        front = {edge.to for node in front for edge in walk.edges(node)} - seen
        seen |= front
        turns += 1
    return None
