"""Settings come from the environment, are read once, and are checked before anything starts.

A setting that can't be used is a ``SettingsError`` that names the variable and says what would do.
"""

import ipaddress
import os
import secrets
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec

SECRET_BYTES = 32
MIN_SECRET = 32  # characters
LONGEST_QUOTE = 60  # characters of a wrong value that are said again


class SettingsError(Exception):
    """A variable of the environment can't be used. The message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    data_dir: Path
    secret_key: bytes
    allowed_origins: frozenset[str]
    tls_cert: Path | None
    tls_key: Path | None
    database_url: str | None
    redis_url: str | None
    unsafe_db: bool
    rate_limits: bool
    metrics_token: str | None = None

    @property
    def scheme(self) -> Literal["http", "https"]:
        return "https" if self.tls_cert is not None else "http"

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises ``SettingsError``. Makes the secret key on the first start."""
    env = os.environ if environment is None else environment
    host = _text(env, "SOCIALGYM_HOST", "127.0.0.1")
    data_dir = Path(_text(env, "SOCIALGYM_DATA_DIR", ".data")).expanduser().absolute()
    database_url = _database_url(env)
    unsafe = _switch(env, "SOCIALGYM_UNSAFE_DB", default=False)
    limits = _switch(env, "SOCIALGYM_RATE_LIMITS", default=True)
    if unsafe or not limits:
        name = "SOCIALGYM_UNSAFE_DB=on" if unsafe else "SOCIALGYM_RATE_LIMITS=off"
        _require_loopback(name, host, database_url)
    cert, key = _certificate(env)
    port, origins, redis_url, metrics_token = _port(env), _origins(env), _redis_url(env), _metrics_token(env)
    return Settings(
        host=host,
        port=port,
        data_dir=data_dir,
        metrics_token=metrics_token,
        secret_key=_secret(env, data_dir),  # last: it may write
        allowed_origins=origins,
        tls_cert=cert,
        tls_key=key,
        database_url=database_url,
        redis_url=redis_url,
        unsafe_db=unsafe,
        rate_limits=limits,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(env: Mapping[str, str], name: str, default: str) -> str:
    value = env.get(name, "").strip()
    return value or default


def _quoted(value: str) -> str:
    return repr(value if len(value) <= LONGEST_QUOTE else value[: LONGEST_QUOTE - 1] + "…")


def _address(value: str) -> SplitResult | None:
    """The parts of an address whose port, if any, is a number; None for anything else."""
    try:
        parts = urlsplit(value)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _port(env: Mapping[str, str]) -> int:
    value = _text(env, "SOCIALGYM_PORT", "8000")
    if not value.isascii() or not value.isdigit() or len(value) > 5 or int(value) > 65_535:
        raise SettingsError(
            f"SOCIALGYM_PORT: {_quoted(value)} is not a port; a number from 0 to 65535 is (0: any free one)."
        )
    return int(value)


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = _text(env, name, "on" if default else "off").lower()
    if value not in ("on", "off"):
        raise SettingsError(f"{name}: {_quoted(value)} is neither 'on' nor 'off'.")
    return value == "on"


def _file(env: Mapping[str, str], name: str) -> Path | None:
    value = _text(env, name, "")
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_file():
        raise SettingsError(f"{name}: there is no file {_quoted(value)}.")
    return path


def _origins(env: Mapping[str, str]) -> frozenset[str]:
    origins = [part.strip() for part in _text(env, "SOCIALGYM_ALLOWED_ORIGINS", "").split(",") if part.strip()]
    for origin in origins:
        parts = _address(origin)
        # Compared exactly with what browsers send: scheme, host and port, in lower case, and nothing else.
        plain = parts is not None and f"{parts.scheme}://{parts.netloc}" == origin == origin.lower()
        if parts is None or not plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in origin:
            raise SettingsError(
                f"SOCIALGYM_ALLOWED_ORIGINS: {_quoted(origin)} is not an origin like https://practice.example.org."
            )
    return frozenset(origins)


def _database_url(env: Mapping[str, str]) -> str | None:
    value = _text(env, "DATABASE_URL", "")
    if not value:
        return None
    parts = _address(value)
    if parts is None or parts.scheme not in ("postgresql", "postgres"):
        raise SettingsError("DATABASE_URL: only postgresql://user:password@host:port/database will do.")
    return value.replace("postgres://", "postgresql://", 1)


def _redis_url(env: Mapping[str, str]) -> str | None:
    value = _text(env, "REDIS_URL", "")
    parts = _address(value)
    if value and (parts is None or parts.scheme not in ("redis", "rediss") or not parts.hostname):
        raise SettingsError("REDIS_URL: only redis://host:port or rediss://host:port will do.")
    return value or None


def _require_loopback(name: str, host: str, database_url: str | None) -> None:
    hosts = {host, *_database_hosts(database_url or "")}
    if not all(is_loopback(one) for one in hosts):
        raise SettingsError(f"{name} is for tests and benchmarks: only where server and database listen on loopback.")


def _database_hosts(url: str) -> set[str]:
    """Where the address leads, in its host or its query; a Unix socket (a path, or nothing) is this machine."""
    parts = urlsplit(url)
    named = [parts.hostname or "", *parse_qs(parts.query).get("host", [])]
    hosts = {host for entry in named for host in entry.split(",")}
    return {host.rpartition(":")[0] if host.count(":") == 1 else host for host in hosts if host[:1] not in ("", "/")}


def _certificate(env: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The certificate and its key, which fit each other; or neither."""
    cert, key = _file(env, "SOCIALGYM_TLS_CERT"), _file(env, "SOCIALGYM_TLS_KEY")
    if cert is None and key is None:
        return None, None
    if cert is None or key is None:
        missing = "SOCIALGYM_TLS_KEY" if key is None else "SOCIALGYM_TLS_CERT"
        raise SettingsError(f"{missing}: a certificate and its key belong together; this one is missing.")
    try:
        # Without a password nothing is asked at the terminal: an encrypted key is refused.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as error:
        problem = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SettingsError(
            f"SOCIALGYM_TLS_CERT, SOCIALGYM_TLS_KEY: these are not a certificate and its key in PEM ({problem})."
        ) from None
    return cert, key


def _metrics_token(env: Mapping[str, str]) -> str | None:
    value = _text(env, "SOCIALGYM_METRICS_TOKEN", "")
    if value and (len(value) < MIN_SECRET or not value.isascii() or not value.isprintable() or " " in value):
        raise SettingsError(
            f"SOCIALGYM_METRICS_TOKEN: at least {MIN_SECRET} characters are needed, ASCII and without a blank."
        )
    return value or None


def _secret(env: Mapping[str, str], data_dir: Path) -> bytes:
    """The key that signs tokens: given, or made once and kept in the data directory (mode 0600)."""
    given = env.get("SOCIALGYM_SECRET_KEY", "").strip()
    if given:
        if len(given) < MIN_SECRET:
            raise SettingsError(f"SOCIALGYM_SECRET_KEY: at least {MIN_SECRET} characters are needed.")
        return given.encode()
    path = data_dir / "secret.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_hex(SECRET_BYTES))
        kept = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"SOCIALGYM_DATA_DIR: can't keep the secret key in {data_dir}: {error.strerror}."
        ) from None
    if len(kept) < MIN_SECRET:
        raise SettingsError(f"SOCIALGYM_DATA_DIR: {path} is damaged; restore it, or remove it to sign everyone out.")
    return kept


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, also when two processes start at once (the first name wins) or the power fails."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
