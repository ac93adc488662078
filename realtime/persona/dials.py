"""What a mission's dials and style do to the persona's lines. Each is a pure function of the context.

==================  =========================================================================================
dial (0..100)       effect
==================  =========================================================================================
mode                REAL_LIFE: no emoji, whatever the density; CHAT: emoji by density
pace                67 and up: the shorter half of a pool; 33 and down: the longer half
emojiDensity        that chance in a hundred of an emoji after the line; none when COLD or TENSE, none
                    while a RECOVERY is below a progress of 55, none in a parting that went wrong
flirtiveness          turns WARM sooner: each 10 lower the mood it takes by 1
hostility           NEUTRAL or COLD is heard as TENSE below a mood of 0.6 times the dial
dryness             that chance in a hundred to drop a follow-up question; from 50 on, dry lines first
vulnerability       that chance in a hundred to answer openness with a line of its own before going on
escalationSpeed     NEUTRAL is heard as WARM from 80 - dial / 4, WARM as FLOW from 95 - dial / 4;
                    below 25, FLOW is heard as WARM
randomness          a quarter of it in a hundred: an aside about the persona's own life before going on;
                    none in RECOVERY or BOUNDARY, nor after a line that asks or opens up, mends or says no
styleIntensity      SOFT takes 15 off hostility (sharp styles) or escalation (lively ones), HARD adds 15;
                    and the chance of the style's lead-in: SOFT 3, NORMAL 10, HARD 25 in a hundred
==================  =========================================================================================

Free play has no dials. A mission's own line keeps its question: the talk can't go on without it.
"""

from realtime.minds import ReplyContext
from realtime.persona.choosing import Chooser, asks
from storage.catalogue.model import Difficulty, Dynamics, GoalType, Intent, Mood, PersonaStyle

SHARP: frozenset[PersonaStyle] = frozenset({"CHALLENGING", "COLD", "DIRECT", "JUDGMENTAL"})
LIVELY: frozenset[PersonaStyle] = frozenset({"FLIRTY", "PLAYFUL", "WARM", "CHAOTIC"})
# Points of mood that the persona wants beyond what the dials say, by difficulty.
RESERVE: dict[Difficulty, int] = {"EASY": -4, "MEDIUM": 0, "HARD": 4, "ELITE": 8}
COLD_BELOW, WARM_FROM = 30, 60  # of the practice rules' mood states
LOOKS_AROUND = 50  # in a hundred, of the first pauses at a node
INTENSITY = {"SOFT": -15, "NORMAL": 0, "HARD": 15}
LEAD_IN_CHANCE = {"SOFT": 3, "NORMAL": 10, "HARD": 25}
SERIOUS_GOALS: frozenset[GoalType] = frozenset({"RECOVERY", "BOUNDARY"})
# After a line that does one of these, an aside about something else would be a snub.
ON_THEIR_MIND: frozenset[Intent] = frozenset(
    {
        "ASKS_QUESTION", "ANSWERS", "SHARES_ABOUT_SELF", "APOLOGIZES", "OWNS_IT", "REPAIRS", "EMPATHIZES",
        "SETS_LIMIT", "HOLDS_FIRM", "DECLINES", "OFFERS_ALTERNATIVE", "PROPOSES", "THANKS", "CLOSES",
    }
)  # fmt: skip
FORGIVEN = 55  # progress of a RECOVERY from which the persona is light again
UNHURRIED, HURRIED = 33, 67
DRY = 50

LEAD_INS: dict[PersonaStyle, tuple[str, ...]] = {
    "NEUTRAL": (),
    "FLIRTY": ("Well, you.", "Oh, you.", "Mm, go on, then."),
    "PLAYFUL": ("Well, well.", "Okay, okay.", "Right, then.", "Ha."),
    "CHALLENGING": ("Let's see.", "Go on, then.", "Hm, well."),
    "WARM": ("Mm.", "Ah.", "I'm listening."),
    "COLD": ("Fine.", "Well."),
    "SHY": ("Um.", "Oh. Well.", "Sorry, um."),
    "DIRECT": ("Right.", "Okay.", "All right."),
    "JUDGMENTAL": ("Hm.", "Is that so.", "Interesting."),
    "CHAOTIC": ("Wait, wait.", "Hold on.", "Okay, so."),
}

EMOJI: dict[PersonaStyle, tuple[str, ...]] = {
    "NEUTRAL": ("🙂", "👍"),
    "FLIRTY": ("😉", "😊", "✨"),
    "PLAYFUL": ("😄", "😅", "🙃", "🎭"),
    "CHALLENGING": ("🤔", "😏"),
    "WARM": ("🙂", "🌿", "☕", "🤍"),
    "COLD": ("🙂",),
    "SHY": ("🙈", "☺️"),
    "DIRECT": ("👍", "🙂"),
    "JUDGMENTAL": ("🤨", "🤔"),
    "CHAOTIC": ("🤯", "🎉", "🦆"),
}


def style_of(context: ReplyContext) -> PersonaStyle:
    return context.persona.style if context.style is None else context.style.ai_style_key


def heard_mood(context: ReplyContext) -> Mood:
    """The mood as the persona's temper lets it be heard."""
    dials = context.dynamics
    if dials is None:
        return context.mood
    mood, percent = context.mood, context.mood_percent
    extra = 0 if context.style is None else INTENSITY[context.style.style_intensity]
    hostility = dials.hostility + (extra if style_of(context) in SHARP else 0)
    speed = dials.escalation_speed + (extra if style_of(context) in LIVELY else 0)
    reserve = 0 if context.template is None else RESERVE[context.template.difficulty]
    if mood in ("NEUTRAL", "COLD") and percent < 0.6 * hostility:
        return "TENSE"
    if mood == "COLD" and COLD_BELOW + reserve <= percent < COLD_BELOW:
        return "NEUTRAL"
    if mood == "NEUTRAL" and percent >= 80 - speed / 4 - dials.flirtiveness / 10 + reserve:
        return "WARM"
    if mood == "WARM" and percent >= 95 - speed / 4 + reserve:
        return "FLOW"
    if mood == "WARM" and WARM_FROM <= percent < WARM_FROM + reserve:
        return "NEUTRAL"
    if mood == "FLOW" and speed < 25:
        return "WARM"
    return mood


def narrowed(lines: list[str], dials: Dynamics | None, mood: Mood) -> list[str]:
    """Those of ``lines`` that suit pace, dryness and a cold mood; all of them rather than none."""
    if dials is not None and dials.dryness >= DRY:
        lines = [line for line in lines if not asks(line) and "!" not in line] or lines
    if mood == "COLD" or (dials is not None and dials.pace >= HURRIED):
        return sorted(lines, key=len)[: (len(lines) + 1) // 2]
    if dials is not None and dials.pace <= UNHURRIED:
        return sorted(lines, key=len)[len(lines) // 2 :]
    return lines


def drops_question(dials: Dynamics | None, chooser: Chooser) -> bool:
    return dials is not None and chooser.chance("dryness", dials.dryness)


def opens_up(dials: Dynamics | None, chooser: Chooser) -> bool:
    return dials is not None and chooser.chance("vulnerability", dials.vulnerability)


def digresses(context: ReplyContext, chooser: Chooser) -> bool:
    """Never where the talk is about something that matters to the learner just then."""
    dials = context.dynamics
    return dials is not None and may_digress(context) and chooser.chance("randomness", dials.randomness / 4)


def looks_around(context: ReplyContext, chooser: Chooser) -> bool:
    """Whether a first pause is filled with a word on the place."""
    return may_digress(context) and chooser.chance("looks around", LOOKS_AROUND)


def is_serious(context: ReplyContext) -> bool:
    return context.template is not None and context.template.goal_type in SERIOUS_GOALS


def may_digress(context: ReplyContext) -> bool:
    return not is_serious(context) and ON_THEIR_MIND.isdisjoint(context.learner_intents)


def lead_ins(context: ReplyContext, mood: Mood, chooser: Chooser) -> tuple[str, ...]:
    """The short words the style may begin with in this reply; none most of the time."""
    if context.style is None or (mood in ("COLD", "TENSE") and style_of(context) not in SHARP):
        return ()
    chance = LEAD_IN_CHANCE[context.style.style_intensity]
    return LEAD_INS[style_of(context)] if chooser.chance("lead-in", chance) else ()


def emoji(context: ReplyContext, mood: Mood, chooser: Chooser) -> str:
    """What stands after the line: a space and an emoji, or nothing."""
    dials = context.dynamics
    if dials is None or dials.mode != "CHAT" or _earnest(context, mood):
        return ""
    if not chooser.chance("emoji", dials.emoji_density):
        return ""
    choice = EMOJI[style_of(context)]
    return " " + choice[chooser.number("which emoji") % len(choice)]


def _earnest(context: ReplyContext, mood: Mood) -> bool:
    """Whether an emoji would be out of place: in a tense or cold talk, and while something is still to be
    forgiven."""
    if mood in ("COLD", "TENSE") or context.mood in ("COLD", "TENSE"):
        return True
    if context.kind == "CLOSING" and context.closing not in ("SUCCESS", "LEFT"):
        return True
    template, node = context.template, context.node
    recovering = template is not None and template.goal_type == "RECOVERY"
    return recovering and (node is None or node.progress < FORGIVEN)
