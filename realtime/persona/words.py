"""Text as plain lower-case words, short forms written out, for patterns to be matched against."""

import re
from typing import Final

_SHORT_FORMS: Final = (
    ("let's", "let us"),
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'d", " would"),
    ("'m", " am"),
    ("'s", " is"),
    ("'ll", " will"),
)


def plainly(text: str) -> str:
    """Lower-case words alone, short forms written out."""
    said = text.casefold().replace("’", "'")
    for short, full in _SHORT_FORMS:
        said = said.replace(short, full)
    return " ".join(re.findall(r"\w+", said))
