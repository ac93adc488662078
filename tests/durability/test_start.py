"""A start that fails ends the process, whatever had been started before: somebody starts it again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.embedded_valkey import EmbeddedValkey
from storage import finalization
from tests.support import running_server


@pytest.mark.parametrize("with_bus", [False, True])
async def test_a_database_that_goes_away_during_the_start(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_bus: bool
) -> None:
    async def gone(connection: Any) -> Any:
        raise ConnectionError("the database system is starting up")

    monkeypatch.setattr(finalization, "outbox_end", gone)
    valkey = EmbeddedValkey.start() if with_bus else None
    try:
        async with asyncio.timeout(20):
            with pytest.raises(RuntimeError, match="did not start"):
                async with running_server(dsn, tmp_path, redis_url=valkey.url if valkey else None):
                    pass
    finally:
        if valkey is not None:
            valkey.stop()
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert "writer" not in left
