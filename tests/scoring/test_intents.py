"""Each intent, in the forms people write; and the near misses."""

from typing import get_args

import pytest

from storage.catalogue.model import Intent
from tests.scoring.conftest import Say

SHOWS: list[tuple[Intent, str | None, str]] = [
    ("GREETS", None, "hello"),
    ("GREETS", None, "GOOD MORNING, everyone"),
    ("INTRODUCES_SELF", None, "Hey, I’m Tal."),
    ("INTRODUCES_SELF", None, "my name is noa"),
    ("ASKS_QUESTION", "I paint.", "what do you paint"),
    ("ASKS_QUESTION", "I paint.", "You paint every day?"),
    ("ASKS_QUESTION", "I paint.", "Tell me more about that."),
    ("ANSWERS", "Where do you work?", "I work in a bakery."),
    ("ANSWERS", "What music do you like?", "Mostly jazz."),
    ("SHARES_ABOUT_SELF", None, "I've got two sisters."),
    ("SHARES_ABOUT_SELF", None, "We moved here in spring."),
    ("FOLLOWS_UP", "I went to Lisbon.", "How was Lisbon?"),
    ("FOLLOWS_UP", "I was painting all day.", "I used to paint as well."),
    ("COMPLIMENTS", None, "You’ve got a great smile, and I love your jacket."),
    ("JOKES", None, "Plot twist: I am the dentist."),
    ("APOLOGIZES", None, "I'm really sorry about that."),
    ("APOLOGIZES", None, "i apologise"),
    ("OWNS_IT", None, "That was on me."),
    ("OWNS_IT", None, "I shouldn't have said it."),
    ("EMPATHIZES", "My cat died.", "That must have been so sad."),
    ("REPAIRS", "You broke it.", "Can I make it up to you?"),
    ("SETS_LIMIT", "Lend me money?", "I can’t lend you money."),
    ("SETS_LIMIT", "Lend me money?", "No."),
    ("GIVES_REASON", "Why?", "Because I need to sleep."),
    ("OFFERS_ALTERNATIVE", "Stay late?", "I can't, but I could come in earlier tomorrow."),
    ("HOLDS_FIRM", "Oh please!", "I understand, and it is still no."),
    ("GIVES_EXAMPLE", "Like what?", "For example, I trained two people."),
    ("STATES_STRENGTH", "Strengths?", "I'm good at staying calm."),
    ("PROPOSES", "I'm free.", "Let's meet on Friday."),
    ("PROPOSES", "I'm free.", "Would you like to get a coffee?"),
    ("AGREES", "Coffee?", "Sounds great!"),
    ("DECLINES", "Coffee?", "No thanks, I don't drink coffee."),
    ("THANKS", None, "thx"),
    ("THANKS", None, "Thank you so much!"),
    ("CLOSES", None, "I have to go, see you tomorrow!"),
]
MISSES: list[tuple[Intent, str | None, str]] = [
    ("GREETS", None, "I said high five to him."),
    ("INTRODUCES_SELF", None, "I'm tired."),
    ("INTRODUCES_SELF", None, "I'm Spanish."),
    ("ASKS_QUESTION", None, "What a day."),
    ("ASKS_QUESTION", None, "Fine????"),
    ("ASKS_QUESTION", None, "I know what I like."),
    ("ANSWERS", "I like tea.", "I like tea too."),
    ("FOLLOWS_UP", "I went to Lisbon.", "I went to the shop."),
    ("JOKES", None, "Haha."),
    ("JOKES", None, "I would like a coffee with milk."),
    ("APOLOGIZES", None, "I'm not sorry."),
    ("OWNS_IT", None, "That's not my fault."),
    ("THANKS", None, "No thanks to him."),
    ("SETS_LIMIT", None, "No worries."),
    ("COMPLIMENTS", None, "You are not funny."),
    ("AGREES", None, "I'm not sure."),
    ("GIVES_REASON", None, "Because."),
    ("EMPATHIZES", None, "That is a table."),
]


@pytest.mark.parametrize(("intent", "persona", "text"), SHOWS)
def test_intent_is_seen(say: Say, intent: Intent, persona: str | None, text: str) -> None:
    assert intent in say(text, persona).intents


@pytest.mark.parametrize(("intent", "persona", "text"), MISSES)
def test_intent_is_not_seen(say: Say, intent: Intent, persona: str | None, text: str) -> None:
    assert intent not in say(text, persona).intents


def test_every_intent_has_an_example() -> None:
    assert {intent for intent, _persona, _text in SHOWS} == set(get_args(Intent))
