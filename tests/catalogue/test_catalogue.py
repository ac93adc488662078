"""The loader's rules, each broken once in a catalogue made for it, and the shipped catalogue."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.catalogue.loader import DATA, DEFAULT_PERSONA, CatalogueError, Problem, content_hash, load
from storage.catalogue.model import Catalogue, Category, Persona, Template

Files = dict[str, Any]
Change = Callable[[Files], None]

DYNAMICS = {
    "mode": "CHAT",
    "locationTag": "CAFE",
    "pace": 50,
    "emojiDensity": 0,
    "flirtiveness": 0,
    "hostility": 0,
    "dryness": 0,
    "vulnerability": 0,
    "escalationSpeed": 50,
    "randomness": 0,
}


def a_template(code: str, lane: str, order: int, difficulty: str = "EASY") -> dict[str, Any]:
    """A valid template of the category EVERYONE whose lines are its own."""

    def node(name: str, progress: int, *targets: str) -> dict[str, Any]:
        return {
            "id": name,
            "progress": progress,
            "lines": {"NEUTRAL": [f"{code} says {name}."]},
            "edges": [{"to": target, "when": {"minScore": 40}} for target in targets],
        }

    return {
        "code": code,
        "category": "EVERYONE",
        "lane": lane,
        "order": order,
        "title": "A talk",
        "goalType": "SOCIAL",
        "difficulty": difficulty,
        "persona": "ANYA",
        "rewards": {"xp": 10, "coins": 5},
        "missionConfigV1": {
            "dynamics": dict(DYNAMICS),
            "objective": {"kind": "CUSTOM", "userTitle": "Talk", "userDescription": "Have a talk."},
            "style": {"aiStyleKey": "WARM", "styleIntensity": "NORMAL"},
            "statePolicy": {},
        },
        "opening": [f"{code} opens."],
        "graph": {"start": "a", "nodes": [node("a", 0, "b"), node("b", 50, "b", "c"), node("c", 100)]},
    }


def a_persona(code: str, audience: str = "ALL") -> dict[str, Any]:
    return {
        "code": code,
        "name": code.title(),
        "gender": "OTHER",
        "style": "WARM",
        "audience": audience,
        "bio": "Someone.",
        "voice": "plain",
        "active": True,
        "greetings": ["Hello.", "Hi.", "Good day."],
        "facts": [{"key": f"k{i}", "askedBy": [f"word{i}"], "lines": ["One.", "Two."]} for i in range(6)],
        "unknown": ["No.", "Don't know.", "Pass."],
        "smallTalk": {"NEUTRAL": ["Nice weather."]},
        "reactions": {},
        "recalls": {"name": ["So, {value}."]},
        "closings": {"LEFT": ["Bye."]},
    }


def a_category(code: str, audience: str, order: int) -> dict[str, Any]:
    return {"code": code, "label": code, "description": "What it is.", "audience": audience, "order": order}


def valid() -> Files:
    return {
        "categories.json": [a_category("EVERYONE", "ALL", 1), a_category("GROWN_UPS", "ADULT", 2)],
        "personas/anya.json": a_persona("ANYA"),
        "personas/grown.json": a_persona("GROWN", "ADULT"),
        "templates/t1.json": a_template("T1", "LANE", 1),
        "templates/t2.json": a_template("T2", "LANE", 2, "HARD"),
    }


def written(files: Files, root: Path) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def problems_of(files: Files, root: Path) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueError) as caught:
        load(written(files, root))
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1
    return caught.value.problems


def test_a_valid_catalogue_loads(tmp_path: Path) -> None:
    catalogue = load(written(valid(), tmp_path))
    assert list(catalogue.categories) == ["EVERYONE", "GROWN_UPS"]
    assert list(catalogue.personas) == ["ANYA", "GROWN"]
    assert list(catalogue.templates) == ["T1", "T2"]


def at(files: Files, *path: str | int) -> Any:
    here: Any = files
    for step in path:
        here = here[step]
    return here


def put(*path: str | int, to: object) -> Change:
    """Sets the value at ``path``; the last step may be a new key."""

    def change(files: Files) -> None:
        at(files, *path[:-1])[path[-1]] = to

    return change


T1, T2, ANYA = "templates/t1.json", "templates/t2.json", "personas/anya.json"
CONFIG = (T1, "missionConfigV1")
NODES = (T1, "graph", "nodes")

BROKEN: list[tuple[str, Change, str, str, str]] = [
    # what, the change, and then the file, path and words of the only problem expected
    ("not JSON", put(T1, to="{"), T1, "", "truncated"),
    ("not UTF-8 text of JSON", put(ANYA, to="\ufeff[]"), ANYA, "", "malformed"),
    ("unknown field", put(*CONFIG, "mood", to=1), T1, "missionConfigV1", "unknown field `mood`"),
    ("wrong type", put(T1, "order", to="1"), T1, "order", "Expected `int`"),
    ("out of range", put(*CONFIG, "dynamics", "pace", to=101), T1, "missionConfigV1.dynamics.pace", "100"),
    ("category twice", put("categories.json", 1, "code", to="EVERYONE"), "categories.json", "code", "taken"),
    ("persona twice", put("personas/grown.json", "code", to="ANYA"), "personas/grown.json", "code", "taken"),
    ("template twice", put(T2, "code", to="T1"), T2, "code", f"T1 is taken by {T1}"),
    ("no such persona", put(T1, "persona", to="NOBODY"), T1, "persona", "does not exist"),
    ("lane without EASY", put(T1, "difficulty", to="MEDIUM"), T1, "difficulty", "EASY"),
    ("order twice", put(T2, "order", to=1), T2, "order", "taken by T1"),
    ("lane of two categories", put(T2, "category", to="GROWN_UPS"), T2, "lane", "belongs to"),
    ("start", put(T1, "graph", "start", to="z"), T1, "graph.start", "does not exist"),
    ("edge into nothing", put(*NODES, 1, "edges", 0, "to", to="z"), T1, "graph.nodes[1].edges[0]", "z"),
    ("node twice", put(*NODES, 0, "id", to="b"), T1, "graph.nodes[1].id", "taken"),
    ("not reached", put(*NODES, 0, "edges", 0, "to", to="c"), T1, "graph.nodes[1]", "can't be reached"),
    ("never won", put(*NODES, 2, "progress", to=99), T1, "graph", "progress 100"),
    ("no NEUTRAL", put(*NODES, 1, "lines", to={"WARM": ["Oh."]}), T1, "graph.nodes[1].lines", "NEUTRAL"),
    ("empty NEUTRAL", put(*NODES, 1, "lines", to={"NEUTRAL": []}), T1, "graph.nodes[1].lines", "NEUTRAL"),
    ("falling", put(*NODES, 0, "progress", to=60), T1, "graph.nodes[0].edges[0]", "falls from 60 to 50"),
    ("edge", put(*NODES, 0, "edges", 0, "when", "maxScore", to=39), T1, "graph.nodes[0].edges[0]", "never"),
    ("line shared", put(T2, "opening", 0, to="t1  SAYS b."), T2, "opening[0]", "T1 says this too"),
    ("stay shared", put(*NODES, 0, "stay", to=["T2 opens."]), T2, "opening[0]", "T1 says this too"),
    ("flirting dial", put(*CONFIG, "dynamics", "flirtiveness", to=1), T1, f"{CONFIG[1]}.dynamics", "ADULT"),
    ("style", put(*CONFIG, "style", "aiStyleKey", to="FLIRTY"), T1, f"{CONFIG[1]}.style.aiStyleKey", "ADULT"),
    ("goal", put(T1, "goalType", to="FLIRTING"), T1, "goalType", "ADULT"),
    ("adult persona", put(T1, "persona", to="GROWN"), T1, "persona", "GROWN is ADULT"),
    ("thresholds", put(*CONFIG, "statePolicy", to={"failScoreThreshold": 71}), T1, f"{CONFIG[1]}.statePolicy", ""),
    ("small talk", put(ANYA, "smallTalk", to={"WARM": ["Ah."]}), ANYA, "smallTalk", "NEUTRAL"),
    ("fact twice", put(ANYA, "facts", 1, "key", to="k0"), ANYA, "facts[1].key", "k0"),
    ("capital term", put(ANYA, "facts", 0, "askedBy", to=["Name"]), ANYA, "facts[0].askedBy", "'Name'"),
    ("no value", put(ANYA, "recalls", "age", to=["You told me."]), ANYA, "recalls.age", "{value}"),
    ("other braces", put(ANYA, "recalls", "age", to=["{value} {who}"]), ANYA, "recalls.age", "no other"),
]  # fmt: skip


def adult_objective(kind: str) -> tuple[str, Change, str, str, str]:
    path = "missionConfigV1.objective.kind"
    return kind, put(*CONFIG, "objective", "kind", to=kind), T1, path, "ADULT"


BROKEN += [adult_objective(kind) for kind in ("GET_NUMBER", "GET_INSTAGRAM", "GET_DATE_AGREEMENT")]


@pytest.mark.parametrize(("change", "file", "path", "words"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_each_rule_has_a_failing_example(tmp_path: Path, change: Change, file: str, path: str, words: str) -> None:
    files = valid()
    change(files)
    problems = problems_of(files, tmp_path)
    assert any(p.file == file and p.path == path and words in p.what for p in problems), problems


def test_what_is_for_adults_may_stand_in_an_adult_category(tmp_path: Path) -> None:
    files = valid()
    for name in (T1, T2):
        files[name]["category"] = "GROWN_UPS"
        files[name]["persona"] = "GROWN"
        files[name]["goalType"] = "FLIRTING"
        files[name]["missionConfigV1"]["dynamics"]["flirtiveness"] = 60
        files[name]["missionConfigV1"]["objective"]["kind"] = "GET_NUMBER"
        files[name]["missionConfigV1"]["style"]["aiStyleKey"] = "FLIRTY"
    assert len(load(written(files, tmp_path)).templates) == 2


def test_a_missing_category_is_named(tmp_path: Path) -> None:
    files = valid()
    for name in (T1, T2):
        files[name]["category"] = "NOWHERE"
    assert [(p.file, p.path) for p in problems_of(files, tmp_path)] == [(T1, "category"), (T2, "category")]


def test_missing_categories_are_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    files = valid()
    del files["categories.json"]
    assert "can't be read" in problems_of(files, tmp_path)[0].what


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    files = valid()
    for change in (put(ANYA, "age", to=3), put(T2, "order", to=1), put(T1, "graph", "start", to="z")):
        change(files)
    found = problems_of(files, tmp_path)
    assert {p.file for p in found} == {ANYA, T1, T2}
    # The persona that could not be read is missed by the templates that play it: said, too.
    assert {p.path for p in found} == {"", "order", "graph.start", "persona"}


def decoded(template: dict[str, Any]) -> Template:
    return msgspec.json.decode(json.dumps(template), type=Template)


@pytest.mark.parametrize(
    "change",
    [
        put("title", to="Another talk"),
        put("goalType", to="OPENING"),
        put("difficulty", to="HARD"),
        put("persona", to="GROWN"),
        put("rewards", "gems", to=1),
        put("opening", to=["Other words."]),
        put("graph", "nodes", 1, "lines", "NEUTRAL", 0, to="Other words."),
        put("missionConfigV1", "dynamics", "pace", to=51),
    ],
)
def test_the_hash_follows_every_versioned_field(change: Change) -> None:
    template = a_template("T1", "LANE", 1)
    before = content_hash(decoded(template))
    assert len(before) == 64
    change(template)
    assert content_hash(decoded(template)) != before


def test_the_hash_does_not_follow_what_is_not_versioned() -> None:
    template = a_template("T1", "LANE", 1)
    same = copy.deepcopy(template)
    same |= {"lane": "OTHER", "order": 9, "active": False, "category": "GROWN_UPS", "code": "T9"}
    same["rewards"] = {"gems": 0, "coins": 5, "xp": 10}
    assert content_hash(decoded(same)) == content_hash(decoded(template))


# The shipped data


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load()


def test_the_shipped_catalogue_loads(shipped: Catalogue) -> None:
    assert set(shipped.categories) == {
        "OPENERS", "SMALL_TALK", "FLIRTING", "RECOVERY", "BOUNDARIES", "JOB_INTERVIEW",
    }  # fmt: skip
    adult = [code for code, category in shipped.categories.items() if category.audience == "ADULT"]
    assert adult == ["FLIRTING"]
    assert DEFAULT_PERSONA in shipped.personas
    assert all(shipped.personas[code].audience == "ALL" for code in ("MAYA_PLAYFUL", "NOA_CALM"))


def shipped_files(folder: str) -> list[Path]:
    return sorted((DATA / folder).glob("*.json"))


def test_categories_have_their_own_words_and_order() -> None:
    categories = msgspec.json.decode((DATA / "categories.json").read_bytes(), type=list[Category])
    assert [c.order for c in categories] == sorted({c.order for c in categories})
    assert len({c.label for c in categories}) == len({c.description for c in categories}) == len(categories)


def said_by(persona: Persona) -> list[str]:
    said = [*persona.greetings, *persona.unknown]
    for fact in persona.facts:
        said.extend(fact.lines)
    for group in (persona.small_talk, persona.reactions, persona.recalls, persona.closings):
        for lines in group.values():
            said.extend(lines)
    return said


@pytest.mark.parametrize("path", shipped_files("personas"), ids=lambda path: path.stem)
def test_a_shipped_persona_has_enough_to_say(path: Path) -> None:
    persona = msgspec.json.decode(path.read_bytes(), type=Persona)
    assert path.stem == persona.code.lower()
    assert len(persona.greetings) >= 5
    assert len(persona.facts) >= 12
    assert all(len(fact.lines) >= 3 and fact.asked_by for fact in persona.facts)
    assert set(persona.small_talk) == {"COLD", "NEUTRAL", "WARM", "TENSE", "FLOW"}
    assert all(len(lines) >= 12 for lines in persona.small_talk.values())
    assert len(persona.reactions) >= 15
    assert all(len(lines) >= 5 for lines in persona.reactions.values())
    assert len(persona.closings) == 6
    assert all(len(lines) >= 3 for lines in persona.closings.values())
    keys = {"name", "age", "job", "home", "origin", "study", "likes", "dislikes", "people", "pets"}
    assert keys | {"languages", "plans", "events"} <= set(persona.recalls)


@pytest.mark.parametrize("path", shipped_files("personas"), ids=lambda path: path.stem)
def test_a_shipped_persona_says_nothing_twice_and_keeps_to_its_world(path: Path) -> None:
    said = said_by(msgspec.json.decode(path.read_bytes(), type=Persona))
    assert len({line.casefold() for line in said}) == len(said)
    for line in said:
        assert line == " ".join(line.split())
        assert not any(word in line.casefold() for word in ("score", "mission", "points", "level up"))


def test_cold_lines_are_short_and_ask_nothing() -> None:
    for path in shipped_files("personas"):
        small_talk = msgspec.json.decode(path.read_bytes(), type=Persona).small_talk
        assert all(len(line) <= 60 and "?" not in line for line in small_talk["COLD"]), path.stem


def test_the_shipped_personas_share_no_line() -> None:
    owners: dict[str, str] = {}
    for path in shipped_files("personas"):
        persona = msgspec.json.decode(path.read_bytes(), type=Persona)
        for line in said_by(persona):
            assert owners.setdefault(line.casefold(), persona.code) == persona.code, line
