"""Scoring a turn by readable rules. ``RuleScorer`` stands behind ``realtime.minds.Scorer``."""

from realtime.scoring.scorer import RuleScorer

__all__ = ["RuleScorer"]
