"""What the OpenAPI document says of the reads."""

from typing import Any

from tests.reads.conftest import Api

AUTHENTICATED = {
    *("/v1/wallet/me", "/v1/wallet/ledger", "/v1/personas", "/v1/categories", "/v1/templates"),
    *("/v1/missions/road", "/v1/sessions", "/v1/stats/dashboard"),
}


def names(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", [])}


async def test_every_read_is_documented(api: Api) -> None:
    document = api.app.openapi_schema.to_schema()
    assert set(document["paths"]) == AUTHENTICATED | {"/v1/health/live", "/v1/health/ready"}
    for path, methods in document["paths"].items():
        operation = methods["get"]
        assert operation["summary"], path
        assert ("401" in operation["responses"]) == (path in AUTHENTICATED), path
        assert bool(operation.get("security")) == (path in AUTHENTICATED), path
    filtered = {"category", "style", "objective", "difficulty", "persona", "dynamicType", "locationTag"}
    for path in ("/v1/templates", "/v1/missions/road", "/v1/sessions"):
        operation = document["paths"][path]["get"]
        assert names(operation) == filtered | {"limit", "cursor"}, path
        assert "400" in operation["responses"]
    assert names(document["paths"]["/v1/wallet/ledger"]["get"]) == {"limit", "cursor"}
    assert names(document["paths"]["/v1/stats/dashboard"]["get"]) == set()
