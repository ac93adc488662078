"""Identity of what was said: the body of a turn for idempotency, its words for "already paid"."""

import hashlib
import re
import unicodedata

_BETWEEN = re.compile(r"[\W_]+")
_ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))


def body_hash(kind: str, text: str, words: bytes = b"") -> bytes:
    """16 bytes over kind and exact text (for voice also words and duration): equal on every transport."""
    digest = hashlib.blake2b(digest_size=16, person=b"turn.body")
    parts = (kind.encode(), text.encode(), words)
    digest.update(b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)]))
    return digest.digest()


def line_hash(text: str) -> int:
    """A signed 64-bit hash of the text without case, accents of form, punctuation and spacing.

    Two lines with equal words are one line: it pays once in 30 days.
    """
    digest = hashlib.blake2b(_words(text).encode(), digest_size=8, person=b"turn.line")
    return int.from_bytes(digest.digest(), "big", signed=True)


def _words(text: str) -> str:
    if text.isascii():  # most lines are, and this is the same for a fifth of the time
        return " ".join(text.translate(_ASCII).split())
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
