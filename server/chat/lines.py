"""Where the learner's lines come from: a prompt on a terminal, or a script, a pipe, a file."""

import asyncio
import codecs
import os
from collections import deque
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

_CHUNK = 65_536


class Interrupted(Exception):
    """Ctrl-C at a prompt. Not KeyboardInterrupt: that one, in a task, tears the event loop down."""


class Lines(Protocol):
    """``next``: the next line without its break, None at the end. ``shown``: the learner sees what is typed,
    so it need not be printed again."""

    shown: bool

    async def next(self, prompt: str) -> str | None: ...


class Prompted:
    """A person at a terminal. What is printed meanwhile appears above the prompt.

    Raises Interrupted for Ctrl-C.
    """

    shown = True

    def __init__(self) -> None:
        self._session: PromptSession[str] = PromptSession()

    async def next(self, prompt: str) -> str | None:
        try:
            with patch_stdout(raw=True):
                # Its own handling of SIGINT would take ours away for good; Ctrl-C is a key here anyway.
                return await self._session.prompt_async(prompt, handle_sigint=False)
        except EOFError:
            return None
        except KeyboardInterrupt as error:
            raise Interrupted from error


class Scripted:
    """Lines from a file descriptor, read as they come; bytes that are no UTF-8 become U+FFFD."""

    shown = False

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque()
        self._rest = ""
        self._ended = False

    @classmethod
    def of_file(cls, path: str) -> "Scripted":
        """Raises OSError when the file can't be read."""
        made = cls(-1)
        made._lines.extend(Path(path).read_bytes().decode("utf-8", "replace").splitlines())
        made._ended = True
        return made

    async def next(self, prompt: str) -> str | None:
        while not self._lines and not self._ended:
            await self._readable()
            chunk = os.read(self._fd, _CHUNK)
            self._ended = not chunk
            text = self._rest + self._decoder.decode(chunk, final=self._ended)
            *lines, self._rest = text.split("\n")
            self._lines.extend(line.rstrip("\r") for line in lines)
            if self._ended and self._rest:
                self._lines.append(self._rest)
        return self._lines.popleft() if self._lines else None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._fd, ready.set)
        except PermissionError:
            return  # a regular file or the null device: never blocks, and can't be polled
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)
