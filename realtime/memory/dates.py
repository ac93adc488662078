"""Dates and whole numbers as people say them. Dates stay in the learner's words: no clock turns them into days."""

import re

_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)"
)
_PART = r"(?:\s(?:morning|afternoon|evening|night|at\s\d{1,2}(?::\d\d)?\s?(?:am|pm)?))?"
_DAY = r"(?:the\s)?\d{1,2}(?:st|nd|rd|th)?"
_COUNT = r"(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|a\sfew|a\scouple\sof|\d{1,3})"

DATE = re.compile(
    rf"""\b(?:
    (?:on\s|this\s|next\s|this\scoming\s|coming\s)?{_WEEKDAY}{_PART}
  | (?:the\sday\safter\s)?tomorrow{_PART} | today | tonight | this\s(?:morning|afternoon|evening)
  | (?:this|next|later\sthis|at\sthe|over\sthe|early\snext|late\snext)\s
      (?:week|weekend|month|year|summer|winter|spring|autumn|fall|semester|term)
  | in\s(?:the\s)?(?:summer|winter|spring|autumn)
  | in\s{_COUNT}\s(?:hours?|days?|weeks?|months?|years?)
  | (?:on\s)?{_DAY}\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?
  | (?:on\s)?{_MONTH}\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?
  | (?:in|next|this)\s{_MONTH}(?:\s\d{{4}})?
  | on\s\d{{1,2}}[./]\d{{1,2}}(?:[./]\d{{2,4}})? | on\s\d{{4}}-\d\d-\d\d
  | on\sthe\s\d{{1,2}}(?:st|nd|rd|th)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ON = re.compile(r"^on\s(?:the\s)?", re.IGNORECASE)

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


def event_parts(value: str) -> dict[str, str]:
    """``{what, date?}`` of an ``events.*`` value ("exam on Friday" gives what "exam", date "Friday")."""
    dates = list(DATE.finditer(value))
    if not dates:
        return {"what": value.strip()}
    found = dates[-1]
    rest = f"{value[: found.start()]} {value[found.end() :]}"
    what = " ".join(rest.split()) or value
    return {"what": what, "date": _ON.sub("", found.group())}
