"""Every golden session, replayed against a fresh server; and the replayer itself, which must notice what changed."""

from pathlib import Path

import msgspec
import pytest

from tests.transcripts.golden import DIRECTORY, Bindings, Golden, Header, Line, Mismatch
from tests.transcripts.replay import Replay
from tests.transcripts.scripts import SCRIPTS
from tests.transcripts.stage import golden_server, stage

NAMES = sorted(path.stem for path in DIRECTORY.glob("*.jsonl"))


def test_every_script_has_its_file() -> None:
    assert sorted(script.name for script in SCRIPTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_the_server_keeps_to_a_golden_session(name: str, dsn: str, tmp_path: Path) -> None:
    golden = Golden.read(DIRECTORY / f"{name}.jsonl")
    async with golden_server(dsn, tmp_path, golden.header.pace_ms) as server, stage(server) as on:
        await Replay(on).run(golden)


async def test_a_changed_score_is_noticed(dsn: str, tmp_path: Path) -> None:
    golden = Golden.read(DIRECTORY / "end.jsonl")
    at = next(n for n, line in enumerate(golden.lines) if line.frame and line.frame["type"] == "turn.scored")
    frame = golden.lines[at].frame
    assert frame is not None
    golden.lines[at] = msgspec.structs.replace(golden.lines[at], frame={**frame, "score": frame["score"] + 1})
    async with golden_server(dsn, tmp_path, golden.header.pace_ms) as server, stage(server) as on:
        with pytest.raises(Mismatch, match=rf"end\.jsonl line {at + 2}\.score: {frame['score'] + 1} expected"):
            await Replay(on).run(golden)


async def test_a_frame_too_many_is_noticed(dsn: str, tmp_path: Path) -> None:
    golden = Golden.read(DIRECTORY / "end.jsonl")
    at = next(n for n, line in enumerate(golden.lines) if line.frame and line.frame["type"] == "wallet.updated")
    shorter = Golden(golden.header, golden.lines[:at] + golden.lines[at + 1 :])
    async with golden_server(dsn, tmp_path, golden.header.pace_ms) as server, stage(server) as on:
        with pytest.raises(Mismatch, match="1000"):
            await Replay(on).run(shorter)


class TestBindings:
    def test_a_placeholder_stands_for_one_value(self) -> None:
        bindings = Bindings()
        bindings.match({"a": "$item1", "b": ["$item1"]}, {"a": "x", "b": ["x"]})
        with pytest.raises(Mismatch, match=r"frame\.a \(\$item1\): 'x' expected, 'y' came"):
            bindings.match({"a": "$item1"}, {"a": "y"})

    def test_any_is_never_bound(self) -> None:
        bindings = Bindings()
        bindings.match(["$any", "$any"], [1, {"two": 2}])
        assert bindings.values == {}

    @pytest.mark.parametrize(
        ("pattern", "value"),
        [({"a": 1}, {}), ({}, {"a": 1}), ([1], [1, 2]), (1, 1.0), (1, True), ("a", "b"), ({"a": None}, {"a": 0})],
    )
    def test_everything_else_is_compared(self, pattern: object, value: object) -> None:
        with pytest.raises(Mismatch):
            Bindings().match(pattern, value)

    def test_a_client_sends_what_was_bound(self) -> None:
        bindings = Bindings()
        bindings.match("$session", "0199")
        assert bindings.fill({"path": "/v1/sessions/$session/end", "n": [1, "$session"]}) == {
            "path": "/v1/sessions/0199/end",
            "n": [1, "0199"],
        }
        with pytest.raises(KeyError):
            bindings.fill("$item9")


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    golden = Golden(
        Header("small", "A test."), [Line("server", "a", frame={"type": "x"}), Line("server", "a", close=1000)]
    )
    golden.write(tmp_path / "small.jsonl")
    assert Golden.read(tmp_path / "small.jsonl") == golden
    assert (tmp_path / "small.jsonl").read_text().splitlines()[
        1
    ] == '{"dir":"server","conn":"a","frame":{"type":"x"}}'
