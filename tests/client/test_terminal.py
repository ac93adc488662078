"""The client as a process on a real (pseudo) terminal: the prompt, and Ctrl-C as a signal."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rich.cells import cell_len

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
        return await self.until_one_of((words,), after)

    async def until_one_of(self, wanted: tuple[str, ...], after: int = 0) -> int:
        """Where the first of these ends that is on the screen after position ``after``."""
        while not (found := [(at, words) for words in wanted if (at := self.text.find(words, after)) >= 0]):
            self._grew.clear()
            try:
                await asyncio.wait_for(self._grew.wait(), 10)
            except TimeoutError:
                raise AssertionError(f"{wanted} did not come; the screen:\n{self.text}") from None
        at, words = min(found)
        return at + len(words)


PROGRAM = "import sys; from server.chat.app import run_chat; sys.exit(run_chat(sys.argv[1:]))"
ROWS = 24
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@contextlib.asynccontextmanager
async def screen(url: str, config: Path, *arguments: str, columns: int = 80, **more: str) -> AsyncIterator[Screen]:
    """The process on a terminal of so many columns and 24 rows, without colours unless ``more`` (its environment)
    says otherwise."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(config),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "--url", url, *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | more,
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


PROMPT_DONE = "\x1b[?2004l"  # what is written when a typed line is taken
LAST = '"I\'m Tal"'  # the sample's last words: what was remembered


async def the_pages(terminal: Screen, at: int) -> None:
    """Through the summary with Enter, to its last line."""
    while True:
        at = await terminal.until_one_of(("Enter shows more", LAST), at)
        if terminal.text.endswith(LAST, 0, at):
            return
        terminal.type("\r")
        at = await terminal.until(PROMPT_DONE, at)


async def test_ctrl_c_stops_the_reply_and_the_talk_goes_on(tmp_path: Path) -> None:
    brain = Slow(summary=SUMMARY)
    async with whole_server(brain, Rest()) as url, screen(url, tmp_path, "--mission", "A1") as terminal:
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
        await the_pages(terminal, at)
        assert await asyncio.wait_for(terminal.process.wait(), 10) == 0
    assert "response.cancel" in [frame["type"] for frame in brain.frames]
    turn = terminal.text.split("Score")[1].split("Noa:")[0]
    assert re.search(r"\x1b\[[0-9;]*(3[0-8]|9[0-7])[;m]", turn) is None  # NO_COLOR


async def test_a_second_ctrl_c_leaves(tmp_path: Path) -> None:
    brain = Slow()
    brain.deaf = True
    async with whole_server(brain, Rest()) as url, screen(url, tmp_path, "--mission", "A1") as terminal:
        await terminal.until("You:")
        terminal.type("Hello.\r")
        at = await terminal.until("word3")
        terminal.process.send_signal(signal.SIGINT)
        at = await terminal.until("word", at + 100)
        terminal.process.send_signal(signal.SIGINT)
        await terminal.until("Left. The session ends by itself", at)
        assert await asyncio.wait_for(terminal.process.wait(), 10) == 0


def printed(text: str) -> list[str]:
    """The rows that a piece of the screen takes, without what the terminal does not show."""
    return [row.rstrip() for row in ESCAPE.sub("", text).replace("\r", "").split("\n")]


async def test_a_newcomer_on_sixty_columns_from_the_first_question_to_the_last_page(tmp_path: Path) -> None:
    brain = Brain(summary=SUMMARY)
    brain.opening = "Good morning."
    brain.tip = "Instead of “漢字”, say what it means to you, in words that both of you know."
    async with whole_server(brain, Rest()) as url, screen(url, tmp_path, columns=60, NO_COLOR="") as terminal:
        at = await terminal.until("18 or older?")
        terminal.type("y\r")
        lobby = at = await terminal.until("A free talk, without a mission", at)
        at = await terminal.until("q leaves.", at)
        assert len(printed(terminal.text[:at])) <= ROWS
        terminal.type("open\r")
        at = await terminal.until("b goes back", lobby)
        terminal.type("\r")
        at = await terminal.until("Good morning.", at)
        terminal.type("漢字を勉強しています 🙂\r")
        at = await terminal.until("Tip: ", at)
        at = await terminal.until("Nice to meet you. How is your day?", at)
        terminal.type("/end\r")
        end = at
        await the_pages(terminal, at)
        assert await asyncio.wait_for(terminal.process.wait(), 10) == 0
    assert brain.queries == [{"model": "template:A2"}]
    assert brain.frames[0]["item"]["content"][0]["text"] == "漢字を勉強しています 🙂"
    shown = ESCAPE.sub("", terminal.text)
    assert all(cell_len(row) <= 60 for row in shown.replace("\r", "\n").split("\n"))
    pages = terminal.text[end:].split(PROMPT_DONE)[1:]
    assert len(pages) > 1
    assert all(len(printed(page)) <= ROWS for page in pages)
    assert "\x1b[32m" in terminal.text, "in colours"


async def test_in_a_pipe_there_are_no_colours_no_pages_and_nothing_that_ascii_lacks(tmp_path: Path) -> None:
    brain = Brain(summary=SUMMARY)
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii:backslashreplace"}
    async with whole_server(brain, Rest()) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, "--url", url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        said, _ = await asyncio.wait_for(process.communicate(b"Hello there.\n/memory\n"), 20)
    text = said.decode("ascii")
    assert process.returncode == 0
    assert "\x1b" not in text
    assert "No mission was named, so this is the next one: Second hello." in text
    assert "You: Hello there." in text
    assert "Confidence       71 #######..." in text
    assert "Enter shows more" not in text
    assert "as the summary says." in text
    assert text.rstrip().endswith(LAST)
