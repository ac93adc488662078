"""The events that an application has not read yet: bounded, and full means an answer."""

import asyncio
from collections import deque

from server.client.errors import ClientError, Overflowed
from server.client.track import Event

# As many as 40 turns with long replies make; a reader that is further behind is not reading.
MAX_UNREAD = 4096


class EventQueue:
    """First in, first out, for one reader. When full, what comes later is dropped and the reader, after
    everything kept, gets ``Overflowed``. ``close`` ends it: None is a clean end, an error is raised."""

    def __init__(self, size: int = MAX_UNREAD) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._end: ClientError | None = None
        self._closed = False
        self._more = asyncio.Event()

    def put(self, event: Event) -> None:
        if self._closed:
            return
        if len(self._events) >= self._size:
            self.close(Overflowed(f"more than {self._size} events were not read"))
            return
        self._events.append(event)
        self._more.set()

    def close(self, error: ClientError | None) -> None:
        if not self._closed:
            self._closed, self._end = True, error
            self._more.set()

    async def get(self) -> Event:
        """The next event. Raises StopAsyncIteration at a clean end, else the error it was closed with."""
        while not self._events:
            if self._closed:
                raise self._end or StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return self._events.popleft()
