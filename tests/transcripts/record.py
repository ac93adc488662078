"""``python -m tests.transcripts.record [NAME ...]``: record golden sessions anew (all, or those named).

Each is recorded from a real server and replayed once before its file is replaced. Read the difference before you
commit it: it is what clients will notice.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncpg

from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.transcripts.golden import DIRECTORY, Golden
from tests.transcripts.recording import Recorder
from tests.transcripts.replay import Replay
from tests.transcripts.scripts import SCRIPTS, Script
from tests.transcripts.stage import golden_server, stage


async def fresh_database(server: str, name: str) -> str:
    """The address of a new, migrated database."""
    admin = await asyncpg.connect(server)
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    made = server.rsplit("/", 1)[0] + "/" + name
    database = Database(made)
    await migrate(database.engine)
    await database.close()
    return made


async def record(script: Script, dsn: str, directory: Path) -> Golden:
    async with golden_server(dsn, directory, script.pace_ms) as server, stage(server) as on:
        recorder = Recorder(on)
        await script.play(recorder)
        return recorder.golden(script.name, script.about, script.pace_ms)


async def replay(golden: Golden, dsn: str, directory: Path) -> None:
    async with golden_server(dsn, directory, golden.header.pace_ms) as server, stage(server) as on:
        await Replay(on).run(golden)


async def record_all(scripts: list[Script], postgres: str, directory: Path) -> None:
    for number, script in enumerate(scripts):
        golden = await record(script, await fresh_database(postgres, f"record_{number}"), directory)
        await replay(golden, await fresh_database(postgres, f"replay_{number}"), directory)
        golden.write(DIRECTORY / f"{script.name}.jsonl")
        sys.stdout.write(f"{script.name}: {len(golden.lines)} lines\n")


def main(names: list[str]) -> None:
    unknown = set(names) - {script.name for script in SCRIPTS}
    if unknown:
        raise SystemExit(f"There is no golden session called {', '.join(sorted(unknown))}.")
    with tempfile.TemporaryDirectory() as made:
        postgres = EmbeddedPostgres.start(Path(made) / "postgres", fsync=False)
        try:
            chosen = [script for script in SCRIPTS if script.name in names or not names]
            asyncio.run(record_all(chosen, postgres.dsn, Path(made)))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
