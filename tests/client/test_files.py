"""The account file, the time zone, and lines that do not come from a prompt."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from server.chat.lines import Scripted
from server.chat.store import AccountFile, config_file, local_time_zone


def test_the_token_is_kept_for_its_address_and_user_and_for_no_eyes_but_ours(tmp_path: Path) -> None:
    path = tmp_path / "config" / "chat.json"
    one, two = AccountFile("http://one", path), AccountFile("http://two", path)
    one.save("u1", "r1")
    two.save("u2", "r2")
    one.save("u1", "r1b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (one.load(None), one.load("u1"), one.load("u2")) == ("r1b", "r1b", None)
    assert two.load("u2") == "r2"
    assert [entry.name for entry in path.parent.iterdir()] == ["chat.json"]  # no temporary file is left


def test_storage_that_fails_is_no_reason_to_stop(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    vault = AccountFile("http://one", blocked / "chat.json")
    vault.save("u1", "r1")
    assert vault.works is False
    assert vault.load(None) is None


def test_a_damaged_file_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.write_text('{"http://one": 7')
    vault = AccountFile("http://one", path)
    assert vault.load(None) is None
    vault.save("u1", "r1")
    assert vault.load(None) == "r1"


def test_the_file_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "socialgym" / "chat.json"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/tal")
    assert config_file() == Path("/home/tal/.config/socialgym/chat.json")


def test_the_time_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_time_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "/etc/elsewhere")
    monkeypatch.setattr(os.path, "realpath", lambda path: "/usr/share/zoneinfo/Europe/Oslo")
    assert local_time_zone() == "Europe/Oslo"
    monkeypatch.setattr(os.path, "realpath", lambda path: "/etc/localtime")
    assert local_time_zone() is None


async def _all(lines: Scripted) -> list[str]:
    found = []
    while (line := await asyncio.wait_for(lines.next("> "), 5)) is not None:
        found.append(line)
    return found


async def test_a_pipe_gives_lines_as_they_come() -> None:
    reading, writing = os.pipe()
    lines = Scripted(reading)
    first = asyncio.ensure_future(lines.next("> "))
    await asyncio.sleep(0.01)
    assert not first.done()
    os.write(writing, "Héllo\r\nsec".encode()[:2])  # in the middle of a character
    await asyncio.sleep(0.01)
    os.write(writing, "Héllo\r\nsec".encode()[2:])
    assert await asyncio.wait_for(first, 5) == "Héllo"
    os.write(writing, b"ond\n\xff\nlast")
    os.close(writing)
    assert await _all(lines) == ["second", "\ufffd", "last"]
    os.close(reading)


async def test_a_file_on_standard_input_and_a_script(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        assert await _all(Scripted(file.fileno())) == ["one", "two"]
    assert await _all(Scripted.of_file(str(path))) == ["one", "two"]
    with pytest.raises(OSError):
        Scripted.of_file(str(tmp_path / "missing"))
