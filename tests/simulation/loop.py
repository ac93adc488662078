"""An event loop with virtual time: single-threaded, without sockets, the same run for the same seed.

Nothing sleeps: when no callback is ready, time jumps to the next timer. Every callback runs in a context, and a
context belongs to a simulated process or to none (``PROCESS``): a process that is dead runs nothing any more, one
that is paused keeps what would have run until it goes on. Whatever a coroutine awaits, its continuation passes here:
so a process can die, or be paused, at any await.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol

CALLBACKS_MOST = 400_000  # of one run: past this something turns in a circle


class Owner(Protocol):
    """A process, as the loop sees it. ``step``: asked before each of its callbacks, False when it must not run."""

    def step(self, handle: "Handle") -> bool: ...


PROCESS: ContextVar[Owner | None] = ContextVar("process", default=None)


class Handle:
    """A callback that is due, or will be."""

    __slots__ = ("_at", "arguments", "callback", "context", "off")

    def __init__(
        self, callback: Callable[..., Any], arguments: tuple[Any, ...], context: Context, at: float = 0.0
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = context
        self.off = False
        self._at = at

    def cancel(self) -> None:
        self.off = True

    def cancelled(self) -> bool:
        return self.off

    def when(self) -> float:
        return self._at


class _Nothing(asyncio.Future[Any]):
    """In the place of a task that a ``finally`` begins when the run is over."""

    def set_name(self, name: str) -> None:
        pass


class Stuck(Exception):
    """The run does not come to rest."""


class VirtualLoop(asyncio.BaseEventLoop):
    """``run_until`` runs until the condition holds, or nothing is left to do, or the time is up."""

    def __init__(self) -> None:
        # Not the base's: it readies an operating system's clock and threads, which are not here.
        self.now = 0.0
        self.ran = 0
        self._due: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0
        self._tasks: list[asyncio.Task[Any]] = []  # kept: one that is collected early would run its ``finally``
        self._over = False

    def run_until(self, condition: Callable[[], bool], *, at_most: float) -> bool:
        """True when the condition holds; it is looked at before time moves on."""
        end = self.now + at_most
        asyncio._set_running_loop(self)
        try:
            while True:
                self._run_ready()
                if condition():
                    return True
                while self._timers and self._timers[0][2].off:
                    heapq.heappop(self._timers)
                if not self._timers or self._timers[0][0] > end:
                    self.now = end
                    return False
                self.now = max(self.now, self._timers[0][0])
                while self._timers and self._timers[0][0] <= self.now:
                    self._due.append(heapq.heappop(self._timers)[2])
        finally:
            asyncio._set_running_loop(None)

    def _run_ready(self) -> None:
        ready = self._due
        while ready:
            handle = ready.popleft()
            if handle.off:
                continue
            owner = handle.context.get(PROCESS)
            if owner is not None and not owner.step(handle):
                continue
            self.ran += 1
            if self.ran > CALLBACKS_MOST:
                raise Stuck(f"{self.ran} callbacks by {self.now:.3f} s")
            handle.context.run(handle.callback, *handle.arguments)

    def end(self) -> None:
        """Nothing runs any more; coroutines that wait are closed without having their way."""
        self._over = True
        self._due.clear()
        self._timers.clear()
        asyncio._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    coroutine = task.get_coro()
                    assert coroutine is not None
                    # A ``finally`` that waits, of a process that is dead or a run that is over, fails here.
                    with suppress(Exception, asyncio.CancelledError):
                        coroutine.close()
                elif not task.cancelled():
                    task.exception()
        finally:
            asyncio._set_running_loop(None)
            self._tasks.clear()

    def __del__(self) -> None:
        pass

    # --- what asyncio asks -------------------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        handle = Handle(callback, args, copy_context() if context is None else context)
        if not self._over:
            self._due.append(handle)
        return handle

    def put_back(self, handle: Handle) -> None:
        """Have a callback that was held back run after all."""
        self._due.append(handle)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        handle = Handle(callback, args, copy_context() if context is None else context, when)
        if not self._over:
            self._count += 1
            heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> Any:  # type: ignore[override]
        if self._over:
            coro.close()
            return _Nothing(loop=self)
        task = asyncio.Task(coro, loop=self, **options)
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._over

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What is not retrieved is looked for in the log of ``Tasks``."""
