"""Every convention, its near-misses, and the real files: nothing inside a row is lost."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from tunesmith.curation.formats import CONVENTIONS, FALLBACKS, record_from_row
from tunesmith.files import read_rows
from tunesmith.records import Drop, Record


def read(row: dict, **settings):
    name, parts = record_from_row(row, source="x.jsonl:1", **settings)
    return name, parts


def said(record: Record) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in record.messages]


U, A, S = "user", "assistant", "system"
TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHAREGPT = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]

QA = [(U, "q"), (A, "a")]


def case(name, row, turns, meta=None, task="", references=()):
    return name, row, turns, meta or {}, task, references


TABLE = [
    case("messages", {"messages": TURNS}, QA),
    case("messages", {"messages": json.dumps(TURNS), "id": 3}, QA, {"id": 3}),
    case("messages", {"messages": TURNS, "system": "s", "category": "c"}, [(S, "s"), (U, "q"), (A, "a")], task="c"),
    case(
        "messages",
        {"messages": [{"role": "system", "content": "s"}, *TURNS], "system": "s"},
        [(S, "s"), (U, "q"), (A, "a")],
    ),
    case(
        "messages", {"messages": [{**TURNS[0], "mood": "x"}, TURNS[1]]}, QA, {"message_columns": {"0": {"mood": "x"}}}
    ),
    case("conversations", {"conversations": SHAREGPT, "system": "s"}, [(S, "s"), (U, "q"), (A, "a")]),
    case("conversations", {"conversation": TURNS}, QA),
    case("prompt/completion", {"prompt": "q", "completion": "a", "weight": 2}, QA, {"weight": 2}),
    case("prompt/completion", {"prompt": "q", "response": ""}, [(U, "q"), (A, "")]),
    case("prompt/completion", {"prompt": TURNS[:1], "completion": TURNS[1:]}, QA),
    case("prompt/completion", {"prompt": json.dumps(TURNS[:1]), "completion": "[1, 2]"}, [(U, "q"), (A, "[1, 2]")]),
    case("prompt/completion", {"prompt": "q", "completion": TURNS[1]}, QA),
    case("prompt/completion", {"prompt": "q", "completion": ["a", "b"]}, QA, references=("a", "b")),
    case("alpaca", {"instruction": "q", "input": "i", "output": "a"}, [(U, "q\n\ni"), (A, "a")]),
    case("alpaca", {"instruction": "q", "input": "", "output": "a", "sources": ["x"]}, QA, {"sources": ["x"]}),
    case("alpaca", {"instruction": "q", "input": None, "output": "a"}, QA),
    case("alpaca", {"instruction": "q", "output": "a", "references": ["b", "a"]}, QA, references=("b", "a")),
    case("alpaca", {"instruction": "q", "output": ["a", "b"], "references": ["c"]}, QA, references=("a", "b", "c")),
    case("alpaca", {"instruction": "q", "output": "a", "references": '["b"]'}, QA, references=("b",)),
    case("alpaca", {"instruction": "q", "output": "a", "references": [3]}, QA, {"references": [3]}),
    case("alpaca", {"instruction": "q", "output": "a", "references": "Smith 1999"}, QA, {"references": "Smith 1999"}),
    case("prompt", {"prompt": "q", "references": ["b"]}, [(U, "q")], {"references": ["b"]}),
    case("alpaca", {"instruction": "q", "input": "<noinput>", "output": "a"}, QA, {"input": "<noinput>"}),
    case("alpaca", {"instruction": "q", "input": "", "output": '["x", "y"]'}, [(U, "q"), (A, '["x", "y"]')]),
    case("alpaca", {"instruction": "q", "output": 42}, [(U, "q"), (A, "42")]),
    case("alpaca", {"instruction": "q", "response": "a", "system": "s"}, [(S, "s"), (U, "q"), (A, "a")]),
    case(
        "alpaca",
        {"instruction": "q2", "input": "", "output": "a2", "history": [["q1", "a1"]], "system": "s"},
        [(S, "s"), (U, "q1"), (A, "a1"), (U, "q2"), (A, "a2")],
    ),
    case(
        "alpaca",
        {"instruction": "q2", "output": "a2", "history": json.dumps(TURNS)},
        [(U, "q"), (A, "a"), (U, "q2"), (A, "a2")],
    ),
    case("alpaca", {"instruction": "q", "output": "a", "response": "b"}, QA, {"response": "b"}),
    case(
        "dolly",
        {"instruction": "q", "context": "", "response": "a", "category": "qa", "source": "s"},
        QA,
        {"source": "s"},
        "qa",
    ),
    case("dolly", {"instruction": "q", "context": "c", "response": "a"}, [(U, "q\n\nc"), (A, "a")]),
    case("question/answer", {"question": "q", "answer": "a"}, QA),
    case("question/answer", {"question": "q", "answer": ["a", "b"]}, QA, references=("a", "b")),
    case(
        "question/answer",
        {"question": "q", "context": "c", "answers": ["a"], "id": "1"},
        [(U, "c\n\nq"), (A, "a")],
        {"id": "1"},
        "",
        ("a",),
    ),
    case(
        "question/answer",
        {"question": "q", "context": "c", "answers": {"text": ["a"], "answer_start": [0]}},
        [(U, "c\n\nq"), (A, "a")],
        references=("a",),
    ),
    case(
        "question/answer",
        {"question": "q", "rationale": "because", "answer": "a", "task": "t"},
        [(U, "q"), (A, "because\na")],
        {},
        "t",
        ("a",),
    ),
    case("question/answer", {"system_prompt": "s", "question": "q", "response": "a"}, [(S, "s"), (U, "q"), (A, "a")]),
    case("multiple choice", {"question": "q", "choices": ["x", "y"], "answer": "B"}, [(U, "q\nA. x\nB. y"), (A, "B")]),
    case(
        "multiple choice",
        {"question": "q", "choices": ["x", "y"], "answer": 0, "subject": "s"},
        [(U, "q\nA. x\nB. y"), (A, "A")],
        {"subject": "s"},
    ),
    case("source/target", {"source": "q", "target": "a"}, QA),
    case("input/output", {"input": "q", "target": "a", "task": "t"}, QA, task="t"),
    case("input/output", {"input": "q", "output": "a"}, QA),
    case("mt-bench", {"turns": ["q1", "q2"], "category": "c"}, [(U, "q1"), (U, "q2")], task="c"),
    case("mt-bench", {"turns": ["q1", "q2"], "reference": ["a1", "a2"]}, [(U, "q1"), (A, "a1"), (U, "q2"), (A, "a2")]),
    case("preference", {"prompt": "q", "chosen": "a", "rejected": "b"}, QA, {"rejected": "b"}),
    case("preference", {"prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": "b"}, QA, {"rejected": "b"}),
    case("preference", {"prompt": "q", "chosen": TURNS, "rejected": TURNS}, QA, {"rejected": TURNS}),
    case("preference", {"chosen": TURNS, "rejected": TURNS}, QA, {"rejected": TURNS}),
    case("preference", {"conversations": SHAREGPT[:1], "chosen": SHAREGPT[1], "rejected": "b"}, QA, {"rejected": "b"}),
    case("preference", {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "b"}, QA, {"rejected": "b"}),
    case(
        "preference",
        {"instruction": "q", "input": "i", "history": [["x", "y"]], "chosen": "a", "rejected": "b"},
        [(U, "x"), (A, "y"), (U, "q\n\ni"), (A, "a")],
        {"rejected": "b"},
    ),
    case("unpaired preference", {"messages": TURNS, "label": True}, QA),
    case("unpaired preference", {"prompt": "q", "completion": "a", "kto_tag": True}, QA),
    case("prompt", {"prompt": "q", "key": 1000, "kwargs": [{}]}, [(U, "q")], {"key": 1000, "kwargs": [{}]}),
    case("prompt", {"question": "q", "best_answer": "a"}, [(U, "q")], {"best_answer": "a"}),
    case("text", {"text": "t", "id": 1}, [(A, "t")], {"id": 1}),
]


@pytest.mark.parametrize(("name", "row", "turns", "meta", "task", "references"), TABLE)
def test_each_convention_says_what_its_row_says_and_keeps_the_rest_in_meta(name, row, turns, meta, task, references):
    found, (record,) = read(row)
    assert isinstance(record, Record), record
    assert (found, said(record), record.meta, record.task, record.references) == (name, turns, meta, task, references)
    assert record.source == "x.jsonl:1" and len(record.id) == 16


def test_the_table_above_misses_no_convention():
    tested = {name for name, *_ in TABLE} | {"instances", "message tree", "tunesmith"}
    assert {convention.name for convention in (*CONVENTIONS, *FALLBACKS)} == tested


REFUSED = [
    (
        "unknown_format",
        {"text": "t", "label": "x"},
        "the columns (text, label) fit no known convention. Say what they are, for example columns: {input: text,",
    ),
    (
        "unknown_format",
        {"premise": "p", "hypothesis": "h", "label": 1},
        'columns: {input: "{premise} {hypothesis}", output: label}',
    ),
    (
        "unknown_format",
        {"question": "q", "passage": "p", "label": True, "idx": 1},
        'columns: {input: "{passage} {question}", output: label}',
    ),
    ("unknown_format", {"en": "a", "de": "b", "fr": "c"}, "columns: {input: en, output: de}"),
    ("unknown_format", {"goal": "g", "id": 1}, "columns: {prompt: goal}"),
    ("unknown_format", {"tokens": ["a"], "tags": ["O"]}, "Turn it into instruction and output first"),
    ("unknown_format", {"text": "t", "spans": []}, "Turn it into instruction and output first"),
    ("unknown_format", {}, "the columns (none) fit"),
    ("unknown_format", {"a\nb": "t"}, "the columns (a b) fit no known convention. Turn it into instruction"),
    (
        "unknown_format",
        {"a" * 99: "t", "goal": "g"},
        "aaa…, goal) fit no known convention. Say what it is, for example",
    ),
    ("unknown_format", {"instruction": None, "output": None}, "the columns (none) fit"),
    ("undesirable", {"messages": TURNS, "label": False}, "should not be learned"),
    ("undesirable", {"prompt": "q", "completion": "a", "kto_tag": False}, "should not be learned"),
    ("no_messages", {"messages": []}, "a list with at least one message"),
    ("no_messages", {"messages": "not a list"}, "a list with at least one message"),
    ("unknown_role", {"messages": [{"role": "narrator", "content": "x"}]}, "unknown role 'narrator'"),
    ("broken_history", {"instruction": "q", "output": "a", "history": [["one"]]}, "[user, assistant] pairs"),
    ("broken_history", {"instruction": "q", "output": "a", "history": "once"}, "[user, assistant] pairs"),
    ("content_not_text", {"instruction": ["q"], "output": "a"}, "column `instruction` must be text, got list"),
    ("content_not_text", {"instruction": "q", "output": {"x": 1}}, "the answer must be text, got dict"),
    ("broken_tools", {"messages": TURNS, "tools": "none"}, "`tools` must be a list"),
    ("no_instances", {"instruction": "q", "instances": []}, "at least one {input, output}"),
    ("no_prompt", {"chosen": "a", "rejected": "b"}, "a preference needs a prompt"),
    ("too_many_choices", {"question": "q", "choices": list(range(27)), "answer": "A"}, "27 choices"),
    ("broken_tree", {"prompt": {"role": "prompter", "text": "x", "replies": 5}}, "must be a list of messages"),
    ("broken_record", {"id": "1", "content_sha256": "x", "messages": [1]}, "looks like a row of a run folder"),
]


@pytest.mark.parametrize(("reason", "row", "detail"), REFUSED)
def test_a_row_that_cannot_be_learned_says_why_in_one_line(reason, row, detail):
    _, (drop,) = read(row)
    assert isinstance(drop, Drop) and (drop.reason, drop.stage, drop.source) == (reason, "read", "x.jsonl:1")
    assert detail in drop.detail and "\n" not in drop.detail


def test_columns_that_a_union_of_tables_left_empty_do_not_decide():
    row = {"messages": "", "instruction": "", "output": "", "question": "q", "answer": "a"}
    name, (record,) = read(row)
    assert (name, said(record)) == ("question/answer", [(U, "q"), (A, "a")])
    assert read({"messages": None, "instruction": "q", "output": "a"})[0] == "alpaca"


def test_several_instances_are_several_records_with_their_own_ids():
    instances = [
        {"input": "i1", "output": "a1"},
        {"input": "<noinput>", "output": "a2", "note": "n"},
        {"input": "i3"},
        7,
    ]
    row = {"id": "s1", "instruction": "q", "instances": instances, "is_classification": False}
    name, parts = read(row)
    assert name == "instances" and [type(part) for part in parts] == [Record, Record, Record, Drop]
    assert [said(part) for part in parts[:3]] == [[(U, "q\n\ni1"), (A, "a1")], [(U, "q"), (A, "a2")], [(U, "q\n\ni3")]]
    assert len({part.id for part in parts}) == 4
    assert parts[0].meta == {"id": "s1", "is_classification": False}
    assert parts[1].meta["instance"] == {"input": "<noinput>", "note": "n"}
    assert parts[3].reason == "broken_instance"


def node(role: str, text: str, *replies: dict, **others) -> dict:
    return {"role": role, "text": text, "replies": list(replies), **others}


def test_a_message_tree_gives_a_record_for_every_last_answer_and_counts_unanswered_questions():
    tree = node(
        "prompter",
        "q",
        node(
            "assistant",
            "a1",
            node("prompter", "q2", node("assistant", "a2", message_id="m")),
            node("prompter", "lost1"),
        ),
        node("assistant", "a3", node("prompter", "lost2")),
        node("assistant", "a4"),
        node("assistant", "gone", deleted=True),
    )
    name, parts = read({"message_tree_id": "t", "prompt": tree})
    records = [part for part in parts if isinstance(part, Record)]
    assert name == "message tree"
    expected = [[(U, "q"), (A, "a1"), (U, "q2"), (A, "a2")], [(U, "q"), (A, "a3")], [(U, "q"), (A, "a4")]]
    assert sorted(said(record) for record in records) == sorted(expected)
    assert Counter(part.reason for part in parts if isinstance(part, Drop)) == {
        "unanswered_prompt": 2,
        "deleted_message": 1,
    }
    (deep,) = [record for record in records if len(record.messages) == 4]
    assert deep.meta["nodes"][3] == {"message_id": "m"} and deep.meta["message_tree_id"] == "t"


def test_a_row_of_a_run_folder_is_the_record_it_was():
    _, (record,) = read({"question": "q", "answer": ["a", "b"], "task": "t", "tools": [{"name": "f"}], "extra": 1})
    name, (again,) = record_from_row(record.to_dict(), source="runs/x/data/test.jsonl:7")
    assert name == "tunesmith"
    assert (again.id, again.content_sha256, again.task) == (record.id, record.content_sha256, "t")
    assert (again.references, again.tools, again.source) == (
        record.references,
        record.tools,
        "runs/x/data/test.jsonl:7",
    )
    assert again.meta == {"extra": 1, "source": "x.jsonl:1"}


def test_the_task_of_the_source_wins_and_the_rows_own_stays_in_meta():
    _, (record,) = read({"prompt": "q", "completion": "a", "task": "theirs"}, task="ours")
    assert (record.task, record.meta) == ("ours", {"task": "theirs"})


def test_the_id_depends_on_the_row_alone():
    row = {"prompt": "q", "completion": "a"}
    ids = [
        record_from_row(dict(items), source=source)[1][0].id
        for items, source in ((row.items(), "a:1"), (list(row.items())[::-1], "b:2"))
    ]
    assert ids[0] == ids[1] != read({"prompt": "q", "completion": "b"})[1][0].id


# ── the real files ────────────────────────────────────────────────────────────────────────────────

# file: convention, rows, rows kept, records, messages, dropped parts
INSTRUCTIONS = {
    "alpaca_15k": ("alpaca", 15648, 15648, 15648, 31296, 0),
    "alpaca_gpt4_en_demo": ("alpaca", 999, 999, 999, 1998, 0),
    "alpaca_zh_demo": ("alpaca", 1000, 1000, 1000, 2000, 0),
    "code_alpaca_2k": ("alpaca", 2017, 2017, 2017, 4034, 0),
    "dolly_5k": ("dolly", 5167, 5167, 5167, 10334, 0),
    "flan_cot": ("question/answer", 6300, 6300, 6300, 12600, 0),
    "glaive_toolcall_en_demo": ("conversations", 300, 300, 300, 1914, 0),
    "identity_templated": ("alpaca", 91, 91, 91, 182, 0),
    "mt_bench_80": ("mt-bench", 80, 80, 80, 240, 0),
    "oasst1_zh_multiturn": ("alpaca", 689, 689, 689, 2276, 0),
    "oasst_tree_en_100": ("message tree", 100, 100, 546, 1806, 226),
    "reason_tool_use_50": ("messages", 50, 50, 50, 274, 0),
    "self_instruct_seed_tasks": ("instances", 175, 175, 175, 350, 0),
    "t0_mixture": ("prompt/completion", 5983, 5983, 5983, 11966, 0),
    "user_oriented_252": ("instances", 252, 252, 252, 504, 0),
}


def read_file(path, limit=None) -> tuple[Counter, list[list[Record | Drop]], list[dict]]:
    rows = list(itertools.islice(read_rows(path), limit))
    found = [record_from_row(row.value, source=row.source) for row in rows]
    return Counter(name for name, _ in found), [parts for _, parts in found], [row.value for row in rows]


def records_of(parts: list[list[Record | Drop]]) -> list[Record]:
    return [part for row in parts for part in row if isinstance(part, Record)]


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_file_loads_without_configuration(shared, name):
    formats, parts, rows = read_file(shared / f"data/instructions/{name}.jsonl")
    records = records_of(parts)
    kept = sum(any(isinstance(part, Record) for part in row) for row in parts)
    drops = sum(len(row) for row in parts) - len(records)
    messages = sum(len(record.messages) for record in records)
    expected_name, *expected = INSTRUCTIONS[name]
    assert formats == {expected_name: len(rows)}
    assert [len(rows), kept, len(records), messages, drops] == expected


def test_no_instruction_file_is_missing_from_the_table(shared):
    assert {path.stem for path in (shared / "data/instructions").iterdir()} == set(INSTRUCTIONS)


def texts_in(value) -> list[str]:
    """Every text anywhere in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, (list, tuple)) else []


@pytest.mark.parametrize("name", sorted(set(INSTRUCTIONS) - {"oasst_tree_en_100"}))
def test_every_text_of_every_row_is_in_a_record_or_its_meta(shared, name):
    """Structure words aside (roles, types), and JSON texts compared by what they hold."""
    _, parts, rows = read_file(shared / f"data/instructions/{name}.jsonl")
    structure = {"human", "gpt", "function_call", "observation", "text", "reasoning", "tool_call", "function"}
    for row, row_parts in zip(rows, parts):
        found = "\n".join(text for part in row_parts for text in texts_in(part.to_dict()))
        for text in texts_in(row):
            held = texts_in(json.loads(text)) if text[:2] in ('{"', "[{", "[]") and is_json(text) else [text]
            assert all(piece in found or piece in structure for piece in held) or text in found


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_every_message_of_the_trees_is_in_a_record_or_a_counted_unanswered_question(shared):
    _, parts, rows = read_file(shared / "data/instructions/oasst_tree_en_100.jsonl")
    waiting, texts, unanswered = [row["prompt"] for row in rows], set(), 0
    while waiting:
        tree_node = waiting.pop()
        waiting += tree_node["replies"]
        if tree_node["role"] == "prompter" and not tree_node["replies"]:
            unanswered += 1
        else:
            texts.add(tree_node["message_id"])
    covered = {tree_node["message_id"] for record in records_of(parts) for tree_node in record.meta["nodes"]}
    assert covered == texts and len(texts) + unanswered == 1167
    assert Counter(part.reason for row in parts for part in row if isinstance(part, Drop)) == {
        "unanswered_prompt": unanswered
    }


def test_glaive_keeps_every_call_every_answer_and_every_tool(shared):
    _, parts, rows = read_file(shared / "data/instructions/glaive_toolcall_en_demo.jsonl")
    records = records_of(parts)
    assert Counter(m.role for r in records for m in r.messages) == {"user": 746, "assistant": 746 + 211, "tool": 211}
    assert sum(len(m.tool_calls) for r in records for m in r.messages) == 211
    assert [len(r.tools) for r in records] == [len(json.loads(row["tools"])) for row in rows]


def test_reason_tool_use_keeps_reasoning_calls_and_tools(shared):
    _, parts, rows = read_file(shared / "data/instructions/reason_tool_use_50.jsonl")
    messages = [message for record in records_of(parts) for message in record.messages]
    kinds = Counter(part["type"] for row in rows for turn in row["messages"] for part in turn["content"])
    assert sum(bool(m.reasoning) for m in messages) == kinds["reasoning"] == 112
    assert sum(len(m.tool_calls) for m in messages) == kinds["tool_call"] == 68
    assert [len(r.tools) for r in records_of(parts)] == [len(json.loads(row["tools"])) for row in rows]


OTHERS = {"preference": 6, "tasks": 34, "safety": 7, "pii": 1}


@pytest.mark.parametrize("folder", OTHERS)
def test_every_other_real_file_gives_records_or_one_useful_line(shared, folder):
    paths = sorted((shared / "data" / folder).glob("*.jsonl"))
    assert len(paths) == OTHERS[folder]
    for path in paths:
        _, parts, _ = read_file(path, limit=200)
        for row_parts in parts:
            assert row_parts
            for part in row_parts:
                if isinstance(part, Drop):
                    assert part.reason in ("unknown_format", "undesirable"), path
                    assert "\n" not in part.detail and part.detail.endswith(".")
