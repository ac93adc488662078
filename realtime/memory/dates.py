"""Dates and whole numbers as people say them, and the day that a date means to somebody who says it today.

What lies ahead is remembered as *what* and *when*: "my exam on Friday" is over some day, and only a date tells when.
Stored, it is one text that people read and may edit, ``exam (2026-03-13)``: ``event_value`` and ``event_parts``.
"""

import re
from datetime import date, timedelta

_WEEKDAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)"
)
_HOUR = r"(?:\sat\s(?:noon|midnight|(?:half\s(?:past\s)?)?\d{1,2}(?:[:.]\d\d)?(?:\s?(?:am|pm|o'clock)\b)?))?"
_PART = rf"(?:\s(?:morning|afternoon|evening|night))?{_HOUR}"
_DAY = r"(?:the\s)?\d{1,2}(?:st|nd|rd|th)?"
_COUNT = r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|a\sfew|a\scouple\s(?:of)?|couple\sof|\d{1,3})"
_UNIT = r"(?:hours?|days?|weeks?|fortnights?|months?|years?)"
_SPELL = r"(?:week|weekend|month|year|summer|winter|spring|autumn|fall|semester|term)"

DATE = re.compile(
    rf"""\b(?:
    (?:a\sweek\s)?(?:on\s|this\s|next\s|last\s|this\scoming\s|coming\s|this\spast\s)?(?P<weekday>{_WEEKDAY})
      (?P<week>\sweek)?{_PART}
  | (?:the\s)?day\s(?:after\stomorrow|before\syesterday){_PART} | tomorrow{_PART} | yesterday{_PART}
  | today{_HOUR} | (?:later\s)?tonight{_HOUR} | last\snight | this\s(?:morning|afternoon|evening){_HOUR}
  | (?:this|next|last|later\sthis|at\sthe|over\sthe|early\snext|late\snext)\s{_SPELL}
  | (?:in|within)\s(?P<ahead>{_COUNT})\s(?P<ahead_unit>{_UNIT})(?:'s?\stime)?
  | (?P<ago>{_COUNT})\s(?P<ago_unit>{_UNIT})\sago
  | (?:in\s|on\s|from\s)?(?P<d1>{_DAY})\s(?:of\s)?(?P<m1>{_MONTH})(?:,?\s(?P<y1>\d{{4}}))?
  | (?:on\s|from\s)?(?P<m2>{_MONTH})\s(?:the\s)?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<y2>\d{{4}}))?(?![\d:])
  | (?:in|next|this|last)\s(?:early\s|late\s|mid\s)?(?P<m3>{_MONTH})(?:\s(?P<y3>\d{{4}}))?
  | in\s(?:the\s)?(?:summer|winter|spring|autumn)
  | on\s(?P<d4>\d{{1,2}})[./](?P<m4>\d{{1,2}})(?:[./](?P<y4>\d{{2,4}}))? | (?:on\s)?(?P<iso>\d{{4}}-\d\d-\d\d)
  | (?:on\s)?the\s(?P<d5>\d{{1,2}})(?:st|nd|rd|th)
    )(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_STORED = re.compile(r"(?P<what>.+?) \((?P<date>\d{4}(?:-\d\d){0,2})\)")
DATED = ("plans.", "events.")  # the families whose values are {what, date}
_FEW = {"a": 1, "an": 1}  # "a few" and "a couple" name no number

_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPOKEN: dict[str, int] = {
    **{word: n for n, word in enumerate(_UNITS, 1)},
    **{word: n for n, word in enumerate(_TEENS, 10)},
    **{word: 10 * n for n, word in enumerate(_TENS, 2)},
    **{f"{ten}-{unit}": 10 * n + m for n, ten in enumerate(_TENS, 2) for m, unit in enumerate(_UNITS, 1)},
}
_TENS_WORD = "|".join(_TENS)
_UNITS_WORD = "|".join(_UNITS)
NUMBER = rf"(?:\d{{1,3}}|(?:{_TENS_WORD})(?:[\s-](?:{_UNITS_WORD}))?|{'|'.join(_TEENS)}|{_UNITS_WORD})"
NUMBER_WORDS = (*_UNITS, *_TEENS, *_TENS)


def number_of(text: str) -> int | None:
    """A whole number in digits or English words, below 1000 in digits and 100 in words; None for anything else."""
    low = text.lower()
    if low.isascii() and low.isdigit():
        return int(low)
    return _SPOKEN.get(low.replace(" ", "-"))


def event_value(what: str, stamp: str | None) -> str:
    """``what`` and its date as one text; ``event_parts`` reads it back."""
    return f"{what} ({stamp})" if stamp else what


def event_parts(value: str) -> dict[str, str]:
    """``{what, date?}`` of a value of ``plans.*`` or ``events.*``; ``date`` is a day, a month or a year as ISO 8601
    writes them ("2026-03-13", "2026-03", "2026"), and left out where the learner named none."""
    found = _STORED.fullmatch(value.strip())
    return {"what": value.strip()} if found is None else found.groupdict()


def day_meant(said: re.Match[str], today: date, *, past: bool) -> str | None:
    """What a match of ``DATE`` means on ``today``: a day, or a month or year where no day was named, as ISO 8601
    writes them; None when it is not so clear ("next summer", "in a few weeks").

    ``past``: of two days that a date may mean, the one that is over ("we met on Friday").
    """
    try:
        return _meant(said, said.group().lower(), today, past)
    except (ValueError, OverflowError):  # the 31st of February
        return None


def _meant(said: re.Match[str], low: str, today: date, past: bool) -> str | None:
    if said["weekday"]:
        return _weekday(said, low, today, past).isoformat()
    if said["iso"]:
        return date.fromisoformat(said["iso"]).isoformat()
    if said["ahead"] or said["ago"]:
        return _counted(said, today)
    for day, month, year in (("d1", "m1", "y1"), ("d2", "m2", "y2"), ("d4", "m4", "y4")):
        if said[month]:
            number = int(said[month]) if month == "m4" else _month(said[month])
            return _on(int(re.sub(r"\D", "", said[day])), number, said[year], today, past).isoformat()
    if said["m3"]:
        return _in_month(_month(said["m3"]), said["y3"], low, today, past)
    if said["d5"]:
        return _of_month(int(said["d5"]), today, past).isoformat()
    return _near(low, today)


def _near(low: str, today: date) -> str | None:
    if low.startswith(("next ", "last ")) and low.endswith((" month", " year")):
        step = 1 if low.startswith("next") else -1
        return _month_on(today, step) if low.endswith("month") else str(today.year + step)
    if "after tomorrow" in low or "before yesterday" in low:
        return (today + timedelta(days=2 if "after" in low else -2)).isoformat()
    if low.startswith("tomorrow"):
        return (today + timedelta(days=1)).isoformat()
    if low.startswith(("yesterday", "last night")):
        return (today - timedelta(days=1)).isoformat()
    if low.startswith("today") or "tonight" in low or re.match(r"this (?:morning|afternoon|evening)", low):
        return today.isoformat()
    return None


def _weekday(said: re.Match[str], low: str, today: date, past: bool) -> date:
    """ "On Friday" is the next one (of what is over, the last); "next Friday" is that of next week."""
    wanted = next(n for n, name in enumerate(_WEEKDAYS) if said["weekday"].lower().startswith(name))
    if past or low.startswith(("last", "this past")):
        return today - timedelta(days=(today.weekday() - wanted) % 7 or 7)
    if low.startswith("next"):
        return today + timedelta(days=7 - today.weekday() + wanted)
    ahead = (wanted - today.weekday()) % 7
    if ahead == 0 and not low.startswith("this"):
        ahead = 7
    return today + timedelta(days=ahead + (7 if said["week"] or low.startswith("a week") else 0))


def _counted(said: re.Match[str], today: date) -> str | None:
    back = said["ago"] is not None
    words, unit = said["ago" if back else "ahead"].lower(), said["ago_unit" if back else "ahead_unit"].lower()
    number = _FEW.get(words) or number_of(words)
    if number is None:
        return None
    step = -number if back else number
    if unit.startswith("hour"):
        return today.isoformat()
    if unit.startswith("month"):
        return _month_on(today, step)
    if unit.startswith("year"):
        return str(today.year + step)
    days = {"d": 1, "w": 7, "f": 14}[unit[0]]
    return (today + timedelta(days=days * step)).isoformat()


def _month(name: str) -> int:
    return _MONTHS.index(name.lower()[:3]) + 1


def _month_on(today: date, step: int) -> str:
    months = today.year * 12 + today.month - 1 + step
    return f"{months // 12:04}-{months % 12 + 1:02}"


def _on(day: int, month: int, year: str | None, today: date, past: bool) -> date:
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    found = date(today.year, month, day)
    if past and found > today:
        return found.replace(year=today.year - 1)
    return found.replace(year=today.year + 1) if not past and found < today else found


def _in_month(month: int, year: str | None, low: str, today: date, past: bool) -> str:
    if year:
        return f"{year}-{month:02}"
    over = past or low.startswith("last")
    ahead = month > today.month or (month == today.month and not low.startswith(("last", "next")))
    return f"{today.year - (1 if over and month > today.month else 0) + (0 if over or ahead else 1)}-{month:02}"


def _of_month(day: int, today: date, past: bool) -> date:
    """The nearest month that has the day, on that side of today."""
    months = today.year * 12 + today.month - 1
    for step in range(3):
        year, month = divmod(months - step if past else months + step, 12)
        try:
            found = date(year, month + 1, day)
        except ValueError:
            continue
        if (found <= today) if past else (found >= today):
            return found
    raise ValueError(f"no month near {today} has a day {day}")
