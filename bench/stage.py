"""What all runs share: a PostgreSQL, a Valkey for our several processes, a scratch folder, the recorded answers."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bench.database import Cluster, cluster
from server.embedded_valkey import EmbeddedValkey


class Stage(msgspec.Struct, frozen=True):
    """``turns``: the file of recorded answers (written by ``bench.recording``), for the peers. ``patience``: seconds
    that each measurement may wait until nothing else works on the machine."""

    cluster: Cluster
    redis_url: str
    scratch: Path
    patience: float = 0.0

    @property
    def turns(self) -> Path:
        return self.scratch / "turns.json"


@contextmanager
def stage(parent: Path | None, patience: float = 0.0) -> Iterator[Stage]:
    """Everything started, and put away in the end; from the main thread. ``parent``: where the folder is made (the
    file system that holds the database decides what an fsync costs); None: the system's for temporary files."""
    with ExitStack() as stack:
        scratch = Path(tempfile.mkdtemp(prefix="socialgym-bench-", dir=parent))
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        valkey = EmbeddedValkey.start()
        stack.callback(valkey.stop)
        yield Stage(stack.enter_context(cluster(scratch / "postgres")), valkey.url, scratch, patience)
