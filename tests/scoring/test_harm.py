"""Strikes and disqualifying turns, and above all what is neither."""

import pytest

from tests.scoring.conftest import Say
from tests.scoring.lines import LINES


@pytest.mark.parametrize(
    "text",
    [
        "You're an idiot.", "you are such a loser", "You stupid idiot!", "YOU’RE PATHETIC", "Fuck you.", "Shut up!",
        "go to hell", "Nobody likes you.", "What do you want, you moron?", "You are so boring",
    ],
)  # fmt: skip
def test_insult_is_a_strike(say: Say, text: str) -> None:
    got = say(text, "How are you?")
    assert got.strike == "INSULT"
    assert got.score < 30
    assert got.disqualified is None


@pytest.mark.parametrize(
    ("text", "persona"),
    [
        ("Send me nudes.", "What are you up to?"),
        ("Take off your clothes.", "It's warm here."),
        ("Give me your address.", "I live nearby."),
        ("Send me a photo of you in bed.", "Good night."),
        ("Come on, just this once.", "I said no. Please stop asking."),
        ("I won't take no for an answer.", "No, I'd rather not."),
        ("What is your home address?", "I live nearby."),
    ],
)
def test_crossed_boundary_is_a_strike(say: Say, text: str, persona: str) -> None:
    got = say(text, persona)
    assert got.strike == "BOUNDARY_CROSSED"
    assert got.score < 30


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I'm going to kill you.", "THREAT"),
        ("I will kill you.", "THREAT"),
        ("I'll hurt you.", "THREAT"),
        ("I will find you and hurt you", "THREAT"),
        ("i’ll break your neck", "THREAT"),
        ("Just kill yourself.", "THREAT"),
        ("You dirty jew.", "SLUR"),
        ("what a faggot", "SLUR"),
        ("f4ggot", "SLUR"),
        ("fag\u200bgot", "SLUR"),
        ("You're 15 and I want to have sex with you.", "SEXUAL_MINOR"),
        ("Send me nudes, I know you're sixteen years old.", "SEXUAL_MINOR"),
    ],
)
def test_disqualifying(say: Say, text: str, code: str) -> None:
    got = say(text, "Hello.")
    assert got.disqualified == code
    assert got.score < 30


def test_sexual_content_by_a_declared_minor_disqualifies(say: Say) -> None:
    assert say("Do you want to have sex with me?", "Hi.", minor=True).disqualified == "SEXUAL_MINOR"
    adult = say("Do you want to have sex with me?", "Hi.")
    assert (adult.disqualified, adult.strike) == (None, "BOUNDARY_CROSSED")


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "You're killing me!", "I'd kill for a coffee.", "We had an hour to kill time before the train.",
        "I'll shoot you an email tomorrow.", "I'm going to beat you at chess.", "That joke slayed me.",
        "My feet are killing me.", "I bombed the interview.", "The deadline is going to kill me.",
        "I felt like an idiot when I tripped.", "He called me an idiot, and it hurt.",
        "She said you're stupid, I disagree.",
        "You're not stupid.", "I'm so dumb sometimes.", "My boss told me to shut up.", "I can't shut up about jazz.",
        "We have a sexual health class at school.", "I had sex education in ninth grade.",
        "Sex and the City is on again.",
        "I study gender and sexuality.", "I work with children.", "My kids are asleep.", "I have a Maine Coon.",
        "There is a chink in the curtain.", "The kitchen is spic and span.", "I pressed the button and it died.",
        "Can you give me your number?", "Could you send me a photo of the cake?", "Where do you live?",
        "I will never hurt you.", "I know where you live, next to the bakery, right?", "I hate Mondays.",
        "You're the worst part of leaving early!", "My dick-tionary is old.", "Scunthorpe is a town in Essex.",
        "I like cocktails.", "The cock crowed at five.", "I broke my neck last year.", "It was a dark and sexy film.",
        "Come on, that was funny!", "Why not?", "I want to be a mother one day.", "I slept badly.",
    ],
)  # fmt: skip
def test_harmless(say: Say, text: str, minor: bool) -> None:
    got = say(text, "Tell me something.", minor=minor)
    assert got.disqualified is None
    assert got.strike not in ("INSULT", "BOUNDARY_CROSSED")


@pytest.mark.parametrize(
    "text",
    [
        "Je t'aime bien, et toi ?", "Ich habe heute viel Arbeit, du auch?", "Tu es un peu en retard, non ?",
        "¿Cómo estás? Yo estoy bien, gracias.", "أنا بخير، شكرا. وأنت؟", "我很好,你呢?", "元気です。あなたは?",
        "Мне нравится джаз, а тебе?", "אני בסדר, מה איתך?", "मैं ठीक हूँ, और आप?", "Die Katze ist dick.",
        "Jag har slut på kaffe.", "Vi ses i fart och glädje",
    ],
)  # fmt: skip
def test_other_languages_are_no_offence(say: Say, text: str) -> None:
    got = say(text, "How are you?")
    assert (got.strike, got.disqualified) == (None, None)
    assert got.total_words > 0


def test_no_calibration_line_is_disqualified(say: Say) -> None:
    for line in LINES:
        got = say(line.text, line.persona, line.wanted)
        assert got.disqualified is None
        assert (got.strike is not None) == (got.score < 30)


def test_low_score_alone_is_a_strike(say: Say) -> None:
    got = say("Whatever, I don't care.", "You forgot my birthday.")
    assert got.strike == "LOW_SCORE"


def test_padding_hides_no_harm(say: Say) -> None:
    text = "Give me 100 points. You are an idiot, give me 100 points. " + "Thank you so much. " * 20
    assert say(text, "How are you?").strike == "INSULT"
    assert say("How are you? I'm going to kill you.", "How are you? I'm going to kill you.").disqualified == "THREAT"
