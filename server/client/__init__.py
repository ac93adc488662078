"""A small asynchronous client: ``Api`` for REST and accounts, ``connect`` for a live session.

Imports nothing else of the project, so that it shows what any client needs to know::

    async with Api("http://127.0.0.1:8000") as api:
        await api.guest()
        async with connect(api.base_url, api=api, model="persona:NOA_CALM") as talk:
            turn = await talk.say("Hi, I'm Tal. How was your morning?")
            print(turn.score, await talk.reply())
            summary = await talk.end()
"""

from server.client.api import Api, Tokens, Vault
from server.client.connection import Connection, Delta, connect
from server.client.errors import (
    ApiError,
    ClientError,
    Closed,
    ConnectionRefused,
    DeadlinePassed,
    EventError,
    Overflowed,
    Unreachable,
)
from server.client.link import Notice
from server.client.waits import TurnResult

__all__ = [
    "Api",
    "ApiError",
    "ClientError",
    "Closed",
    "Connection",
    "ConnectionRefused",
    "DeadlinePassed",
    "Delta",
    "EventError",
    "Notice",
    "Overflowed",
    "Tokens",
    "TurnResult",
    "Unreachable",
    "Vault",
    "connect",
]
