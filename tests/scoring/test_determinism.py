"""The same context gives the same bytes, always and everywhere, in time linear in the text."""

import gc
import hashlib
import os
import subprocess
import sys
import time

import msgspec
import pytest

from realtime.minds import Scorer, TurnContext
from realtime.scoring import RuleScorer
from tests.scoring.lines import LINES

_PRINT = """
import hashlib, msgspec
from realtime.minds import TurnContext
from realtime.scoring import RuleScorer
from tests.scoring.lines import LINES
scorer, out = RuleScorer(), hashlib.sha256()
for line in LINES:
    context = TurnContext(text=line.text, persona_line=line.persona, wanted=line.wanted)
    out.update(msgspec.json.encode(scorer.score(context)))
print(out.hexdigest())
"""


def test_same_bytes_a_hundred_times(scorer: RuleScorer) -> None:
    for line in LINES[:12]:
        context = TurnContext(text=line.text, persona_line=line.persona, wanted=line.wanted)
        assert len({msgspec.json.encode(scorer.score(context)) for _ in range(100)}) == 1
        assert msgspec.json.encode(RuleScorer().score(context)) == msgspec.json.encode(scorer.score(context))


def test_same_bytes_in_every_process(scorer: RuleScorer) -> None:
    here = hashlib.sha256()
    for line in LINES:
        context = TurnContext(text=line.text, persona_line=line.persona, wanted=line.wanted)
        here.update(msgspec.json.encode(scorer.score(context)))
    for seed in ("0", "1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here.hexdigest()


def test_it_is_a_scorer() -> None:
    scorer: Scorer = RuleScorer()
    assert scorer.version.startswith("rules-")
    assert scorer.score(TurnContext(text="Hi", persona_line=None)).scorer_version == scorer.version


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "i ",
        "? ",
        "?!",
        "'",
        "I'm ",
        "😂",
        "you are ",
        "1.",
        "no no ",
        "\u0301",
        "ok, ",
        "not ",
        "so so very ",
        "\n",
        "x'",
        "and  i ",
        "I love a and ",
    ],
)
def test_long_text_is_linear(scorer: RuleScorer, unit: str) -> None:
    """2,000 characters of anything: quick; four times the text takes about four times the time."""

    def cost(length: int) -> float:
        text = (unit * length)[:length]
        context = TurnContext(text=text, persona_line="How are you doing today, my friend?", recent_lines=(text,))
        best = 1.0
        gc.disable()  # what it takes to look at all that other tests left behind is not the scorer's
        try:
            for _ in range(7):
                began = time.process_time()
                scorer.score(context)
                best = min(best, time.process_time() - began)
        finally:
            gc.enable()
        return best

    assert cost(8000) < 12 * cost(2000) + 0.005
    assert cost(2000) < 0.05
