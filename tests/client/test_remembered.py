"""What the persona knows, as the terminal keeps it: it must agree with the server after any row of events."""

from typing import Any

from realtime.domain import MemoryCandidate, MemoryEntry
from realtime.memory import rules
from server.chat.remembered import Remembered, memory_view
from tests.client.test_views import shown

AT = "2026-03-01T10:00:00.000Z"


def test_memory_lines() -> None:
    source = {"item_id": "i", "start": 0, "end": 3, "quote": "I'm a baker now"}
    event = {"type": "memory.updated", "key": "job", "value": "baker", "previousValue": "cook", "source": source}
    assert shown(memory_view(event)) == 'remembers: job = baker (before: cook) (from "I\'m a baker now")\n'
    assert shown(memory_view({"type": "memory.forgotten", "key": "job"})) == "forgot: job\n"
    gone = {"type": "memory.updated", "key": "likes.music", "value": None, "previousValue": "jazz"}
    assert shown(memory_view(gone | {"source": {"quote": "no jazz"}})) == (
        'no longer: likes.music = jazz (from "no jazz")\n'
    )


def test_each_item_stands_with_the_words_it_was_learnt_from() -> None:
    memory = Remembered({"job": "cook"})
    text = shown(memory.view("Noa"))
    assert "job  cook\n" in text
    memory.take({"type": "memory.updated", "key": "job", "value": "baker", "previousValue": "cook", "seq": 7}
                | {"source": {"quote": "I bake now"}})  # fmt: skip
    text = shown(memory.view("Noa"))
    assert 'baker (from "I bake now")' in text
    assert "cook" not in text
    memory.take({"type": "memory.forgotten", "key": "home", "redacts": [6, 7]})
    text = shown(memory.view("Noa"))
    assert "baker" in text
    assert "I bake now" not in text, "the line that said it was taken out"
    memory.take({"type": "memory.forgotten", "key": "job"})
    assert shown(memory.view("Noa")) == "Noa knows nothing of you yet.\n"


class Server:
    """The memory of the rules themselves, and the terminal's beside it."""

    def __init__(self) -> None:
        self.known: dict[str, MemoryEntry] = {}
        self.seen = Remembered(None)

    def hear(self, op: Any, key: str, value: str) -> None:
        candidate = MemoryCandidate(op=op, key=key, value=value, confidence=0.9, start=0, end=1, quote="q")
        self._take(rules.apply(self.known, candidate, item_id="i", written_at=AT))

    def edit(self, key: str, value: str) -> None:
        self._take(rules.edit(self.known, key, value, written_at=AT))

    def forget(self, key: str) -> None:
        self._take(rules.forget(self.known, key, written_at=AT))

    def _take(self, change: rules.Change | None) -> None:
        if change is not None:
            self.known[change.key] = change.entry
            self.seen.take({"type": f"memory.{change.op}", **rules.event_payload(change)})

    def agree(self) -> None:
        """The terminal shows what a snapshot says, now and after coming back with one."""
        snapshot = rules.snapshot(self.known) or {}
        for memory in (self.seen, Remembered(snapshot)):
            text = " ".join(shown(memory.view("Noa"), width=2_000).replace('(from "q")', "").split())
            for key, value in snapshot.items():
                assert f"{key} {value}" in text.replace(" ,", ","), text
            gone = [key for key, entry in self.known.items() if not entry.items]
            assert not any(f" {key} " in text for key in gone)


def test_the_terminal_and_the_rules_agree_after_every_step() -> None:
    server = Server()
    steps: list[tuple[Any, ...]] = [
        ("hear", "set", "home", "Haifa"),
        ("hear", "set", "likes.music", "jazz"),
        ("hear", "set", "likes.music", "soul"),
        ("hear", "set", "home", "Jaffa"),
        ("hear", "remove", "likes.music", "JAZZ"),
        ("edit", "likes.music", "pop, rock, folk"),
        ("hear", "remove", "likes.music", "rock"),
        ("hear", "set", "people.sister", "Dana"),
        ("forget", "home"),
        ("hear", "set", "home", "Acre, by the sea"),
        *[("hear", "set", "languages", f"language {number}") for number in range(14)],
        ("forget", "likes.music"),
        ("hear", "set", "likes.music", "choirs"),
    ]
    for name, *arguments in steps:
        getattr(server, name)(*arguments)
        server.agree()
    assert len(server.known["languages"].items) == 12
