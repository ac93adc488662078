from tests.client.test_end_to_end import *
import pytest
@pytest.mark.parametrize("n", range(25))
async def test_many(server, tmp_path, n):
    text = await played(server.url, tmp_path / "s.txt", *LINES, mission=MISSION)
    assert "─ Success " in text, text
