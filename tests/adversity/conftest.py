"""One cluster a worker, with a PostgreSQL that is as durable as in production; each test finds it healed. It ends
with the last test of this folder: idle servers take time from others, too."""

from collections.abc import AsyncIterator

import pytest

from tests.adversity.cluster import Cluster


@pytest.fixture(scope="package")
async def kept_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path_factory.mktemp("cluster"), 3) as cluster:
        yield cluster


@pytest.fixture
async def cluster(kept_cluster: Cluster) -> Cluster:
    """Three servers on one PostgreSQL."""
    await kept_cluster.heal()
    return kept_cluster
