"""Walking a mission's graph: where a learner's turn leads, and which intents lead onward."""

from collections.abc import Collection
from typing import get_args

from storage.catalogue.model import Condition, Edge, Graph, Intent, Node, ObjectiveKind

_INTENTS: tuple[Intent, ...] = get_args(Intent)


class Walk:
    """A graph with its index, as a mission of one objective walks it: edges that ask for another one are not there.
    ``objective`` None: only edges that ask for none are. Built once per template version and shared, as it never
    changes.

    Raises ``ValueError`` for a graph that can't be walked: two nodes of one id, a start or an edge that
    leads nowhere. Its methods raise ``KeyError`` for a node that the graph does not have, and cost nothing
    that grows with the graph.
    """

    def __init__(self, graph: Graph, objective: ObjectiveKind | None = None) -> None:
        self._nodes = {node.id: node for node in graph.nodes}
        if len(self._nodes) != len(graph.nodes):
            raise ValueError("two nodes of the graph have the same id")
        targets = {graph.start, *(edge.to for node in graph.nodes for edge in node.edges)}
        unknown = sorted(targets - self._nodes.keys())
        if unknown:
            raise ValueError(f"the graph leads to nodes that it does not have: {', '.join(unknown)}")
        self.start = graph.start
        self._edges = {
            node.id: tuple(
                edge for edge in node.edges if not edge.when.objectives or objective in edge.when.objectives
            )
            for node in graph.nodes
        }
        self._wanted = {node.id: self._onward(node) for node in graph.nodes}

    def node(self, node_id: str) -> Node:
        return self._nodes[node_id]

    def edges(self, node_id: str) -> tuple[Edge, ...]:
        """Those that lead on from a node, in the order in which they are tried."""
        return self._edges[node_id]

    def step(self, node_id: str, intents: Collection[Intent], score: int) -> tuple[str, bool]:
        """Where a turn of these intents and this score leads, and whether it followed an edge: the first that
        fits, in the order of the file. None that fits: the talk stays. An edge back to its own node counts as
        followed, so the persona speaks as on arriving there."""
        for edge in self._edges[node_id]:
            if holds(edge.when, intents, score):
                return edge.to, True
        return node_id, False

    def wanted(self, node_id: str) -> tuple[Intent, ...]:
        """The intents that lead onward from a node, each once, in the catalogue's order of intents: those of its
        edges to more progress; where none leads to more, of those that keep it. What leads aside or back (giving
        in where a limit was to be set) is never wanted. Empty at the end of a graph, and where any
        line of a high enough score leads on."""
        return self._wanted[node_id]

    def progress_after(self, node_id: str, best: int) -> int:
        """``progressPct`` on standing at a node: the highest progress reached; it never falls."""
        return max(best, self._nodes[node_id].progress)

    def _onward(self, node: Node) -> tuple[Intent, ...]:
        gain = [(self._nodes[edge.to].progress - node.progress, edge) for edge in self.edges(node.id)]
        onward = [edge for gained, edge in gain if gained > 0]
        onward = onward or [edge for gained, edge in gain if gained == 0]
        asked = {intent for edge in onward for intent in edge.when.intents}
        return tuple(intent for intent in _INTENTS if intent in asked)


def holds(condition: Condition, intents: Collection[Intent], score: int) -> bool:
    """Whether a turn meets an edge's condition: one of its intents (any turn does, if it names none) and a
    score within its bounds, both inclusive."""
    if not condition.min_score <= score <= condition.max_score:
        return False
    return not condition.intents or any(intent in intents for intent in condition.intents)
