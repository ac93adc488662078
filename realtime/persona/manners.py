"""How a persona takes a line: which of several intents is answered first, and how much more it then says."""

from realtime.minds import ReplyContext
from realtime.persona.choosing import asks
from realtime.persona.tone import closes, concurs, flatters, thanks_for_asking
from storage.catalogue.model import Intent, Mood

# Which of a line's intents is answered first. What the learner told of themselves comes after these, and is better
# taken up by what it was about.
REACTS_FIRST: tuple[Intent, ...] = (
    "APOLOGIZES", "OWNS_IT", "REPAIRS", "SETS_LIMIT", "HOLDS_FIRM", "CLOSES", "EMPATHIZES", "COMPLIMENTS",
    "PROPOSES", "DECLINES", "OFFERS_ALTERNATIVE", "JOKES", "STATES_STRENGTH", "GIVES_EXAMPLE",
    "INTRODUCES_SELF", "THANKS",
)  # fmt: skip
TELLING: tuple[Intent, ...] = ("SHARES_ABOUT_SELF", "ANSWERS", "GIVES_REASON", "FOLLOWS_UP")
# Before what was told, where that was only a word or two.
LIGHT: tuple[Intent, ...] = ("AGREES", "GREETS")
# Heard even when the mood is COLD or TENSE.
MENDING: frozenset[Intent] = frozenset({"APOLOGIZES", "OWNS_IT", "REPAIRS", "SETS_LIMIT", "CLOSES"})
# Answered before a question in the same line is.
COURTESIES: frozenset[Intent] = frozenset(
    {"APOLOGIZES", "OWNS_IT", "EMPATHIZES", "COMPLIMENTS", "INTRODUCES_SELF", "THANKS"}
)
OPENNESS: frozenset[Intent] = frozenset({"SHARES_ABOUT_SELF", "EMPATHIZES", "OWNS_IT"})
# A no is heard as a no, whatever else the line tells.
REFUSALS: frozenset[Intent] = frozenset({"SETS_LIMIT", "HOLDS_FIRM", "DECLINES"})
# Reactions that say the line was good; a line of rarity C (below 60) doesn't get them.
PRAISING: frozenset[Intent] = frozenset(
    {"JOKES", "GIVES_EXAMPLE", "STATES_STRENGTH", "OWNS_IT", "EMPATHIZES", "FOLLOWS_UP", "OFFERS_ALTERNATIVE"}
)
WEAK_BELOW = 60
# After these the reply is over: more would talk a goodbye, a no, an apology or an offer away.
LAST_WORDS: frozenset[Intent] = frozenset(
    {"CLOSES", "SETS_LIMIT", "HOLDS_FIRM", "DECLINES", "APOLOGIZES", "PROPOSES"}
)
# Facts that only answer: told unasked they would sound like a form being filled in.
ONLY_ASKED = frozenset(
    {
        "name", "age", "today", "about", "here", "partner", "kids", "pronouns", "reason", "why", "questions",
        "strength", "weakness", "talent", "doing", "advice", "eaten", "hire_me", "joke", "low",
        "regret", "cared_for", "met", "laugh", "secret",
    }
)  # fmt: skip
NEXT_MOODS: dict[Mood, tuple[Mood, ...]] = {
    "COLD": ("COLD",),  # and then its own life, in brief
    "NEUTRAL": ("NEUTRAL",),
    "WARM": ("WARM", "NEUTRAL"),
    "TENSE": ("TENSE", "COLD"),
    "FLOW": ("FLOW", "WARM", "NEUTRAL"),
}
# In a hundred: how often a free reply goes on after its first part, by the mood heard.
GOES_ON: dict[Mood, int] = {"COLD": 0, "TENSE": 0, "NEUTRAL": 35, "WARM": 60, "FLOW": 100}
# In a hundred: how often a story without an intent of its own is asked to go on, and few words are helped.
LISTENS = 65
HELPS = 65
FEW_WORDS = 2


def taken(context: ReplyContext) -> frozenset[Intent]:
    """The intents of the learner's line as they are to be taken: a goodbye or a kind word is one however it is put,
    "fine, thanks" is no thanks, "ok" agrees with nothing, and nothing is answered where nothing was asked."""
    line, mission = context.learner_line, context.template is not None
    intents = set(context.learner_intents)
    if mission:
        return frozenset(intents)
    if closes(line):
        intents.add("CLOSES")
    if flatters(line):
        intents.add("COMPLIMENTS")
    if thanks_for_asking(line):
        intents.discard("THANKS")
    if not concurs(line):
        intents.discard("AGREES")
    if not asks(context.persona_line or ""):
        intents.discard("ANSWERS")
    return frozenset(intents)
