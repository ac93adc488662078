"""Identity of what was said: the body of a turn for idempotency, its words for "already paid"."""

import hashlib
import re
import unicodedata

_BETWEEN = re.compile(r"[\W_]+")


def body_hash(kind: str, text: str, words: bytes = b"") -> bytes:
    """16 bytes over kind and exact text (for voice also words and duration): equal on every transport."""
    digest = hashlib.blake2b(digest_size=16, person=b"turn.body")
    for part in (kind.encode(), text.encode(), words):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def line_hash(text: str) -> int:
    """A signed 64-bit hash of the text without case, accents of form, punctuation and spacing.

    Two lines with equal words are one line: it pays once in 30 days.
    """
    words = _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    digest = hashlib.blake2b(words.encode(), digest_size=8, person=b"turn.line")
    return int.from_bytes(digest.digest(), "big", signed=True)
