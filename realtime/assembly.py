"""The engine with the minds that come built in: offline, deterministic."""

from realtime.bus import Bus
from realtime.bus.places import Places
from realtime.core.session import Minds
from realtime.engine import Engine
from realtime.limits import Limits
from realtime.memory import RuleExtractor
from realtime.persona import ScriptedPersona
from realtime.scoring import RuleScorer
from storage.catalogue.store import Shelf
from storage.database import Database
from storage.store import sql_store


def built_in_engine(
    database: Database,
    shelf: Shelf,
    limits: Limits,
    *,
    pace_ms: int = 0,
    bus: Bus | None = None,
    places: Places | None = None,
) -> Engine:
    """Not started yet: who only ends a session needs no writer. ``pace_ms``: see ``ScriptedPersona``; ``bus`` and
    ``places``: what is shared with other processes."""
    minds = Minds(RuleScorer(), RuleExtractor())
    return Engine(sql_store(database), shelf, minds, ScriptedPersona(pace_ms=pace_ms), limits, bus, places)
