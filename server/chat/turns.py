"""A scored turn on the terminal: the number, the reasons in the learner's own words, and where the talk stands."""

from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from server.chat.views import effect_style, spans
from server.chat.words import HOOKS, NO_PAY, PATTERNS, TRAITS, amounts, counted, human, listed, plain, shortened

RARITY_STYLES = {"C": "dim", "B": "cyan", "A": "green", "S": "magenta", "S+": "bold yellow"}
MOOD_STYLES = {"COLD": "blue", "NEUTRAL": "", "WARM": "green", "TENSE": "red", "FLOW": "bold green"}
BAR_WIDTH = 10
# As many reasons as fit beside the score without pushing the talk off the screen; ``/why`` shows all.
MOST_REASONS = 4
# A longer line is not shown again for its colours' sake.
MOST_COLOURED = 240
# Cells that a row of two traits takes.
TWO_TRAITS = 70


class Bar:
    """0..100 as ten blocks, or as ``#`` and ``.`` where the terminal knows ASCII only."""

    def __init__(self, value: int, style: str = "green") -> None:
        self.value = max(0, min(100, value))
        self.style = style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full, empty = "#." if options.ascii_only else "█░"
        filled = (self.value * BAR_WIDTH + 50) // 100
        yield Text(full * filled, self.style, end="").append(empty * (BAR_WIDTH - filled), "dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(BAR_WIDTH, BAR_WIDTH)


def turn_view(text: str, scored: dict[str, Any]) -> RenderableType:
    """What ``turn.scored`` says of one turn, with its strongest reasons. ``text`` is the turn exactly as it was
    sent: the evidence's offsets count its code points."""
    evidence = scored.get("evidence") or []
    parts: list[RenderableType] = [_headline(scored), _Coloured(text, evidence), _Traits(scored)]
    missing = [TRAITS[name].lower() for name in TRAITS if name not in scored.get("observed", [])]
    if missing:
        parts.append(Text(f"not shown yet: {listed(missing)}", "dim"))
    if evidence:
        shown = strongest(evidence)
        parts.append(_evidence(text, shown))
        if len(evidence) > len(shown):
            more = counted(len(evidence) - len(shown), "more reason")
            parts.append(Text(f"and {more}; /why shows all", "dim"))
    parts.extend(_words(scored))
    parts.append(standing(scored))
    return Padding(Group(*parts), (0, 0, 1, 2), expand=False)


def why_view(text: str, scored: dict[str, Any]) -> RenderableType:
    """Every reason of one turn, in the order of its words."""
    evidence = sorted(scored.get("evidence") or [], key=lambda reason: int(reason["start"]))
    if not evidence:
        return Text("Nothing in that line moved its score up or down.", "dim")
    title = Text(f'Why "{shortened(plain(text))}" scored {scored["score"]}:', "bold")
    return Group(title, Padding(_evidence(text, evidence), (0, 0, 1, 2), expand=False))


def strongest(evidence: list[dict[str, Any]], most: int = MOST_REASONS) -> list[dict[str, Any]]:
    """At most ``most`` reasons, the largest effects, in the order given. If any counted against the line, the
    strongest such one is among them: it is the one to learn from."""
    by_size = sorted(range(len(evidence)), key=lambda n: -abs(int(evidence[n]["effect"])))
    chosen = by_size[:most]
    against = [n for n in by_size if int(evidence[n]["effect"]) < 0]
    if against and against[0] not in chosen:
        chosen[-1] = against[0]
    return [evidence[n] for n in sorted(chosen)]


def _headline(scored: dict[str, Any]) -> Text:
    rarity = plain(scored["rarity"])
    line = Text.assemble(
        (f"Score {scored['score']}", "bold"),
        "  ",
        (f"rarity {rarity}", RARITY_STYLES.get(rarity, "")),
        f"  charisma {scored['charismaIndex']}",
    )
    rewards = scored.get("rewards") or {}
    earned = amounts(rewards)
    if earned:
        line.append(f"  {earned}", "yellow")
    if rewards.get("reason"):
        line.append(f"  ({NO_PAY.get(rewards['reason'], human(rewards['reason']))})", "dim")
    return line


class _Coloured:
    """The learner's line with its good and its weak words, where the terminal can mark them."""

    def __init__(self, text: str, evidence: list[dict[str, Any]]) -> None:
        self._text, self._evidence = text, evidence

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.is_terminal and self._evidence and len(self._text) <= MOST_COLOURED:
            yield spans(self._text, self._evidence)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


class _Traits:
    """The observed traits with what the line moved them by; two to a row where there is room."""

    def __init__(self, scored: dict[str, Any]) -> None:
        self._values = {name: int(scored["traits"][name]) for name in TRAITS if name in scored.get("observed", [])}
        self._moved = dict.fromkeys(TRAITS, 0)
        for reason in scored.get("evidence") or []:
            self._moved[reason["trait"]] = self._moved.get(reason["trait"], 0) + int(reason["effect"])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, names = Table.grid(padding=(0, 1)), list(self._values)
        many = 2 if options.max_width >= TWO_TRAITS else 1
        for first in range(0, len(names), many):
            table.add_row(*(cell for name in names[first : first + many] for cell in self._cells(name)))
        yield table

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, min(TWO_TRAITS, options.max_width))

    def _cells(self, name: str) -> list[RenderableType]:
        value, moved = self._values[name], self._moved[name]
        by = Text(f"{moved:+d}" if moved else "", effect_style(name, moved))
        return [Text(f"{TRAITS[name]:<15}"), Text(f"{value:>3}"), Bar(value), Text.assemble(by, " " * (5 - len(by)))]


def _evidence(text: str, evidence: list[dict[str, Any]]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for reason in evidence:
        effect = int(reason["effect"])
        style = effect_style(str(reason["trait"]), effect)
        quote, note = plain(text[reason["start"] : reason["end"]]), plain(reason["note"])
        name = TRAITS.get(reason["trait"], human(reason["trait"])).lower()
        # Most notes quote the words themselves.
        words = Text(note) if quote in note else Text.assemble((f'"{shortened(quote)}" ', style), note)
        at = words.plain.find(quote)
        if quote and at >= 0:
            words.stylize(style, at, at + len(quote))
        table.add_row(Text(f"{effect:+d} {name}", style), words)
    return table


def _words(scored: dict[str, Any]) -> list[Text]:
    lines = []
    hooks = [HOOKS.get(code, human(code)) for code in scored.get("hooks") or []]
    patterns = [PATTERNS.get(code, human(code)) for code in scored.get("patterns") or []]
    if hooks:
        lines.append(Text.assemble(("That worked: ", "green"), listed(hooks)))
    if patterns:
        lines.append(Text.assemble(("Watch out for: ", "red"), listed(patterns)))
    if scored.get("delivery"):
        lines.append(_delivery(scored["delivery"]))
    if scored.get("tip"):
        lines.append(Text.assemble(("Tip: ", "bold cyan"), plain(scored["tip"])))
    return lines


def _delivery(delivery: dict[str, Any]) -> Text:
    pace = f"{delivery['wordsPerMinute']:.0f} words a minute, longest pause {delivery['longestPauseMs'] / 1000:.1f} s"
    return Text.assemble(("Delivery: ", "bold"), pace)


def standing(scored: dict[str, Any]) -> Text:
    """The mood, and in a mission how far it has come and what is left."""
    mood = scored.get("mood") or {}
    line = Text("Mood ", "dim")
    state = plain(mood.get("state", "NEUTRAL"))
    line.append(f"{state.lower()} {mood.get('percent', 50)}%", MOOD_STYLES.get(state, ""))
    mission = scored.get("mission") or {}
    if mission.get("messagesLeft") is not None:
        line.append("  Mission ", "dim").append(f"{mission.get('progressPct', 0)}%")
        line.append(f"  {counted(int(mission['messagesLeft']), 'message')} left")
    if mission.get("strikes"):
        line.append(f"  {counted(int(mission['strikes']), 'strike')}", "red")
    totals = scored.get("totals") or {}
    if totals.get("averageScore") is not None:
        line.append(f"  average {totals['averageScore']:g}", "dim")
    return line
