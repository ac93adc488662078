"""Passwords: argon2id in two threads of its own, so that a flood of log-ins never starves the event loop."""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from realtime.errors import AppError

SHORTEST = 8  # characters; NIST SP 800-63B
LONGEST = 256  # room for any pass phrase; bounds the work of a request

# OWASP's first choice for a machine that does other work beside it: 19 MiB, two passes, one lane.
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

THREADS = 2
WAITING = 64  # log-ins under way at once; at some 20 ms each the last one waits under a second
RETRY_MS = 1_000

T = TypeVar("T")


class Passwords:
    """Hashes and verifies. Both raise ``AppError("rate_limited")`` at once when ``WAITING`` are under way."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._dummy = self._hasher.hash(
            secrets.token_hex(16)
        )  # nobody's: what an unknown address is verified against
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._places = threading.BoundedSemaphore(WAITING)

    async def hash(self, password: str) -> str:
        """The hash with its salt and parameters, as one line of ASCII."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify_or_burn(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the hash's. None (an unknown address) takes the same time and is False."""
        against = self._dummy if password_hash is None else password_hash
        right = await self._run(lambda: self._verify(against, password))
        return right and password_hash is not None

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise AppError("rate_limited", "Too many log-ins at once.", retry_after_ms=RETRY_MS)
        try:
            future: Future[T] = self._threads.submit(work)
        except BaseException:
            self._places.release()
            raise
        # The place is freed when the thread is done with it, also when the caller has gone away.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
