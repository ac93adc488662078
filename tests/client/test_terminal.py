"""The client as a process on a real (pseudo) terminal: the prompt, and Ctrl-C as a signal."""

import asyncio
import contextlib
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.client.standin import Brain, Send, whole_server
from tests.client.test_talk import Rest
from tests.client.test_views import SUMMARY


class Slow(Brain):
    """Replies a word at a time, until the socket asks to cancel."""

    cancelled = False
    deaf = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opening = "Good morning."

    async def run(self, query: dict[str, str], recv: Any, send: Send, drop: Any) -> None:
        frames: asyncio.Queue[str] = asyncio.Queue()

        async def pump() -> None:
            while True:
                text = await recv()
                self.cancelled = not self.deaf and '"response.cancel"' in text
                await frames.put(text)

        pumping = asyncio.create_task(pump())
        serving = asyncio.create_task(super().run(query, frames.get, send, drop))
        await asyncio.wait({pumping, serving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (pumping, serving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task

    async def _reply(self, send: Send, drop: Any) -> bool:
        await send({"type": "response.created", "response": {"id": "r"}})
        number = 0
        while not self.cancelled:
            number += 1
            await send({"type": "response.output_text.delta", "response_id": "r", "delta": f"word{number} "})
            await asyncio.sleep(0.02)
        content = [{"type": "output_text", "text": "word1"}]
        item = {"id": "a1", "role": "assistant", "status": "incomplete", "content": content}
        await send(self._append({"type": "conversation.item.done", "item": item}))
        done = {"id": "r", "status": "cancelled", "output": [item]}
        await send(self._append({"type": "response.done", "response": done}))
        self.cancelled = False
        return True


class Screen:
    """The process, what it printed so far, and its keyboard."""

    def __init__(self, process: asyncio.subprocess.Process, fd: int) -> None:
        self.process, self._fd = process, fd
        self.text = ""
        self._grew = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._fd, 65_536)
        except OSError:  # the process has closed its side
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        self.text += chunk.decode("utf-8", "replace")
        self._grew.set()

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    async def until(self, words: str, after: int = 0) -> int:
        """Where ``words`` end, once they are on the screen after position ``after``."""
        while (at := self.text.find(words, after)) < 0:
            self._grew.clear()
            try:
                await asyncio.wait_for(self._grew.wait(), 10)
            except TimeoutError:
                raise AssertionError(f"{words!r} did not come; the screen:\n{self.text}") from None
        return at + len(words)


@contextlib.asynccontextmanager
async def screen(url: str, config: Path) -> AsyncIterator[Screen]:
    ours, theirs = pty.openpty()
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(config),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "COLUMNS": "80",
    }
    program = "import sys; from server.chat.app import run_chat; sys.exit(run_chat(sys.argv[1:]))"
    arguments = ("-c", program, "--url", url, "--mission", "A1")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    try:
        yield Screen(process, ours)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


async def test_ctrl_c_stops_the_reply_and_the_talk_goes_on(tmp_path: Path) -> None:
    brain = Slow(summary=SUMMARY)
    async with whole_server(brain, Rest()) as url, screen(url, tmp_path) as terminal:
        await terminal.until("Good morning.")
        await terminal.until("You:")
        terminal.type("Hello.\r")
        at = await terminal.until("word3")
        terminal.process.send_signal(signal.SIGINT)
        at = await terminal.until("You:", at)
        terminal.type("\x03")  # that Ctrl-C stopped a reply; this one is the first at the prompt
        at = await terminal.until("Ctrl-C again leaves", at)
        await terminal.until("You:", at)
        terminal.type("/end\r")
        await terminal.until("as the summary says.")
        assert await asyncio.wait_for(terminal.process.wait(), 10) == 0
    assert "response.cancel" in [frame["type"] for frame in brain.frames]
    turn = terminal.text.split("Score")[1].split("Noa:")[0]
    assert re.search(r"\x1b\[[0-9;]*(3[0-8]|9[0-7])[;m]", turn) is None  # NO_COLOR


async def test_a_second_ctrl_c_leaves(tmp_path: Path) -> None:
    brain = Slow()
    brain.deaf = True
    async with whole_server(brain, Rest()) as url, screen(url, tmp_path) as terminal:
        await terminal.until("You:")
        terminal.type("Hello.\r")
        at = await terminal.until("word3")
        terminal.process.send_signal(signal.SIGINT)
        at = await terminal.until("word", at + 100)
        terminal.process.send_signal(signal.SIGINT)
        await terminal.until("Left. The session ends by itself", at)
        assert await asyncio.wait_for(terminal.process.wait(), 10) == 0
