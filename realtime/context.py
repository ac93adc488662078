"""What a live session needs of the process around it, as one typed object."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from realtime.core.session import Minds
from realtime.counts import Counts
from realtime.limits import Limits
from realtime.minds import PersonaProvider
from realtime.tasks import Tasks
from realtime.writer import Writer
from storage.store import Store

if TYPE_CHECKING:
    from realtime.delivery import Connection
    from realtime.live import LiveSession
    from realtime.peers import Peers
    from realtime.replies import ActiveReply


class Ends(Protocol):
    def end(self, live: "LiveSession", cause: str, **condition: Any) -> Coroutine[Any, Any, str | None]: ...

    def end_by_rule(self, live: "LiveSession") -> Coroutine[Any, Any, None]: ...


class Joins(Protocol):
    def catch_up(self, live: "LiveSession", connection: "Connection") -> Coroutine[Any, Any, None]: ...


class EngineContext(Protocol):
    store: Store
    writer: Writer
    tasks: Tasks
    minds: Minds
    persona: PersonaProvider
    limits: Limits
    counts: Counts

    peers: "Peers"

    @property
    def ender(self) -> Ends: ...

    @property
    def joiner(self) -> Joins: ...

    def now_iso(self) -> str: ...

    def respond(
        self, live: "LiveSession", metadata: dict[str, str] | None
    ) -> Coroutine[Any, Any, "ActiveReply | None"]: ...

    def unclaim(self, reply: "ActiveReply") -> Coroutine[Any, Any, None]: ...
