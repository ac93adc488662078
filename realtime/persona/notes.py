"""What the persona notes between two replies of a session: the ``carry`` of a reply.

Constant in size however long the talk: the lines already said are a bit each in a table of ``USED_BITS``,
by the CRC-32 of the line. A line that was said is always known as said. One that was not is taken for said
now and then (after 400 lines about once in twenty): it is passed over, which nobody notices.
"""

import base64
import binascii
import json
import zlib
from typing import Any

USED_BITS = 8192  # 1 KiB; as base64 of incompressible bytes 1,380 characters, so a carry stays under 2 KiB
STOOD_LONG = 9  # more is not told apart
TENDER = 5  # replies for which comfort given is not followed by delight
RECALL_EVERY = 4  # replies: at most one recall in any four that follow each other


def _bit(text: str) -> tuple[int, int]:
    at = zlib.crc32(" ".join(text.casefold().split()).encode()) % USED_BITS
    return at // 8, 1 << (at % 8)


class Notes:
    """Lines said, and ``since_recall``: how many replies ago something was recalled (``RECALL_EVERY``: long
    ago, or never). ``stood``: replies in a row, up to ``STOOD_LONG``, that the mission's talk has stood still.
    ``tender``: replies left in which the talk stays gentle, after comfort.
    Mutable; made for one reply."""

    def __init__(self, used: bytes = b"", since_recall: int = RECALL_EVERY, stood: int = 0, tender: int = 0) -> None:
        self._used = bytearray(used.ljust(USED_BITS // 8, b"\0"))
        self.since_recall = since_recall
        self.stood = stood
        self.tender = tender

    def said(self, text: str) -> bool:
        byte, bit = _bit(text)
        return bool(self._used[byte] & bit)

    def mark(self, text: str) -> None:
        byte, bit = _bit(text)
        self._used[byte] |= bit

    def begin_reply(self) -> None:
        self.since_recall = min(self.since_recall + 1, RECALL_EVERY)
        self.tender = max(0, self.tender - 1)

    def stand(self, arrived: bool) -> None:
        """Count a reply where the talk stays; one where it has moved on begins anew."""
        self.stood = 0 if arrived else min(self.stood + 1, STOOD_LONG)

    @property
    def may_recall(self) -> bool:
        return self.since_recall >= RECALL_EVERY

    def encode(self) -> str:
        """At most 2 KiB."""
        used = base64.b64encode(zlib.compress(bytes(self._used), 9)).decode()
        counts = {"r": self.since_recall, "s": self.stood, "t": self.tender, "u": used}
        return json.dumps(counts, separators=(",", ":"))

    @classmethod
    def decode(cls, carry: str) -> "Notes":
        """The notes of a carry; one that can't be read is an empty one, never an error."""
        try:
            read: Any = json.loads(carry)
            unpacking = zlib.decompressobj()
            packed = base64.b64decode(read["u"], validate=True)
            used = unpacking.decompress(packed, USED_BITS // 8 + 1)
            since, stood, tender = int(read["r"]), int(read.get("s", 0)), int(read.get("t", 0))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError, binascii.Error, zlib.error):
            return cls()
        if len(used) != USED_BITS // 8 or not unpacking.eof:
            return cls()
        return cls(
            used, max(0, min(since, RECALL_EVERY)), max(0, min(stood, STOOD_LONG)), max(0, min(tender, TENDER))
        )
