"""The one way numbers are rounded here: half up, in whole numbers, so that no float decides what is shown.

Means travel as hundredths (``6367`` is 63.67) and become decimals only where they go out as JSON.
"""


def half_up(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` to the nearest whole number, a half towards plus infinity; exact at any
    size.

    Raises ``ValueError`` when the denominator is not above zero.
    """
    if denominator <= 0:
        raise ValueError(f"the denominator must be above zero, not {denominator}")
    return (2 * numerator + denominator) // (2 * denominator)


def mean_hundredths(total: int, count: int) -> int:
    """The mean of ``count`` numbers that sum to ``total``, in hundredths; 0 of none."""
    return half_up(100 * total, count) if count else 0


def mean_whole(total: int, count: int) -> int:
    """The same mean as a whole number, rounded once from the exact one (never from its hundredths); 0 of
    none."""
    return half_up(total, count) if count else 0


def mean_against(total: int, count: int, need: int) -> int:
    """The mean in hundredths, to be shown beside the ``need`` (whole) that it was compared with.

    A mean below the need stays below it and one above stays above, even where plain rounding would make the
    two equal (59.996 beside 60): what is shown never contradicts what was decided. 0 of none.
    """
    shown = mean_hundredths(total, count)
    if total < need * count:
        return min(shown, 100 * need - 1)
    if total > need * count:
        return max(shown, 100 * need + 1)
    return shown


def decimals(hundredths: int) -> float:
    """Hundredths as the JSON number of at most two decimals."""
    return hundredths / 100
