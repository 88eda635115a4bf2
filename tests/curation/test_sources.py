"""From a source to records: paths, reports, and every row accounted for."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import types

import pytest

from tunesmith.curation import sources
from tunesmith.curation.sources import HubDataset, ReadReport, expand_paths, read_records, read_source
from tunesmith.errors import DataError, RowError, UsageError
from tunesmith.recipe import Source
from tunesmith.records import Drop, Record

ALPACA = {"instruction": "q", "input": "", "output": "a"}
MESSAGES = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


def put(folder, name, rows) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def read(path, on_bad_row="drop", require_answer=True, **source):
    report = ReadReport(str(path))
    parts = list(
        read_source(Source(path=str(path), **source), report, on_bad_row=on_bad_row, require_answer=require_answer)
    )
    return [p for p in parts if isinstance(p, Record)], [p for p in parts if isinstance(p, Drop)], report


def numbered(count, **extra):
    return [{"instruction": f"q{k}", "output": f"a{k}", **extra} for k in range(count)]


# ── paths ────────────────────────────────────────────────────────────────────────────────


def test_a_folder_stands_for_all_files_we_read_in_it_at_any_depth(tmp_path):
    for name in ("b.jsonl", "a.csv", "deep/c.json.gz", ".hidden.jsonl", ".git/d.jsonl", "README.md", "e.txt"):
        put(tmp_path, name, ["x"])
    assert [str(path.relative_to(tmp_path)) for path in expand_paths(str(tmp_path))] == [
        "a.csv",
        "b.jsonl",
        "deep/c.json.gz",
    ]


def test_a_glob_stands_for_the_files_it_matches(tmp_path):
    for name in ("a1.jsonl", "a2.jsonl", "b.jsonl", "a3.txt", "deep/a4.jsonl"):
        put(tmp_path, name, ["x"])
    assert [path.name for path in expand_paths(f"{tmp_path}/a*")] == ["a1.jsonl", "a2.jsonl"]
    assert [path.name for path in expand_paths(f"{tmp_path}/**/a*.jsonl")] == ["a1.jsonl", "a2.jsonl", "a4.jsonl"]


def test_a_name_with_brackets_is_first_a_file(tmp_path):
    path = put(tmp_path, "data[1].jsonl", [ALPACA])
    assert [str(found) for found in expand_paths(path)] == [path]


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "no file to read there. Put"),
        ("/*.jsonl", "matches no file to read. Check the pattern, or put"),
        ("/sub/**/*", "matches no file to read. Check the pattern, or put"),
    ],
)
def test_an_empty_folder_or_glob_is_refused(tmp_path, pattern, problem):
    put(tmp_path, "README.md", ["x"])
    with pytest.raises(DataError, match=f"{problem} .jsonl, .json, .csv, .tsv or .parquet files there"):
        expand_paths(f"{tmp_path}{pattern}")


def test_a_mistyped_path_is_told_with_the_nearest_name(tmp_path, monkeypatch):
    put(tmp_path, "data/dolly_5k.jsonl", [ALPACA])
    monkeypatch.chdir(tmp_path)
    for wrong, near in (("data/doly_5k.jsonl", "dolly_5k.jsonl"), ("data/dolly_5k", "dolly_5k.jsonl"), ("dta", "data")):
        with pytest.raises(DataError, match=f"{wrong}: no such file or folder. Did you mean `{near}`?"):
            expand_paths(wrong)


def test_owner_and_name_are_a_hub_dataset_where_no_such_folder_lies_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expand_paths("databricks/databricks-dolly-15k") == HubDataset("databricks/databricks-dolly-15k")
    for local in ("./a/b", "a/b/c", "a/b.jsonl", "../a", "/a/b"):
        with pytest.raises(DataError, match="no such file or folder"):
            expand_paths(local)


# ── rows ────────────────────────────────────────────────────────────────────────────────


def test_conventions_may_be_mixed_in_one_file_and_the_report_counts_them(tmp_path):
    path = put(tmp_path, "x.jsonl", [MESSAGES] * 10 + [ALPACA] * 20)
    records, drops, report = read(path)
    assert len(records) == 30 and drops == []
    assert report.format == "mixed: messages 10, alpaca 20"
    assert report.files[0]["path"] == path and len(report.files[0]["sha256"]) == 64
    assert report.to_dict()["rows_in"] == report.to_dict()["kept"] == 30


def test_a_broken_line_in_the_middle_is_dropped_with_its_path_and_line(tmp_path):
    path = put(tmp_path, "x.jsonl", [ALPACA, "{broken", {"instruction": "q", "output": ["a", {}]}, "17", ALPACA])
    records, drops, report = read(path)
    assert [record.source for record in records] == [f"{path}:1", f"{path}:5"]
    assert [(drop.source, drop.reason, drop.stage) for drop in drops] == [
        (f"{path}:2", "broken_json", "read"),
        (f"{path}:3", "content_not_text", "read"),
        (f"{path}:4", "not_an_object", "read"),
    ]
    assert (report.rows_in, report.kept, sum(report.dropped.values())) == (5, 2, 3)


@pytest.mark.parametrize(
    "row", ["{broken", {"messages": [{"role": "narrator", "content": "x"}]}, {"text": "t", "label": 1}, {"prompt": "q"}]
)
def test_on_bad_row_raise_stops_at_the_first_bad_row(tmp_path, row):
    path = put(tmp_path, "x.jsonl", [ALPACA, row])
    with pytest.raises(RowError, match="x.jsonl:2: "):
        read(path, on_bad_row="raise")


def test_on_bad_row_raise_passes_over_what_is_left_out_on_purpose(tmp_path):
    path = put(tmp_path, "x.jsonl", [{**MESSAGES, "label": True}, {**MESSAGES, "label": False}])
    records, drops, _ = read(path, on_bad_row="raise")
    assert len(records) == 1 and [drop.reason for drop in drops] == ["undesirable"]


def test_a_broken_part_of_a_kept_row_is_a_dropped_part(tmp_path):
    path = put(
        tmp_path, "x.jsonl", [{"instruction": "q", "instances": [{"input": "", "output": "a"}, 3, {"input": "only"}]}]
    )
    records, drops, report = read(path)
    assert len(records) == 1
    assert [(drop.stage, drop.reason) for drop in drops] == [
        ("read_part", "broken_instance"),
        ("read_part", "no_answer"),
    ]
    assert (report.rows_in, report.kept, dict(report.dropped)) == (1, 1, {})
    assert dict(report.dropped_parts) == {"broken_instance": 1, "no_answer": 1}
    with pytest.raises(RowError, match="x.jsonl:1: an instance must be an object"):
        read(path, on_bad_row="raise")


def test_a_question_without_an_answer_is_dropped_with_the_column_that_may_hold_it(tmp_path):
    path = put(tmp_path, "x.jsonl", [ALPACA, {"prompt": "q", "canonical_solution": "a"}])
    _, (drop,), _ = read(path)
    assert drop.reason == "no_answer"
    assert "add columns: {prompt: prompt, output: canonical_solution}" in drop.detail
    records, drops, _ = read(path, require_answer=False)
    assert len(records) == 2 and drops == []


BAD_FILES = [
    ([], r"x\.jsonl: there are no rows in it. Give a file with at least one."),
    (["", "  "], r"x\.jsonl: there are no rows in it"),
    (
        ["{", "{", "7"],
        r"x\.jsonl: none of its 3 rows can be used \(broken_json 2, not_an_object 1\). .*x\.jsonl:1: not valid JSON",
    ),
    (
        [{"text": "t", "label": 1}],
        r"its only row cannot be used \(unknown_format 1\). .*x\.jsonl:1: .* \{input: text, output: label\}",
    ),
    ([{"prompt": "q"}], r"\(no_answer 1\)"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_FILES)
def test_a_file_with_no_good_row_is_an_error(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        read(put(tmp_path, "x.jsonl", rows))


def test_one_file_of_a_folder_with_no_good_row_is_an_error_that_names_it(tmp_path):
    put(tmp_path, "a.jsonl", [ALPACA])
    put(tmp_path, "b.jsonl", ["7"])
    with pytest.raises(DataError, match=r"b\.jsonl: its only row"):
        read(tmp_path)


def test_a_wrong_column_name_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="columns.outptu: no such column name of ours. Did you mean `output`?"):
        read(tmp_path / "missing.jsonl", columns={"outptu": "x"})


def test_columns_and_task_of_the_source_are_used(tmp_path):
    path = put(tmp_path, "x.csv", ["text,label", "good,1"])
    (record,), _, _ = read(path, columns={"input": "text", "output": "label"}, task="sst2")
    assert (record.answer, record.task, record.source) == ("1", "sst2", f"{path}:2")


def test_nested_columns_of_a_csv_file_are_read_from_their_json_text(tmp_path):
    cell = json.dumps(MESSAGES["messages"]).replace('"', '""')
    (record,), _, _ = read(put(tmp_path, "x.csv", ["messages,tools", f'"{cell}",']))
    assert [m.content for m in record.messages] == ["q", "a"] and record.tools == ()


def test_notices_tell_what_is_not_learned_and_what_was_not_read(tmp_path):
    preference = {"prompt": "q", "chosen": "a", "rejected": "b"}
    put(tmp_path, "a.jsonl", [preference, preference, {"text": "t"}, {**MESSAGES, "label": True}])
    put(tmp_path, "notes.txt", ["x"])
    _, _, report = read(tmp_path)
    told = "\n".join(report.notices)
    for words in (
        "2 preference rows: only the chosen",
        "1 rows of bare text",
        "1 rows with a good/bad label",
        "notes.txt",
    ):
        assert words in told
    assert read(put(tmp_path / "sub", "x.jsonl", [ALPACA]))[2].notices == []


def test_test_files_need_a_question_and_if_asked_an_answer(tmp_path):
    path = put(tmp_path, "x.jsonl", [ALPACA, {"prompt": "q"}, {"text": "t"}, {"question": "q", "answer": ["a", "b"]}])
    records, drops, report = read_records(path, require_answer=True)
    assert [record.references for record in records] == [(), ("a", "b")]
    assert [drop.reason for drop in drops] == ["no_answer", "no_prompt"] and report.rows_in == 4
    records, drops, _ = read_records(path, require_answer=False)
    assert len(records) == 3 and [drop.reason for drop in drops] == ["no_prompt"]


def test_the_prompt_only_files_are_read_without_answers_and_refused_with(shared):
    for name, count in (("ifeval_prompts", 541), ("ifbench_prompts", 300)):
        records, drops, _ = read_records(str(shared / f"data/tasks/{name}.jsonl"), require_answer=False)
        assert (len(records), drops) == (count, []) and "instruction_id_list" in records[0].meta
        with pytest.raises(DataError, match=f"no_answer {count}"):
            read_records(str(shared / f"data/tasks/{name}.jsonl"), require_answer=True)


# ── hub ────────────────────────────────────────────────────────────────────────────────


def test_reading_files_never_imports_datasets():
    code = (
        "import sys, tunesmith.curation.pipeline, tunesmith.curation.inspect;"
        "print(sorted({'datasets', 'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rows_of_a_hub_dataset_are_read_like_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {}

    def load_rows(name, *, config, split):
        asked.update(name=name, config=config, split=split)
        return "f1", iter([{**ALPACA, "input": None}, {"instruction": "\ud800", "output": "a"}])

    monkeypatch.setattr(sources.importlib, "import_module", lambda name: types.SimpleNamespace(load_rows=load_rows))
    records, drops, report = read("owner/name", hub_split="test", hub_config="main")
    assert asked == {"name": "owner/name", "config": "main", "split": "test"}
    assert [record.source for record in records] == ["owner/name[test]:1"]
    assert [(drop.source, drop.reason) for drop in drops] == [("owner/name[test]:2", "lone_surrogate")]
    assert report.files == [{"path": "owner/name[test]", "fingerprint": "f1"}]


# ── the ledger ────────────────────────────────────────────────────────────────────────────────

VALUES = [
    None,
    "",
    "x",
    "<noinput>",
    0,
    1.5,
    True,
    [],
    {},
    ["a"],
    [["u", "a"]],
    [{"role": "user", "content": "q"}],
    "[1]",
    '{"a": 1}',
    [None],
    [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    [{"from": "gpt"}],
    {"role": "assistant", "content": "a"},
    {"text": ["a"]},
    {"role": "prompter", "text": "q", "replies": [{"role": "assistant", "text": "a"}, 3]},
    [{"input": "i", "output": "o"}, 4],
    [{"role": "assistant", "content": [{"type": "image"}]}],
    [{"role": "assistant", "tool_calls": [{"id": 3}]}],
    {"replies": {"a": []}},
    [[]],
]
NAMES = [
    "messages",
    "conversations",
    "prompt",
    "completion",
    "instruction",
    "input",
    "output",
    "response",
    "context",
    "question",
    "answer",
    "answers",
    "choices",
    "rationale",
    "history",
    "system",
    "tools",
    "chosen",
    "rejected",
    "label",
    "turns",
    "reference",
    "instances",
    "source",
    "target",
    "text",
    "task",
    "id",
    "content_sha256",
    "meta",
    "references",
]


@pytest.mark.parametrize("seed", range(20))
def test_rows_in_are_rows_kept_and_rows_dropped_whatever_the_rows_hold(tmp_path, seed):
    rng = random.Random(seed)
    lines = [json.dumps(ALPACA)]
    for _ in range(200):
        row = {name: rng.choice(VALUES) for name in rng.sample(NAMES, rng.randrange(1, 6))}
        text = json.dumps(row)
        lines.append(text if rng.random() < 0.9 else text[: rng.randrange(1, len(text))])
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    for require_answer in (True, False):
        records, drops, report = read(path, require_answer=require_answer)
        rows_dropped = [drop for drop in drops if drop.stage == "read"]
        assert report.rows_in == 201 == report.kept + sum(report.dropped.values())
        assert len(rows_dropped) == sum(report.dropped.values()) and len(records) == report.records
        assert {r.source for r in records} | {d.source for d in drops} == {f"{path}:{k}" for k in range(1, 202)}
        assert len({record.source for record in records}) == report.kept
        assert all("\n" not in drop.detail for drop in drops)
        for record in records:
            assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record
