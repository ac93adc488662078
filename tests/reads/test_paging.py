"""Cursors: what was given is read back, and nothing else is."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.times import iso
from realtime.errors import AppError
from server.paging import MAX_CURSOR, Page, Place, decode, encode, in_memory
from server.routes.history import SessionPlace
from server.routes.wallet import LedgerPlace


@given(st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)), st.uuids())
def test_a_cursor_keeps_the_microsecond_and_the_id(at: datetime, entry: UUID) -> None:
    cursor = encode(LedgerPlace.of(at, entry))
    assert decode(cursor, LedgerPlace).bounds() == (at, entry)
    assert len(cursor) <= MAX_CURSOR
    assert cursor.isascii()
    assert set(cursor) & set("+/=&?% ") == set()


@given(st.text(max_size=40))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(AppError) as refused:
        decode(text, SessionPlace)
    assert (refused.value.code, refused.value.param) == ("invalid_event", "cursor")


def test_the_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(AppError):
        decode(encode(LedgerPlace(0, uuid4())), SessionPlace)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True), st.integers(1, 5))
def test_pages_in_memory_show_everything_once_and_in_order(items: list[tuple[int, int]], limit: int) -> None:
    seen: list[tuple[int, int]] = []
    cursor: str | None = None
    while True:
        made = in_memory(items, Page(limit, cursor), lambda i: Place(i[0], "", i[1], ""), lambda i: i)
        assert len(made.items) <= limit
        seen += made.items
        cursor = made.next_cursor
        if cursor is None:
            break
        assert len(made.items) == limit
    assert seen == sorted(items)


def test_times_go_out_in_milliseconds_of_utc() -> None:
    assert iso(datetime.fromisoformat("2026-03-01T01:02:03.456789+02:00")) == "2026-02-28T23:02:03.456Z"
