"""Every setting: what it takes, what it refuses and by which name; the secret; TLS."""

import asyncio
import datetime
import ipaddress
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from realtime.limits import Limits
from server.settings import Settings, SettingsError, is_loopback, read
from tests.support import ROOT, free_port, running_server

SECRET = "a secret of more than thirty-two characters"


def settings(tmp_path: Path, **environment: str) -> Settings:
    """The settings of this environment alone, with its data in ``tmp_path``."""
    return read({"SOCIALGYM_DATA_DIR": str(tmp_path), **environment})


# --- values -------------------------------------------------------------------------------------------------------


def test_nothing_has_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = read({})
    assert (made.host, made.port, made.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert made.data_dir == tmp_path / ".data"
    assert made.allowed_origins == frozenset()
    assert (made.tls_cert, made.tls_key, made.database_url, made.redis_url) == (None, None, None, None)
    assert (made.unsafe_db, made.rate_limits) == (False, True)
    assert read(dict.fromkeys(VARIABLES, "")) == made, "empty is not set"


def test_every_setting_is_taken(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    made = settings(
        tmp_path / "data",
        SOCIALGYM_HOST="::1",
        SOCIALGYM_PORT="9000",
        SOCIALGYM_SECRET_KEY=SECRET,
        SOCIALGYM_ALLOWED_ORIGINS=" https://a.example.org ,http://localhost:5173,",
        SOCIALGYM_TLS_CERT=str(cert),
        SOCIALGYM_TLS_KEY=str(key),
        DATABASE_URL="postgres://me:secret@localhost:5432/gym",
        REDIS_URL="rediss://localhost:6379/1",
        SOCIALGYM_UNSAFE_DB="on",
        SOCIALGYM_RATE_LIMITS="OFF",
    )
    assert made.base_url == "https://[::1]:9000"
    assert made.secret_key == SECRET.encode()
    assert made.allowed_origins == {"https://a.example.org", "http://localhost:5173"}
    assert (made.tls_cert, made.tls_key) == (cert, key)
    assert made.database_url == "postgresql://me:secret@localhost:5432/gym"
    assert made.redis_url == "rediss://localhost:6379/1"
    assert (made.unsafe_db, made.rate_limits) == (True, False)
    assert not (tmp_path / "data").exists(), "a given secret needs no file"


BAD = {
    "SOCIALGYM_PORT": ("-1", "65536", "http", "80.5", "١", "9" * 5_000),
    "SOCIALGYM_SECRET_KEY": ("short", " " * 31 + "x", "x" * 31),
    "SOCIALGYM_ALLOWED_ORIGINS": (
        *("example.org", "*", "https://", "ftp://a.org", "https://a.org/", "https://a.org?x", "null"),
        *("https://a.org,b.org", "https://a.org#x", "https://me@a.org", "https://a.org:port", "HTTPS://A.org"),
    ),
    "SOCIALGYM_TLS_CERT": ("there/is/none.pem",),
    "SOCIALGYM_TLS_KEY": ("there/is/none.pem",),
    "DATABASE_URL": ("mysql://localhost/gym", "gym", "sqlite:///gym.db", "postgresql://localhost:port/gym"),
    "REDIS_URL": ("localhost:6379", "http://localhost", "redis://localhost:port"),
    "SOCIALGYM_UNSAFE_DB": ("yes", "1", "true"),
    "SOCIALGYM_RATE_LIMITS": ("no", "0", "false"),
    "SOCIALGYM_METRICS_TOKEN": ("short", "x" * 31, "two words of thirty-two characters", "é" * 32),
}
VARIABLES = (*BAD, "SOCIALGYM_HOST", "SOCIALGYM_DATA_DIR")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_an_unusable_value_is_refused_by_its_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **{name: value})
    assert str(caught.value).startswith(f"{name}:"), caught.value
    assert len(str(caught.value)) < 300
    assert not (tmp_path / "secret.key").exists(), "nothing is made before everything is checked"


def test_the_password_of_a_database_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, DATABASE_URL="mysql://me:hunter2@localhost/gym")
    assert "hunter2" not in str(caught.value)


def test_a_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    pem = tmp_path / "one.pem"
    pem.touch()
    for given, missing in (("CERT", "KEY"), ("KEY", "CERT")):
        with pytest.raises(SettingsError, match=f"^SOCIALGYM_TLS_{missing}:"):
            settings(tmp_path, **{f"SOCIALGYM_TLS_{given}": str(pem)})


@pytest.mark.parametrize("switch", [("SOCIALGYM_UNSAFE_DB", "on"), ("SOCIALGYM_RATE_LIMITS", "off")])
@pytest.mark.parametrize(
    "place",
    [
        {"SOCIALGYM_HOST": "0.0.0.0"},
        {"SOCIALGYM_HOST": "::"},
        {"SOCIALGYM_HOST": "192.0.2.7"},
        {"SOCIALGYM_HOST": "gym.example.org"},
        {"DATABASE_URL": "postgresql://db.example.org/gym"},
        {"DATABASE_URL": "postgresql://192.0.2.7/gym"},
        {"DATABASE_URL": "postgresql:///gym?host=db.example.org"},
    ],
)
def test_what_is_for_tests_is_refused_off_loopback(
    tmp_path: Path, switch: tuple[str, str], place: dict[str, str]
) -> None:
    name, value = switch
    with pytest.raises(SettingsError, match=f"^{name}={value} is for tests"):
        settings(tmp_path, **{name: value}, **place)
    settings(tmp_path, **place)
    settings(tmp_path, **{name: value}, SOCIALGYM_HOST="localhost", DATABASE_URL="postgresql://127.0.0.1/gym")


def test_what_is_loopback() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(
        is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org")
    )


# --- the secret ---------------------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    first = settings(tmp_path / "new" / "data")
    path = tmp_path / "new" / "data" / "secret.key"
    assert len(first.secret_key) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert settings(path.parent).secret_key == first.secret_key
    assert settings(tmp_path / "other").secret_key != first.secret_key
    assert os.listdir(path.parent) == ["secret.key"], "no draft is left"


@pytest.mark.parametrize("content", ["", "short\n", " \n"])
def test_a_spoilt_secret_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)
    with pytest.raises(SettingsError, match=r"^SOCIALGYM_DATA_DIR:.*secret\.key"):
        settings(tmp_path)


def test_a_data_directory_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^SOCIALGYM_DATA_DIR:"):
        settings(tmp_path / "file" / "data")


READ = "import sys; from server.settings import read; sys.stdout.write(read().secret_key.decode())"


async def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    environment = {**os.environ, "SOCIALGYM_DATA_DIR": str(tmp_path / "data")}

    def one() -> str:
        return subprocess.run(
            [sys.executable, "-c", READ], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    made = await asyncio.gather(*(asyncio.to_thread(one) for _ in range(4)))
    assert len(set(made)) == 1
    assert (tmp_path / "data" / "secret.key").read_text().strip() == made[0]


# --- at the start -------------------------------------------------------------------------------------------------


def serve(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``socialgym serve`` with settings that end it at once."""
    given = {**os.environ, "SOCIALGYM_DATA_DIR": str(tmp_path), "SOCIALGYM_PORT": str(free_port()), **environment}
    command = [sys.executable, "-m", "server", "serve"]
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path: Path) -> None:
    ended = serve(tmp_path, SOCIALGYM_PORT="eighty")
    assert ended.returncode == 1
    assert ended.stderr.startswith("socialgym: SOCIALGYM_PORT:")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_certificate_and_a_key_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (cert, _), (_, key) = certificate(tmp_path), certificate(other)
    with pytest.raises(SettingsError, match=r"^SOCIALGYM_TLS_CERT, SOCIALGYM_TLS_KEY:.*MISMATCH"):
        settings(tmp_path, SOCIALGYM_TLS_CERT=str(cert), SOCIALGYM_TLS_KEY=str(key))


def test_a_certificate_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("not a certificate")
    ended = serve(
        tmp_path, SOCIALGYM_TLS_CERT=str(tmp_path / "cert.pem"), SOCIALGYM_TLS_KEY=str(tmp_path / "key.pem")
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("socialgym: SOCIALGYM_TLS_CERT, SOCIALGYM_TLS_KEY:"), ended.stderr[-500:]


# --- TLS ----------------------------------------------------------------------------------------------------------


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return cert_path, key_path


async def test_a_server_with_a_certificate_serves_https_and_wss(dsn: str, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with (
        running_server(dsn, tmp_path, limits=Limits(enforced=False), tls_cert=cert, tls_key=key) as running,
        httpx.AsyncClient(base_url=running.url, verify=trusting) as http,
    ):
        assert running.url.startswith("https://")
        token = (await http.post("/v1/auth/guest", json={})).json()["accessToken"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await http.get("/v1/wallet/me", headers=bearer)).status_code == 200
        own = {**bearer, "Origin": running.url}
        async with websockets.connect(
            f"{running.ws}/v1/realtime", ssl=trusting, additional_headers=own, compression=None
        ) as socket:
            assert '"type":"session.created"' in str(await socket.recv())
        plain = {**bearer, "Origin": running.url.replace("https", "http")}
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"{running.ws}/v1/realtime", ssl=trusting, additional_headers=plain)
        assert caught.value.response.status_code == 403, "another scheme is another origin"
        async with httpx.AsyncClient() as strict:
            with pytest.raises(httpx.TransportError):
                await strict.get(f"{running.url}/v1/health/live")
            with pytest.raises(httpx.TransportError):
                await strict.get(f"http://127.0.0.1:{running.port}/v1/health/live")
