"""Rows that were left out, shown masked and cut."""

from __future__ import annotations

import gzip
import json

import pytest

from tunesmith.curation.examples import FirstDrops, mask_row, show_examples, show_record
from tunesmith.curation.sources import ReadReport, read_source
from tunesmith.files import file_sha256
from tunesmith.recipe import Source
from tunesmith.records import Message, Record


def drop(source: str, reason: str = "empty_answer", stage: str = "drop_empty") -> dict[str, str]:
    return {"id": "x", "source": source, "stage": stage, "reason": reason, "detail": ""}


def entry(path) -> dict:
    return {"path": str(path), "sha256": file_sha256(path), "size_bytes": path.stat().st_size}


def chosen_of(*drops) -> list[dict]:
    first = FirstDrops()
    for one in drops:
        first.add(one)
    return first.chosen


def test_two_of_each_stage_and_reason_are_chosen_from_different_rows():
    drops = [drop("a:1"), drop("a:1"), drop("a:2"), drop("a:3"), drop("a:4", "other"), drop("a:5", stage="b")]
    assert [one["source"] for one in chosen_of(*drops)] == ["a:1", "a:2", "a:4", "a:5"]


@pytest.mark.parametrize("reason, source", [("not_chosen", "a:1"), ("empty_answer", "")])
def test_what_was_left_out_by_choice_or_stands_nowhere_is_not_shown(reason, source):
    assert chosen_of(drop(source, reason)) == []


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.json", "x.csv"])
def test_the_row_is_shown_with_personal_data_masked(tmp_path, name):
    path = tmp_path / name
    rows = [{"question": "Who?", "reply": "Write to jane.roe@example.org"}, {"question": "Why?", "reply": "x" * 999}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    texts = {
        "x.jsonl": lines,
        "x.jsonl.gz": lines,
        "x.json": json.dumps(rows),
        "x.csv": "question,reply\nWho?,Write to jane.roe@example.org\nWhy?," + "x" * 999 + "\n",
    }
    path.write_bytes(gzip.compress(texts[name].encode()) if name.endswith(".gz") else texts[name].encode())
    first = 2 if name.endswith(".csv") else 1
    [one, two] = show_examples(chosen_of(drop(f"{path}:{first}"), drop(f"{path}:{first + 1}")), [entry(path)])
    assert json.loads(one["text"]) == {"question": "Who?", "reply": "Write to <EMAIL_ADDRESS>"}
    assert len(two["text"]) < 250 and "xxx … xxx" in two["text"] and two["text"].endswith('x"}')


def test_a_line_that_is_no_json_is_shown_as_it_stands(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"reply": "jane.roe@example.org wrote\n', encoding="utf-8")
    [one] = show_examples(chosen_of(drop(f"{path}:1", "broken_json", "read")), [entry(path)])
    assert one["text"] == '{"reply": "<EMAIL_ADDRESS> wrote'


def test_a_file_that_changed_or_went_or_was_never_read_is_not_looked_into(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"reply": "one"}\n', encoding="utf-8")
    known, chosen = entry(path), chosen_of(drop(f"{path}:1"))
    assert len(show_examples(chosen, [known])) == 1
    path.write_text('{"reply": "two"}\n', encoding="utf-8")
    assert show_examples(chosen, [known]) == []
    path.unlink()
    assert show_examples(chosen, [known]) == [] and show_examples(chosen, []) == []


def test_a_line_the_file_does_not_have_is_left_out(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"reply": "one"}\n', encoding="utf-8")
    assert show_examples(chosen_of(drop(f"{path}:7")), [entry(path)]) == []


def test_masking_keeps_numbers_and_the_shape_of_a_row():
    row = {"a": [1, None, {"b": "mail jane.roe@example.org"}], "c": True}
    assert mask_row(row) == {"a": [1, None, {"b": "mail <EMAIL_ADDRESS>"}], "c": True}


def test_of_a_row_with_several_records_the_dropped_one_is_shown_as_its_turns(tmp_path):
    path = tmp_path / "x.jsonl"
    instances = [{"input": "", "output": "One"}, {"input": "again", "output": "Write to jane.roe@example.org"}]
    path.write_text(json.dumps({"instruction": "Say it.", "instances": instances}) + "\n", encoding="utf-8")
    second = list(read_source(Source(path=str(path)), ReadReport(str(path))))[1]
    [one] = show_examples(chosen_of({**drop(f"{path}:1"), "id": second.id}), [entry(path)])
    assert one["text"] == "user: Say it.\n\nagain\n\nassistant: Write to <EMAIL_ADDRESS>"


def test_of_long_records_the_beginning_and_the_end_are_shown():
    said = [Message("user" if k % 2 == 0 else "assistant", f"turn {k}") for k in range(9)]
    ending = Record("id", (*said, Message("assistant", "It began " + "and went on " * 99 + "and then it")))
    turns = show_record(ending).split("\n\n")
    assert turns[:2] == ["user: turn 0", "… 6 more turns"] and turns[2:4] == ["assistant: turn 7", "user: turn 8"]
    assert turns[4].startswith("assistant: It began") and turns[4].endswith("and then it") and " … " in turns[4]
    assert show_record(Record("id", (Message("user", "q"), Message("assistant", "")))).endswith("assistant: (empty)")
