"""Waits of slightly different lengths, so that processes and clients do not all come at the same moment."""

import random


def jittered(seconds: float, spread: float = 0.2) -> float:
    """``seconds``, give or take ``spread`` of them, evenly drawn."""
    return seconds * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - not a secret
