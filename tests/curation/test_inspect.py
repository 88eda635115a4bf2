"""A look at a file."""

from __future__ import annotations

import json

import pytest

from tunesmith.curation.inspect import inspect_file
from tunesmith.errors import DataError
from tunesmith.files import write_json


def put(folder, rows) -> str:
    path = folder / "x.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def test_an_inspection_tells_format_counts_lengths_duplicates_empty_answers_and_shows_rows(tmp_path):
    rows = [{"instruction": f"q {k}", "output": "a b c", "category": "t"} for k in range(5)]
    rows += [
        rows[0],
        {"instruction": "q", "output": ""},
        "{",
        {"messages": [{"role": "user", "content": "only"}]},
        {"text": "t", "label": 1},
    ]
    found = inspect_file(put(tmp_path, rows), limit=2).to_dict()
    assert found["format"] == "mixed: alpaca 7, messages 1, unknown 1"
    assert (found["rows_in"], found["kept"], found["dropped"]) == (10, 8, {"broken_json": 1, "unknown_format": 1})
    assert (found["num_exact_duplicates"], found["num_empty_answers"], found["num_without_answer"]) == (1, 1, 1)
    assert found["would_be_dropped"] == {"empty_answer": 1} and found["tasks"] == {"t": 6}
    assert found["roles"] == {"user": 8, "assistant": 7} and found["num_messages"] == 15
    words = found["lengths"]["answer"]["words"]
    assert [words[name] for name in ("min", "median", "p95", "max")] == [0, 3, 3, 3]
    assert [row["messages"][0]["content"] for row in found["rows"]] == ["q 0", "q 1"]
    assert [drop["source"].rpartition(":")[2] for drop in found["first_dropped"]] == ["8", "10"]
    assert found["profile"]["num_records"] == 8 and found["funnel"][0]["num_in"] == 10
    reasons = [item["reason"] for item in found["profile"]["examples"]]
    assert reasons == ["broken_json", "unknown_format", "empty_answer"], "of what would be dropped, too"
    assert "Drop duplicates" in [item["title"] for item in found["advice"]]
    write_json(tmp_path / "found.json", found)


def test_of_a_large_file_no_more_than_a_few_rows_are_kept(tmp_path):
    path = put(tmp_path, [{"instruction": f"What is {k}?", "output": "x" * 200} for k in range(3000)])
    found = inspect_file(path, limit=2)
    assert (len(found.rows), found.profile.num_records) == (2, 3000)
    held = [name for name, value in vars(found).items() if isinstance(value, list) and len(value) > 2]
    assert held == []


def test_a_file_where_no_row_is_known_is_inspected_with_what_to_add(tmp_path):
    found = inspect_file(put(tmp_path, [{"text": "t", "label": "x"}] * 3)).to_dict()
    assert (found["format"], found["rows_in"], found["kept"], found["dropped"]) == (
        "unknown",
        3,
        0,
        {"unknown_format": 3},
    )
    assert "columns: {input: text, output: label}" in found["problem"]
    assert found["lengths"]["answer"]["words"] is None and found["rows"] == []


def test_with_columns_it_is_known(tmp_path):
    found = inspect_file(
        put(tmp_path, [{"text": "t", "label": "x"}] * 3), columns={"input": "text", "output": "label"}
    ).to_dict()
    assert (found["format"], found["kept"], found["problem"]) == ("input/output", 3, "")


@pytest.mark.parametrize("rows", [[], [""]])
def test_a_file_without_rows_is_an_error(tmp_path, rows):
    with pytest.raises(DataError, match="there are no rows in it"):
        inspect_file(put(tmp_path, rows))


def test_a_missing_file_is_an_error_with_the_nearest_name(tmp_path):
    put(tmp_path, [])
    with pytest.raises(DataError, match="Did you mean `x.jsonl`?"):
        inspect_file(str(tmp_path / "x.json"))


def test_prompts_without_answers_are_kept_and_counted(shared):
    found = inspect_file(str(shared / "data/tasks/ifeval_prompts.jsonl")).to_dict()
    assert (found["format"], found["kept"], found["num_without_answer"], found["would_be_dropped"]) == (
        "prompt",
        541,
        541,
        {},
    )


def test_empty_answers_and_duplicates_of_real_files_are_found(shared):
    alpaca = inspect_file(str(shared / "data/instructions/alpaca_gpt4_en_demo.jsonl")).to_dict()
    glaive = inspect_file(str(shared / "data/instructions/glaive_toolcall_en_demo.jsonl")).to_dict()
    assert alpaca["num_exact_duplicates"] == 14 and glaive["num_with_tools"] == 191
