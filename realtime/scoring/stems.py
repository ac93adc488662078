"""Which words carry a subject, and their stems: how a turn is seen to take up a word of the persona's."""

from typing import Final

_KEPT: Final = 16_384  # stems kept: those of the words of many talks, in a few megabytes
_KEPT_CHARS: Final = 24  # a longer word's is not kept


def stem(word: str) -> str:
    """A rough stem, good enough to see that "painting" takes up "paint". Never longer than the word, never empty."""
    size = len(word)
    if size > 5 and word.endswith("ing"):
        word = word[:-3]
    elif size > 4 and word.endswith(("ed", "es")):
        word = word[:-2]
    elif size > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def is_content(term: str, stop: frozenset[str]) -> bool:
    """Carries a subject: no word of grammar; three letters, a number, or of a script other than Latin."""
    return term not in stop and (len(term) > 2 or not term.isascii() or term.isdigit())


class Stems(dict[str, str]):
    """``stems[term]``: the stem of a content word, "" of any other term. Remembered, in bounded room."""

    def __init__(self, stop: frozenset[str]) -> None:
        super().__init__()
        self._stop = stop

    def __missing__(self, term: str) -> str:
        found = stem(term) if is_content(term, self._stop) else ""
        if len(term) <= _KEPT_CHARS:
            if len(self) >= _KEPT:
                self.clear()
            self[term] = found
        return found
