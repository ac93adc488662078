"""The OpenAPI document: complete, and true under a fuzzer."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import CODES
from tests.rest.calls import begin, problem
from tests.support import Learner, RunningServer

#: Routes that anyone may call, by what they do. Everything else needs an access token.
OPEN = {
    *(("post", f"/v1/auth/{action}") for action in ("guest", "signup", "login", "refresh", "logout")),
    *(("get", f"/v1/health/{probe}") for probe in ("live", "ready")),
}
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    "response_headers_conformance",
)
EXAMPLES = 10  # of each operation


@pytest.fixture(scope="module")
async def document(server: RunningServer) -> dict[str, Any]:
    learner = await server.learner()
    return dict(await learner.get("/schema/openapi.json"))


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def test_every_route_is_open_or_asks_for_a_token(document: dict[str, Any]) -> None:
    unguarded = {
        (method, path) for method, path, one in operations(document) if one.get("security") != [{"bearer": []}]
    }
    assert unguarded == OPEN
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_what_needs_a_token_does_nothing_without_one(document: dict[str, Any], server: RunningServer) -> None:
    learner = await server.learner()
    bodies = {"/turns": {"text": "Hello."}, "/claim": {"email": "ada@example.org", "password": "correct horse"}}
    for method, path, _ in operations(document):
        if (method, path) in OPEN:
            continue
        concrete = path.replace("{session_id}", "01890000-0000-7000-8000-000000000000")
        body = next((good for end, good in bodies.items() if path.endswith(end)), {})
        for header in ("Bearer nobody", ""):
            answer = await learner.call(method.upper(), concrete, headers={"Authorization": header}, json=body)
            problem(answer, 401, "token_invalid")


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for method, path, one in operations(document):
        name = f"{method} {path}"
        assert one["summary"].strip(), name
        assert one["tags"], name
        good = [status for status in one["responses"] if status.startswith("2")]
        assert len(good) == 1, name
        if good != ["204"]:
            schema = one["responses"][good[0]]["content"]["application/json"]["schema"]
            assert "$ref" in schema, f"{name}: the answer is not described"
        if "health" in path:
            continue
        expected = (
            {"500"} | ({"401"} if one.get("security") else set()) | ({"413"} if "requestBody" in one else set())
        )
        if "requestBody" in one or "parameters" in one:
            expected.add("400")
        if "{session_id}" in path:
            expected.add("404")
        assert expected <= set(one["responses"]), name


def test_every_refusal_names_its_codes(document: dict[str, Any]) -> None:
    for method, path, one in operations(document):
        for status, answer in one["responses"].items():
            if int(status) < 400 or "health" in path:
                continue
            assert list(answer["content"]) == ["application/problem+json"], (path, status)
            named = [line.split("`")[1] for line in answer["description"].split("\n\n") if line.startswith("`")]
            if not named:
                assert (status, "{session_id}" in path) == ("400", True), (
                    method,
                    path,
                    status,
                    "only a path may add one",
                )
            assert all(CODES[code].status == int(status) for code in named), (method, path, status)


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [one["operationId"] for _, _, one in operations(document)]
    assert len(set(names)) == len(names)


async def fuzz(server: RunningServer, learner: Learner, directory: Path, *extra: str) -> None:
    """Run Schemathesis, and fail with what it found."""
    process = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        *("run", f"{server.url}/schema/openapi.json", "--checks", ",".join(CHECKS)),
        *("--header", f"Authorization: Bearer {learner.token}", "--seed", "1", "--no-color", *extra),
        cwd=directory,  # it keeps a folder of its own where it runs
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(directory / "hypothesis")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8_000:]


@pytest.mark.slow
async def test_boundary_values_find_no_5xx_and_nothing_undocumented(server: RunningServer, tmp_path: Path) -> None:
    learner = await server.learner(ageBand="ADULT")
    (tmp_path / "schemathesis.toml").write_text("[phases.coverage]\nunexpected-methods = []\n")
    # A revocation would end the token that the run goes on with. The other two lists have the filters of /sessions.
    left_out = "revoke$|/templates$|/road$"
    await fuzz(server, learner, tmp_path, "--phases", "coverage", "--exclude-path-regex", left_out)
    assert (await learner.get("/v1/sessions"))["items"], "it came past the door, and practised"


@pytest.mark.slow
async def test_a_fuzzer_in_an_open_session_finds_nothing_either(server: RunningServer, tmp_path: Path) -> None:
    learner = await server.learner(ageBand="ADULT")
    session_id = await begin(learner)
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\nsession_id = "{session_id}"\n')
    left_out = ("--exclude-path-regex", "(revoke|/end)$", "--exclude-method", "DELETE")
    await fuzz(server, learner, tmp_path, *left_out, "--phases", "examples,fuzzing", "--max-examples", str(EXAMPLES))
    events = (await learner.get(f"/v1/sessions/{session_id}/events"))["events"]
    assert "turn.scored" in [event["type"] for event in events], "it said something"
