"""What the fleet's learners say. Lines differ in what they set off (memory, gates, strikes, nothing at all), and each
holds the learner's canary, so that it reaches events, notes, quotes, memory and summaries."""

import random

_SAYINGS = (
    "My dog is called {canary}, she hates rain.",
    "I work as a nurse at {canary} hospital, mostly nights.",
    "My sister {canary} lives in Porto and paints boats.",
    "I love {canary} music, it reminds me of my first summer job.",
    "Hi, I'm {canary}. That looks like a good book, what is it about?",
    "Thank you for telling me that, I'd love to hear more about {canary}.",
    "ok {canary}",
    "I walk by the river on Sundays because the light is so good, and {canary} comes along. What do you do?",
    "Honestly I was nervous before I came over, {canary} told me to just say hello.",
    "That is funny, {canary} said the same and then fell off the chair!",
)
FREE = "persona:MAYA_PLAYFUL"
MODELS = (FREE, FREE, FREE, "persona:NOA_CALM", "template:OPENERS_CAFE_HELLO", "")


def line(dice: random.Random, canary: str, item_id: str) -> str:
    """A line that no other turn has."""
    return f"{dice.choice(_SAYINGS).format(canary=canary)} ({item_id})"
