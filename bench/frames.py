"""As much of RFC 6455 as a load generator needs, and as cheap as Python can have it.

A client must mask what it sends; it may choose the key, and with the key 0 the masked payload is the payload. What
the server sends is looked at in place: a frame is found by its header, and its JSON by the bytes it begins with.
"""

import base64
import hashlib
import os

TEXT, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x8, 0x9, 0xA, 0x0
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NO_MASK = b"\0\0\0\0"


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole masked frame (key 0) of up to 65,535 bytes."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, 0x80 | size)) + _NO_MASK + payload
    if size > 0xFFFF:
        raise ValueError(f"a frame of {size} bytes is longer than the generator ever sends")
    return bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big") + _NO_MASK + payload


def header(data: bytes | bytearray, at: int) -> tuple[int, int, int] | None:
    """(first byte, start of the payload, end of the payload) of the frame at ``at``; None when its header is not
    there yet. ``end`` may lie beyond the data. Raises ``ValueError`` for a masked frame, which no server sends."""
    left = len(data) - at
    if left < 2:
        return None
    size = data[at + 1]
    if size < 126:
        start = at + 2
    elif size == 126:
        if left < 4:
            return None
        start = at + 4
        size = data[at + 2] << 8 | data[at + 3]
    elif size == 127:
        if left < 10:
            return None
        start = at + 10
        size = int.from_bytes(data[at + 2 : at + 10], "big")
    else:
        raise ValueError("the server sent a masked frame")
    return data[at], start, start + size


class Handshake:
    """A client's half of the upgrade."""

    def __init__(self, host: str, port: int, path: str, token: str) -> None:
        key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n"
        ).encode() + b"Sec-WebSocket-Key: %s\r\n\r\n" % key

    def answer(self, data: bytes | bytearray) -> int | None:
        """Where the frames begin, or None while the answer is incomplete. Raises ``ConnectionRefusedError`` with
        the status line (and what stands below it) when the server did not upgrade."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(data[:end])
        if not head.startswith(b"HTTP/1.1 101") or self._accept not in head:
            raise ConnectionRefusedError(
                (head.split(b"\r\n", 1)[0] + b" " + bytes(data[end + 4 :])).decode("latin-1")
            )
        return end + 4
