"""Tasks owned by the process. A connection that goes away cancels nothing in here.

Every task has an owner (this object), and ends with it: ``close`` waits for what is running, then cancels.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from realtime.errors import AppError

T = TypeVar("T")
log = structlog.get_logger("socialgym.tasks")


class Tasks:
    """The process's own tasks. ``run`` shields a caller's wait: the work goes on when the caller is cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self.closing = False

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def run(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Do ``work`` in a task of the process and wait for it; a cancelled wait does not cancel the work."""
        return await asyncio.shield(self.spawn(work, name))

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, AppError):
            log.error("task failed", task=task.get_name(), exc_info=error)

    async def close(self, patience: float = 5.0) -> None:
        """Wait up to ``patience`` seconds for what is running, then cancel the rest and wait for its end."""
        self.closing = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while (running := self._others()) and (left := deadline - loop.time()) > 0:
            await asyncio.wait(running, timeout=left)  # what ends may have set more in motion
        while running := self._others():
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    def _others(self) -> set[asyncio.Task[Any]]:
        return {task for task in self._running if task is not asyncio.current_task()}
