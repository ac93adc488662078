"""How lists go out: ``{items, nextCursor}``, a bounded page at a time, and times as the wire says them."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, Self, TypeVar
from uuid import UUID

import msgspec
from litestar.di import Provide
from litestar.params import QueryParameter

from realtime.core.times import iso
from realtime.domain import Json
from realtime.errors import AppError
from server.auth.principal import SIGNED_IN

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_CURSOR = 512  # characters; ours are below 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_MICROS = 253_402_300_799_999_999  # the last of the year 9999, the last that a datetime holds

T = TypeVar("T")
C = TypeVar("C")

Instant = Annotated[
    str, msgspec.Meta(description="ISO 8601, UTC, milliseconds.", examples=["2026-03-01T09:30:15.123Z"])
]


class Listing(Json, Generic[T]):
    """One page. ``next_cursor`` asks for the one after it; null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


class Page(msgspec.Struct, frozen=True):
    """What was asked for: at most ``limit`` items, those after ``cursor`` (None: the first)."""

    limit: int
    cursor: str | None

    def after(self, kind: type[C]) -> C | None:
        """Where the page begins, as the list's own cursor type; None at the beginning.

        Raises ``AppError`` (``invalid_event``, param ``cursor``) for a text that this list never gave.
        """
        return None if self.cursor is None else decode(self.cursor, kind)


def page(
    limit: Annotated[
        int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items at most.", required=False)
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        QueryParameter(description="`nextCursor` of the page before; opaque.", required=False, max_length=MAX_CURSOR),
    ] = None,
) -> Page:
    """Litestar's dependency ``page``, from the query."""
    return Page(limit, cursor)


#: ``dependencies`` of a controller of lists: who asks, and which page.
PAGED_LIST = {**SIGNED_IN, "page": Provide(page, sync_to_thread=False)}


def encode(position: msgspec.Struct) -> str:
    """A cursor: the place of the last item shown, opaque and safe in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode(cursor: str, kind: type[C]) -> C:
    """The place a cursor names. Raises ``AppError`` (``invalid_event``) unless ``encode`` can have made it."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, binascii.Error) as error:  # msgspec's and Unicode's errors are ValueErrors
        raise AppError("invalid_event", "This cursor is not one that this list gave.", param="cursor") from error


def listing(
    found: Sequence[T], limit: int, show: Callable[[T], C], position: Callable[[T], msgspec.Struct]
) -> Listing[C]:
    """A page from ``limit + 1`` found rows: the one too many only tells that there are more."""
    shown = found[:limit]
    more = encode(position(shown[-1])) if len(found) > limit else None
    return Listing(items=tuple(show(item) for item in shown), next_cursor=more)


class Place(msgspec.Struct, frozen=True, array_like=True, tag="place"):
    """A place in a list that is held in memory, by the key it is sorted by."""

    order: int
    group: str
    position: int
    code: str

    def key(self) -> tuple[int, str, int, str]:
        return (self.order, self.group, self.position, self.code)


def in_memory(items: Iterable[T], page: Page, place: Callable[[T], Place], show: Callable[[T], C]) -> Listing[C]:
    """The page of a list in memory: sorted by ``place``, and by place too are the pages told apart, so that a
    list that changes between two requests repeats and skips nothing that stayed."""
    after = page.after(Place)
    ordered = sorted(items, key=lambda item: place(item).key())
    rest = [item for item in ordered if after is None or place(item).key() > after.key()]
    return listing(rest[: page.limit + 1], page.limit, show, place)


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """Base of a place in a list of rows, newest first: when a row was made, in microseconds since 1970 (all that
    PostgreSQL keeps of a time), and its id."""

    micros: Annotated[int, msgspec.Meta(ge=0, le=MAX_MICROS)]
    id: UUID

    @classmethod
    def of(cls, at: datetime, row_id: UUID) -> Self:
        return cls((at - EPOCH) // timedelta(microseconds=1), row_id)

    def bounds(self) -> tuple[datetime, UUID]:
        """As the queries take it."""
        return EPOCH + timedelta(microseconds=self.micros), self.id


def iso_or_none(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
