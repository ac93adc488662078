"""One server process for all tests about processes; each finds it running, and may kill it."""

from collections.abc import AsyncIterator

import pytest

from tests.support import ServerProcess


@pytest.fixture(scope="module")
async def kept_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path_factory.mktemp("process") / "data") as process:
        yield process


@pytest.fixture
async def process(kept_process: ServerProcess) -> ServerProcess:
    """``socialgym serve`` with fsync on and an embedded PostgreSQL of its own; running."""
    assert kept_process.process is not None
    if kept_process.process.poll() is not None:
        await kept_process.start()
    return kept_process
