"""The key vocabulary of a persona's memory, from ``keys.json``: these keys, no others.

Single keys hold one item, list keys up to ``MAX_LIST_ITEMS``. A slugged key is ``family.slug``: ``people`` and
``pets`` take the slugs that the file lists, ``plans`` and ``events`` any slug of ``SLUG`` form.
"""

import json
import re
import unicodedata
import zlib
from collections.abc import Iterable
from importlib import resources
from typing import Literal

import msgspec

Holds = Literal["single", "list"]

MAX_SLUG_CHARS = 40  # three ordinary words; keeps the longest key, ``events.`` and slug, under 48 characters
SLUG = re.compile(rf"[a-z0-9][a-z0-9_]{{0,{MAX_SLUG_CHARS - 1}}}")


class _Family(msgspec.Struct, frozen=True):
    holds: Holds
    slugs: tuple[str, ...] | None


class _Vocabulary(msgspec.Struct, frozen=True):
    version: int
    max_value_chars: int
    max_list_items: int
    single: tuple[str, ...]
    list: tuple[str, ...]
    slugged: dict[str, _Family]


def _load() -> _Vocabulary:
    raw = resources.files(__package__).joinpath("keys.json").read_text("utf-8")
    return msgspec.convert(json.loads(raw), _Vocabulary)


_KEYS = _load()
MAX_VALUE_CHARS = _KEYS.max_value_chars
MAX_LIST_ITEMS = _KEYS.max_list_items
_ORDER = (*_KEYS.single, *_KEYS.list, *_KEYS.slugged)


def holds(key: str) -> Holds | None:
    """Whether the key holds a single item or a list; None when the vocabulary does not have it."""
    if key in _KEYS.single:
        return "single"
    if key in _KEYS.list:
        return "list"
    family, dot, slug = key.partition(".")
    found = _KEYS.slugged.get(family)
    if found is None or not dot or SLUG.fullmatch(slug) is None:
        return None
    return found.holds if found.slugs is None or slug in found.slugs else None


def is_known_key(key: str) -> bool:
    """True when the vocabulary has the key."""
    return holds(key) is not None


def rank(key: str) -> tuple[int, str]:
    """Sorts keys in the order of the file: who someone is first, then tastes, people and plans."""
    family = key if key in _ORDER else key.partition(".")[0]
    return (_ORDER.index(family) if family in _ORDER else len(_ORDER), key)


def slug_of(words: Iterable[str]) -> str:
    """A slug of up to three words, accents folded: the same words give the same slug.

    Words without a letter or digit of ASCII become the CRC-32 of their UTF-8, in hexadecimal, so that a plan
    written in another script still has a key of its own.
    """
    parts: list[str] = []
    for word in words:
        folded = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
        plain = re.sub(r"[^a-z0-9]", "", folded)
        parts.append(plain or f"{zlib.crc32(word.encode('utf-8', 'replace')):08x}")
        if len(parts) == 3:
            break
    return "_".join(parts)[:MAX_SLUG_CHARS].rstrip("_")
