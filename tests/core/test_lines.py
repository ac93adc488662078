"""The identity of what was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.core.lines import body_hash, line_hash

# Stored with turns: a change of these would make every paid line new, and every repeated turn a conflict.
LINE = -1939670735291166904
BODY = "625aefc2aeacc4f0b23cf4369f2442a1"


@pytest.mark.parametrize(
    "other",
    [
        "HI, I'M TAL.",
        "hi i'm tal",
        "  Hi,   I'm\nTal!!! ",
        "hi—i'm—tal",
        "Ｈi, Ｉ'm Tal",  # full-width forms
        "_Hi_, *I'm* Tal 🙂",
    ],
)
def test_equal_words_are_one_line(other: str) -> None:
    assert line_hash(other) == line_hash("Hi, I'm Tal.")


@pytest.mark.parametrize("other", ["Hi, I'm Tali.", "Hi, I am Tal.", "I'm Tal, hi.", "HiI'm Tal", "Hi"])
def test_other_words_are_another_line(other: str) -> None:
    assert line_hash(other) != line_hash("Hi, I'm Tal.")


def test_case_is_folded_beyond_ascii() -> None:
    assert line_hash("Straße nach ZÜRICH") == line_hash("STRASSE nach zürich")
    assert line_hash("שלום, מה שלומך?") == line_hash("שלום מה שלומך")


@given(st.text(max_size=200))
def test_a_line_hash_is_a_signed_64_bit_number_and_stable(text: str) -> None:
    hashed = line_hash(text)
    assert -(2**63) <= hashed < 2**63
    assert line_hash(text) == hashed


@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_plain_lines_and_others_are_read_alike(text: str) -> None:
    """A dash that is not ASCII separates like any other, and takes the line the general way."""
    assert line_hash(text) == line_hash(text + "\u2014")


def test_hashes_are_the_same_in_every_process() -> None:
    assert line_hash("Hi, I'm Tal.") == LINE
    assert body_hash("text", "Hi").hex() == BODY


def test_a_body_is_its_kind_its_exact_text_and_its_words() -> None:
    bodies = [
        body_hash("text", "Hi"),
        body_hash("text", "hi"),
        body_hash("text", "Hi "),
        body_hash("voice", "Hi"),
        body_hash("voice", "Hi", b"[0,1]"),
        body_hash("text", "H", b"i"),
    ]
    assert len(set(bodies)) == len(bodies)
    assert {len(body) for body in bodies} == {16}
    assert body_hash("text", "Hi") == bodies[0]


def test_parts_do_not_run_into_each_other() -> None:
    assert body_hash("ab", "c") != body_hash("a", "bc")
    assert body_hash("a", "b", b"c") != body_hash("a", "bc", b"")
