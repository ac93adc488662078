"""The timer of a mission's turn, in every process that holds a socket of the session.

Several may run out at once: the end's UPDATE asks whether the log stands where the timer's owner thinks it does, and
the first one wins.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.live import LiveSession


class MissionTimer:
    """Runs while the learner is to speak and a socket is attached."""

    __slots__ = ("_handle", "_live")

    def __init__(self, live: "LiveSession") -> None:
        self._live = live
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Run the turn's timer anew: after a reply's end, and after a resume; only while a socket is attached."""
        self.stop()
        live = self._live
        seconds = live.spec.terms.timer_seconds
        waiting = live.state.last_role == "assistant" and live.state.tally.turns > 0
        if seconds is None or not live.open or live.ending or not waiting or live.view is not None:
            return
        if live.connections:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(seconds, self._time_is_up, live.state.position)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def stop_if_alone(self) -> None:
        if not self._live.connections:
            self.stop()

    def follow(self) -> None:
        """Another process moved the log: what it means for the timer here is in the row."""
        if self._live.spec.terms.timer_seconds is not None:
            self._live.context.tasks.spawn(self._follow(), "follow the timer")

    async def _follow(self) -> None:
        position = self._live.state.position
        await self._live.reload()
        if self._live.state.position != position:
            self.start()

    def _time_is_up(self, position: int) -> None:
        """What moves the head without being said (``session.updated``, a memory edit) does not win time."""
        self._handle = None
        live = self._live
        if live.state.position == position:
            live.context.tasks.spawn(live.context.ender.end(live, "TIMER", expected_seq=live.state.seq), "timer")
