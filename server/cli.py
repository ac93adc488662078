"""The command line: ``socialgym serve``, ``cluster``, ``chat``, ``reconcile``, ``admin ...``."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import uvloop

from server import logs, reconciling
from server.chat.arguments import add_arguments as add_chat_arguments
from server.reconciling import time_of
from server.settings import Settings, SettingsError, read
from storage.database import Database
from storage.embedded import EmbeddedError, EmbeddedPostgres
from storage.errors import StorageError


def main(argv: list[str] | None = None) -> None:
    """The entry point; exits with 0, or 1 and one sentence on standard error."""
    arguments = _parser().parse_args(argv)
    try:
        sys.exit(arguments.run(arguments))
    except (SettingsError, EmbeddedError, StorageError, OSError) as error:
        print(f"socialgym: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="socialgym", description="Live conversation practice.")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser("serve", help="start the server")
    serve.set_defaults(run=_serve)
    several = commands.add_parser("cluster", help="start several server processes behind one port")
    several.add_argument("--processes", type=int, default=4, metavar="N", help="how many (4)")
    several.set_defaults(run=_cluster)
    talk = commands.add_parser("chat", help="practise in the terminal")
    add_chat_arguments(talk)
    talk.set_defaults(run=_chat, url=_local_url())
    books = commands.add_parser("reconcile", help="check that what is stored adds up; exit code 1 where it doesn't")
    books.add_argument("--json", action="store_true", help="one JSON object")
    books.add_argument("--since", type=time_of, metavar="TIME", help="only what has changed since, 2026-11-21T08:00Z")
    books.set_defaults(run=_reconcile)
    admin = commands.add_parser("admin", help="what an operator does").add_subparsers(required=True, metavar="action")
    end = admin.add_parser("end-session", help="end a session; it ends as ABORT_SYSTEM_ERROR, its turns are paid")
    end.add_argument("session_id", type=UUID)
    end.set_defaults(run=_end_session)
    return parser


def _local_url() -> str:
    """Where ``serve`` would listen with the same environment: one set of variables serves both commands."""
    scheme = "https" if os.environ.get("SOCIALGYM_TLS_CERT") else "http"
    host = os.environ.get("SOCIALGYM_HOST") or "127.0.0.1"
    return f"{scheme}://{host}:{os.environ.get('SOCIALGYM_PORT') or '8000'}"


@contextmanager
def database_of(settings: Settings, *, attach: bool = False) -> Iterator[str]:
    """The database's address: the given one, or an embedded server that lives as long as the block. ``attach``: one
    that the running server started will do."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    running = EmbeddedPostgres.attach(settings.data_dir) if attach else None
    if running is not None:
        yield running.dsn
        return
    started = EmbeddedPostgres.start(settings.data_dir, fsync=not settings.unsafe_db)
    try:
        yield started.dsn
    finally:
        started.stop()


def _serve(_: argparse.Namespace) -> int:
    gc.disable()  # next to all that a start makes is there to stay; ``settle_garbage`` enables it again
    from server.app import make_app
    from server.run import Server, banner, listen, tell

    settings = read()
    logs.configure()
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise SettingsError(f"SOCIALGYM_HOST, SOCIALGYM_PORT: can't listen on {where}: {error.strerror}.") from None
    with database_of(settings) as dsn:
        uvloop.run(_check(dsn, unsafe=settings.unsafe_db))
        server = Server(
            make_app(settings, dsn),
            settings,
            listening,
            on_started=lambda: tell(banner(settings, server.port)),
        )
        uvloop.run(server.run_here())
        return 0 if server.started else 1


def _chat(arguments: argparse.Namespace) -> int:
    from server.chat.app import run_arguments

    return run_arguments(arguments)


def _cluster(arguments: argparse.Namespace) -> int:
    from server import cluster

    settings = read()
    logs.configure()
    with database_of(settings) as dsn, cluster.redis_of(settings) as redis_url:
        asyncio.run(_check(dsn, unsafe=settings.unsafe_db))
        return cluster.run(settings, dsn, redis_url, arguments.processes)


async def _check(dsn: str, *, unsafe: bool) -> None:
    """Refuse a database that won't do with one sentence; inside the server's start it would be a traceback."""
    database = Database(dsn)
    try:
        await database.check(unsafe=unsafe)
    finally:
        await database.close()


def _reconcile(arguments: argparse.Namespace) -> int:
    settings = read()
    logs.configure()
    with database_of(settings, attach=True) as dsn:
        return asyncio.run(reconciling.check(dsn, since=arguments.since, as_json=arguments.json))


def _end_session(arguments: argparse.Namespace) -> int:
    from server.admin import end_session

    settings = read()
    logs.configure()
    with database_of(settings, attach=True) as dsn:
        return asyncio.run(end_session(settings, dsn, arguments.session_id))


if __name__ == "__main__":
    main()
