"""A reply on the terminal as it comes: word by word, and broken between words."""

import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from server.chat.words import plain

_WORD = re.compile(r"\S+|\s+")


class SpokenLine:
    """``Name: text`` with the text fed in pieces of any size. A word is written when it is whole, so that
    none is torn at the edge; ``finish`` writes the rest and ends the line."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._label = f"{plain(name)}: "
        self._indent = min(cell_len(self._label), 12)
        self._held = ""
        self._column = 0
        self._open = False

    def feed(self, text: str) -> None:
        self._begin()
        pieces = _WORD.findall(self._held + plain(text))
        # The last piece may go on in the next delta.
        self._held = pieces.pop() if pieces else ""
        for piece in pieces:
            self._write(piece)

    def restart(self, text: str) -> None:
        """What was written did not happen: begin the line again."""
        if self._open:
            self._held = ""
            self._console.print(Text(" ... (cut off by the lost connection)", "dim"))
            self._open = False
        self.feed(text)

    def finish(self) -> None:
        if self._open:
            self._write(self._held)
            self._held = ""
            self._console.print()
            self._open = False

    def _begin(self) -> None:
        if not self._open:
            self._open = True
            self._column = cell_len(self._label)
            self._put(Text(self._label, "bold cyan"))

    def _write(self, piece: str) -> None:
        if piece.isspace():
            piece = " " if self._column > self._indent else ""
        width = cell_len(piece)
        if self._column + width > self._console.width - 1 and self._column > self._indent:
            self._put(Text("\n" + " " * self._indent))
            self._column = self._indent
            if piece == " ":
                return
        self._put(Text(piece))
        self._column += width

    def _put(self, text: Text) -> None:
        # soft_wrap: rich must not pad or break what is only a part of a line.
        self._console.print(text, end="", soft_wrap=True)
