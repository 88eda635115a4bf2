"""Answers that go round in circles, and what repeats by right."""

from __future__ import annotations

import pytest

from tunesmith.curation.repetition import drop_repetitive
from tunesmith.records import Message, Record

PROSE = (
    "A river is a stream of water that flows through a bed to the sea, to a lake or to another river. "
    "It begins at a spring, and what falls as rain on the land around joins it on its way. "
)
REPETITIVE = [
    ("repeated_phrase", PROSE + "It flows to the sea. " * 12),
    ("repeated_phrase", "I do not know. " * 20),
    ("repeated_phrase", PROSE + "very " * 60),
    ("repeated_phrase", "河流流向大海" * 20),
    ("repeated_phrase", PROSE + "0" * 200),
    ("repeated_lines", "\n".join(["The river flows.", "The land is wet.", "The sea is wide."] * 6)),
    (None, PROSE),
    (None, PROSE + "It is very, very, very long."),
    (None, PROSE + "\n" + "-" * 200),
    (None, "\n".join(f"{k}. Town number {k} lies on the river and has {k * 31} houses." for k in range(40))),
    (None, PROSE + "\n```\n" + "x = 1\n" * 60 + "```"),
    (None, "for i in range(3):\n" + "    print('row', i);\n" * 30),
    (None, "ha " * 20),
]


@pytest.mark.parametrize(("reason", "answer"), REPETITIVE)
def test_loops_are_dropped_and_lists_rules_and_code_are_not(reason, answer):
    record = Record("1", (Message("user", "What is a river?"), Message("assistant", answer)))
    assert drop_repetitive(record) == reason


@pytest.mark.parametrize("question", ["Write a song about a river.", "Say it twenty times.", "Repeat after me."])
def test_what_was_asked_to_be_repeated_is_kept(question):
    record = Record("1", (Message("user", question), Message("assistant", "It flows to the sea. " * 20)))
    assert drop_repetitive(record) is None


def test_a_very_long_loop_takes_no_time():
    record = Record("1", (Message("user", "q"), Message("assistant", "ab " * 30_000)))
    assert drop_repetitive(record) == "repeated_phrase"
