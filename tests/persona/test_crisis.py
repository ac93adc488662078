"""A learner who speaks of harming themselves is named real help, whatever is being practised."""

import pytest

from realtime.persona.crisis import LINES, speaks_of_it
from realtime.persona.scripted import compose
from storage.catalogue.model import MOODS
from tests.persona.free_talk import FreeTalk
from tests.persona.talk import CODES, PERSONAS, mission

SAID = [
    "I want to hurt myself.",
    "i want to kill myself",
    "I don't want to live anymore",
    "Honestly I just want to die.",
    "I've been thinking about suicide.",
    "Sometimes I think of ending my life.",
    "they'd all be better off without me",
    "I feel suicidal tonight.",
    "I'm going to cut myself again",
    "I don't want to be here any more.",
]
NOT_SAID = [
    "I nearly killed myself laughing.",
    "I cut myself shaving.",
    "I hurt myself playing football.",
    "I'd die for a coffee.",
    "I'm dying to see it.",
    "In the film he wants to kill himself.",
    "I'm not suicidal, just tired.",
    "My phone died.",
    "I don't want to live in Leeds.",
    "I could end it there and go home.",
]


@pytest.mark.parametrize("text", SAID)
def test_it_is_heard(text: str) -> None:
    assert speaks_of_it(text)


@pytest.mark.parametrize("text", NOT_SAID)
def test_a_figure_of_speech_is_not(text: str) -> None:
    assert not speaks_of_it(text)


@pytest.mark.parametrize("code", CODES)
def test_every_persona_steps_out_of_its_part_in_free_play(code: str) -> None:
    talk = FreeTalk(PERSONAS[code], 4)
    talk.say("Hi there.")
    said = [talk.say(text).line for text in SAID[:5]]
    assert set(said) <= set(LINES)
    assert len(set(said)) == len(LINES)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("arrived", [True, False])
def test_and_in_a_mission_in_any_mood(mood: str, arrived: bool) -> None:
    for code in CODES:
        line = compose(mission(PERSONAS[code], SAID[0], mood=mood, arrived=arrived)).line
        assert line in LINES


def test_the_help_that_is_named_can_be_found() -> None:
    assert all("findahelpline.com" in line and "local emergency number" in line for line in LINES)
