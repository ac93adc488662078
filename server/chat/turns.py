"""A scored turn on the terminal: the number, the reasons in the learner's own words, and where the talk stands."""

from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from server.chat.words import HOOKS, NO_PAY, PATTERNS, TRAITS, amounts, counted, human, listed, plain

RARITY_STYLES = {"C": "dim", "B": "cyan", "A": "green", "S": "magenta", "S+": "bold yellow"}
MOOD_STYLES = {"COLD": "blue", "NEUTRAL": "", "WARM": "green", "TENSE": "red", "FLOW": "bold green"}
BAR_WIDTH = 10
# As many reasons as fit beside the score without pushing the talk off the screen; ``/why`` shows all.
MOST_REASONS = 4


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
    parts: list[RenderableType] = [_headline(scored), _traits(scored)]
    missing = [TRAITS[name].lower() for name in TRAITS if name not in scored.get("observed", [])]
    if missing:
        parts.append(Text(f"not shown yet: {listed(missing)}", "dim"))
    evidence = scored.get("evidence") or []
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
    title = Text(f'Why "{_short(plain(text))}" scored {scored["score"]}:', "bold")
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


def _traits(scored: dict[str, Any]) -> RenderableType:
    """The observed traits, two to a row."""
    table = Table.grid(padding=(0, 1))
    shown = [name for name in TRAITS if name in scored.get("observed", [])]
    for first in range(0, len(shown), 2):
        cells: list[RenderableType] = []
        for name in shown[first : first + 2]:
            value = int(scored["traits"][name])
            cells += [Text(f"{TRAITS[name]:<15}"), Text(f"{value:>3}"), Bar(value), Text(" ")]
        table.add_row(*cells)
    return table


def _evidence(text: str, evidence: list[dict[str, Any]]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for reason in evidence:
        effect = int(reason["effect"])
        style = "green" if effect > 0 else "red"
        quote, note = plain(text[reason["start"] : reason["end"]]), plain(reason["note"])
        name = TRAITS.get(reason["trait"], human(reason["trait"])).lower()
        # Most notes quote the words themselves.
        words = Text(note) if quote in note else Text.assemble((f'"{_short(quote)}" ', "italic"), note)
        table.add_row(Text(f"{effect:+d} {name}", style), words)
    return table


def _short(quote: str, most: int = 60) -> str:
    return quote if len(quote) <= most else f"{quote[: most - 4].rstrip()} ..."


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


def memory_view(event: dict[str, Any]) -> Text:
    """A memory event as one line: what the persona now knows, and the words it knows it from."""
    key = plain(event.get("key", ""))
    if event.get("type") == "memory.forgotten":
        return Text.assemble(("forgot: ", "magenta"), key)
    line = Text.assemble(("remembers: ", "magenta"), f"{key} = {plain(event.get('value') or 'nothing')}")
    if event.get("previousValue"):
        line.append(f" (before: {plain(event['previousValue'])})", "dim")
    quote = (event.get("source") or {}).get("quote")
    if quote:
        line.append(f' (from "{_short(plain(quote))}")', "dim")
    return line


class Remembered:
    """What the persona knows, kept up with the events: ``memorySnapshot`` first, then every change."""

    def __init__(self, snapshot: dict[str, Any] | None) -> None:
        self._values: dict[str, list[str]] = {key: [str(value)] for key, value in (snapshot or {}).items()}

    def take(self, event: dict[str, Any]) -> None:
        key, value, before = event.get("key"), event.get("value"), event.get("previousValue")
        if not isinstance(key, str):
            return
        if event.get("type") == "memory.forgotten":
            self._values.pop(key, None)
            return
        kept = [old for old in self._values.get(key, []) if old not in (before, value)]
        self._values[key] = [*kept, str(value)] if value is not None else kept

    def view(self, name: str) -> RenderableType:
        known = {key: values for key, values in self._values.items() if values}
        if not known:
            return Text(f"{name} knows nothing of you yet.", "dim")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="magenta", no_wrap=True)
        table.add_column()
        for key, values in known.items():
            table.add_row(Text(plain(key)), Text(plain(", ".join(values))))
        return Group(Text(f"What {name} remembers:", "bold"), table)
