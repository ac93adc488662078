"""What a turn pays. The finalizer pays the sum of what the turns were shown, so every cap is applied here."""

from typing import Final

from msgspec import UNSET

from realtime.domain import RARITIES, Amounts, Rarity, TurnRewards

RARITY_FROM: Final[dict[Rarity, int]] = {"C": 0, "B": 60, "A": 75, "S": 85, "S+": 95}
_DESCENDING: Final = tuple((rarity, RARITY_FROM[rarity]) for rarity in reversed(RARITIES))
# XP and coins by rarity.
PAY: Final[dict[Rarity, Amounts]] = {
    "C": Amounts(xp=4, coins=1),
    "B": Amounts(xp=8, coins=3),
    "A": Amounts(xp=14, coins=5),
    "S": Amounts(xp=20, coins=7),
    "S+": Amounts(xp=28, coins=9),
}
# Of one session. The gem comes with its first S+ that pays.
SESSION_CAP: Final = Amounts(xp=120, coins=40, gems=1)
DAILY_TURN_XP: Final = 500  # XP from turns on one local date, as known when the session began


def rarity_of(score: int) -> Rarity:
    """The rarity of a score 0..100: the highest whose lower bound it reaches."""
    for rarity, least in _DESCENDING:
        if score >= least:
            return rarity
    return "C"


def turn_rewards(score: int, *, paid: Amounts, xp_left_today: int, already_paid_line: bool) -> TurnRewards:
    """What a turn of this score pays, and why if that is less than its rarity's row.

    ``paid`` is what the session's earlier turns were paid; ``xp_left_today`` what is left of the daily turn
    XP for this session's next turn (that is: less ``paid.xp`` too; below zero counts as zero).

    - ``ALREADY_PAID``: the user was paid for the same line lately; nothing is paid, whatever the caps.
    - ``CAPPED``: a cap made XP or coins less than the row's, if only by one. The gem is no part of a row,
      so an S+ after the session's gem is not capped for its lack; and a gem is paid even where the XP cap
      is spent.
    """
    if already_paid_line:
        return TurnRewards(xp=0, coins=0, gems=0, reason="ALREADY_PAID")
    rarity = rarity_of(score)
    due = PAY[rarity]
    xp = max(0, min(due.xp, SESSION_CAP.xp - paid.xp, xp_left_today))
    coins = max(0, min(due.coins, SESSION_CAP.coins - paid.coins))
    gems = 1 if rarity == "S+" and paid.gems < SESSION_CAP.gems else 0
    cut = xp < due.xp or coins < due.coins
    return TurnRewards(xp=xp, coins=coins, gems=gems, reason="CAPPED" if cut else UNSET)
