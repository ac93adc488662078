"""The guest's refresh token between two visits: one small file, for this user's eyes only."""

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec


class Kept(msgspec.Struct, rename="camel"):
    user_id: str
    refresh_token: str


def config_file() -> Path:
    """``$XDG_CONFIG_HOME/socialgym/chat.json``, by default under ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "socialgym" / "chat.json"


class AccountFile:
    """A vault for ``Api``: an account for each server address.

    The file is made with mode 0600 and replaced whole. Storage that fails is no reason to stop: the account
    then lasts as long as the process (``works`` is False).
    """

    def __init__(self, base_url: str, path: Path | None = None) -> None:
        self._url = base_url
        self.works = True
        try:
            self._path = path or config_file()
        except RuntimeError:  # no home directory
            self._path, self.works = Path(os.devnull), False

    def load(self, user_id: str | None) -> str | None:
        """The token kept for this address; None if there is none, or it is not ``user_id``'s (if given)."""
        kept = self._read().get(self._url)
        if kept is None or (user_id is not None and kept.user_id != user_id):
            return None
        return kept.refresh_token

    def save(self, user_id: str, refresh_token: str) -> None:
        if not self.works:
            return
        accounts = self._read()
        accounts[self._url] = Kept(user_id, refresh_token)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(msgspec.json.format(msgspec.json.encode(accounts)))
        except OSError:
            self.works = False

    def _read(self) -> dict[str, Kept]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Kept])
        except (OSError, msgspec.DecodeError):
            return {}

    def _replace(self, content: bytes) -> None:
        # mkstemp makes the file with mode 0600, whatever the umask.
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".chat-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def local_time_zone() -> str | None:
    """This machine's IANA zone (``TZ``, else what /etc/localtime points to); None when it can't be told."""
    named = os.environ.get("TZ", "").lstrip(":")
    if "/" in named and not named.startswith("/"):
        return named
    target = os.path.realpath("/etc/localtime")
    _, found, zone = target.partition("/zoneinfo/")
    return zone if found and zone else None
