"""Everything the routes need, made once at start and handed to them by type (Litestar's dependency ``services``)."""

import msgspec

from realtime.auditing import Auditor
from realtime.commands import Commands
from realtime.engine import Engine
from realtime.limits import Limits
from server.auth.passwords import Passwords
from server.auth.tokens import Tokens
from server.rates import Rates
from storage.catalogue.store import Shelf
from storage.database import Database


class Services(msgspec.Struct, frozen=True, kw_only=True):
    database: Database
    shelf: Shelf
    engine: Engine
    tokens: Tokens
    passwords: Passwords
    rates: Rates
    limits: Limits
    commands: Commands
    auditor: Auditor
    allowed_origins: frozenset[str]
