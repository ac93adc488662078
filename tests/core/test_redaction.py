"""Redaction as pure functions: what goes, what stays, and that a second time changes nothing."""

from typing import Any

import msgspec
import pytest

from realtime.core import redaction
from realtime.core.redaction import LoggedEvent

VALUE = "Haifa"


def logged(events: list[dict[str, Any]]) -> list[LoggedEvent]:
    """The events as a log, numbered from 1."""
    return [
        (seq, event["type"], encoded({**event, "event_id": f"event_{seq}", "seq": seq}))
        for seq, event in enumerate(events, start=1)
    ]


def encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def decoded(body: str) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(body)
    return event


def item(item_id: str, text: str, role: str = "user", part: str = "input_text") -> dict[str, Any]:
    field = "transcript" if part == "input_audio" else "text"
    content = [{"type": part, field: text}]
    return {"id": item_id, "type": "message", "role": role, "status": "completed", "content": content}


def scored(item_id: str, index: int, tip: str | None = None, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    evidence = [{"trait": "clarity", "effect": 3, "start": 0, "end": 2, "rule": "haifa", "note": n} for n in notes]
    return {
        "type": "turn.scored",
        "item_id": item_id,
        "turnIndex": index,
        "score": 70,
        "tip": tip,
        "evidence": evidence,
        "mood": {"state": "WARM", "percent": 60},
    }


def remembered(key: str, value: str | None, item_id: str, quote: str | None, previous: str | None = None) -> Any:
    event = {"type": "memory.created", "key": key, "value": value, "version": 1}
    if previous is not None:
        event["previousValue"] = previous
    return event | {"source": {"item_id": item_id, "start": 0, "end": 5, "quote": quote}}


def created(snapshot: dict[str, str] | None, type_: str = "session.created") -> dict[str, Any]:
    ours = {"persona": {"key": "HAIFA", "name": "Haifa"}, "memorySnapshot": snapshot}
    return {"type": type_, "session": {"id": "s", "instructions": "Speak of Haifa.", "socialgym": ours}}


def summary(contents: list[str], worked: tuple[int, str] | None = None) -> dict[str, Any]:
    lines = [{"turnIndex": at, "content": text, "score": 60} for at, text in enumerate(contents, start=1)]
    quote = None if worked is None else {"turnIndex": worked[0], "quote": worked[1]}
    message = "The talk ran its length." if worked is None else f"Not yet. What worked: “{worked[1]}”. 60 of 70."
    source = {"itemId": "i1", "start": 0, "end": 5, "quote": "in Haifa"}
    write = {"memoryKey": "home", "memoryValue": VALUE, "op": "created", "source": source}
    other = {
        **write,
        "memoryKey": "job",
        "memoryValue": "nurse",
        "source": {**source, "itemId": "i2", "quote": "nurse"},
    }
    return {
        "type": "session.summary",
        "summary": {
            "personaKey": "HAIFA",
            "personaMemory": {
                "memorySnapshot": {"home": VALUE, "job": "nurse"},
                "memoryWritesDuringSession": [write, other],
            },
            "keyMessages": {"top": lines[:1], "bottom": lines[1:], "rare": lines[:1]},
            "outcome": {"worked": quote, "message": message, "status": "FAIL"},
            "wallet": {"after": {"xp": 5}},
        },
    }


# --- a key ---------------------------------------------------------------------------------------------------------


def test_a_memory_event_keeps_its_place_and_loses_value_previous_value_and_quote() -> None:
    event = {"seq": 7, "event_id": "event_7", **remembered("home", VALUE, "i1", "in Haifa", previous="Jaffa")}
    body = redaction.forget_key("memory.created", encoded(event), "home")
    assert body is not None
    expected = {**event, "value": None, "previousValue": None, "redacted": True}
    expected["source"] = {**event["source"], "quote": None}
    assert decoded(body) == expected
    assert list(decoded(body))[:-1] == list(event), "the order of the fields stays too"


@pytest.mark.parametrize("event", [remembered("job", "nurse", "i1", "a nurse"), scored("i1", 1, "home", ("home",))])
def test_what_does_not_tell_of_the_key_is_left_alone(event: dict[str, Any]) -> None:
    assert redaction.forget_key(event["type"], encoded(event), "home") is None


@pytest.mark.parametrize("type_", ["session.created", "session.updated"])
def test_a_snapshot_loses_the_key_alone(type_: str) -> None:
    body = redaction.forget_key(type_, encoded(created({"home": VALUE, "job": "nurse"}, type_)), "home")
    assert body is not None
    ours = decoded(body)["session"]["socialgym"]
    assert ours["memorySnapshot"] == {"home": None, "job": "nurse"}
    assert ours["persona"] == {"key": "HAIFA", "name": "Haifa"}
    assert redaction.forget_key(type_, encoded(created(None, type_)), "home") is None


def test_a_summary_loses_the_key_in_its_present_and_its_writes() -> None:
    body = redaction.forget_key("session.summary", encoded(summary(["I live in Haifa."])), "home")
    assert body is not None
    told = decoded(body)["summary"]
    assert told["redacted"] is True
    assert told["personaMemory"]["memorySnapshot"] == {"home": None, "job": "nurse"}
    first, second = told["personaMemory"]["memoryWritesDuringSession"]
    assert (first["memoryValue"], first["source"]["quote"]) == (None, None)
    assert (second["memoryValue"], second["source"]["quote"]) == ("nurse", "nurse")
    assert told["keyMessages"]["top"][0]["content"] == "I live in Haifa.", "the transcript stays"
    assert redaction.summary_body(body) == encoded(told)


def test_forgetting_again_changes_nothing() -> None:
    for event in (remembered("home", VALUE, "i1", "in Haifa"), created({"home": VALUE}), summary(["Hi."])):
        once = redaction.forget_key(event["type"], encoded(event), "home")
        assert once is not None
        assert redaction.forget_key(event["type"], once, "home") is None


def test_the_values_a_key_ever_had_are_read_from_its_events_alone() -> None:
    body = encoded(remembered("home", VALUE, "i1", "in Haifa", previous="Jaffa"))
    assert redaction.values_of(body, "home") == {VALUE, "Jaffa", "in Haifa"}
    assert redaction.values_of(body, "job") == set()
    gone = redaction.forget_key("memory.created", body, "home")
    assert gone is not None
    assert redaction.values_of(gone, "home") == {None}
    assert redaction.values_of(encoded({"type": "memory.forgotten", "key": "home", "version": 2}), "home") == {None}


# --- turns ---------------------------------------------------------------------------------------------------------


def talk() -> list[dict[str, Any]]:
    first, second = item("i1", "I live in HAIFA now."), item("i2", "I am a nurse.")
    reply = item("a1", "Haifa is lovely.", "assistant", "output_text")
    return [
        created({"job": "nurse"}),
        {"type": "conversation.item.added", "item": first},
        {"type": "conversation.item.done", "item": first},
        scored("i1", 1, "“now” is clear; ask one thing.", ("Says where.", "A plain statement.")),
        remembered("home", VALUE, "i1", "I live in HAIFA"),
        remembered("plans.move", "to move", "i1", "now"),
        {"type": "conversation.item.done", "item": reply},
        {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [reply]}},
        {"type": "conversation.item.added", "item": second},
        {"type": "conversation.item.done", "item": second},
        scored("i2", 2, "“a nurse” is concrete; say one thing you like about it.", ("Concrete.",)),
        remembered("job", "nurse", "i2", "a nurse"),
        summary(["I live in HAIFA now.", "I am a nurse."], worked=(1, "I live")),
    ]


def test_a_turn_that_holds_the_value_loses_text_tip_notes_and_quotes_everywhere() -> None:
    log = logged(talk())
    changed = {seq: decoded(body) for seq, _, body in redaction.blank_values(log, [VALUE])}
    assert sorted(changed) == [2, 3, 4, 5, 6, 7, 8, 13]
    assert all(event["redacted"] for event in changed.values())
    for seq in (2, 3, 7):
        assert [part["text"] for part in changed[seq]["item"]["content"]] == [""]
    assert changed[8]["response"]["output"][0]["content"][0]["text"] == ""
    assert changed[4]["tip"] is None
    assert [evidence["note"] for evidence in changed[4]["evidence"]] == ["", ""]
    assert (changed[4]["score"], changed[4]["evidence"][0]["rule"]) == (70, "haifa")
    assert changed[5]["source"]["quote"] is None
    assert (changed[6]["value"], changed[6]["source"]["quote"]) == ("to move", None), "another key keeps its value"
    told = changed[13]["summary"]
    assert [line["content"] for line in told["keyMessages"]["bottom"]] == ["I am a nurse."]
    assert told["keyMessages"]["top"][0]["content"] == told["keyMessages"]["rare"][0]["content"] == ""
    assert told["outcome"]["worked"] == {"turnIndex": 1, "quote": None}
    assert told["outcome"]["message"] == "Not yet. What worked: “…”. 60 of 70."
    assert told["wallet"] == {"after": {"xp": 5}}


def test_names_codes_and_settings_are_nobodys_words() -> None:
    log = logged([created({"home": VALUE}), {"type": "session.finalizing", "reason": "Haifa"}])
    assert redaction.blank_values(log, [VALUE]) == []
    assert redaction.blank_transcript(log) == []


@pytest.mark.parametrize("blank", [redaction.blank_transcript, lambda log: redaction.blank_values(log, [VALUE])])
def test_type_seq_and_event_id_stay_and_a_second_time_changes_nothing(blank: Any) -> None:
    log = logged(talk())
    changed = {seq: (seq, type_, body) for seq, type_, body in blank(log)}
    assert changed
    for seq, type_, body in changed.values():
        event = decoded(body)
        assert (event["type"], event["seq"], event["event_id"]) == (type_, seq, f"event_{seq}")
    assert blank([changed.get(event[0], event) for event in log]) == []


def test_a_removed_transcript_has_no_words_of_either_side() -> None:
    log = logged([*talk(), {"type": "conversation.item.done", "item": item("v1", "Spoken.", part="input_audio")}])
    after = {seq: body for seq, _, body in log}
    after |= {seq: body for seq, _, body in redaction.blank_transcript(log)}
    for word in ("I live", "lovely", "a nurse", "plain statement", "Spoken", "ask one thing", "in Haifa"):
        assert not any(word in body for body in after.values()), word
    assert decoded(after[5])["value"] == VALUE, "what was learnt is the memory's, not the transcript's"


def test_no_value_blanks_nothing() -> None:
    assert redaction.blank_values(logged(talk()), []) == []
    assert redaction.blank_values(logged(talk()), [""]) == []


@pytest.mark.parametrize(
    ("text", "values", "held"),
    [
        ("I live in HAIFA", ["haifa"], True),
        ("Straße", ["STRASSE"], True),
        ("Haifans", ["Haifa"], True),
        ("Jaffa", ["Haifa"], False),
        ("", ["Haifa"], False),
        (None, ["Haifa"], False),
        ("anything", [""], False),
    ],
)
def test_a_text_holds_a_value_in_any_case_and_inside_a_word(text: str | None, values: list[str], held: bool) -> None:
    assert redaction.holds(text, values) is held
