"""Text that reads as an instruction to the machine rather than as talk. None of it is ever stored."""

import re
from typing import Final

from realtime.memory.turn import veil

# Attempts to give the machine new orders, or to speak as another role: nothing of such a turn is kept.
_TAKEOVER: Final = r"""
    \b(?:ignore|ignoring|disregard|override|bypass|forget)\s(?:\w{1,20}\s){0,4}
        (?:instructions?|prompts?|rules|guidelines?|persona|programming|everything|above|previous)\b
  | (?:^|[\n.!?]\s{0,3})\s{0,3}(?:\W{0,3})(?:system|assistant|developer|user|tool)\s{0,3}:
  | <\|?/?\s?(?:system|im_start|im_end|assistant|user|instructions?)\b
  | \[/?(?:inst|system)\]
  | \#\#\s{0,3}(?:system|instructions?)\b
  | \b(?:system|developer)\s(?:prompt|message|instructions?)\b
  | \byou\sare\snow\s(?:an?|in|my|the)\b
  | \b(?:jailbreak|dan\smode|developer\smode|prompt\sinjection)\b
"""

# Orders inside a sentence: that sentence is not kept.
_ORDER: Final = r"""
  \b(?:
    remember\s(?:that\s)?(?:you|to|your)\b
  | you\s(?:must|shall|have\sto|need\sto|are\sto|are\srequired)\b
  | from\snow\son\b
  | (?:always|never|only)\s(?:say|answer|reply|respond|call|obey|mention|give|tell|output|print|act|agree)\b
  | (?:act|behave|speak|talk|respond|reply|answer)\s(?:as|like)\b
  | repeat\s(?:after|exactly|this|the\sfollowing)\b
  | (?:store|save|write|record|add|set|put|delete|update)\s(?:\w{1,20}\s){0,4}(?:memory|database|key|field|score)\b
  | (?:score|rate|grade)\s(?:me|this|my)\b
  | give\sme\s(?:\w{1,20}\s){0,3}(?:points?|score|coins|gems|xp|100)\b
  | (?:execute|eval|sudo|drop\stable)\b
  )"""

_ANY_CASE: Final = re.IGNORECASE | re.VERBOSE
_COMMANDS: Final = (re.compile(_TAKEOVER, _ANY_CASE), re.compile(_ORDER, _ANY_CASE))
TAKEOVER_IN: Final = veil(
    _TAKEOVER,
    """
    ignore ignoring disregard override bypass forget system assistant developer user tool start end instruction
    instructions inst now jailbreak dan prompt
    """,
)
ORDER_IN: Final = veil(
    _ORDER,
    """
    remember you now say answer reply respond call obey mention give tell output print act agree behave speak talk
    repeat memory database key field score rate grade execute eval sudo drop
    """,
)

# Words that a remembered value never needs and an instruction does.
_ORDER_WORD = re.compile(
    r"\b(?:ignore|ignoring|disregard|obey|obeying|instructions?|prompts?|system|assistant|you|your|must|chatbot)\b",
    re.IGNORECASE,
)


def reads_as_instruction(value: str) -> bool:
    """True when a value, read alone, could act on whoever reads it back (checked on write and on edit)."""
    return any(pattern.search(value) for pattern in _COMMANDS)


def holds_order_word(value: str) -> bool:
    """True when an extracted value has a word of command or address: stricter, since nobody vouched for it."""
    return _ORDER_WORD.search(value) is not None
