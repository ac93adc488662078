"""What must hold between the tables at every moment, as SQL: one statement a check, each row it gives a violation.

Asked by ``storage.reconciler``: in production every minute, by ``socialgym reconcile``, and by tests as their oracle.
"""

from storage.checks import memory, money, practice
from storage.checks.over import Check

CHECKS: tuple[Check, ...] = (*money.CHECKS, *practice.CHECKS, *memory.CHECKS)

__all__ = ["CHECKS", "Check"]
