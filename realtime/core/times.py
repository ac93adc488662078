"""Times as JSON has them everywhere: ISO 8601 in UTC, milliseconds, ``Z``."""

from datetime import UTC, datetime


def iso(at: datetime) -> str:
    """``at`` (with its zone) as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
