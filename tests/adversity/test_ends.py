"""One end of a session, however many try at once, and whatever is said meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adversity.checker import Checker
from tests.adversity.cluster import Cluster
from tests.adversity.duels import Duels

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with much else


@pytest.fixture
async def duels(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Duels]:
    async with Duels(cluster, tmp_path / "duels.journal", seed=41) as made:
        yield made


async def test_sixteen_finalizers_for_one_session(cluster: Cluster, duels: Duels, tmp_path: Path) -> None:
    await duels.finalizers(24, callers=16)
    duels.flush()
    verdict = (await Checker(cluster, [tmp_path / "duels.journal"]).check()).require()
    assert (verdict.sessions, verdict.acknowledged) == (24, 24 * 3)


async def test_turns_that_race_the_end(cluster: Cluster, duels: Duels, tmp_path: Path) -> None:
    await duels.races(32)
    duels.flush()
    verdict = (await Checker(cluster, [tmp_path / "duels.journal"]).check()).require()
    assert verdict.sent == 32 * 4
    assert 32 < verdict.acknowledged < verdict.sent, "some turns were first, and some the end"
