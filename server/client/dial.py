"""Opening one socket: the address, the credentials, and refusals as typed errors."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import InvalidHandshake, InvalidStatus

from server.client.api import is_loopback
from server.client.errors import ConnectionRefused, Unreachable, problem_of

# Seconds for TCP, TLS and the upgrade together.
OPEN_TIMEOUT = 10.0
# Seconds for the closing handshake; the server's drain gives no more.
CLOSE_TIMEOUT = 2.0
# The largest frame is a summary of 128 KiB; no frame of the server is above 256 KiB.
MAX_FRAME = 512 * 1024


def socket_url(base_url: str, path: str, query: Mapping[str, str | int]) -> str:
    """``http(s)://host`` to ``ws(s)://host/path?query``; a path in ``base_url`` is kept before ``path``."""
    parts = urlsplit(base_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, urlencode(query), ""))


async def dial(url: str, token: str, tls: ssl.SSLContext | None = None) -> ClientConnection:
    """An open socket. Raises ConnectionRefused for an HTTP answer, Unreachable for anything else."""
    # "realtime" is not offered as a subprotocol: then a refusal is an HTTP status with a problem to read.
    options: dict[str, Any] = {} if tls is None else {"ssl": tls}
    try:
        return await open_websocket(
            url,
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            proxy=None if is_loopback(url) else True,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_FRAME,
            **options,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise ConnectionRefused(status, *problem_of(status, bytes(error.response.body or b""))) from error
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise Unreachable(url.partition("?")[0], str(error) or type(error).__name__) from error
