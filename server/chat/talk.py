"""One practice session on the terminal, from the persona's first line to the summary."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from server.chat.lines import Interrupted, Lines
from server.chat.remembered import Remembered, memory_view
from server.chat.stream import SpokenLine
from server.chat.turns import standing, turn_view, why_view
from server.chat.words import counted, human, plain
from server.client import ClientError, Closed, Connection, EventError, Notice
from server.client.track import text_of

T = TypeVar("T")

HELP = (
    ("/end", "end the session, collect what you earned and see the summary"),
    ("/why", "every reason for the score of your last line"),
    ("/tips", "the tips of this talk"),
    ("/aim", "what this is about, and how far you are"),
    ("/memory", "what the persona remembers of you"),
    ("/edit KEY VALUE", "put right what it remembers"),
    ("/forget KEY", "make it forget; with the word LINES after the key, your lines that said it are blanked too"),
    ("/quit", "leave without ending; the session waits two minutes, then ends by itself"),
    ("/help", "these lines"),
)
COMMANDS = frozenset(name.partition(" ")[0] for name, _ in HELP)
WITH_LINES = "lines"  # after ``/forget KEY``: the protocol's ``withTurns``


# The persona's first line comes with the session; more than this, in seconds, and there is none.
GREETING = 2.0


class Left(Exception):
    """The learner went away without ending the session."""


class Talk:
    """Give ``on_event`` and ``on_notice`` to ``connect``, then ``run`` with the connection."""

    def __init__(self, console: Console, lines: Lines) -> None:
        self._console, self._lines = console, lines
        self.name = "Persona"
        self._tips_by_seq: dict[int, str] = {}
        self._about: dict[str, Any] = {}  # ``session.socialgym``
        self._memory = Remembered(None)
        self._unshown_memory: list[dict[str, Any]] = []
        self._spoken: list[str] = []
        self._heard = asyncio.Event()  # the persona said something
        self._listening = False  # at the prompt: nothing else is being printed
        self._last: tuple[str, dict[str, Any]] | None = None  # the last line and its turn.scored
        self._ended = asyncio.Event()
        self._left = asyncio.Event()
        self._replying = False
        self._interrupted = False
        self._cancelling: asyncio.Task[None] | None = None
        self._views: dict[str, Callable[[], RenderableType]] = {
            "/why": self._why,
            "/memory": self._remembered,
            "/tips": self._tips,
            "/aim": self._aim,
        }

    # What the connection tells

    def on_event(self, event: dict[str, Any]) -> None:
        kind = str(event.get("type"))
        if kind == "session.created":
            self._begin(event["session"])
        elif kind.startswith("memory."):
            self._memory.take(event)
            self._unshown_memory.append(event)
            self._redact(event.get("redacts") or [])
        elif kind == "conversation.item.done" and event["item"].get("role") == "assistant":
            self._spoken.append(text_of([event["item"]]))
            self._heard.set()
            if self._listening:
                self._speak()
        elif kind == "turn.scored" and event.get("tip"):
            self._tips_by_seq[event["seq"]] = plain(event["tip"])
        elif kind == "session.summary":
            self._ended.set()

    def on_notice(self, notice: Notice) -> None:
        words = {
            "lost": "Connection lost. Nothing that was scored is gone; coming back ...",
            "back": "Connected again.",
            "draining": "The server is about to restart; you will be connected again.",
        }.get(notice.kind)
        # The first attempts take a moment only; after that, say that it is still being tried.
        if notice.kind == "waiting" and notice.attempt > 3:
            words = f"No answer yet; next attempt in {notice.seconds:.0f} s."
        if words:
            self._console.print(Text(f"[{words}]", "dim"))

    def _begin(self, session: dict[str, Any]) -> None:
        ours = session.get("socialgym") or {}
        self.name = plain((ours.get("persona") or {}).get("name") or self.name)
        self._memory = Remembered(ours.get("memorySnapshot"))
        self._about = ours
        self._console.print(header(ours, self.name), _hint())

    def _redact(self, seqs: list[int]) -> None:
        """What was forgotten together with its lines is not shown again here either."""
        for seq in seqs:
            self._tips_by_seq.pop(seq, None)
        if self._last is not None and self._last[1].get("seq") in seqs:
            self._last = None

    @property
    def tips(self) -> list[str]:
        """Those of the session, in their order."""
        return list(self._tips_by_seq.values())

    # The talk

    async def run(self, connection: Connection) -> dict[str, Any] | None:
        """Talk until the session ends; its summary, or None when the learner left before. Raises ClientError
        when the connection is gone for good."""
        with _interrupts(lambda: self._interrupt(connection)):
            try:
                await self._or_left(self._greeting())
                await self._exchange(connection)
                self._speak()
                summary = await self._or_left(connection.wait_summary())
            except Left:
                self._console.print(Text("Left. The session ends by itself in two minutes.", "dim"))
                return None
            finally:
                if self._cancelling is not None:
                    await asyncio.wait({self._cancelling})
        self._speak()
        self._show_memory()
        return summary

    async def _greeting(self) -> None:
        """The persona speaks first: a line that is said before it is heard would be no answer to it."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._heard, self._ended)]
        try:
            await asyncio.wait(waits, timeout=GREETING, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _exchange(self, connection: Connection) -> None:
        """Lines and replies until the session is over or ``/end`` was asked for."""
        while not self._ended.is_set():
            self._speak()
            self._show_memory()
            line = await self._next_line(connection)
            if line is None:
                if not self._ended.is_set():
                    await self._or_left(connection.end())
                return
            text = line.strip()
            if not text:
                continue
            if not self._lines.shown:
                self._console.print(Text.assemble(("You: ", "bold"), plain(text)))
            self._interrupted = False
            try:
                if text.startswith("/"):
                    await self._command(connection, text)
                else:
                    await self._turn(connection, text)
            except (EventError, Closed) as error:
                if _over(error):
                    self._console.print(Text("The talk was already over; that line was not said.", "dim"))
                    return
                if isinstance(error, Closed):
                    raise
                self._console.print(Text(f"Not taken: {plain(error.message)}", "yellow"))

    async def _next_line(self, connection: Connection) -> str | None:
        """A line; None at the end of the input or when the session ends meanwhile. What the persona says
        meanwhile is shown at once."""
        self._listening = True
        try:
            return await self._typed(connection)
        finally:
            self._listening = False

    async def _typed(self, connection: Connection) -> str | None:
        line = asyncio.ensure_future(self._lines.next("You: "))
        while True:
            others = [asyncio.ensure_future(e.wait()) for e in (self._ended, connection.over, self._left)]
            await asyncio.wait({line, *others}, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            if self._left.is_set():
                await _stop(line)
                raise Left
            if not line.done():
                await _stop(line)
                return None
            with contextlib.suppress(Interrupted):
                return line.result()
            if self._interrupted:
                raise Left
            self._interrupted = True
            self._console.print(Text("Ctrl-C again leaves; /end ends the session and pays you.", "dim"))
            line = asyncio.ensure_future(self._lines.next("You: "))

    async def _turn(self, connection: Connection, text: str) -> None:
        turn = await self._or_left(connection.say(text))
        self._last = (text, turn.scored)
        self._console.print(turn_view(text, turn.scored))
        self._replying = True
        try:
            await self._or_left(self._reply(connection))
        finally:
            self._replying = False
            self._interrupted = False  # that Ctrl-C stopped the reply; the next one is another

    async def _reply(self, connection: Connection) -> None:
        line = SpokenLine(self._console, self.name)
        whole = ""
        try:
            async for delta in connection.stream_reply():
                if not whole:
                    self._show_memory()  # all of the turn's memory events came before its reply
                whole = delta.text if delta.restart else whole + delta.text
                (line.restart if delta.restart else line.feed)(delta.text)
        except Closed as closed:
            if closed.code != 1000:
                raise
        finally:
            line.finish()
        if whole in self._spoken:
            self._spoken.remove(whole)

    async def _command(self, connection: Connection, text: str) -> None:
        command, _, rest = text.partition(" ")
        command = command.lower()
        key, _, value = (part.strip() for part in rest.strip().partition(" "))
        if command == "/end":
            await self._or_left(connection.end())
        elif command == "/quit":
            raise Left
        elif command == "/forget" and key and value.lower() in ("", WITH_LINES):
            await self._or_left(connection.forget_memory(key, with_turns=bool(value)))
        elif command == "/edit" and key and value:
            await self._or_left(connection.edit_memory(key, value))
        elif command in self._views:
            self._console.print(self._views[command]())
        else:
            if command not in COMMANDS:
                self._console.print(Text(f"There is no {plain(command)}.", "yellow"))
            self._console.print(_help())

    # What a command shows

    def _why(self) -> RenderableType:
        nothing = Text("None of your lines was scored yet.", "dim")
        return nothing if self._last is None else why_view(*self._last)

    def _remembered(self) -> RenderableType:
        return self._memory.view(self.name)

    def _tips(self) -> RenderableType:
        if not self.tips:
            return Text("No tips so far: nothing in your lines asked for one.", "dim")
        return Group(Text("Tips so far:", "bold"), *(Text(f"- {tip}") for tip in self.tips))

    def _aim(self) -> RenderableType:
        scored = None if self._last is None else standing(self._last[1])
        return Group(header(self._about, self.name), *([] if scored is None else [scored]))

    # Odds and ends

    def _speak(self) -> None:
        """Lines of the persona that were not streamed: a greeting, a parting word."""
        for text in self._spoken:
            line = SpokenLine(self._console, self.name)
            line.feed(text)
            line.finish()
        self._spoken.clear()

    def _show_memory(self) -> None:
        for event in self._unshown_memory:
            self._console.print(Text("  ").append_text(memory_view(event)))
        self._unshown_memory.clear()

    def _interrupt(self, connection: Connection) -> None:
        """Ctrl-C outside a prompt: the first stops the reply, the second leaves."""
        if self._replying and not self._interrupted:
            self._interrupted = True
            self._cancelling = asyncio.ensure_future(_quietly(connection.cancel()))
        else:
            self._left.set()

    async def _or_left(self, work: Awaitable[T]) -> T:
        """The work's result; Left when the learner goes away first."""
        task = asyncio.ensure_future(work)
        left = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Left
        finally:
            left.cancel()
            await _stop(task)


def _over(error: EventError | Closed) -> bool:
    """Whether the session's end came first: said in words, or by the close that follows the summary."""
    return error.code == (1000 if isinstance(error, Closed) else "session_ended")


def header(ours: dict[str, Any], name: str) -> Group:
    """What is practised. ``ours``: ``session.socialgym``."""
    template = ours.get("template")
    if not template:
        return Group(
            Text(f"\nA free talk with {name}.", "bold"), Text("Say what you like; there is no aim to reach.")
        )
    objective = template.get("objective") or ""
    if isinstance(objective, dict):
        titles = (objective.get("title"), objective.get("description"))
        objective = ". ".join(str(part).rstrip(".") for part in titles if part)
    kind = ", ".join(human(str(ours[key])) for key in ("categoryKey", "difficulty") if ours.get(key))
    limits = ours.get("limits") or {}
    most = limits.get("turns")
    lines = [Text.assemble(("\n" + plain(template.get("title", "")), "bold"), (f"  ({kind})", "dim"))]
    if objective:
        lines.append(Text(f"Your aim: {plain(objective).rstrip('.')}."))
    rules = f"You talk with {name}" + (f", {counted(int(most), 'message')} at most." if most else ".")
    if limits.get("timerSeconds"):
        rules += f" You have {limits['timerSeconds']:g} seconds for each answer."
    return Group(*lines, Text(rules))


def _help() -> Table:
    table = Table.grid(padding=(0, 2))
    for name, does in HELP:
        table.add_row(Text(f"  {name}", "bold", no_wrap=True), does)
    return table


def _hint() -> Text:
    return Text("/end ends the session, /help lists the commands.\n", "dim")


async def _quietly(work: Awaitable[Any]) -> None:
    """Cancelling a reply that has just ended, or on a broken connection, is no error."""
    with contextlib.suppress(ClientError):
        await work


async def _stop(task: "asyncio.Future[Any]") -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})


@contextlib.contextmanager
def _interrupts(handler: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls ``handler`` while this lasts, where the platform and the thread allow it."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, handler)
    except (NotImplementedError, ValueError, RuntimeError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
