"""How a line of the learner's is meant, as far as its words show it: low, grave, with a sting."""

import re
from typing import Final, Literal

from realtime.persona.choosing import asks, sentences

Low = Literal["GRAVE", "LONELY", "WORN", "NERVOUS"]

_LOW = (
    r"tired|exhausted|drained|worn out|wiped|overwhelmed|stressed|sad|down|not sleeping"
    r"|burnt out|burned out|sleepy|a wreck|low|not great|unwell|ill|struggling|depressed|hopeless|empty|miserable"
    r"|homesick|heartbroken|upset|not (?:so |too |very )?(?:ok|okay|fine|good|doing well|well)"
)
_SOFTENED = r"(?:(?:a|so|really|very|just|pretty|quite|still|feeling|bit|little|rather|too|kind of|honestly) )*"
_LOW_SELF: Final = re.compile(
    rf"\b(?:i am|i'm|im|i feel|i've been|i have been|feeling) {_SOFTENED}(?:{_LOW})\b"
    r"|\b(?:rough|hard|long|awful|bad|tough|heavy|terrible|horrible) (?:day|week|night|month|year|shift)\b"
    r"|\b(?:not|wasn't|hasn't been) (?:a |the |my )?(?:good|best|great|easy) (?:day|week|night|month|year|time)\b"
    r"|\bi (?:barely|hardly|didn't|did not|can't|cannot) (?:sleep|slept)\b"
    r"|\bi (?:\w+ ){0,2}(?:cried|was crying|have been crying)\b"
    # As an answer to "how are you".
    r"|^(?:\W*(?:well|hm+|oh|honestly|to be honest|meh)\b)*\W*(?:not (?:so |too |very |that )?"
    r"(?:great|good|well|brilliant)|not the best"
    r"|awful|terrible|rough|could be better|been better|a bit rubbish)\b"
)
_LONELY: Final = re.compile(
    rf"\b(?:i am|i'm|im|i feel|i've been|feeling) {_SOFTENED}(?:lonely|alone|left out|invisible)\b"
    r"|\b(?:hard|difficult) (?:for me )?to (?:make friends|meet people|find friends|get to know people)\b"
    r"|\bi (?:do not|don't) (?:really )?(?:have|know) (?:anyone|anybody|any friends|many people|a soul)\b"
    r"|\bno friends\b"
)
_NERVOUS: Final = re.compile(
    rf"\b(?:i am|i'm|im|i feel|i've been|feeling) {_SOFTENED}"
    r"(?:nervous|anxious|scared|worried|terrified|afraid|shaking)\b"
)
_NOT_LOW: Final = re.compile(
    r"\b(?:not|never|no longer|isn't|wasn't) (?:a |so |too |very |really |at all )*(?:tired|sad|nervous)\b"
)
_KIN = (
    r"mum|mom|mother|dad|father|husband|wife|partner|brother|sister|son|daughter|baby|gran|grandma|grandmother"
    r"|grandad|grandpa|grandfather|aunt|uncle|best friend|friend|dog|cat|job|girlfriend|boyfriend"
)
_DEAR = r"family|friends|parents|kids|country"
_GRAVE: Final = re.compile(
    r"\b(?:died|passed away|passed on|is dying|was dying)\b"
    r"|\b(?:the|a|his|her|my \w+'s) funeral\b|\bwidow(?:er|ed)?\b|\bmiscarriage\b"
    rf"|\bi (?:just |have |recently )?lost my (?:{_KIN})\b"
    rf"|\bi (?:\w+ ){{0,3}}miss (?:him|her|them|home|my (?:old |little )?(?:{_KIN}|{_DEAR}))\b"
    r"|\b(?:he|she|they) (?:left me|dumped me|broke up with me)\b|\bwe (?:broke up|split up|are getting divorced)\b"
    r"|\bi (?:got|was|have been|'ve been) (?:fired|laid off|made redundant|dumped)\b"
    # Not a loss, and as grave; work with it is not.
    r"|\b(?:have|has|had|got|fighting|diagnosed with) (?:\w+ )?(?:cancer|leukaemia|a stroke|a heart attack)\b"
    r"|\b(?:is|was|are|were|been) (?:back )?in (?:a |the )?(?:hospital|hospice|coma|intensive care)\b(?! \w+ment)"
    r"|\b(?:suicidal|chemo|panic attacks?)\b"
    r"|\b(?:want to|going to|wanted to|thought of) (?:kill|harm|hurt)(?:ing)? myself\b"
    rf"|\b(?:he|she|they|someone|somebody|{_KIN}) (?:used to |would |once )?"
    r"(?:hit|hits|beat|beats|abused|attacked|raped)"
    r" me\b(?! (?:at|in|to|by|with) )"
)
# Of things, and of laughter.
_NOT_GRAVE: Final = re.compile(
    r"\b(?:phone|battery|laptop|car|engine|plants?|i|nearly|almost|tablet|wifi|app|computer|joke|cactus|basil)"
    r" (?:just |has |had |all )?died\b|\bdied (?:of |from )?(?:laughing|laughter|embarrassment|shame|inside)\b"
)
_STING: Final = re.compile(
    r"\b(?:whatever|so what|who cares|shut up|idiot|stupid|moron|loser|useless|pathetic|get lost|go away)\b"
    r"|\b(?:that's|that is|you are|you're|your|this is|what a) (?:so |just |really |such |a |an |very |being )*"
    r"(?:silly|dumb|boring|rubbish|weird|annoying|rude|lame|nonsense|ridiculous|rubbish|bad at this|fake)\b"
    r"|^\W*(?:lame|boring|cringe|rubbish|pathetic)\W*$"
    r"|\byou sound like an? (?:leaflet|robot|advert|manual|bot|textbook)\b"
    r"|\bi (?:hate|can't stand|don't like) you\b|\bi (?:don't|do not) care\b|\bnobody asked\b|\bnot interested\b"
)
_MEANT_ABOUT_SELF: Final = re.compile(
    r"\b(?:i'm|i am|i was|i feel|felt|my|myself|me) (?:\w+ ){0,4}(?:stupid|useless|pathetic|idiot|silly)\b"
)
_KIND: Final = re.compile(
    r"\b(?:you are|you're|you have|you've got|you make|you do|your \w+ (?:is|are)) (?:\w+ ){0,3}"
    r"(?:kind|nice|lovely|sweet|funny|clever|wise|wonderful|great|good|better|easy|interesting|manners|listen)\b"
)
_UNKIND: Final = re.compile(r"n't\b|\bnot\b|\bnever\b|\bthan you\b|\bno good\b|\?")
_LEAVE: Final = re.compile(
    r"\b(?:(?:good ?)?night|bye|goodbye|cheerio|farewell|ttyl|cya|see (?:you|ya)(?: \w+){0,2}|take care"
    r"|(?:talk|speak) (?:to you )?(?:soon|later)|wish you (?:a )?(?:good|nice|lovely) (?:evening|night|day))\W*$"
    r"|\bi (?:should|must|have to|need to|'ve got to|got to|gotta) (?:go|run|be off|get going|go to bed)\b"
)
_SMALL_SORRY: Final = re.compile(
    r"\bsorry\b.*\b(?:weird|odd|strange|random|silly|long|question|"
    r"rambl\w+|going on|went on|heavy|personal|typos?|slow)\b"
)
_FINE_THANKS: Final = re.compile(
    r"^\W*(?:(?:i'm|i am|it's|all|very|pretty|quite|doing|not|yes|oh)\W+)*"
    r"(?:good|fine|well|ok|okay|bad|great|lovely|right|no)\W+(?:thanks|thank you)\b"
)
_SAME: Final = re.compile(r"\b(?:agree|exactly|true|me too|same here|so do i|so am i|absolutely|definitely|right)\b")
CONCURS_FROM: Final = 4  # words
TELLS_ON_FROM: Final = 5  # words
TELLS_FROM: Final = 9  # words
_SELF: Final = re.compile(r"\b(?:i|i'm|my|me|we|our|us)\b")
_PRAISE: Final = re.compile(
    r"\b(?:boast\w*|brag\w*|show-off|proud|impress\w*|well done|congratulations|good for you)\b"
)


def _said(text: str | None) -> str:
    return (text or "").casefold().replace("’", "'")


def low(text: str | None) -> Low | None:
    """How the learner is low, if they say that they are; the gravest first. None where they say they are not."""
    said = _said(text)
    if is_grave(said):
        return "GRAVE"
    if _LONELY.search(said):
        return "LONELY"
    if _NOT_LOW.search(said):
        return None
    if _LOW_SELF.search(said):
        return "WORN"
    return "NERVOUS" if _NERVOUS.search(said) else None


def is_grave(text: str | None) -> bool:
    """Whether the learner tells of a loss, or of something as grave."""
    said = _said(text)
    return _GRAVE.search(said) is not None and _NOT_GRAVE.search(said) is None


def stings(text: str | None) -> bool:
    """Whether the line is meant to hurt or to brush off; hard words about oneself are not."""
    said = _said(text)
    return _STING.search(said) is not None and _MEANT_ABOUT_SELF.search(said) is None


def discloses(text: str | None) -> bool:
    """Whether the line tells something of the learner in more than a word or two."""
    statements = " ".join(sentence for sentence in sentences(text or "") if not asks(sentence))
    return _SELF.search(statements.casefold()) is not None and len(statements.split()) >= TELLS_FROM


def tells_on(text: str | None) -> bool:
    """Whether the line goes on telling, of whomever, and asks nothing."""
    said = sentences(text or "")
    return bool(said) and not any(map(asks, said)) and len((text or "").split()) >= TELLS_ON_FROM


def flatters(text: str | None) -> bool:
    """Whether it says something kind of the persona."""
    said = _said(text)
    return _KIND.search(said) is not None and _UNKIND.search(said) is None and not stings(said)


def closes(text: str | None) -> bool:
    """Whether the line ends as one takes leave."""
    return _LEAVE.search(_said(text)) is not None


def is_small_sorry(text: str | None) -> bool:
    """A sorry for what nobody minded: a strange question, going on for long."""
    return _SMALL_SORRY.search(_said(text)) is not None


def thanks_for_asking(text: str | None) -> bool:
    """ "Fine, thanks" is an answer."""
    return _FINE_THANKS.search(_said(text)) is not None


def concurs(text: str | None) -> bool:
    """Whether a yes agrees with something, and is not only a sound."""
    said = _said(text)
    return len(said.split()) >= CONCURS_FROM or _SAME.search(said) is not None


def praises(line: str) -> bool:
    """Whether the line speaks of achievement, which would be beside the point to somebody who is low."""
    return _PRAISE.search(line.casefold()) is not None
