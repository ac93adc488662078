"""``socialgym serve`` with other limits: what the environment can't set, and tests of time-outs need to be short.

``ADVERSITY_LIMITS`` is a JSON object of ``Limits``' fields; ``ADVERSITY_PACE_MS`` the pace of scripted replies. All
else, and every line that serves, is the product's.
"""

import os
from typing import Any

import msgspec
import uvloop

from realtime.limits import Limits
from server import logs
from server.app import TYPING_PACE_MS, make_app
from server.run import Server, listen
from server.settings import read


def main() -> None:
    settings = read()
    logs.configure()
    assert settings.database_url is not None, "the database of an adversity test is shared: DATABASE_URL"
    changes: dict[str, Any] = msgspec.json.decode(os.environ.get("ADVERSITY_LIMITS", "{}"))
    limits = msgspec.structs.replace(Limits(enforced=settings.rate_limits), **changes)
    pace_ms = int(os.environ.get("ADVERSITY_PACE_MS", str(TYPING_PACE_MS)))
    app = make_app(settings, settings.database_url, limits=limits, pace_ms=pace_ms)
    uvloop.run(Server(app, settings, listen(settings.host, settings.port)).run_here())


if __name__ == "__main__":
    main()
