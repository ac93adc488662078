"""The streak: by example, and against a day-by-day telling of the same rules."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.core.streak import Streak, streak

FIRST = date(2024, 2, 20)  # a leap day lies ahead


def day(number: int) -> date:
    """The first day is day 1."""
    return FIRST + timedelta(days=number - 1)


def days(*parts: int | range) -> list[date]:
    return [day(n) for part in parts for n in (part if isinstance(part, range) else (part,))]


def told_day_by_day(active: set[date], today: date) -> Streak:
    """The rules once more as a diary, one calendar day after the other."""
    known = {each for each in active if each <= today}
    current = longest = freezes = 0
    covered_yesterday = False
    at = min(known, default=today)
    while at <= today:
        if at in known:
            current += 1
            longest = max(longest, current)
            if current in range(7, 10_000, 7) and freezes < 3:
                freezes += 1
            covered_yesterday = False
        elif at < today and current:
            if freezes and not covered_yesterday:
                freezes -= 1
                covered_yesterday = True
            else:
                current, covered_yesterday = 0, False
        at += timedelta(days=1)
    last = max(known).isoformat() if known else None
    return Streak(
        current=current,
        longest=longest,
        freezes=freezes,
        last_active_on=last,
        active_today=today in known,
    )


@st.composite
def diaries(draw: st.DrawFn) -> tuple[list[date], date]:
    """Mostly active days, so that freezes are earned and spent, and a today within or after them."""
    gaps = draw(st.lists(st.sampled_from([1] * 12 + [2, 2, 3, 9]), max_size=80))
    number, numbers = 1, [1]
    for gap in gaps:
        number += gap
        numbers.append(number)
    return days(*numbers), day(draw(st.integers(1, number + 4)))


def test_no_day_yet() -> None:
    empty = Streak(current=0, longest=0, freezes=0, last_active_on=None, active_today=False)
    assert streak([], day(1)) == empty
    assert streak(days(5), day(4)) == empty


def test_its_json() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(streak(days(1, 2), day(2))))
    assert shown == {
        "current": 2,
        "longest": 2,
        "freezes": 0,
        "lastActiveOn": "2024-02-21",
        "activeToday": True,
    }


@pytest.mark.parametrize(
    ("active", "today", "current", "longest", "freezes"),
    [
        (days(1), 1, 1, 1, 0),
        (days(1), 2, 1, 1, 0),  # today may still become active
        (days(1), 3, 0, 1, 0),  # day 2 was missed, nothing to cover it
        (days(range(1, 7)), 6, 6, 6, 0),
        (days(range(1, 8)), 7, 7, 7, 1),
        (days(range(1, 8)), 8, 7, 7, 1),
        (days(range(1, 8)), 9, 7, 7, 0),  # day 8 covered
        (days(range(1, 8)), 10, 0, 7, 0),  # day 9 is the second running
        (days(range(1, 8), 9), 9, 8, 8, 0),  # the covered day adds nothing
        (days(range(1, 8), 9, 11), 11, 1, 8, 0),  # one freeze, spent on day 8
        (days(range(1, 15)), 14, 14, 14, 2),
        (days(range(1, 15), 16, 18), 18, 16, 16, 0),  # two single gaps, a freeze each
        (days(range(1, 15), 17), 17, 1, 14, 1),  # two missed running: one spent, the streak broken
        (days(range(1, 15)), 40, 0, 14, 1),  # a long absence takes one freeze, not all
        (days(range(1, 15), range(40, 42), 43), 43, 3, 14, 0),  # a kept freeze serves the next streak
        (days(range(1, 22)), 21, 21, 21, 3),
        (days(range(1, 29)), 28, 28, 28, 3),  # at most three
        (days(range(1, 36), 37), 37, 36, 36, 2),
        (days(range(1, 7), range(8, 15)), 14, 7, 7, 1),  # a new streak earns anew
        (days(1, 2, 3, 9), 3, 3, 3, 0),  # days ahead of today are left out
    ],
)
def test_examples(active: list[date], today: int, current: int, longest: int, freezes: int) -> None:
    found = streak(active, day(today))
    assert (found.current, found.longest, found.freezes) == (current, longest, freezes)


def test_the_last_active_day_is_not_a_covered_one() -> None:
    found = streak(days(range(1, 8)), day(9))
    assert (found.last_active_on, found.active_today) == (day(7).isoformat(), False)


@settings(max_examples=300)
@given(diaries())
def test_it_is_what_a_diary_would_say(diary: tuple[list[date], date]) -> None:
    active, today = diary
    found = streak(active, today)
    assert found == told_day_by_day(set(active), today)
    assert 0 <= found.current <= found.longest <= len(active)
    assert 0 <= found.freezes <= 3


@given(diaries(), st.data())
def test_order_repetition_and_lateness_do_not_matter(diary: tuple[list[date], date], data: st.DataObject) -> None:
    active, today = diary
    shuffled: Iterable[date] = data.draw(st.permutations(active))
    late = data.draw(st.lists(st.sampled_from(active)))
    assert streak([*shuffled, *late], today) == streak(active, today)
    early = [each for each in active if each not in late]
    assert streak([*early, *late], today) == streak(active, today)


@given(diaries())
def test_an_active_today_never_shortens_the_streak(diary: tuple[list[date], date]) -> None:
    active, today = diary
    before = [each for each in active if each < today]
    assert streak([*before, today], today).current == streak(before, today).current + 1
