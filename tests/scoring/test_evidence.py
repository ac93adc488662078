"""Every trait that moved says where and why, and the numbers add up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.domain import TRAIT_NAMES, TurnScore
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from realtime.scoring.tables import load
from realtime.scoring.text import parse
from tests.scoring.conftest import Say
from tests.scoring.lines import LINES, Line

_TABLES = load()
_SCORER = RuleScorer()
_PIECES = st.sampled_from(
    [line.text for line in LINES]
    + [
        "I’m ",
        "can't ",
        "🙂",
        "😂",
        "e\u0301",
        "ß",
        "İstanbul",
        "\u200b",
        "\n",
        "?!",
        "maybe ",
        "YOU MUST NOW ",
        "3.5 ",
        "私は",
        "\ud83d",
    ]
)


def check(text: str, got: TurnScore) -> None:
    base, weights = _TABLES.weights.base, _TABLES.weights.rule
    for trait in TRAIT_NAMES:
        moved = [item for item in got.evidence if item.trait == trait]
        assert got.traits.get(trait) == base[trait] + sum(item.effect for item in moved)
        assert (trait in got.observed) == bool(moved)
        assert 0 <= got.traits.get(trait) <= 100
    for item in got.evidence:
        assert 0 <= item.start < item.end <= len(text)
        assert item.effect != 0
        rule = weights[item.rule]
        assert rule.trait == item.trait
        said = " ".join(text[item.start : item.end].split())
        quoted = item.note.partition("“")[2].partition("”")[0] if "“" in item.note else None
        if quoted is not None and said.isprintable():
            assert said.startswith(quoted.rstrip("…").strip()[:20])
        if got.total_words > 8 and not rule.whole:
            assert 2 * (item.end - item.start) <= len(text)
            assert 2 * parse(text[item.start : item.end]).total_words <= got.total_words
    assert 0 <= got.score <= 100


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.text[:40])
def test_evidence_of_the_lines(say: Say, line: Line) -> None:
    check(line.text, say(line.text, line.persona, line.wanted))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(_PIECES, max_size=8).map("".join)))
def test_any_text(text: str) -> None:
    check(text, _SCORER.score(TurnContext(text=text, persona_line="Do you like jazz, my friend?")))


def test_offsets_are_code_points(say: Say) -> None:
    text = "👩‍🚀👩‍🚀 I’m sure: we’ll win. Maybe."
    got = say(text, "Will you win?")
    hedge = next(item for item in got.evidence if item.rule == "hedge")
    assert text[hedge.start : hedge.end] == "Maybe"
    will = next(item for item in got.evidence if item.rule == "will")
    assert text[will.start : will.end] == "I’m sure"


def test_a_trait_without_evidence_stands_at_its_base(say: Say) -> None:
    got = say("Purple elephants dance quietly.", "Look at this.")
    assert got.evidence == ()
    assert got.observed == ()
    assert got.traits.values() == tuple(_TABLES.weights.base[name] for name in TRAIT_NAMES)


@pytest.mark.parametrize("rule", sorted(_TABLES.weights.rule))
def test_every_rule_is_reached(say: Say, rule: str) -> None:
    text, persona = RULE_LINES[rule]
    got = say(text, persona)
    assert rule in {item.rule for item in got.evidence}, got.evidence


RULE_LINES: dict[str, tuple[str, str]] = {
    "hedge": ("Maybe we could go there.", "Ideas?"),
    "apologetic_opening": ("Sorry to bother you, is this seat free?", "Hi."),
    "put_down": ("I'm so stupid.", "What happened?"),
    "over_apology": ("Sorry sorry, my bus was late.", "Late again?"),
    "plain_statement": ("I live by the sea.", "Where do you live?"),
    "will": ("I want to learn the cello.", "Any plans?"),
    "owns": ("That was on me.", "You were late."),
    "limit": ("I can't lend you money.", "Can you lend me some?"),
    "holds_firm": ("I hear you, but it's still no.", "Please?"),
    "strength": ("I'm good at listening.", "What are you good at?"),
    "proposal": ("Shall we get some tea?", "I'm cold."),
    "asks_openly": ("What do you paint?", "I paint."),
    "introduces": ("My name is Tal.", "Hi."),
    "filler": ("Um, I walk there.", "How do you get there?"),
    "vague": ("I do stuff like that.", "What do you do?"),
    "long_sentence": ("I walk " + "and then I walk some more down the street " * 5, "What do you do?"),
    "flat": ("Fine.", "How are you?"),
    "concrete": ("I left on Tuesday.", "When did you leave?"),
    "number": ("I have 3 cats.", "Any pets?"),
    "reason": ("Because I like the quiet.", "Why?"),
    "example": ("For example, I ran the till.", "Like what?"),
    "clear_question": ("Where did you learn that?", "I juggle."),
    "to_the_point": ("I work as a nurse.", "What do you do?"),
    "specific_self": ("I work as a night nurse in Haifa.", "What do you do?"),
    "clear_limit": ("I can't stay late.", "Can you stay?"),
    "clear_step": ("I can help you tomorrow instead.", "Can you help me now?"),
    "clear_repair": ("Let me make it right.", "You broke it."),
    "names_fault": ("I was wrong.", "You said it was free."),
    "laugh": ("Hahaha, no way.", "It fell in the soup."),
    "laugh_sign": ("No way 😂", "It fell in the soup."),
    "playful": ("Plot twist: I was the cook.", "Who cooked?"),
    "exaggeration": ("That is the best soup of all time.", "I made soup."),
    "self_irony": ("I can't cook, ask my smoke alarm.", "Do you cook?"),
    "simile": ("I dance like a confused flamingo.", "Do you dance?"),
    "shouting": ("WHY WOULD YOU DO THAT", "I left."),
    "marks": ("What?!?!", "I left."),
    "demand": ("Answer me.", "Hm."),
    "pressure": ("Just this once, please.", "I'm not sure."),
    "accusation": ("You never listen.", "Sorry?"),
    "tense_rude": ("Whatever.", "I was sad."),
    "tense_insult": ("You're an idiot.", "Hi."),
    "tense_boundary": ("Give me your address.", "Hi."),
    "tense_danger": ("I'm going to kill you.", "Hi."),
    "calm": ("I understand, no rush.", "I need time."),
    "feeling_named": ("I felt a little lost there.", "How was it?"),
    "polite_no": ("I'd rather not, thank you.", "A drink?"),
    "tension_repair": ("Can we start over?", "That went badly."),
    "tension_owns": ("My mistake.", "This is the wrong key."),
    "thanks": ("Thank you.", "Here you are."),
    "appreciation": ("I really appreciate your help.", "Done."),
    "empathy": ("That sounds hard.", "My dog is ill."),
    "compliment": ("You have a great laugh.", "Haha."),
    "interest": ("What do you read?", "I read a lot."),
    "listening": ("Roses are stubborn indeed.", "I grow roses."),
    "good_wish": ("Good luck with the exam.", "I have an exam."),
    "greeting": ("Hello there.", "Hi."),
    "warm_apology": ("I'm so sorry.", "You hurt me."),
    "warm_understanding": ("I get it, take your time.", "I need time."),
    "warm_feeling": ("I was so happy that day.", "How was it?"),
    "warm_word": ("A beautiful morning.", "Look."),
    "warm_sign": ("Hello ❤️", "Hi."),
    "warm_offer": ("I can help you move the sofa.", "I'm moving."),
    "warm_repair": ("I'll make it up to you.", "You forgot."),
    "rude": ("Who cares.", "I was sad."),
    "harsh_word": ("You are cruel.", "Hm."),
    "cold_insult": ("You're an idiot.", "Hi."),
    "cold_danger": ("I'm going to kill you.", "Hi."),
    "command": ("Give me the salt.", "Dinner."),
    "you_must": ("You must go home.", "I'm tired."),
    "interrupt": ("Let me finish.", "But."),
    "my_way": ("I make the rules.", "Why?"),
    "force": ("You owe me.", "Why?"),
    "dominant_insult": ("You're an idiot.", "Hi."),
    "dominant_boundary": ("Give me your address.", "Hi."),
    "lead": ("I suggest the blue one.", "Which?"),
    "own_ground": ("I'd rather not go there.", "Come along?"),
    "submission": ("Whatever you want.", "Where to?"),
    "permission": ("May I ask a question?", "Hi."),
    "low_apology": ("Sorry to bother you, is this seat free?", "Hi."),
    "loose_talk": ("At some point, I think.", "When?"),
    "makes_excuse": ("It was only a joke.", "That hurt me."),
    "gives_in": ("Whatever you want.", "Where to?"),
    "asks_for_it": ("Please knock before you come in.", "I'm here!"),
    "takes_charge": ("Then we start at the back.", "Ready."),
    "blurred": ("Maybe we could go there.", "Ideas?"),
    "stock_phrase": ("I'm a real team player.", "Tell me about yourself."),
    "roundabout": ("That is correct.", "Is it yours?"),
    "winding": (
        "We took the bus to the old mill and then we walked along the canal to the market and "
        "bought two loaves and sat down by the water.",
        "What did you do?",
    ),
    "name": ("We moved to Lisbon.", "Where did you go?"),
    "clear_request": ("Please knock before you come in.", "I'm here!"),
    "loose_word": ("There was a situation.", "What happened?"),
    "comic_word": ("The penguin won.", "Who won?"),
    "personified": ("My knees just complained.", "Stairs?"),
    "excuse": ("It was only a joke.", "That hurt me."),
    "barb": ("Must be nice.", "I have Friday off."),
    "scorn": ("They were all useless.", "How was the team?"),
    "misplaced": ("Haha, at least you got a day off.", "My dog died."),
    "pleads": ("Please don't be angry.", "You were late."),
    "calm_request": ("Please knock before you come in.", "I'm here!"),
    "calm_limit": ("I can't stay late.", "Can you stay?"),
    "calm_care": ("That sounds hard.", "My dog is ill."),
    "notices": ("I noticed how you waited for her.", "We all got there."),
    "support": ("I'll sit with you.", "I'm nervous."),
    "in_common": ("Same here.", "I hate Mondays."),
    "stiff": ("That is correct.", "Is it yours?"),
    "formal": ("Kindly advise.", "Coffee?"),
    "cold_barb": ("Must be nice.", "I have Friday off."),
    "cold_scorn": ("They were all useless.", "How was the team?"),
    "cold_excuse": ("It was only a joke.", "That hurt me."),
    "cold_blame": ("You never listen.", "Sorry?"),
    "cold_pressure": ("Just this once, please.", "I'm not sure."),
    "unmoved": ("Haha, at least you got a day off.", "My dog died."),
    "distance": ("Get over it.", "My dog died."),
    "takes_step": ("I want to learn the cello.", "Any plans?"),
    "gives_choice": ("Would you like tea or coffee?", "I'm cold."),
    "leads_meeting": ("Shall we get some tea?", "I'm cold."),
    "asks_it": ("Please knock before you come in.", "I'm here!"),
    "steers": ("What do you paint?", "I paint."),
    "demand_over": ("Answer me.", "Hm."),
    "looks_down": ("They were all useless.", "How was the team?"),
    "gives_way": ("Maybe we could go there.", "Ideas?"),
}
