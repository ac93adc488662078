"""RFC 6455 framing after the handshake, server side, without extensions and without I/O.

Bytes in, frames out, one at a time: what was not asked for stays bytes, so that memory is bounded by what was read.
"""

import codecs
import struct
from typing import NamedTuple

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the compiled part
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
DATA = (TEXT, BINARY)
LONGEST_CONTROL = 125

#: Close codes that may stand in a frame (RFC 6455 7.4 and IANA's registry); 3000 to 4999 may, too.
CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
NO_STATUS = 1005  # what stands for a close frame without a code; never sent

PING_FRAME = b"\x89\x00"

_Validator = codecs.getincrementaldecoder("utf-8")


class ProtocolFailure(Exception):
    """The peer broke the protocol: the socket is closed with ``code``. Nothing more may be read."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


class Frame(NamedTuple):
    """A whole message (``TEXT``, ``BINARY``; fragments are joined) or a control frame."""

    opcode: int
    payload: bytes

    @property
    def text(self) -> str:
        """Raises ``ProtocolFailure`` (1007)."""
        try:
            return self.payload.decode()
        except UnicodeDecodeError as error:
            raise _invalid_text(error) from None


FRAGMENT = Frame(CONTINUATION, b"")


class FrameReader:
    """``most``: bytes of the largest message; a larger one fails with 1009 as soon as its length is known."""

    __slots__ = ("_at", "_data", "_message", "_opcode", "_validator", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._data: bytes | bytearray = b""
        self._at = 0  # what comes before was taken
        self._message: bytearray | None = None  # fragments so far
        self._opcode = TEXT
        self._validator: codecs.IncrementalDecoder | None = None

    def __len__(self) -> int:
        """Bytes that are kept: fed and not taken, or of a message whose other fragments are to come."""
        return len(self._data) - self._at + len(self._message or b"")

    @property
    def empty(self) -> bool:
        """Whether everything fed was taken."""
        return not self._data

    def feed(self, data: bytes) -> None:
        if not self._data:
            self._data = data
            return
        if isinstance(self._data, bytes):  # a part of a frame waits: from here on grow in place
            self._data = bytearray(self._data)
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def discard(self) -> None:
        """Forget what was fed."""
        self._data, self._at, self._message, self._validator = b"", 0, None, None

    def next(self) -> Frame | None:
        """The next whole message or control frame; ``FRAGMENT`` when one was added to a message that is not whole
        yet; None when more bytes are needed. Raises ``ProtocolFailure``."""
        found = self._take()
        if found is None:
            return None
        fin, opcode, payload = found
        if opcode >= CLOSE or (fin and opcode != CONTINUATION):
            return Frame(opcode, payload)
        return self._join(fin, opcode, payload)

    def _take(self) -> tuple[bool, int, bytes] | None:
        """One frame off the bytes: whether it is final, its opcode, its payload."""
        data, at = self._data, self._at
        have = len(data) - at
        if have < 2:
            return None
        head, second = data[at], data[at + 1]
        length = second & 0x7F
        self._check(head, second)
        start = at + 2
        if length == 126:
            if have < 4:
                return None
            length = data[start] << 8 | data[start + 1]
            start += 2
            if length < 126:
                raise ProtocolFailure(1002, "lengths are said as short as can be")
        elif length == 127:
            if have < 10:
                return None
            (length,) = struct.unpack_from("!Q", data, start)
            start += 8
            if not 65_536 <= length < 1 << 63:
                raise ProtocolFailure(1002, "lengths are said as short as can be")
        if length + (len(self._message) if self._message is not None and head & 0x0F < CLOSE else 0) > self.most:
            raise ProtocolFailure(1009, "message too big")
        end = start + 4 + length
        if len(data) < end:
            return None
        payload = apply_mask(data[start + 4 : end], data[start : start + 4]) if length else b""
        if end == len(data):
            self._data, self._at = b"", 0
        else:
            self._at = end
        return head >= 0x80, head & 0x0F, payload

    def _check(self, head: int, second: int) -> None:
        """The first two bytes of a frame, in its place."""
        opcode = head & 0x0F
        if head & 0x70:
            raise ProtocolFailure(1002, "reserved bits must be 0")
        if not second & 0x80:
            raise ProtocolFailure(1002, "frames of a client must be masked")
        if opcode in DATA:
            if self._message is not None:
                raise ProtocolFailure(1002, "expected a continuation frame")
        elif opcode == CONTINUATION:
            if self._message is None:
                raise ProtocolFailure(1002, "unexpected continuation frame")
        elif opcode not in (CLOSE, PING, PONG):
            raise ProtocolFailure(1002, "unknown opcode")
        elif second & 0x7F > LONGEST_CONTROL or head < 0x80:
            raise ProtocolFailure(1002, "control frames are short and whole")

    def _join(self, fin: bool, opcode: int, payload: bytes) -> Frame:
        """Add a fragment; the message when it was the last. Text fails with 1007 at the first wrong fragment."""
        if opcode != CONTINUATION:
            self._message, self._opcode = bytearray(), opcode
            self._validator = _Validator() if opcode == TEXT else None
        message = self._message
        assert message is not None
        if self._validator is not None:
            try:
                self._validator.decode(payload, fin)
            except UnicodeDecodeError as error:
                raise _invalid_text(error) from None
        message += payload
        if not fin:
            return FRAGMENT
        self._message = self._validator = None
        return Frame(self._opcode, bytes(message))


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; ``NO_STATUS`` when it names none. Raises ``ProtocolFailure``."""
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise ProtocolFailure(1002, "a close code has two bytes")
    code = payload[0] << 8 | payload[1]
    if code not in CLOSE_CODES and not 3000 <= code <= 4999:
        raise ProtocolFailure(1002, "invalid close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise _invalid_text(error) from None


def text_frames(texts: tuple[str, ...]) -> bytes:
    """Whole unmasked text frames, one after the other."""
    parts = []
    for text in texts:
        body = text.encode()
        size = len(body)
        if size < 126:
            parts.append(bytes((0x81, size)))
        elif size < 65_536:
            parts.append(struct.pack("!BBH", 0x81, 126, size))
        else:
            parts.append(struct.pack("!BBQ", 0x81, 127, size))
        parts.append(body)
    return b"".join(parts)


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """``payload``: at most 125 bytes."""
    return bytes((0x80 | opcode, len(payload))) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """The reason is cut where a control frame ends, between characters."""
    said = reason.encode()[: LONGEST_CONTROL - 2].decode(errors="ignore").encode()
    return control_frame(CLOSE, struct.pack("!H", code) + said)


def _invalid_text(error: UnicodeDecodeError) -> ProtocolFailure:
    return ProtocolFailure(1007, f"{error.reason} at position {error.start}")
