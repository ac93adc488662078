"""Reading a turn into words, clauses and sentences, without losing where each stood.

Offsets are code points of the text exactly as sent. Matching happens on a second, parallel list of *terms*:
lower case, straight apostrophes, contractions written out ("I'm" gives ``i`` and ``am``), so that every rule is
written once, in one form. Both terms of a contraction carry the offsets of the whole word.

All patterns here are unambiguous from left to right: time is linear in the text, whatever the text is.
"""

import re
from typing import Final

import msgspec

# Characters that may go on with a word once a letter or digit has begun it: anything but white space,
# punctuation, symbols and emoji. Combining marks and invisible joiners stay inside (no split words).
_REST: Final = (
    r"[^\s\x00-/:-@\[-`{-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7"
    r"\u2000-\u200a\u200e-\u205f\u2061-\u2bff\u3000-\u3004\u3008-\u3020\u3030\u30fb\ufe00-\ufe0f"
    r"\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff\U000e0000-\U000e007f]"
)
_APOSTROPHES: Final = "'\u2019\u02bc\u2018\uff07\u2032"
_WORD: Final = rf"[0-9]+(?:[.,:][0-9]+)+|[^\W_]{_REST}*(?:[{_APOSTROPHES}][^\W_]{_REST}*)*"
_COMMAS: Final = ",;:()\u2013\u2014-"  # part clauses
_TOKEN: Final = re.compile(
    rf"({_WORD}|[.!?\u2026\u3002\uff01\uff1f\u061f]+(?:\s+[.!?\u2026\u3002\uff01\uff1f\u061f]+)*|\n+|[{_COMMAS}])"
)
_PLAIN_WORD: Final = re.compile(_WORD)
# The same for a text of ASCII in small letters, in classes that are quick to search for.
_ASCII_WORD: Final = r"[0-9]+(?:[.,:][0-9]+)+|[a-z0-9]+(?:'[a-z0-9]+)*"
_ASCII_TOKEN: Final = re.compile(rf"({_ASCII_WORD}|[.!?]+(?:\s+[.!?]+)*|\n+|[,;:()-])")
_ASCII_PLAIN_WORD: Final = re.compile(_ASCII_WORD)
# Most of what people write: words, each with one sign behind it at most, parted by single spaces. (Telephones
# write the other apostrophe.)
_PLAIN_CHUNK: Final = re.compile("([A-Za-z0-9]+(?:['\u2019][A-Za-z0-9]+)*)([.,!?;:]?)")
_STRAIGHT: Final = {ord(c): "'" for c in _APOSTROPHES} | dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))

_WHOLE: Final[dict[str, tuple[str, ...]]] = {
    "i'm": ("i", "am"), "im": ("i", "am"), "i'd": ("i", "would"), "i'll": ("i", "will"),
    "i've": ("i", "have"), "ive": ("i", "have"), "can't": ("can", "not"), "cant": ("can", "not"),
    "cannot": ("can", "not"), "won't": ("will", "not"), "wont": ("will", "not"), "shan't": ("shall", "not"),
    "ain't": ("is", "not"), "dont": ("do", "not"), "didnt": ("did", "not"), "doesnt": ("does", "not"),
    "isnt": ("is", "not"), "youre": ("you", "are"), "thats": ("that", "is"), "whats": ("what", "is"),
    "let's": ("let", "us"), "lets": ("let", "us"), "gonna": ("going", "to"), "wanna": ("want", "to"),
    "gotta": ("got", "to"), "kinda": ("kind", "of"), "sorta": ("sort", "of"), "u": ("you",), "ur": ("your",),
    "r": ("are",), "thx": ("thanks",), "pls": ("please",), "gimme": ("give", "me"), "lemme": ("let", "me"),
    "y'all": ("you",), "ok": ("okay",), "yeah": ("yes",), "yep": ("yes",), "yup": ("yes",), "nope": ("no",),
    "nah": ("no",), "dunno": ("do", "not", "know"), "cuz": ("because",), "cos": ("because",),
    "favourite": ("favorite",), "apologise": ("apologize",), "mum": ("mom",),
}  # fmt: skip
_ENDINGS: Final = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'d": "would", "'m": "am"}
# After these words "'s" is "is"; elsewhere it is taken for the possessive and dropped.
_IS_AFTER_WORDS: Final = """
it that this he she there here what who where how when why everything nothing something name
"""
_IS_AFTER: Final = frozenset(_IS_AFTER_WORDS.split())


_ONE_QUESTION: Final = frozenset({"?", "?!", "!?", "\uff1f", "\u061f"})


_KEPT: Final = 16_384  # words whose terms are kept: the words of many talks, in a few megabytes
_KEPT_CHARS: Final = 24  # a longer word is not kept


# What a text may hold, seen in passing. A text that is not plain may hold anything.
DIGIT: Final = 1
MIXED: Final = 2  # a term of more than three characters, neither all letters nor all digits
CAPITALS: Final = 4  # three in a row, as in every shouted word of ASCII
SIGN: Final = 8  # an emoticon, or a string of marks
NAME: Final = 16  # a word with a capital in front, inside a sentence
_ANYTHING: Final = DIGIT | MIXED | CAPITALS | SIGN | NAME
_PLAIN_SIGNS: Final = (
    (DIGIT, re.compile(r"\d")),
    (CAPITALS, re.compile(r"[A-Z]{3}")),
    (SIGN, re.compile(r"[xX]D")),  # the one emoticon of letters
)


class Sentence(msgspec.Struct, frozen=True, gc=False):
    """Terms ``first`` up to ``last`` (exclusive); ``mark`` is its closing punctuation, "" if it has none."""

    first: int
    last: int
    mark: str
    words: int

    @property
    def asks_once(self) -> bool:
        """Closed by exactly one question mark. A string of them says no more than none."""
        return self.mark in _ONE_QUESTION


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """``terms[i]`` stands at ``text[starts[i]:ends[i]]``. ``clause_starts``: the terms that open a clause.
    ``may_hold``: DIGIT, MIXED, CAPITALS, SIGN and NAME; without its bit the text holds none."""

    text: str
    terms: list[str]
    starts: list[int]
    ends: list[int]
    sentences: list[Sentence]
    sentence_of: list[int]
    clause_starts: set[int]
    total_words: int
    may_hold: int


def expand(word: str) -> tuple[str, ...]:
    """The terms of one word: ``"Don't"`` gives ``("do", "not")``; never empty."""
    low = word.lower()
    known = _WHOLE.get(low)
    if known is not None:
        return known
    if low.isascii():
        if "'" not in low:
            return ("haha",) if low.startswith("haha") else (low,)
    else:
        low = low.translate(_STRAIGHT)
        known = _WHOLE.get(low)
        if known is not None:
            return known
    at = low.find("'")
    if at < 0:
        return (low,)
    if low.endswith("n't") and len(low) > 3:
        return (low[:-3], "not")
    stem, tail = low[:at], low[at:]
    if tail == "'s":
        return (stem, "is") if stem in _IS_AFTER else (stem,)
    ending = _ENDINGS.get(tail)
    return (stem, ending) if ending and stem else (low,)


class Terms(dict[str, tuple[str, ...]]):
    """``terms[token]``: of a word its ``expand``, of a sign nothing. Remembered in bounded room: talk is made of few
    words."""

    def __missing__(self, token: str) -> tuple[str, ...]:
        found = expand(token) if token[0].isalnum() else ()
        if len(token) <= _KEPT_CHARS:
            if len(self) >= _KEPT:
                self.clear()
            self[token] = found
        return found


_TERMS: Final = Terms()


def places_of(words: frozenset[str], terms: list[str]) -> list[int]:
    """Where one of the words stands."""
    if words.isdisjoint(terms):
        return []
    return [at for at, term in enumerate(terms) if term in words]


def words_of(text: str) -> list[str]:
    """The terms of a text without their places: for lines that are only compared with."""
    out: list[str] = []
    for word in (_ASCII_PLAIN_WORD if text.isascii() else _PLAIN_WORD).findall(text.lower()):
        out += _TERMS[word]
    return out


def _held(word: str, terms: tuple[str, ...]) -> int:
    """What of DIGIT, MIXED, CAPITALS and SIGN is in a plain word."""
    bits = 0
    for bit, pattern in _PLAIN_SIGNS:
        if pattern.search(word):
            bits |= bit
    if any(len(term) > 3 and not term.isalpha() and not term.isdigit() for term in terms):
        bits |= MIXED
    return bits


# Of a plain word with the sign behind it: its terms, its length, the sign, and what it may hold.
Chunk = tuple[tuple[str, ...], int, str, int]


class Chunks(dict[str, Chunk]):
    """``chunks[chunk]`` of what stands between two spaces. Raises ``KeyError`` when it is not plain. Words are
    remembered in bounded room, anything else (an address) is not."""

    def __missing__(self, chunk: str) -> Chunk:
        plain = _PLAIN_CHUNK.fullmatch(chunk)
        if plain is None:
            raise KeyError(chunk)
        word, sign = plain.groups()
        terms = _TERMS[word.lower()]
        # Nothing but letters, and no capital behind the first: most words hold nothing.
        if word.isalpha() and word[1:].islower():
            held = NAME if len(word) > 2 and word[0].isupper() else 0
        else:
            held = _held(word, terms)
        found = terms, len(word), sign, held
        if len(word) <= _KEPT_CHARS:
            if len(self) >= _KEPT:
                self.clear()
            self[chunk] = found
        return found


_CHUNKS: Final = Chunks()


def forget_words() -> None:
    """Drop the words that are remembered: a learner may have made one up, and want it forgotten."""
    _TERMS.clear()
    _CHUNKS.clear()


def parse(text: str) -> Parsed:
    """Terms with offsets, sentences and clauses. Any string is accepted, the empty one too."""
    try:
        return _parse_plain(text)
    except KeyError:
        return _parse_any(text)


def _parse_plain(text: str) -> Parsed:
    """A text of plain chunks alone, word by word as they are remembered. Raises ``KeyError`` for any other."""
    terms: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    sentences: list[Sentence] = []
    sentence_of: list[int] = []
    clauses: set[int] = {0}
    first = words = total = at = may_hold = 0
    for said, size, sign, held in map(_CHUNKS.__getitem__, text.split(" ")):
        end = at + size
        terms += said
        starts.append(at)
        ends.append(end)
        if len(said) > 1:
            for _ in said[1:]:
                starts.append(at)
                ends.append(end)
        words += 1
        if held:
            may_hold |= held if words > 1 else held & ~NAME  # the first word of a sentence has a capital anyway
        at = end + 1
        if sign:
            at += 1
            clauses.add(len(terms))
            if sign not in _COMMAS:
                sentence_of += [len(sentences)] * (len(terms) - first)
                sentences.append(Sentence(first, len(terms), sign, words))
                total += words
                first, words = len(terms), 0
    if words:
        sentence_of += [len(sentences)] * (len(terms) - first)
        sentences.append(Sentence(first, len(terms), "", words))
        total += words
    return Parsed(text, terms, starts, ends, sentences, sentence_of, clauses, total, may_hold)


def _parse_any(text: str) -> Parsed:
    terms: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    sentences: list[Sentence] = []
    sentence_of: list[int] = []
    clauses: set[int] = {0}
    first = words = total = at = 0
    plain = text.isascii()
    low = text.lower() if plain else text
    # Between the tokens stands what is skipped; together they are the text, so their lengths are the places.
    parts = iter((_ASCII_TOKEN if plain else _TOKEN).split(low))
    for skipped, token in zip(parts, parts, strict=False):
        start = at + len(skipped)
        at = start + len(token)
        said = _TERMS[token if plain else token.lower()]
        if said:
            terms += said
            for _ in said:
                starts.append(start)
                ends.append(at)
            words += 1
        elif token in _COMMAS:
            clauses.add(len(terms))
        elif words:
            sentence_of += [len(sentences)] * (len(terms) - first)
            sentences.append(Sentence(first, len(terms), token, words))
            total += words
            first, words = len(terms), 0
            clauses.add(first)
    if words:
        sentence_of += [len(sentences)] * (len(terms) - first)
        sentences.append(Sentence(first, len(terms), "", words))
        total += words
    return Parsed(text, terms, starts, ends, sentences, sentence_of, clauses, total, _ANYTHING)
