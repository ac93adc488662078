"""The engine with the minds that come built in: offline, deterministic."""

from realtime.core.session import Minds
from realtime.engine import Engine
from realtime.limits import Limits
from realtime.memory import RuleExtractor
from realtime.persona import ScriptedPersona
from realtime.scoring import RuleScorer
from storage.catalogue.store import Shelf
from storage.database import Database


def built_in_engine(database: Database, shelf: Shelf, limits: Limits, *, pace_ms: int = 0) -> Engine:
    """Not started yet: who only ends a session needs no writer. ``pace_ms``: see ``ScriptedPersona``."""
    return Engine(database, shelf, Minds(RuleScorer(), RuleExtractor()), ScriptedPersona(pace_ms=pace_ms), limits)
