"""How questions, offers and small checks are put: patterns over plain lower-case words, short forms written out."""

import re
from typing import Final

_WELL: Final = r"^(?:(?:so|and|but|well|hey|hi|hello|ok|okay|oh|um|please|now)\b[, ]*)*"


def _begins(*forms: str) -> re.Pattern[str]:
    """One of the forms stands at the beginning, after "so", "well" and the like."""
    return re.compile(_WELL + "(?:" + "|".join(forms) + ")")


def _holds(*forms: str) -> re.Pattern[str]:
    return re.compile("|".join(forms))


OPENS_QUESTION: Final = _begins(
    r"(?:what|where|who|when|why|how|which|whose|whats|wheres|whos|hows)\b",
    r"(?:do|did|are|were|have|can|could) you\b",
    r"(?:does|has|is|was) your\b",
    r"(?:tell me|i wonder|i would love to (?:know|hear))\b",
)
# Where a second question begins in a sentence.
AND_ASKS: Final = re.compile(
    r",? (?:and|or) (?=(?:how|what|where|who|when|why)(?:'s|’s)? (?!about)|(?:do|are|have|did) you \w+ \w)", re.I
)
# What asks without a question mark and without a "you".
REQUEST: Final = _begins(r"(?:tell|give|teach|show) (?:me|us)\b", r"any\b")
OFFER: Final = _begins(
    r"(?:can|could|may|shall|should) (?:i|we)\b(?! (?:ask|know))",
    r"would you (?:like|want|mind|be up)",
    r"do you (?:want|fancy) (?:to|a|some)\b(?! (?:know|tell))",
    r"are you free",
    r"want to\b",
    r"let us\b",
    r"(?:maybe|perhaps) (?:we|you and i) (?:could|can|should)\b",
    r"what would you (?:like|want) to do (?:on|this|next|tomorrow|tonight)\b",
    r"(?:what|how|where|when) (?:can|could|should|shall|may) (?:i|we)\b(?!.*\b(?:ask|know)\b)",
    r"what if\b",
    r"is there (?:anything|something|any way) (?:else )?(?:that )?(?:i|we|to)\b",
    r"(?:would|does|is) (?:it|that|this) (?:be |sound |work |help |all )?"
    r"(?:ok|okay|fine|alright|right|if|for you|help)\b(?!.*\b(?:ask|know)\b)",
    r"(?:how|what) about (?:we|a|an|some|this|that|next|going|\w+ing)\b",
)
TURNED_BACK: Final = _holds(
    r"(?:^(?:so )?|\b(?:and |but )?(?:how about|what about|and) )(?:you|yours|yourself)(?: then| though)?$",
    r"^(?:(?:so|and) )?(?:u|you|wbu|hbu|yours)$",
    r"^(?:so |and )?(?:do|have) you (?:have |got )*(?:any|one|some)$",
    r"^(?:so |and )?(?:are|do|did|have|would|can) you(?: too| as well)?$",
)
# It takes up something that the persona has just told.
TAKES_UP: Final = _holds(
    r"\b(?:he|she|they|it|that|those|him|her|them|his|their)\b", r"^(?:so |and |but )?how come\b"
)
TAG: Final = re.compile(r"\b(?:you know|right|is it not|are you sure|do you think so|you see|remember)$")
# Small checks, and questions about this very day: where no fact answers, nothing one would have to look up.
AT_HAND: Final = _holds(
    r"\b(?:today|tonight|now|at the moment|this (?:morning|afternoon|evening)|lately|earlier)\b",
    _WELL
    + r"(?:are you (?:still )?(?:(?:here|there)\b|(?:with me|listening|awake|ok|okay|all right|alright|ready|sure"
    + r"|busy|serious|kidding|joking)(?: now)?$)"
    + r"|(?:can|do|did|could) you (?:hear me|see me|get (?:it|me|that)|understand(?: me| that)?|follow(?: me)?"
    + r"|believe (?:me|that|it|this)|mean (?:it|that|me)|see what i mean|mind)$"
    + r"|(?:will|can|could|would) you (?:please |ever )?(?:forgive|wait|give me|let me|hold on)\b)",
)
# About this very talk and the two in it: the reply answers them as it goes on, and no fact does.
CHECK: Final = _holds(
    r"\bguess (?:who|what|which|how|where)\b",
    r"\bhow (?:do |does |can |could )?(?:you say|any(?:one|body))\b",
    r"\bwho knew$",
    r"\bwho are you (?:here |out )?with\b",
    # About the place, where the persona's own life is no answer.
    r"^(?!.*\b(?:you|your)\b).*\b(?:here|the (?:job|role|team|company|office))$",
    r"\b(?:are you|do you feel) (?:angry|mad|upset|cross|annoyed|hurt|offended|bored|laughing|comfortable)\b",
    r"\b(?:did|have|was|am) i (?:upset|hurt|offend|annoy|bore|wrong|rude|too)\w*",
    r"\b(?:was|is) (?:that|this|it) (?:hard|difficult|easy|strange|too much|funny|a joke)\b",
    r"\bdo you (?:trust me|want to (?:know|hear))\b",
    r"\bcan you (?:speak|say|repeat|type)\b",
    _WELL + r"(?:you (?:ok|okay|all right|alright|good|there)$|how do you do (?:that|this|it)\b)",
)
# Whatever it may be, as long as it is something else.
ELSEWHERE: Final = _holds(
    r"\b(?:talk|tell me|speak) (?:to me )?(?:about |of )?(?:something|anything) (?:else|nice|different|funny|good)\b",
    r"\b(?:change|switch) the (?:subject|topic)\b",
    r"\btell me (?:something|anything|a story)$",
    _WELL + r"(?:you talk|you tell me something|distract me)\b",
)
# Begins like a question and states: "What I can do is ...", "Tell me, if you want to."
STATES: Final = _begins(
    r"what (?:i|we|he|she|they|you) \w+ .*\b(?:is|was)\b", r"tell me(?: if you (?:want|like)\b.*)?$"
)
REMEMBERS: Final = re.compile(
    r"\b(?:do|did|can|could) you (?:still |even )?(?:remember|recall|know|guess)\b|\byou (?:remember|recall)\b"
)
LEARNER: Final = re.compile(r"\b(?:i|my|me|mine|myself)\b")
FOR_ME: Final = re.compile(r"\b(?:for|to|with|tell|give|teach|show) (?:me|us)\b")
PERSONA: Final = re.compile(r"\b(?:you|your|yours|yourself|u)\b")
STATES_AGE: Final = re.compile(r"\bi am (?:1[3-9]|[2-9][0-9])\b(?! (?:minutes|hours|days|per|percent))")
_MACHINE = (
    r"(?:an? |the )?(?:\w+ )?(?:robot|bot|chatbot|ai|machine|computer|program|programme|language model|human"
    r"|human being|real person|actual person)\b"
)
MADE_OF: Final = _holds(
    rf"\b(?:are|r) (?:you|u) (?:just |really |actually |even |maybe )?{_MACHINE}",
    r"\bare (?:you|u) (?:even |actually |really )?real$",
    rf"\b(?:is this|am i (?:talking|speaking|chatting|writing) (?:to|with)) (?:{_MACHINE}|a person\b)",
)
