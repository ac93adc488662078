"""Lines that cost a strike or end the talk, from ``data/harm.json``. What is not read for earning is read here.

A find does not count where a harmless phrase holds it ("shoot you an e-mail"), behind a negation, or as somebody
else's words ("he called me ..."). No list is complete; what it misses is scored as an ordinary line.
"""

from typing import Final

import msgspec

from realtime.domain import Disqualifier, Strike
from realtime.scoring.cues import Hit, negated
from realtime.scoring.reading import Reading, Span
from realtime.scoring.text import MIXED

_HARM: Final = "harm."  # begins the names of this file's groups, and stands in no other
_REPORT_REACH: Final = 3  # terms between "he called me a" and the word that was reported
_LOOKALIKES: Final = str.maketrans("013457", "oieast")


class Harm(msgspec.Struct, frozen=True, gc=False):
    """Spans of what was found. ``strike`` here never is LOW_SCORE: that needs the score."""

    strike: Strike | None
    disqualified: Disqualifier | None
    insults: list[Span]
    boundaries: list[Span]
    dangers: list[Span]


_CLEAN: Final = Harm(None, None, [], [], [])


def judge(reading: Reading, minor: bool, refused: bool, slurs: frozenset[str]) -> Harm:
    """What of this turn is a strike or disqualifies. ``minor``: the learner has declared an age under 18;
    ``refused``: the persona's last line said no."""
    hits = reading.all_hits
    hidden = _hidden_slurs(reading, slurs) if reading.parsed.may_hold & MIXED else []
    pressed = refused and "pressure" in hits
    if not hidden and not pressed and _HARM not in " ".join(hits):
        return _CLEAN
    insults, threats = _kept(reading, "insult"), _kept(reading, "threat")
    slurs_said = hidden + _kept(reading, "slur")
    sexual = _kept(reading, "sexual")
    with_minor = [hit for hit in sexual if minor or _about_minor(reading, hit)]
    forced = _kept(reading, "coercion")
    boundaries = sexual + forced + [hit for hit in _kept(reading, "demand_data") if not _kindly(reading, hit)]
    if pressed:
        boundaries = boundaries + hits["pressure"]
    disqualified: Disqualifier | None = None
    if threats:
        disqualified = "THREAT"
    elif slurs_said:
        disqualified = "SLUR"
    elif with_minor:
        disqualified = "SEXUAL_MINOR"
    strike: Strike | None = "INSULT" if insults else "BOUNDARY_CROSSED" if boundaries else None
    dangers = threats + slurs_said + with_minor
    return Harm(strike, disqualified, *([reading.span_of(h) for h in hs] for hs in (insults, boundaries, dangers)))


def _kept(reading: Reading, name: str) -> list[Hit]:
    hits = reading.all_hits
    found = hits.get(f"harm.{name}")
    if not found:
        return []
    safe = hits.get(f"harm.{name}_safe", [])
    told = [] if name == "sexual" else hits.get("harm.reported", [])
    out: list[Hit] = []
    for hit in found:
        held = any(s.first < hit.last and hit.first < s.last for s in safe)
        said_by_other = any(
            hit.first - _REPORT_REACH <= t.last <= hit.first + 1 and t.first < hit.first for t in told
        )
        if not held and not said_by_other and (name == "slur" or not negated(reading.parsed, hit.first)):
            out.append(hit)
    return out


def _about_minor(reading: Reading, hit: Hit) -> bool:
    of, hits = reading.parsed.sentence_of, reading.all_hits
    near = hits.get("harm.minor", ())
    return "harm.minor_age" in hits or any(of[m.first] == of[hit.first] for m in near)


def _kindly(reading: Reading, hit: Hit) -> bool:
    of, asked = reading.parsed.sentence_of, reading.all_hits.get("harm.asked_kindly", ())
    return any(of[a.first] == of[hit.first] for a in asked)


def _hidden_slurs(reading: Reading, slurs: frozenset[str]) -> list[Hit]:
    """Slurs written with digits for letters."""
    if "".join(reading.parsed.terms).isalpha():
        return []
    return [
        Hit(at, at + 1)
        for at, term in enumerate(reading.parsed.terms)
        if not term.isalpha() and len(term) > 3 and term.translate(_LOOKALIKES) in slurs and not term.isdigit()
    ]
