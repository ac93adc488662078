"""The reference documents, made from the tables in the code: ``python -m server.docs`` writes them anew, and a test
compares them with what is committed."""

import ast
import inspect
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import msgspec

from realtime import limits as limits_module
from realtime.errors import CLOSES, CODES, close_for_status
from realtime.limits import Limits

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "Made from `{source}` by `python -m server.docs`; do not edit."

#: What a limit counts, where the end of its name does not say it.
UNITS = {
    "enforced": "on or off",
    "turn_text": "code points",
    "item_id": "code points",
    "frame": "bytes",
    "frame_hard": "bytes",
    "instructions": "code points",
    "frames_per_second": "frames a second, each socket",
    "frames_burst": "frames",
    "reads_per_second": "frames a second, each socket",
    "reads_burst": "frames",
    "bad_frames_per_minute": "frames a minute, each socket",
    "sockets_per_user": "sockets",
    "sessions_per_user": "live sessions",
    "turns_per_session": "the learner's turns",
    "guests_per_hour": "requests an hour, each address",
    "logins_per_minute": "requests a minute, each address and each e-mail address",
    "client_secrets_per_minute": "requests a minute, each user",
    "sessions_per_hour": "new sessions an hour, each user",
    "connections": "connections, HTTP and sockets together",
    "requests_waiting": "requests, each process",
    "queue_events": "events, each socket",
    "queue_bytes": "bytes, each socket",
    "replay_page": "events",
    "finalize_attempts": "attempts",
}

#: Why, for the limits whose line in the code does not say it ("per user" there is half a unit).
REASONS = {
    "enforced": "`SOCIALGYM_RATE_LIMITS=off` (loopback only) lifts every limit of rate and number, none of size",
    "item_id": "room for a UUID with a prefix, and for what clients make themselves",
    "instructions": "a page of wishes; they are read by the persona at each reply of free play",
    "frames_burst": "two seconds' worth: a client that was held up sends what it has at once",
    "reads_burst": "ten times what is answered: nobody who means well comes near",
    "bad_frames_per_minute": "a client in development errs now and then; ten in a minute is a loop, and closes 4508",
    "sessions_per_user": "one on each of two devices; a third ends the oldest that no socket holds",
    "turns_per_session": "far beyond any talk; it bounds what a replay can cost",
    "session_seconds": "a talk that is still open after two hours was left",
    "guests_per_hour": "a class or a household may try it at once; a script that farms accounts may not",
    "logins_per_minute": "nobody mistypes a password more often; guessing stays hopeless",
    "client_secrets_per_minute": "a page that fetches a key at every reload",
    "sessions_per_hour": "one every two minutes",
    "queue_events": "a reader behind by more is too slow: it is closed with 1013 and resumes without loss",
    "queue_bytes": "the same, for few but large events",
    "heartbeat_seconds": "below the 30 seconds after which proxies cut silent connections",
    "grace_seconds": "time to change trains, networks or devices",
    "idle_seconds": "a learner may think, or take a call",
    "token_warning_seconds": "time for a refresh, and for a second try",
    "finalize_attempts": "after these the session waits for a person, and `/v1/health/ready` counts it",
}


def errors_document() -> str:
    """``docs/errors.md``: every code and every close code."""
    lines = [
        "# Errors",
        "",
        MADE.format(source="realtime/errors.py"),
        "",
        "Over REST a refusal is `application/problem+json` (RFC 9457) with this `code`; on the socket it is an",
        "`error` event with the same code in `error.code`, and the socket stays open. Clients decide by `code`;",
        "`detail` and `message` are for people.",
        "",
        "*Retry*: the same request may succeed later, after `Retry-After` or `retry_after_ms` if given, else with",
        "growing waits. *Close*: the code that stands for it when a browser's connection is refused. Ten *bad*",
        "frames within a minute close the socket with 4508.",
        "",
        "| code | status | type | meaning | retry | close | bad |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, code in CODES.items():
        marks = ("yes" if code.retry else "", str(close_for_status(code.status)), "yes" if code.bad_frame else "")
        lines.append(_row(f"`{name}`", str(code.status), f"`{code.wire_type}`", code.meaning, *marks))
    lines += [
        "",
        "## Close codes",
        "",
        "*Reconnect*: come back after a random wait that doubles with each failure (full jitter). Nothing that was",
        "acknowledged is lost: give `session_id` and `last_seq`, and the missed events come first.",
        "",
        "| code | name | reconnect | meaning |",
        "|---|---|---|---|",
    ]
    for close in CLOSES.values():
        lines.append(_row(str(close.code), f"`{close.name}`", "yes" if close.reconnect else "no", close.meaning))
    return "\n".join(lines) + "\n"


def limits_document() -> str:
    """``docs/limits.md``: every limit with its default, unit and reason."""
    comments = _comments()
    lines = [
        "# Limits",
        "",
        MADE.format(source="realtime/limits.py"),
        "",
        "Text is counted in Unicode code points exactly as sent. What is over a limit is answered with a code of",
        "[errors.md](errors.md), never dropped in silence.",
        "",
        "| limit | default | unit | reason |",
        "|---|---|---|---|",
    ]
    for field in msgspec.structs.fields(Limits):
        reason = comments.get(field.name) or REASONS[field.name]
        unit = UNITS.get(field.name) or ("seconds" if field.name.endswith("_seconds") else UNITS[field.name])
        lines.append(_row(f"`{field.name}`", _shown(field.default), unit, reason))
    return "\n".join(lines) + "\n"


#: Every made document by its file name.
DOCUMENTS = {"errors.md": errors_document, "limits.md": limits_document}


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def _comments() -> dict[str, str]:
    """The comment at the end of each limit's line, by the limit's name."""
    source = inspect.getsource(limits_module)
    by_line = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {name: by_line[line] for name, line in _fields(ast.parse(source)) if line in by_line}
    return {name: reason for name, reason in found.items() if name not in REASONS}


def _fields(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno


def main() -> None:
    for name, make in DOCUMENTS.items():
        (DOCS / name).write_text(make())


if __name__ == "__main__":
    main()
