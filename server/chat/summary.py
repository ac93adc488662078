"""The end summary on the terminal: why it ended, what it paid, and what to take along."""

from collections.abc import Sequence
from typing import Any

from rich.box import ASCII, ROUNDED
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from server.chat.turns import RARITY_STYLES
from server.chat.views import effect_style
from server.chat.words import (
    ARCS,
    END_REASONS,
    GATES,
    TRAITS,
    amounts,
    counted,
    human,
    listed,
    plain,
    shortened,
)

STATUS = {"SUCCESS": ("Success", "green"), "FAIL": ("Not this time", "red"), "ABORTED": ("Ended early", "yellow")}
# A screen has room for these and for what stands around them.
TIPS_SHOWN = 3
SPARKS = "▁▂▃▄▅▆▇█"


def summary_blocks(
    summary: dict[str, Any],
    titles: dict[str, str] | None = None,
    *,
    tips: Sequence[str] = (),
    name: str = "",
    wallet: dict[str, Any] | None = None,
) -> list[RenderableType]:
    """The whole summary in blocks, what matters most first. ``titles``: mission titles by code, for what was
    unlocked. ``tips``: those of the session, which the summary itself does not hold. ``name``: the persona's.
    ``wallet``: what ``wallet/me`` says, to be compared."""
    parts: list[RenderableType | None] = [
        _outcome(summary),
        _unlocked(summary.get("unlocked") or {}, titles or {}),
        _lines(summary.get("keyMessages") or {}),
        _tips(tips),
        _gates(summary.get("gateResults") or []),
        _money(summary, wallet),
        _traits(summary.get("traitSummary") or {}),
        _mood(summary.get("moodSummary") or {}),
        _memory(summary.get("personaMemory") or {}, name or human(str(summary.get("personaKey") or "the persona"))),
    ]
    return [part for part in parts if part is not None]


def summary_view(summary: dict[str, Any], titles: dict[str, str] | None = None, **more: Any) -> RenderableType:
    """The blocks as one."""
    return Group(*summary_blocks(summary, titles, **more))


class _Boxed:
    """A panel in the characters that the terminal has."""

    def __init__(self, inside: RenderableType, title: str, style: str) -> None:
        self._inside, self._title, self._style = inside, title, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        box = ASCII if options.ascii_only else ROUNDED
        yield Panel(self._inside, title=self._title, border_style=self._style, box=box, title_align="left")


def _outcome(summary: dict[str, Any]) -> RenderableType:
    outcome = summary["outcome"]
    title, style = STATUS.get(outcome["status"], (human(outcome["status"]).capitalize(), ""))
    code = str(outcome["endReasonCode"])
    # The server's message is written for people and holds what worked and what was missed.
    said = plain(outcome.get("message") or END_REASONS.get(code, human(code)))
    lines = [Text(said, "bold"), Text(_facts(summary))]
    if (outcome.get("endReasonMeta") or {}).get("nearMiss"):
        lines.append(Text("That was close.", "yellow"))
    return _Boxed(Group(*lines), title, style)


def _facts(summary: dict[str, Any]) -> str:
    """The numbers that the end was judged by."""
    count = int(summary.get("messageCount") or 0)
    if count == 0:
        return "No message was sent."
    needs = summary["outcome"].get("successThreshold")
    facts = f"Average {summary.get('averageMessageScore') or 0:g} over {counted(count, 'message')}"
    facts += f"; {needs} was needed." if needs is not None else "."
    if summary.get("aiMode") == "MISSION":
        facts += f" Mission {summary.get('completionPercentage', 0)}% done."
    return facts


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", header_style="dim")
    return table


def _titled(title: str, *parts: RenderableType) -> Group:
    """A section. (Rich wraps a table's own title to the table's width.)"""
    return Group(Text(f"\n{title}", "bold"), *parts)


def _gates(results: list[dict[str, Any]]) -> RenderableType | None:
    if not results:
        return None
    table = _table(("gate", "left"), ("", "left"), ("why", "left"))
    for result in results:
        passed = Text("passed", "green") if result["passed"] else Text("missed", "red")
        table.add_row(GATES.get(result["gateKey"], human(result["gateKey"])), passed, _why(result))
    return _titled("Gates", table)


def _why(result: dict[str, Any]) -> Text:
    """The gate's own numbers; without any, its reason code in words."""
    context = result.get("context") or {}
    if result["gateKey"] == "GATE_DISQUALIFIED":
        return Text("nothing out of bounds" if result["passed"] else "a line was out of bounds")
    have, need = context.get("have"), context.get("need")
    if isinstance(have, int | float) and isinstance(need, int | float):
        return Text(f"{have:g}, {need:g} needed")
    return Text(human(str(result.get("reasonCode") or "")))


def _money(summary: dict[str, Any], now: dict[str, Any] | None) -> RenderableType:
    rewards, wallet = summary["rewards"], summary["wallet"]
    table = _table(("", "left"), ("before", "right"), ("this session", "right"), ("after", "right"))
    for key, name, gain in (
        ("xp", "XP", "xpGained"),
        ("coins", "Coins", "coinsGained"),
        ("gems", "Gems", "gemsGained"),
    ):
        before, after = int(wallet["before"][key]), int(wallet["after"][key])
        table.add_row(name, f"{before:,}", Text(f"+{int(rewards[gain]):,}", "yellow"), f"{after:,}")
    lines: list[RenderableType] = [table]
    notes = []
    if rewards.get("missionBonus"):
        bonus = rewards["missionBonus"]
        worth = amounts(bonus) if isinstance(bonus, dict) else f"{int(bonus):+d} XP"
        notes.append(f"Mission bonus {worth} included") if worth else None
    rarities = [f"{n} {name}" for name, n in (rewards.get("rarityCounts") or {}).items() if n]
    if rarities:
        notes.append(f"Lines by rarity: {', '.join(rarities)}")
    if notes:
        lines.append(Text(f"{'; '.join(notes)}.", "dim"))
    lines.append(_progress(summary))
    if now is not None:
        lines.append(wallet_check(summary, now))
    return _titled("Wallet", *lines)


def _progress(summary: dict[str, Any]) -> Text:
    level = summary.get("level") or {}
    before, after = level.get("before"), level.get("after")
    line = Text(f"Level {after}" if before == after else f"Level up: {before} to {after}")
    if before != after:
        line.stylize("bold green")
    streak = summary.get("streak") or {}
    current = streak.get("current", 0) if isinstance(streak, dict) else streak
    return line.append(f", streak {counted(int(current or 0), 'day')}.")


def _traits(traits: dict[str, Any]) -> RenderableType | None:
    snapshot = traits.get("snapshot")
    if not snapshot:
        return None
    deltas, long_term = traits.get("deltas") or {}, traits.get("longTermScores") or {}
    table = _table(("", "left"), ("this session", "right"), ("change", "right"), ("long term", "right"))
    for name, label in TRAITS.items():
        if name not in (traits.get("observed") or []):
            table.add_row(Text(label, "dim"), Text("not shown yet", "dim"), "", _number(long_term.get(name)))
            continue
        change = _delta(name, deltas.get(name))
        table.add_row(label, _number(snapshot.get(name)), change, _number(long_term.get(name)))
    return _titled("Traits", table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _delta(trait: str, value: float | None) -> Text:
    if value is None:
        return Text("")
    return Text(f"{value:+g}" if value else "0", effect_style(trait, 1 if value > 0 else -1) if value else "dim")


class Sparkline:
    """Values 0..100 as one line of blocks, as numbers where the terminal knows ASCII only; at most
    ``width`` of them, evenly chosen, the first and the last always among them."""

    def __init__(self, values: list[int], width: int = 40) -> None:
        last = len(values) - 1
        self.values = values if last < width else [values[i * last // (width - 1)] for i in range(width)]

    def line(self, ascii_only: bool) -> str:
        if ascii_only:
            return " ".join(str(value) for value in self.values)
        top = len(SPARKS) - 1
        return "".join(SPARKS[(max(0, min(100, value)) * top + 50) // 100] for value in self.values)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.line(options.ascii_only), "cyan")


def _mood(mood: dict[str, Any]) -> RenderableType | None:
    snapshots = mood.get("snapshots") or []
    if not snapshots:
        return None
    now = mood["current"]
    words = f"from {mood.get('baseline', 50)}% to {now['moodPercent']}%, {human(now['moodState'])}"
    arc = mood.get("arc")
    if arc:
        words += f": {ARCS.get(arc, human(arc))}"
    return _titled(
        "Mood",
        Sparkline([int(snapshot["smoothedMoodScore"]) for snapshot in snapshots]),
        Text(f"{words}."),
    )


def _lines(messages: dict[str, Any]) -> RenderableType | None:
    groups = [("Best lines", messages.get("top") or []), ("Most room to grow", messages.get("bottom") or [])]
    parts: list[RenderableType] = []
    for title, lines in groups:
        if not lines:
            continue
        table = Table.grid(padding=(0, 1))
        for line in lines:
            rarity = plain(line["rarity"])
            score = Text(f"{line['score']:>3} {rarity:<2}", RARITY_STYLES.get(rarity, ""), no_wrap=True)
            said = plain(line["content"])
            table.add_row(score, Text(f'"{said}"') if said else Text("(taken out of the talk)", "dim"))
        parts.append(_titled(title, table))
    return Group(*parts) if parts else None


def _tips(tips: Sequence[str]) -> RenderableType | None:
    """The latest tips; a long talk's earlier ones are told by ``/tips`` while it lasts."""
    if not tips:
        return None
    return _titled("Tips to take along", *(Text(f"- {plain(tip)}") for tip in tips[-TIPS_SHOWN:]))


def _memory(memory: dict[str, Any], name: str) -> RenderableType | None:
    """What was learnt in this talk, with the words it was learnt from; then all that is known now."""
    writes, known = memory.get("memoryWritesDuringSession") or [], memory.get("memorySnapshot") or {}
    parts: list[RenderableType] = []
    if writes:
        table = _table(("key", "left"), ("value", "left"), ("from", "left"))
        for write in writes:
            quote = (write.get("source") or {}).get("quote")
            table.add_row(
                Text(plain(write["memoryKey"]), "magenta"),
                _written(write),
                Text(f'"{shortened(plain(quote))}"' if quote else "", "dim"),
            )
        parts.append(_titled("Remembered in this talk", table))
    if known:
        line = Text()
        for key, value in known.items():
            line.append("; " if line else "").append(plain(key), "magenta").append(f" {plain(value)}")
        parts.append(_titled(f"What {plain(name)} knows of you now", line.append(".")))
    return Group(*parts) if parts else None


def _written(write: dict[str, Any]) -> Text:
    value = write.get("memoryValue")
    if value is not None:
        return Text(plain(value))
    # An item that was taken off a list still names the words; of what was forgotten nothing is left.
    gone = write.get("op") == "forgotten" or not (write.get("source") or {}).get("quote")
    return Text("forgotten" if gone else "no longer", "dim")


def _unlocked(unlocked: dict[str, Any], titles: dict[str, str]) -> RenderableType | None:
    lines: list[RenderableType] = []
    missions = [plain(titles.get(code, human(code))) for code in map(_code, unlocked.get("missions") or [])]
    categories = [human(_code(entry)) for entry in unlocked.get("categories") or []]
    if missions:
        lines.append(Text.assemble(("Unlocked: ", "bold green"), listed(missions)))
    if categories:
        lines.append(Text.assemble(("Category completed: ", "bold green"), listed(categories)))
    if unlocked.get("deepInsights"):
        lines.append(Text("Deep insights are open to you from now on.", "bold green"))
    for badge in unlocked.get("badges") or []:
        words = f"{human(_code(badge))}, tier {badge.get('tier')} ({amounts(badge)})"
        lines.append(Text.assemble(("Badge: ", "bold green"), words))
    return Group(Text(""), *lines) if lines else None


def _code(entry: Any) -> str:
    """An entry is a code or an object that has one."""
    return str(entry.get("code") or entry.get("categoryKey")) if isinstance(entry, dict) else str(entry)


def wallet_check(summary: dict[str, Any], wallet: dict[str, Any]) -> Text:
    """``wallet/me`` beside the summary's ``wallet.after``."""
    after = summary["wallet"]["after"]
    now = {key: int(wallet.get(key) or 0) for key in ("xp", "coins", "gems")}
    words = f"Your wallet now: {amounts(now, sign=False)}"
    if all(now[key] == int(after[key]) for key in now):
        return Text(f"{words}, as the summary says.", "green")
    return Text(
        f"{words}; the summary says {amounts(after, sign=False)}. Another session may have ended meanwhile.",
        "yellow",
    )
