"""Pieces that several views are made of: what fits its place at any width, and pages."""

from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

from server.chat.lines import Lines
from server.chat.words import harmless

_MORE = " ..."
# Cells that a clipped text asks for at least, in a row with others.
_LEAST = 12


class Clipped:
    """A text on one line: what does not fit is left out between words, and says so."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text, self._style = text, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(clipped(self._text, options.max_width), self._style, no_wrap=True, overflow="crop")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        wide = cell_len(self._text)
        return Measurement(min(wide, _LEAST, options.max_width), min(wide, options.max_width))


def clipped(text: str, width: int) -> str:
    """At most ``width`` cells of the text; a cut is made between words, where there is a word to keep."""
    if cell_len(text) <= width:
        return text
    if width <= len(_MORE):
        return _fitting(text, width)
    head = _fitting(text, width - len(_MORE))
    if text[len(head)] != " " and " " in head.strip():
        head = head.rpartition(" ")[0]
    return head.rstrip(" ,;:.") + _MORE


def _fitting(text: str, width: int) -> str:
    """As much of the beginning as has room."""
    used = 0
    for at, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:at]
    return text


async def paged(console: Console, lines: Lines, blocks: list[RenderableType]) -> None:
    """Print the blocks; for a person at a terminal a screen at a time, never with a block torn that fits one."""
    asks = console.is_terminal and lines.shown
    room = console.height - 2  # the prompt, and the line it is typed on
    left = room
    for block in blocks:
        height = len(console.render_lines(block, pad=False)) if asks else 0
        if asks and height > left and left < room:
            typed = await lines.next("Enter shows more, q ends here. ")
            if typed is None or typed.strip().lower() in ("q", "quit", "/quit"):
                return
            left = room
        console.print(block)
        left -= height


def effect_style(trait: str, effect: int) -> str:
    """A gain is green and a loss red; dominance has no good end, so a move of it is neither."""
    return "yellow" if trait == "dominance" else "green" if effect > 0 else "red"


def spans(text: str, evidence: list[dict[str, Any]]) -> Text:
    """The learner's line with what moved its score: what it gained in green, what it lost in red and underlined, so
    that the two are told apart without colours as well."""
    line = Text(harmless(text))
    order = ("green", "yellow", "red")  # a loss inside a gain stays seen
    styled = [(effect_style(str(reason["trait"]), int(reason["effect"])), reason) for reason in evidence]
    for style, reason in sorted(styled, key=lambda each: order.index(each[0])):
        underline = " underline" if style == "red" else ""
        line.stylize(style + underline, int(reason["start"]), int(reason["end"]))
    return line
