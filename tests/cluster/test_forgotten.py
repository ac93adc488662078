"""An invented word, said and learnt on two processes, forgotten with its turns: then looked for everywhere.

Everywhere is every column of every table, every key of Valkey, and whatever the processes keep: all that can be
reached from their engines, from every cache of a function and from every global of ours.
"""

import asyncio
import functools
import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec
import redis

from server.embedded_valkey import EmbeddedValkey
from tests.cluster.conftest import Pair
from tests.cluster.two import at, guest, opened
from tests.ending.play import GOOD, begin, end, say
from tests.support import RunningServer

NOA = "persona:NOA_CALM"
WORD = "Quibblethorpe"  # in no file of the product
_OURS = ("realtime", "server", "storage")
# Not walked into: code, and what the event loop, the sockets and the pools of connections hold for themselves.
_CLOSED = (types.ModuleType, types.FunctionType, types.FrameType, types.CodeType, type, asyncio.AbstractEventLoop)


def _leads_out(held: object) -> bool:
    module = type(held).__module__.partition(".")[0]
    return issubclass(type(held), _CLOSED) or module in (
        "asyncio",
        "_asyncio",
        "sqlalchemy",
        "uvicorn",
        "litestar",
        "ssl",
    )


def _walk(root: object) -> Iterator[object]:
    """All that is reachable, each once."""
    seen, left = {id(root)}, [root]
    while left:
        held = left.pop()
        yield held
        for each in gc.get_referents(held):
            if id(each) not in seen and not _leads_out(each):
                seen.add(id(each))
                left.append(each)


def _holding(root: object, word: str) -> list[str]:
    """The texts below ``root`` that hold the word, in any case."""
    needle = word.casefold()
    found = [held.casefold() for held in _walk(root) if type(held) is str]
    found += [bytes(held).decode("utf-8", "replace").casefold() for held in _walk(root) if type(held) is bytes]
    return [text for text in found if needle in text]


def _caches() -> list[Any]:
    """Every cache of a function or a method of ours that is alive."""
    made = [each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper]
    return [each for each in made if (getattr(each, "__module__", "") or "").partition(".")[0] in _OURS]


def kept(servers: list[RunningServer], word: str) -> list[str]:
    """What the processes keep of the word: in their engines, their buses' backlogs, the caches of functions, and
    whatever a module of ours holds."""
    modules = [vars(module) for name, module in sys.modules.items() if name.partition(".")[0] in _OURS]
    globals_ = [held for names in modules for held in names.values() if not _leads_out(held)]
    return _holding([[server.engine for server in servers], _caches(), globals_], word)


async def tables_with(dsn: str, word: str) -> set[str]:
    """``table.column`` of every place in the whole database where the word stands, in any case."""
    plain = await asyncpg.connect(dsn)
    try:
        columns = await plain.fetch(
            """SELECT c.table_name, c.column_name FROM information_schema.columns c
               JOIN information_schema.tables t USING (table_schema, table_name)
               WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"""
        )
        assert len(columns) > 200
        found = set()
        for table, column in columns:
            query = (
                f"""SELECT EXISTS (SELECT 1 FROM "{table}" WHERE strpos(lower("{column}"::text), lower($1)) > 0)"""
            )
            if await plain.fetchval(query, word):
                found.add(f"{table}.{column}")
        return found
    finally:
        await plain.close()


def valkey_with(url: str, word: str) -> list[bytes]:
    """The keys whose name or serialized value holds the word."""
    needle = word.lower().encode()
    with redis.Redis.from_url(url) as plain:
        keys: list[bytes] = list(plain.scan_iter())
        return [key for key in keys if needle in key.lower() or needle in (plain.dump(key) or b"").lower()]


async def test_a_forgotten_word_is_in_no_table_no_key_and_no_cache(
    pair: Pair, dsn: str, valkey: EmbeddedValkey
) -> None:
    async with pair() as servers:
        a, b = servers
        learner = await guest(a)
        ended = await begin(learner, NOA)
        await say(learner, ended, f"I live in {WORD} and I like it. Where do you live?", params={"respond": "true"})
        await say(learner, ended, f"My exam in {WORD} is on Friday. Do you like exams?")
        await end(learner, ended)
        async with learner.connect(NOA) as one, at(b, learner).connect(NOA) as two:
            await opened(one)
            await opened(two)
            await two.turn(f"I walked through {WORD.upper()} this morning. Do you walk a lot?", "over-there")
            await one.turn(f"You know {WORD}, where I live. What is your town like?", "over-here")
            await one.send("response.create")
            await one.until("response.done")
            assert {"turn.text", "session_event.body", "persona_memory.items"} <= await tables_with(dsn, WORD)
            assert kept(servers, WORD), "the search finds what is there"
            await one.send("memory.forget", key="home", withTurns=True)
            await one.until("memory.forgotten")
            await two.until("memory.forgotten")
            assert await tables_with(dsn, WORD) == set()
            assert (await one.turn(GOOD[0]))["score"] > 0
            assert (await two.turn(GOOD[1]))["score"] > 0
            one.frames.clear()
            two.frames.clear()
            assert await tables_with(dsn, WORD) == set()
            assert valkey_with(valkey.url, WORD) == []
            assert kept(servers, WORD) == []
            for each in (one, two):
                await each.send("session.end")
                await each.closed()
        assert await tables_with(dsn, WORD) == set()
        assert kept(servers, WORD) == []
        answer = await learner.get(f"/v1/sessions/{ended}/summary")
        assert WORD.casefold() not in msgspec.json.encode(answer).decode().casefold()
