"""Reads the catalogue and checks it whole: what ``load`` returns has passed every rule of this module.

A catalogue directory holds ``categories.json`` (a list), ``personas/*.json`` and ``templates/*.json`` (one
object a file). Files are read in the order of their names, so the result does not depend on the disk.
A fault never hides another: ``CatalogueError`` lists everything that is wrong, in all files.
"""

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from storage.catalogue.model import (
    Catalogue,
    Category,
    Graph,
    ObjectiveKind,
    Persona,
    Template,
    policy_of,
)

DATA = Path(__file__).parent / "data"
DEFAULT_PERSONA = "NOA_CALM"
ADULT_OBJECTIVES: frozenset[ObjectiveKind] = frozenset({"GET_NUMBER", "GET_INSTAGRAM", "GET_DATE_AGREEMENT"})

# What makes a template's immutable version; the rest (lane, order, active ...) may change without a new one.
VERSIONED = ("title", "goalType", "difficulty", "persona", "rewards", "opening", "graph", "missionConfigV1")

_T = TypeVar("_T")
_Coded = TypeVar("_Coded", Category, Persona, Template)
_AT = re.compile(r" - at `\$?\.?(?P<path>[^`]*)`$")


class Problem(msgspec.Struct, frozen=True):
    """One fault. ``file`` is relative to the catalogue directory, ``path`` leads to the place inside it."""

    file: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}{' ' + self.path if self.path else ''}: {self.what}"


class CatalogueError(ValueError):
    """The catalogue can't be used. ``problems`` is never empty and holds every fault found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class _Sourced(msgspec.Struct, frozen=True):
    """What was decoded, each with the file it came from."""

    categories: tuple[tuple[str, Category], ...]
    personas: tuple[tuple[str, Persona], ...]
    templates: tuple[tuple[str, Template], ...]


def load(directory: Path | None = None) -> Catalogue:
    """The catalogue of ``directory`` (default: the shipped one), checked.

    Raises ``CatalogueError`` with every fault: unreadable or misshapen files, and all rules between them.
    """
    root = DATA if directory is None else directory
    problems: list[Problem] = []
    categories = _decode(root / "categories.json", root, tuple[Category, ...], problems) or ()
    sourced = _Sourced(
        categories=tuple(("categories.json", category) for category in categories),
        personas=tuple(_decode_all(root, "personas", Persona, problems)),
        templates=tuple(_decode_all(root, "templates", Template, problems)),
    )
    for check in (_check_codes, _check_personas, _check_references, _check_lanes, _check_audience):
        problems.extend(check(sourced))
    for file, template in sourced.templates:
        problems.extend(_check_policy(file, template))
        problems.extend(_check_graph(file, template.graph))
    problems.extend(_check_shared_lines(sourced))
    if problems:
        raise CatalogueError(problems)
    return Catalogue(
        categories=_by_code(sourced.categories),
        personas=_by_code(sourced.personas),
        templates=_by_code(sourced.templates),
    )


def content_hash(template: Template) -> str:
    """SHA-256 (hex) of the canonical JSON of the template's versioned part, ``VERSIONED``.

    Canonical: keys sorted, no white space, UTF-8. Equal content has an equal hash however its file is laid
    out, and a field left out equals one that says its default.
    """
    everything = msgspec.to_builtins(template)
    versioned = {field: everything[field] for field in VERSIONED}
    return hashlib.sha256(msgspec.json.encode(versioned, order="sorted")).hexdigest()


def _by_code(sourced: tuple[tuple[str, _Coded], ...]) -> dict[str, _Coded]:
    return {item.code: item for _, item in sourced}


def _decode(path: Path, root: Path, kind: type[_T], problems: list[Problem]) -> _T | None:
    """The file as ``kind``, or None with the fault noted."""
    file = path.relative_to(root).as_posix()
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        problems.append(Problem(file=file, path="", what=f"can't be read: {error.strerror}"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        said = str(error)
        at = _AT.search(said)
        problems.append(Problem(file=file, path=at["path"] if at else "", what=said[: at.start()] if at else said))
    return None


def _decode_all(root: Path, folder: str, kind: type[_Coded], problems: list[Problem]) -> Iterator[tuple[str, _Coded]]:
    for path in sorted((root / folder).glob("*.json")):
        item = _decode(path, root, kind, problems)
        if item is not None:
            yield path.relative_to(root).as_posix(), item


def _check_codes(sourced: _Sourced) -> Iterator[Problem]:
    kinds: tuple[Sequence[tuple[str, Category | Persona | Template]], ...] = (
        sourced.categories,
        sourced.personas,
        sourced.templates,
    )
    for kind in kinds:
        first: dict[str, str] = {}
        for file, item in kind:
            if item.code in first:
                yield Problem(file, "code", f"{item.code} is taken by {first[item.code]}")
            first.setdefault(item.code, file)


def _check_personas(sourced: _Sourced) -> Iterator[Problem]:
    """A persona can always say something, and its facts and recalls can be found and filled in."""
    for file, persona in sourced.personas:
        if not persona.small_talk.get("NEUTRAL"):
            yield Problem(file, "smallTalk", "has no NEUTRAL lines")
        keys = [fact.key for fact in persona.facts]
        for i, fact in enumerate(persona.facts):
            if fact.key in keys[:i]:
                yield Problem(file, f"facts[{i}].key", f"{fact.key} is told twice")
            for term in fact.asked_by:
                if term != term.casefold().strip() or not term:
                    yield Problem(file, f"facts[{i}].askedBy", f"{term!r} is not lower-case words")
        for key, patterns in persona.recalls.items():
            for pattern in patterns:
                if "{value}" not in pattern or re.search(r"[{}]", pattern.replace("{value}", "")):
                    yield Problem(file, f"recalls.{key}", f"needs {{value}} and no other braces: {pattern!r}")


def _check_references(sourced: _Sourced) -> Iterator[Problem]:
    categories = {category.code for _, category in sourced.categories}
    personas = {persona.code for _, persona in sourced.personas}
    for file, template in sourced.templates:
        if template.category not in categories:
            yield Problem(file, "category", f"{template.category} does not exist")
        if template.persona not in personas:
            yield Problem(file, "persona", f"{template.persona} does not exist")


def _check_lanes(sourced: _Sourced) -> Iterator[Problem]:
    """One category a lane, one mission an order, and an EASY one to begin with."""
    lanes: dict[str, list[tuple[str, Template]]] = defaultdict(list)
    for file, template in sourced.templates:
        lanes[template.lane].append((file, template))
    for lane, members in lanes.items():
        members.sort(key=lambda member: member[1].order)
        first_file, first = members[0]
        if first.difficulty != "EASY":
            yield Problem(first_file, "difficulty", f"the first mission of lane {lane} must be EASY")
        for (_, before), (file, template) in itertools.pairwise(members):
            if template.order == before.order:
                yield Problem(file, "order", f"{template.order} in lane {lane} is taken by {before.code}")
        for file, template in members:
            if template.category != first.category:
                yield Problem(file, "lane", f"{lane} belongs to category {first.category} ({first.code})")


def _check_audience(sourced: _Sourced) -> Iterator[Problem]:
    """What is for adults is reached through ADULT categories alone."""
    audience = {category.code: category.audience for _, category in sourced.categories}
    personas = _by_code(sourced.personas)
    for file, template in sourced.templates:
        if audience.get(template.category) != "ALL":
            continue
        for path, why in _adult_reasons(template):
            yield Problem(file, path, f"{why} must be in an ADULT category, not {template.category}")
        persona = personas.get(template.persona)
        if persona is not None and persona.audience != "ALL":
            yield Problem(file, "persona", f"{persona.code} is ADULT, category {template.category} is for ALL")


def _adult_reasons(template: Template) -> Iterator[tuple[str, str]]:
    config = template.mission_config_v1
    if config.dynamics.flirtiveness > 0:
        yield "missionConfigV1.dynamics", "flirting (dynamics above 0)"
    if config.style.ai_style_key == "FLIRTY":
        yield "missionConfigV1.style.aiStyleKey", "style FLIRTY"
    if config.objective.kind in ADULT_OBJECTIVES:
        yield "missionConfigV1.objective.kind", f"objective {config.objective.kind}"
    if template.goal_type == "FLIRTING":
        yield "goalType", "goal FLIRTING"


def _check_policy(file: str, template: Template) -> Iterator[Problem]:
    policy = policy_of(template)
    if policy.fail_threshold > policy.success_threshold:
        yield Problem(
            file,
            "missionConfigV1.statePolicy",
            f"fails below {policy.fail_threshold}, which is above success at {policy.success_threshold}",
        )


def _check_graph(file: str, graph: Graph) -> Iterator[Problem]:
    """The talk can begin, goes on from every edge, never loses progress, and can be won."""
    progress: dict[str, int] = {}
    for i, node in enumerate(graph.nodes):
        if node.id in progress:
            yield Problem(file, f"graph.nodes[{i}].id", f"{node.id} is taken")
        progress.setdefault(node.id, node.progress)
        if not node.lines.get("NEUTRAL"):
            yield Problem(file, f"graph.nodes[{i}].lines", f"node {node.id} has no NEUTRAL lines")
    yield from _check_edges(file, graph, progress)
    if graph.start not in progress:
        yield Problem(file, "graph.start", f"{graph.start} does not exist")
        return
    reached = _reached(graph)
    for i, node in enumerate(graph.nodes):
        if node.id not in reached:
            yield Problem(file, f"graph.nodes[{i}]", f"node {node.id} can't be reached from the start")
    if not any(progress[node_id] == 100 for node_id in reached):
        yield Problem(file, "graph", "no node with progress 100 can be reached from the start")


def _check_edges(file: str, graph: Graph, progress: dict[str, int]) -> Iterator[Problem]:
    for i, node in enumerate(graph.nodes):
        for j, edge in enumerate(node.edges):
            path = f"graph.nodes[{i}].edges[{j}]"
            if edge.to not in progress:
                yield Problem(file, path, f"leads to {edge.to}, which does not exist")
            elif progress[edge.to] < node.progress:
                fall = f"from {node.progress} to {progress[edge.to]}"
                yield Problem(file, path, f"progress falls {fall} at {edge.to}")
            if edge.when.min_score > edge.when.max_score:
                yield Problem(file, path, "can never hold: minScore is above maxScore")


def _reached(graph: Graph) -> set[str]:
    edges = {node.id: [edge.to for edge in node.edges] for node in graph.nodes}
    reached: set[str] = set()
    todo = [graph.start]
    while todo:
        here = todo.pop()
        if here in edges and here not in reached:
            reached.add(here)
            todo.extend(edges[here])
    return reached


def _check_shared_lines(sourced: _Sourced) -> Iterator[Problem]:
    """No line is said in two templates: whoever plays both would hear a recording."""
    first: dict[str, Template] = {}
    for file, template in sourced.templates:
        for path, line in _lines(template):
            owner = first.setdefault(" ".join(line.casefold().split()), template)
            if owner is not template:
                yield Problem(file, path, f"{owner.code} says this too: {line!r}")


def _lines(template: Template) -> Iterator[tuple[str, str]]:
    for i, line in enumerate(template.opening):
        yield f"opening[{i}]", line
    for i, node in enumerate(template.graph.nodes):
        for mood, lines in node.lines.items():
            for j, line in enumerate(lines):
                yield f"graph.nodes[{i}].lines.{mood}[{j}]", line
        for j, line in enumerate(node.stay):
            yield f"graph.nodes[{i}].stay[{j}]", line
