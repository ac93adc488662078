"""A turn as the extractor's patterns read it, and which of them can be found in it at all.

Most turns teach nothing. So every pattern says what it *needs*: words of which each match holds one, and perhaps
others of which it holds one *too*. One pass over the turn's words gives the patterns that may be found; the rest are
not searched for.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

_KEPT: Final = 16_384  # words whose bits are kept: those of many talks, in a few megabytes
_KEPT_CHARS: Final = 24  # a longer word's are not kept
MASK: Final = "\x00"  # stands for a masked character; no pattern of ours matches it
DIGIT: Final = "0"  # among what a pattern needs: any digit
ANYWHERE: Final = "~"  # in front of what a pattern needs: not as a word, but anywhere in the turn

WORD: Final = re.compile(r"[^\W_]+")  # the finest cut: what a pattern bounds with \b or \s is whole in it
_PLAIN_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*[.,!?;:]*")
_DIGIT: Final = re.compile(r"\d")
_OPENS: Final = re.compile("[\"'>“«]")
_OPENING_APOSTROPHE: Final = re.compile(r"(?<!\w)'")
# Every alternative begins with its own sign, so that the search runs from sign to sign.
_QUOTED: Final = re.compile(
    r"“[^”]*”?"
    r"|«[^»]*»?"
    r"|\"[^\"]*\"?"
    r"|'(?<![\w']')(?=\S)(?:[^'\n]|(?<=\w)'(?=\w)){1,300}'(?!\w)"
    r"|>(?<=^>)[^\n]*",
    re.MULTILINE,
)
_PLAIN: Final = {0x2019: "'", 0x2018: "'", 0x02BC: "'", 0x00A0: " ", 0x09: " "}
# The four characters that are another case of an ASCII letter. (A test looks through all of Unicode.)
_ALIKE: Final = {0x17F: "s", 0x212A: "k", 0x130: "i", 0x131: "i"}
_TURNS_AWAY: Final = re.compile(r"\(\?![^()]*\)")


class Turn(msgspec.Struct, frozen=True, gc=False):
    """``view`` and ``low`` are as long as ``text``: matched in ``low``, quoted from ``text``, capitals seen in
    ``view``. ``may``: the bits of the patterns that can be found."""

    text: str
    view: str
    low: str
    may: int


class Rule(NamedTuple):
    """A pattern over ``Turn.low``, so in small letters. ``bit`` is set in ``Turn.may`` where it can be found.
    ``behind``: what it needs stands behind the match, without which the match leads to nothing."""

    pattern: re.Pattern[str]
    bit: int
    behind: bool

    def search(self, turn: Turn, start: int, end: int) -> re.Match[str] | None:
        return self.pattern.search(turn.low, start, end) if turn.may & self.bit else None


class _Loose(NamedTuple):
    """Found wherever the rule is found in any part of the turn; ``cased``: searched for in ``view``."""

    pattern: re.Pattern[str]
    cased: bool


RULES: Final[list[Rule]] = []  # every pattern, each with the bit of its place
# What a word means to the patterns: a bit for each that needs it, and _TOO places higher for each that needs it too.
# So the patterns that may be found are those whose bits stand in both halves.
_TOO: Final = 128
_NEEDS: Final[dict[str, int]] = {}
_SIGNS: Final[dict[str, int]] = {}  # likewise of what may stand anywhere
_EVERY: Final = ""  # the word that every turn holds: needed too by the patterns that name no other
_LOOSE: Final[dict[int, _Loose]] = {}  # by bit


def bits_of(*rules: Rule) -> int:
    """The bits of several patterns: whether any of them can be found is one question to ``Turn.may``."""
    bits = 0
    for each in rules:
        bits |= each.bit
    return bits


def _listed(words: str | Iterable[str]) -> Iterable[str]:
    return words.split() if isinstance(words, str) else words


def veil(
    source: str,
    needs: str | Iterable[str],
    flags: int = re.VERBOSE,
    *,
    too: str | Iterable[str] = (),
    behind: bool = False,
) -> Rule:
    """A pattern that takes something out. ``needs``: every match holds one of these words (a string holds them
    parted by spaces) as a whole word; ``too``: and one of these, if there are any."""
    made = Rule(re.compile(source, flags), 1 << len(RULES), behind)
    RULES.append(made)
    if len(RULES) > _TOO:
        raise ValueError("more patterns than a half has bits")
    for words, bits in ((_listed(needs), made.bit), (_listed(too) or (_EVERY,), made.bit << _TOO)):
        for word in words:
            table, key = (_SIGNS, word[1:]) if word.startswith(ANYWHERE) else (_NEEDS, word)
            table[key] = table.get(key, 0) | bits
    _MEANT.clear()
    return made


def rule(
    source: str,
    needs: str | Iterable[str],
    *,
    too: str | Iterable[str] = (),
    behind: bool = False,
    cased: str | None = None,
) -> Rule:
    """A pattern that teaches. It begins at the edge of a word, or with a space. It must not end on ``$``: a part of
    the turn is searched as if the turn ended there, and what is found there must be found in the whole turn too, once
    it has lost what it must not be followed by.

    ``cased``: a pattern over ``Turn.view`` that is found wherever this one leads to a write.
    """
    if not source.startswith((r"\b", r"\s")):
        source = rf"\b(?:{source})"  # one look at a place rules it out for all alternatives
    made = veil(source, needs, too=too, behind=behind)
    loose = re.compile(cased or _TURNS_AWAY.sub("", source), re.VERBOSE)
    _LOOSE[made.bit] = _Loose(loose, cased is not None)
    return made


def part(source: str) -> re.Pattern[str]:
    """A pattern over ``Turn.low`` that is tried where another was found."""
    return re.compile(source, re.VERBOSE)


def pieces(phrases: Iterable[str]) -> set[str]:
    """The last word of each phrase, for ``needs``: "software engineer" cannot be found without "engineer"."""
    return {WORD.findall(phrase)[-1] for phrase in phrases}


class Meant(dict[str, int]):
    """``meant[chunk]``: the bits of what stands between two white spaces. A word of letters, with what it is closed
    by, is remembered in bounded room; anything else (a number, an address) is nobody else's, and is read anew."""

    def __missing__(self, chunk: str) -> int:
        bits = 0
        for word in WORD.findall(chunk):
            bits |= _NEEDS.get(word, 0)
        if _DIGIT.search(chunk):
            bits |= _NEEDS.get(DIGIT, 0)
        for sign, meant in _SIGNS.items():
            if sign in chunk:
                bits |= meant
        if len(chunk) <= _KEPT_CHARS and _PLAIN_WORD.fullmatch(chunk):
            if len(self) >= _KEPT:
                self.clear()
            self[chunk] = bits
        return bits


_MEANT: Final = Meant()


def forget_words() -> None:
    """Drop the words that are remembered: a learner may have made one up, and want it forgotten."""
    _MEANT.clear()


def view_of(text: str) -> str:
    """The text to match against, as long as the text: apostrophes made plain, spaces too, quotations masked."""
    plain = text if text.isascii() else text.replace("\u2019", "'")  # often the only sign beyond ASCII
    if not plain.isascii():
        plain = plain.translate(_PLAIN)
        return _QUOTED.sub(_masked, plain) if _OPENS.search(plain) else plain
    plain = plain.replace("\t", " ")
    quotes = '"' in plain or ">" in plain or ("'" in plain and _OPENING_APOSTROPHE.search(plain))
    return _QUOTED.sub(_masked, plain) if quotes else plain


def _masked(found: re.Match[str]) -> str:
    return MASK * len(found.group())


def low_of(view: str) -> str:
    """The view in small letters, character by character: what regular expressions call the same letter is."""
    return view.lower() if view.isascii() else view.translate(_ALIKE).lower()


def read(text: str) -> Turn:
    """The turn with the bits of every pattern whose needs its words meet."""
    view = view_of(text)
    low = low_of(view)
    met = _NEEDS[_EVERY]
    for chunk in low.split():
        met |= _MEANT[chunk]
    return Turn(text, view, low, met & met >> _TOO)


def teachable(turn: Turn) -> tuple[Turn, bool]:
    """The turn with the bits of those rules alone that are found somewhere in it; whether there is any."""
    may, taught, left = turn.may, False, turn.may
    while left:
        bit = left & -left
        left ^= bit
        loose = _LOOSE.get(bit)
        if loose is None:
            continue
        if loose.pattern.search(turn.view if loose.cased else turn.low):
            taught = True
        else:
            may ^= bit
    return turn if may == turn.may else Turn(turn.text, turn.view, turn.low, may), taught
