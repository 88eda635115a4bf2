"""No text of a hundred thousand characters holds up a rule, however it is made."""

from __future__ import annotations

import time

import pytest

from tunesmith.curation import pipeline  # noqa: F401  (it files the stages)
from tunesmith.curation.stages import LISTS, STAGES
from tunesmith.records import Message, Record

LENGTH, MAX_SECONDS = 100_000, 1.0
PIECES = [
    " ",
    "\n",
    " \n",
    "`",
    "`a",
    "```\n",
    "~~~",
    "a() ",
    "a(",
    "<",
    "<p ",
    "<p>\n",
    "<br ",
    "&amp;",
    "N/A\n",
    "input ",
]
PIECES += ["{{", "ab ", "0", "é", "\u0301\u0323", "\u200b\u200d", "Ã©", "我", "as an ai ", "such as ", "1.", "- "]
FRAMES = [("", "x"), ("Use <b>this</b>: ", "```x"), ("a()", "\nx")]
RULES = [STAGES.get(name) for name in LISTS["default"] if STAGES.get(name).shape != "select"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize(("before", "after"), FRAMES)
def test_time_does_not_grow_with_the_square_of_a_text(rule, before, after):
    slow = []
    for piece in PIECES:
        text = before + piece * (LENGTH // len(piece)) + after
        record = Record("1", (Message("user", text), Message("assistant", text)))
        start = time.process_time()
        rule.function(record)
        if time.process_time() - start > MAX_SECONDS:
            slow.append(piece)
    assert slow == []
