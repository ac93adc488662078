"""The client's view of a session, without a socket."""

from server.client.track import Track
from server.client.waits import TurnResult


def _done(seq: int, reply_id: str, text: str) -> dict[str, object]:
    output = [{"content": [{"type": "output_text", "text": text}]}]
    return {
        "type": "response.done",
        "seq": seq,
        "response": {"id": reply_id, "status": "completed", "output": output},
    }


def _user(seq: int) -> dict[str, object]:
    return {"type": "conversation.item.added", "seq": seq, "item": {"id": f"i{seq}", "role": "user"}}


def test_a_seq_not_above_the_own_one_is_no_news() -> None:
    track = Track("s", 5)
    assert not track.receive({"type": "turn.scored", "seq": 5})
    assert track.receive({"type": "turn.scored", "seq": 6})
    assert not track.receive({"type": "turn.scored", "seq": 6})
    assert track.last_seq == 6
    assert track.receive({"type": "wallet.updated"})  # a signal has no seq


def test_attached_only_when_every_missed_event_is_here() -> None:
    track = Track("s", 2)
    track.attaching()
    assert not track.attached
    track.receive({"type": "session.resumed", "head_seq": 4})
    assert not track.attached
    track.receive({"type": "turn.scored", "seq": 3})
    assert not track.attached
    track.receive({"type": "turn.scored", "seq": 4})
    assert track.attached


def test_the_text_of_a_reply_is_that_of_its_end() -> None:
    track = Track()
    track.receive({"type": "response.created", "response": {"id": "r"}})
    track.receive({"type": "response.output_text.delta", "response_id": "r", "delta": "Hel"})
    track.receive({"type": "response.output_text.delta", "response_id": "other", "delta": "XX"})
    reply = track.claim()
    assert reply is not None
    assert (reply.text, reply.status) == ("Hel", None)
    track.receive(_done(1, "r", "Hello."))
    assert (reply.text, reply.status) == ("Hello.", "completed")
    assert track.claim() is None  # it has a reader


def test_a_reply_to_an_earlier_turn_is_no_answer_to_the_next() -> None:
    track = Track()
    track.receive(_done(1, "r1", "Old."))
    track.receive(_user(2))
    assert track.claim() is None


def test_a_reply_under_way_goes_on_beside_a_new_turn() -> None:
    track = Track()
    track.receive({"type": "response.created", "response": {"id": "r"}})
    track.receive(_user(1))
    assert track.claim() is not None


def test_replayed_history_is_not_claimed_unless_it_was_asked_for() -> None:
    for asking in (False, True):
        track = Track("s", 0)
        track.asking = asking
        track.receive({"type": "session.resumed", "head_seq": 3})
        track.receive(_done(2, "r", "Hello."))
        assert (track.claim() is not None) is asking


def test_a_reply_that_the_server_does_not_know_any_more_is_lost() -> None:
    for active, lost in (("r", False), (None, True), ("other", True)):
        track = Track("s", 1)
        track.receive({"type": "response.created", "response": {"id": "r"}})
        reply = track.claim()
        assert reply is not None
        track.attaching()
        track.receive({"type": "session.resumed", "head_seq": 1, "active_response_id": active})
        track.replay_ended()
        assert reply.lost is lost


def test_a_reply_announced_again_begins_with_all_its_text() -> None:
    track = Track("s", 1)
    track.receive({"type": "response.created", "response": {"id": "r"}})
    track.receive({"type": "response.output_text.delta", "response_id": "r", "delta": "One "})
    track.receive({"type": "response.created", "response": {"id": "r"}})
    track.receive({"type": "response.output_text.delta", "response_id": "r", "delta": "One two"})
    reply = track.claim()
    assert reply is not None
    assert reply.text == "One two"


def test_an_event_seen_before_changes_nothing() -> None:
    track = Track()
    track.receive({"type": "session.summary", "seq": 1, "summary": {"finalScore": 1}})
    track.receive({"type": "session.summary", "seq": 1, "summary": {"finalScore": 2}})
    assert track.summary == {"finalScore": 1}


def test_a_turn_keeps_each_of_its_events_once_and_no_other() -> None:
    turn = TurnResult("i1", "Hello.")
    events: list[dict[str, object]] = [
        {"type": "conversation.item.added", "seq": 2, "item": {"id": "i1"}},
        {"type": "turn.scored", "seq": 3, "item_id": "i1", "score": 70, "rarity": "B"},
        {"type": "memory.created", "seq": 4, "key": "name", "source": {"item_id": "i1"}},
        {"type": "memory.created", "seq": 5, "key": "job", "source": {"item_id": "other"}},
        {"type": "memory.forgotten", "seq": 6, "key": "job"},
    ]
    for event in [*events, *events]:
        turn.take(event)
    assert [event["seq"] for event in turn.events] == [2, 3, 4]
    assert [event["key"] for event in turn.memory] == ["name"]
    assert (turn.score, turn.rarity) == (70, "B")
