"""What must hold after a universe has healed. The rules over the tables bear the names of the reconciler's checks,
and say the same of the store in memory; the rest compares what the devices were told with what is stored."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulation.base import Row, Tables

if TYPE_CHECKING:
    from tests.simulation.world import World

FINAL = ("SUCCESS", "FAIL", "ABORTED")
MISSION_TURNS = 6  # the first missions of all lanes take so many
CURRENCIES = ("XP", "COINS", "GEMS")
Found = list["Violation"]


class Violation(msgspec.Struct, frozen=True):
    rule: str
    detail: str


class _Books:
    """The tables, as the rules ask for them."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.turns: dict[Any, list[Row]] = {}
        self.events: dict[Any, dict[int, Row]] = {}
        for key, row in tables["turn"].items():
            self.turns.setdefault(key[:2], []).append(row)
        for key, row in tables["session_event"].items():
            self.events.setdefault(key[:2], {})[row["seq"]] = row
        for turns in self.turns.values():
            turns.sort(key=lambda row: row["position"])
        self.ledger = [(key, row["amount"]) for key, row in tables["wallet_ledger"].items()]

    def learner(self, key: Any) -> list[Row]:
        return [row for row in self.turns.get(key, ()) if row["role"] == "user"]

    def paid(self, kind: str, source: str) -> dict[str, int]:
        return {key[4]: amount for key, amount in self.ledger if key[3] == kind and key[2] == source}


def judge(world: "World") -> Found:
    books = _Books(world.base.tables)
    found: Found = []
    for user_id, held in books.tables["user_wallet"].items():
        found += _wallet(books, user_id, held) + _numbers(books, user_id)
    for key, head in books.tables["practice_session"].items():
        found += _log(books, key, head) + _turns(books, key, head) + _idempotent(books, key)
        if head["status"] in FINAL:
            found += _final(books, key, head) + _pay(books, key, head) + _summary(world, books, key, head)
        elif head["status"] == "FINALIZING":
            found.append(Violation("finalizing", f"{head['finalize_failures']} failures"))
        else:
            found.append(Violation("ended", f"{key[1]} is still open (cause of its end: nobody)"))
    if not found and all(device.where == "done" for device in world.devices):
        leaks = [process.name for process in world.processes if process.holds_sockets]
        found += [Violation("released", f"{name} holds sockets that are gone") for name in leaks]
    found += [Violation("held", f"{session_id} was ended under its sockets") for session_id in world.lost_holds]
    found += [Violation("live", f"{name} does not see what is committed elsewhere") for name in world.lagging]
    return found + _memory(books) + _acknowledged(world, books) + _seen(world, books)


# --- the reconciler's ----------------------------------------------------------------------------------------------


def _wallet(books: _Books, user_id: Any, held: Row) -> Found:
    sums: Counter[str] = Counter()
    for key, amount in books.ledger:
        if key[0] == user_id:
            sums[key[4].lower()] += amount
    mismatch = {name: value for name, value in held.items() if value != sums[name]}
    found = [Violation("wallet", f"the wallet has {mismatch}, its ledger {dict(sums)}")] if mismatch else []
    for currency in CURRENCIES:
        steps: Counter[int] = Counter({0: -1, held[currency.lower()]: 1})
        if held[currency.lower()] == 0:
            steps.clear()
        for key, row in books.tables["wallet_ledger"].items():
            if key[0] == user_id and key[4] == currency:
                steps[row["balance_after"] - row["amount"]] += 1
                steps[row["balance_after"]] -= 1
        if any(steps.values()):
            found.append(Violation("balances", f"{currency}: {dict(steps)}"))
    return found


def _numbers(books: _Books, user_id: Any) -> Found:
    stats = books.tables["user_stats"][user_id]
    mine = [row for key, row in books.tables["finalization"].items() if key[0] == user_id]
    counted = Counter(row["status"] for row in mine)
    said = (stats["success_count"], stats["fail_count"], stats["aborted_count"], stats["user_seq"])
    done = (counted["SUCCESS"], counted["FAIL"], counted["ABORTED"], len(mine))
    numbers = sorted(row["user_seq"] for row in mine)
    if said != done or numbers != list(range(1, len(mine) + 1)):
        return [Violation("numbers", f"statistics {said}, finalizations {done}, numbered {numbers}")]
    return _grown(books, user_id, stats)


def _grown(books: _Books, user_id: Any, stats: Row) -> Found:
    """Each session began with the traits that the one finalized before it left."""
    mine = [row for key, row in books.tables["trait_history"].items() if key[0] == user_id]
    stood: Any = None
    for row in sorted(mine, key=lambda row: int(row["user_seq"])):
        if row["long_term_before"] != stood:
            return [Violation("grown", f"number {row['user_seq']} began with {row['long_term_before']}, not {stood}")]
        stood = row["long_term"]
    now = None if stats["long_term"] is None else tuple(stats["long_term"])
    return [] if now == stood else [Violation("grown", f"the user stands at {now}, not {stood}")]


def _log(books: _Books, key: Any, head: Row) -> Found:
    seqs = sorted(books.events.get(key, ()))
    if seqs != list(range(1, head["last_seq"] + 1)):
        return [Violation("log", f"last_seq is {head['last_seq']}, the log has {seqs}")]
    return []


def _turns(books: _Books, key: Any, head: Row) -> Found:
    turns, events = books.turns.get(key, []), books.events.get(key, {})
    kinds = Counter(row["type"] for row in events.values())
    mine = books.learner(key)
    places = [row["position"] for row in turns]
    indexes = [row["turn_index"] for row in mine]
    found: Found = []
    if places != list(range(1, len(turns) + 1)) or indexes != list(range(1, len(mine) + 1)):
        found.append(Violation("turns", f"places {places}, numbers {indexes}"))
    if len(turns) != kinds["conversation.item.done"] or len(mine) != kinds["turn.scored"]:
        found.append(Violation("turns", f"{len(turns)} turns, {len(mine)} of the learner; the log has {dict(kinds)}"))
    if any(row["disqualified"] for row in mine[:-1]) or (head["template_id"] and len(mine) > MISSION_TURNS):
        found.append(Violation("last_turn", "a turn came after the one that ended the session by its rules"))
    if any(not 1 <= row["first_seq"] <= row["final_seq"] <= head["last_seq"] for row in turns):
        found.append(Violation("turns", "a turn lies outside of the log"))
    return found


def _final(books: _Books, key: Any, head: Row) -> Found:
    row = books.tables["finalization"].get(key)
    history, mood = books.tables["trait_history"].get(key), books.tables["mood_timeline"].get(key)
    if row is None or history is None or mood is None:
        return [Violation("finalization", f"the session is {head['status']} and was not finalized")]
    found: Found = []
    said = (head["status"], head["end_reason_code"], head["user_seq"], head["local_date"])
    if said != (row["status"], row["end_reason_code"], row["user_seq"], row["local_date"]):
        found.append(Violation("finalization", f"the session is {said}, its finalization {row}"))
    if row["turn_count"] != len(books.learner(key)):
        found.append(Violation("turn_count", f"{row['turn_count']} counted, {len(books.learner(key))} said"))
    pushed = [row for row in books.tables["outbox"].values() if (row["user_id"], row["session_id"]) == key]
    if len(pushed) != 1:
        found.append(Violation("outbox", f"{len(pushed)} rows push the summary"))
    return found


def _pay(books: _Books, key: Any, head: Row) -> Found:
    mine = books.learner(key)
    due = {currency: sum(row[currency.lower()] for row in mine) for currency in CURRENCIES}
    if head["end_reason_code"] == "ABORT_DISQUALIFIED":
        due = {}
    paid = books.paid("SESSION_REWARD", str(key[1]))
    if {c: a for c, a in due.items() if a} != paid:
        return [Violation("pay", f"the turns earned {due}, the ledger has {paid}")]
    return []


def _summary(world: "World", books: _Books, key: Any, head: Row) -> Found:
    stored, events = books.tables["session_summary"].get(key), books.events.get(key, {})
    last, before = events.get(head["last_seq"]), events.get(head["last_seq"] - 1)
    if stored is None or last is None or before is None:
        return [Violation("summary", f"the session is {head['status']} and has none")]
    body = stored["body"]
    found: Found = []
    if last["type"] != "session.summary" or before["type"] != "session.finalizing":
        found.append(Violation("summary", f"the log ends with {before['type']}, {last['type']}"))
    if f',"summary":{body}' not in last["body"]:
        found.append(Violation("summary", "the last event holds another one"))
    if any(answer != body for answer in world.summaries.get(key[1], ())):
        found.append(Violation("summary", "an end was answered with another one"))
    said = msgspec.json.decode(body)
    moved = {c: said["wallet"]["after"][c.lower()] - said["wallet"]["before"][c.lower()] for c in CURRENCIES}
    paid = books.paid("SESSION_REWARD", str(key[1]))
    for currency in CURRENCIES:
        bonus = said["rewards"]["missionBonus"][currency.lower()]
        gained = said["rewards"][f"{currency.lower()}Gained"]
        if (moved[currency], gained) != (paid.get(currency, 0) + bonus, moved[currency]):
            found.append(
                Violation("summary_pay", f"{currency}: moved {moved[currency]}, gained {gained}, paid {paid}")
            )
    return found


def _memory(books: _Books) -> Found:
    found: Found = []
    history: dict[Any, list[int]] = {}
    for key, row in books.tables["memory_event"].items():
        history.setdefault(key[:3], []).append(key[3])
        event = books.events.get((key[0], row["session_id"]), {}).get(row["seq"])
        if event is None or event["type"] != f"memory.{row['op']}":
            found.append(Violation("memory_log", f"version {key[3]} of {key[2]} is not in the log"))
    for key, row in books.tables["persona_memory"].items():
        versions = sorted(history.pop(key, ()))
        if versions != list(range(1, row["version"] + 1)):
            found.append(Violation("memory", f"{key[2]} has version {row['version']}, its history {versions}"))
    return found + [Violation("memory", f"{key[2]} has a history alone") for key in history]


# --- what devices were told ----------------------------------------------------------------------------------------


def _idempotent(books: _Books, key: Any) -> Found:
    """One id, one turn: in the table and in the log."""
    ids = Counter(row["item_id"] for row in books.turns.get(key, ()))
    twice = [item_id for item_id, count in ids.items() if count > 1]
    return [Violation("idempotent", f"{item_id} is stored {ids[item_id]} times") for item_id in twice]


def _acknowledged(world: "World", books: _Books) -> Found:
    """What was acknowledged is stored, with the words that were sent; what was refused is not; nothing is open."""
    found: Found = []
    for device in world.devices:
        stored = {row["item_id"]: row for row in books.turns.get((device.user_id, device.session_id), ())}
        for item_id, said in device.items.items():
            row = stored.get(item_id)
            if said.state == "acked" and (row is None or row["text"] != said.text):
                found.append(Violation("acknowledged", f"{item_id} was acknowledged and is not stored"))
            elif said.state == "refused" and row is not None:
                found.append(Violation("acknowledged", f"{item_id} was refused and is stored"))
            elif said.state == "pending":
                found.append(Violation("settled", f"{item_id} of {device.name} was never answered"))
    return found


def _seen(world: "World", books: _Books) -> Found:
    """Every device saw everything from where it began, byte for byte, and was told of the end."""
    found: Found = []
    for device in world.devices:
        key = (device.user_id, device.session_id)
        events = books.events.get(key, {})
        if any(events.get(seq, {}).get("body") != body for seq, body in device.seen.items()):
            found.append(Violation("same_bytes", f"{device.name} saw what is not stored"))
        if device.where != "done":
            found.append(Violation("told", f"{device.name} is {device.where} at {device.last_seq} of {len(events)}"))
        elif device.first_seq is not None:
            missed = [seq for seq in events if seq >= device.first_seq and seq not in device.seen]
            if missed:
                found.append(Violation("seen", f"{device.name} never saw {missed}"))
    return found
