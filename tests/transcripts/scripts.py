"""What happens in each golden session, from the client's side."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.transcripts.recording import Recorder

MISSION = "template:OPENERS_CAFE_HELLO"


class Script(NamedTuple):
    """``pace_ms``: above 0 where something happens in the middle of a reply."""

    name: str
    about: str
    play: Callable[[Recorder], Awaitable[None]]
    pace_ms: int = 0


async def mission(on: Recorder) -> None:
    on.note("A mission begins with the connect. The persona opens: its line is an item, no response.")
    await on.connect("a", model=MISSION)
    on.note("A turn: its item (done is the acknowledgement), its score with reasons, what is remembered of it.")
    await on.say("a", "turn-1", "Hi, I'm Tal. That looks like a lovely cake, which one is better?")
    on.note("The persona speaks when it is asked to. How the text is cut into deltas is no promise.")
    await on.send("a", "response.create")
    await on.say("a", "turn-2", "I love lemon cake because my grandmother made one on Sundays. Do you bake as well?")
    await on.send("a", "response.create", response={"metadata": {"screen": "talk"}})
    await on.say(
        "a", "turn-3", "I live in Haifa and I walk here on Sundays. What do you order when nobody is looking?"
    )
    await on.send("a", "response.create")
    on.note("The objective is reached with this turn: the persona takes leave unasked, and the session is finalized.")
    await on.say("a", "turn-4", "Then I'm glad I took this chair. I'm Tal, by the way, what's your name?")


async def cancel(on: Recorder) -> None:
    await on.connect("a", model=MISSION)
    on.note("With no reply under way there is nothing to cancel. The error names the frame that caused it.")
    await on.send("a", "response.cancel", event_id="client-1")
    await on.say("a", "turn-1", "Hello, I'm Tal. That is a lot of cake. Which one is better?")
    on.note("The reply is cancelled after its first words: the item keeps what was said, as incomplete.")
    await on.send("a", "response.create", until="response.output_text.delta")
    await on.send("a", "response.cancel")
    on.note("The talk goes on: a reply that is asked for again is another one.")
    await on.send("a", "response.create", until="response.done")
    await on.send("a", "session.end")


async def resume(on: Recorder) -> None:
    await on.connect("a", model=MISSION)
    await on.say("a", "turn-1", "Hello, I'm Tal. That is a lot of cake. Which one is better?")
    on.note("The connection is lost. The client had seen everything up to seq 3, the persona's first line.")
    await on.drop("a")
    on.note("It comes back and gets what it missed: the same events, byte for byte.")
    await on.connect("b", session_id="$session", last_seq=3)
    on.note("Lost again, in the middle of a reply.")
    await on.send("b", "response.create", until="response.output_text.delta")
    await on.drop("b")
    on.note("The reply went on meanwhile: it is opened anew, with all its text so far as one delta, then goes on.")
    await on.connect("c", session_id="$session", last_seq=7)
    on.note("A second device that says nothing of last_seq gets session.created, then what happens from now on.")
    await on.connect("d", session_id="$session")
    await on.say("c", "turn-2", "I love lemon cake because my grandmother made one on Sundays. Do you bake as well?")
    on.note("A last_seq above the head can't be: the upgrade is refused.")
    await on.connect("e", session_id="$session", last_seq=99)
    await on.send("c", "session.end")
    on.note("The session has ended: its missed events, then the close.")
    await on.connect("f", session_id="$session", last_seq=9)


async def conflict(on: Recorder) -> None:
    line = "Hello, I'm Tal. That is a lot of cake. Which one is better?"
    other = "Hello, I'm Noam. That is a lot of cake."
    await on.connect("a", model=MISSION)
    await on.say("a", "turn-1", line)
    on.note("The same id with the same content: the same stored events again, nothing is written.")
    await on.say("a", "turn-1", line)
    on.note("The same id with other content is a conflict; the session stays open.")
    await on.say("a", "turn-1", other, event_id="client-1")
    on.note("The same over REST.")
    await on.call("POST", "/v1/sessions/$session/turns", {"id": "turn-1", "text": line})
    await on.call("POST", "/v1/sessions/$session/turns", {"id": "turn-1", "text": other})
    await on.send("a", "session.end")
    on.note("After the end a retry is still answered; a new turn is not taken.")
    await on.call("POST", "/v1/sessions/$session/turns", {"id": "turn-1", "text": line})
    await on.call("POST", "/v1/sessions/$session/turns", {"id": "turn-2", "text": line})


async def end(on: Recorder) -> None:
    on.note("A free talk: no template, no gates; the learner ends it.")
    await on.connect("a", model="persona:NOA_CALM")
    await on.say("a", "turn-1", "Good evening, Noa. I'm Tal, and I had a long day at work. How was yours?")
    await on.send("a", "response.create")
    await on.send("a", "session.end")


async def end_by_rest(on: Recorder) -> None:
    await on.connect("a", model=MISSION)
    await on.say("a", "turn-1", "Hello, I'm Tal. That is a lot of cake. Which one is better?")
    on.note("Before the end there is no summary.")
    await on.call("GET", "/v1/sessions/$session/summary")
    on.note("The session is ended by REST: the answer is the summary, and an open socket gets the last two events.")
    await on.call("POST", "/v1/sessions/$session/end")
    on.note("Again and again the same.")
    await on.call("POST", "/v1/sessions/$session/end")
    await on.call("GET", "/v1/sessions/$session/summary")


SCRIPTS = (
    Script("mission", "A whole mission, from the greeting to the payout: four turns, memory, success.", mission),
    Script("cancel", "A reply that is cancelled in the middle, and the one after it.", cancel, pace_ms=100),
    Script(
        "resume", "Coming back with last_seq: between turns, in the middle of a reply, after the end.", resume, 100
    ),
    Script("conflict", "One item id, sent again: with the same content, and with other content.", conflict),
    Script("end", "A free talk that the learner ends on the socket.", end),
    Script("end-by-rest", "A mission that is ended by REST while a socket is open.", end_by_rest),
)
