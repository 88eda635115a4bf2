"""Lengths of prompts and answers."""

from __future__ import annotations

from tunesmith.curation.lengths import summarize_lengths
from tunesmith.records import Message, Record


def test_lengths_are_counted_in_words_and_characters_by_nearest_rank():
    records = [Record(str(k), (Message("user", "q " * k), Message("assistant", "ab " * k))) for k in range(1, 101)]
    lengths = summarize_lengths(records)
    assert lengths["prompt"]["words"] == {"min": 1, "median": 50, "p95": 95, "max": 100}
    assert lengths["answer"]["characters"] == {"min": 3, "median": 150, "p95": 285, "max": 300}


def test_what_is_not_there_has_no_lengths():
    assert summarize_lengths([]) == {
        "prompt": {"words": None, "characters": None},
        "answer": {"words": None, "characters": None},
    }
    one = summarize_lengths([Record("1", (Message("user", "a b"),))])
    assert one["answer"]["words"] is None and one["prompt"]["words"] == {"min": 2, "median": 2, "p95": 2, "max": 2}
