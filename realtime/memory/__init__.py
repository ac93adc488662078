"""Memory in the open: what a persona may learn of a learner (``RuleExtractor``), what a write changes (``rules``)."""

from realtime.memory.extractor import RuleExtractor

__all__ = ["RuleExtractor"]
