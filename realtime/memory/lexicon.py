"""The word lists behind the extractor, from ``lexicon.json``, and the topic of a liked or disliked thing."""

import json
from importlib import resources

import msgspec


class Lexicon(msgspec.Struct, frozen=True):
    """Every list is lower case, save ``languages``, whose case is the one that is stored."""

    version: int
    topics: dict[str, frozenset[str]]
    infinitives: dict[str, str]
    lead_ins: tuple[str, ...]
    joined: frozenset[str]
    relations: dict[str, str]
    had_relations: frozenset[str]
    pets: dict[str, str]
    languages: tuple[str, ...]
    jobs: frozenset[str]
    fields: frozenset[str]
    work_states: tuple[str, ...]
    not_workplaces: frozenset[str]
    evaluative: frozenset[str]
    not_places: frozenset[str]
    workplaces: frozenset[str]
    dwellings: frozenset[str]
    place_stops: frozenset[str]
    stops: frozenset[str]
    not_things: frozenset[str]
    unlovable: frozenset[str]
    not_names: frozenset[str]
    nationalities: frozenset[str]
    event_nouns: frozenset[str]
    event_nouns_dated_only: frozenset[str]
    plan_verbs: tuple[str, ...]
    not_plans: frozenset[str]
    slug_fillers: frozenset[str]
    name_particles: frozenset[str]
    evasions: frozenset[str]
    given_names: frozenset[str]


LEXICON = msgspec.convert(
    json.loads(resources.files(__package__).joinpath("lexicon.json").read_text("utf-8")), Lexicon
)
LANGUAGES = {name.lower(): name for name in LEXICON.languages}


def topic_of(words: list[str]) -> str:
    """The topic of a thing: of the whole phrase, else of its longest known ending, else of any word; or "other".

    The ending counts before the rest because English puts the head last: "jazz films" are films.
    """
    for start in range(len(words)):
        for topic, known in LEXICON.topics.items():
            if " ".join(words[start:]) in known:
                return topic
    for word in reversed(words):
        for topic, known in LEXICON.topics.items():
            if word in known:
                return topic
    return "other"
