"""One server process of a cluster (see ``server.cluster``): ``python -m server.worker <fd>``.

Its settings come from the environment, with the address of the database and of Redis that the parent has started. It
listens on the cluster's port with ``SO_REUSEPORT``, and says that it is ready by a byte on the given descriptor.
"""

import gc
import os
import sys

import uvloop

from server import logs
from server.app import make_app
from server.run import Server, listen
from server.settings import read


def main(ready: int) -> int:
    gc.disable()  # see ``server.cli``
    settings = read()
    logs.configure()
    assert settings.database_url is not None, "the parent passes it on"

    def tell() -> None:
        os.write(ready, b"1")
        os.close(ready)

    listening = listen(settings.host, settings.port, shared=True)
    server = Server(make_app(settings, settings.database_url), settings, listening, on_started=tell)
    uvloop.run(server.run_here())
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
