"""Files of questions: what is asked is seen from their columns, and what cannot be scored is told in one line."""

from __future__ import annotations

import json

import pytest

from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.measurements import measure_task
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.runner import samples_from_records
from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.suites.suite import is_own
from tunesmith.evaluation.task_kinds import task_kind
from tunesmith.progress import SilentProgress
from tunesmith.records import Message, Record


class Told(SilentProgress):
    def __init__(self):
        self.lines = []

    def warn(self, text):
        self.lines.append(text)


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path, **options):
    return file_samples([path], SilentProgress(), **options)


def test_a_category_divides_a_file_into_tasks(tmp_path):
    rows = [
        {"question": f"q{k}", "answer": f"a{k}", "category": kind} for k, kind in enumerate(["sums", "names", "sums"])
    ]
    samples = read(write(tmp_path / "mine.jsonl", *rows))
    assert {task: len(asked) for task, asked in samples.items()} == {"mine/names": 1, "mine/sums": 2}
    assert {sample.group for asked in samples.values() for sample in asked} == {"mine"}


@pytest.mark.parametrize(
    ("name", "kind", "column"),
    [
        ("wnut17_test", "entities", "entities_asked"),
        ("ifeval_prompts", "instructions", "prompt_level_strict"),
        ("ifbench_prompts", "instructions", "prompt_level_loose"),
        ("gsm8k_test", "numbers", "number_match"),
        ("xquad_zh", "short", "exact_match"),
        ("mmlu_dev_val", "labels", "exact_match"),
    ],
)
def test_what_is_asked_is_seen_from_the_columns(shared, name, kind, column):
    [samples] = read(shared / f"data/tasks/{name}.jsonl", max_samples=40).values()
    lines = with_scores([{**sample.to_dict(), "prediction": "something"} for sample in samples])
    assert len(samples) == 40 and task_kind(lines) == kind
    assert all(column in line["scores"] for line in lines)


def test_humaneval_brings_its_tests_and_its_solution(shared):
    [samples] = read(shared / "data/tasks/humaneval.jsonl").values()
    first = samples[0]
    assert len(samples) == 164 and first.expected["tests"]["entry_point"] == "has_close_elements"
    assert first.references[0].lstrip().startswith("for idx, elem in enumerate")
    assert first.expected["tests"]["prompt"] == first.prompt[-1].content


def test_a_list_of_assertions_is_a_test_of_a_program_and_a_test_called_test_is_not(tmp_path):
    rows = [
        {
            "prompt": "Write f.",
            "code": "def f(): pass",
            "test_list": ["assert f() is None"],
            "test_imports": ["import math"],
        },
        {"question": "Passed?", "answer": "yes", "test": "unit 4"},
    ]
    samples = read(write(tmp_path / "mine.jsonl", *rows))["mine"]
    assert samples[0].expected == {
        "tests": {"code": "import math\nassert f() is None", "entry_point": "", "prompt": "Write f."}
    }
    assert samples[1].expected == {}


def test_a_schema_is_what_an_answer_is_held_against_even_without_a_reference(tmp_path):
    schema = {"type": "object", "required": ["a"]}
    rows = [
        {"prompt": "An object with a.", "json_schema": schema},
        {"prompt": "Again.", "json_schema": json.dumps(schema)},
    ]
    samples = read(write(tmp_path / "mine.jsonl", *rows))["mine"]
    assert [sample.expected for sample in samples] == [{"json_schema": schema}] * 2
    lines = with_scores([{**sample.to_dict(), "prediction": '{"a": 1}'} for sample in samples])
    shown = {part.metric.name for part in measure_task({"tuned": lines})[0]}
    assert task_kind(lines) == "json" and shown == {"json_valid", "schema_match"}


def test_the_types_of_a_file_are_known_to_each_of_its_rows(tmp_path):
    rows = [{"tokens": ["Ada"], "tags": ["B-PER"]}, {"tokens": ["in", "Oslo"], "tags": ["O", "B-LOC"]}]
    first, second = read(write(tmp_path / "ner.jsonl", *rows))["ner"]
    assert first.references == ('[{"type": "PER", "text": "Ada"}]',)
    assert "Types: LOC, PER." in first.prompt[-1].content and first.prompt[-1].content.endswith("Text: Ada")
    assert (first.expected["types"], first.expected["scheme"]) == (["LOC", "PER"], "IOB2")
    [line] = with_scores([{**second.to_dict(), "prediction": "PER: Ada\nLOC: Oslo"}])
    assert (line["scores"]["entities_right"], line["scores"]["entities_found"]) == (1.0, 2.0)


def test_a_records_own_columns_say_what_is_expected_of_a_runs_test_split_too():
    turns = (Message("user", "An object."), Message("assistant", "{}"))
    record = Record("x", turns, meta={"json_schema": {"type": "object"}})
    [[sample]] = samples_from_records([record]).values()
    assert sample.expected == {"json_schema": {"type": "object"}} and sample.references == ("{}",)


def test_rows_without_an_answer_are_left_out_and_told(tmp_path):
    told = Told()
    rows = [{"question": "q1", "answer": "a"}, {"question": "q2"}, {"nothing": 1}, {"question": "q3"}]
    samples = file_samples([write(tmp_path / "mine.jsonl", *rows)], told)
    assert len(samples["mine"]) == 1
    [line] = told.lines
    assert "4 rows in = 1 kept + 3 dropped (" in line and "no_answer 2" in line
    assert line.endswith("mine.jsonl:2")


def test_untagged_rows_among_tagged_ones_are_told(tmp_path):
    told = Told()
    rows = [{"tokens": ["Ada"], "tags": ["B-PER"]}, {"tokens": ["a", "b"], "tags": ["O"]}]
    assert len(file_samples([write(tmp_path / "ner.jsonl", *rows)], told)["ner"]) == 1
    assert told.lines == [
        f"{tmp_path}/ner.jsonl: 2 rows in = 1 kept + 1 dropped (no_tags 1), the first at {tmp_path}/ner.jsonl:2"
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"question": "q1"}, {"question": "q2"}],
            "none of its 2 rows says what a right answer is.*mine.jsonl:1: add the",
        ),
        ([], "there are no rows in it. Give a file with at least one"),
        ([{"text": "x", "label": "y"}], "the columns .text, label. fit no known convention"),
        (
            [{"id": 7, "question": "q1", "answer": "a"}, {"id": 7, "question": "q2", "answer": "b"}],
            "mine.jsonl:2: the name 7 .`id` or `key`. is already that of .*mine.jsonl:1. Name each question differently",
        ),
        ([{"prompt": "p", "instruction_id_list": ["no:such"], "kwargs": [{}]}], "mine.jsonl:1: .*no:such"),
        (
            [{"key": 1, "prompt": "p", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}] * 2,
            "mine.jsonl:2: the key 1 is taken by .*mine.jsonl:1",
        ),
        (
            [{"prompt": "p", "json_schema": {"type": 3}}],
            "mine.jsonl:1: `json_schema` is no JSON Schema: 3 is not valid",
        ),
        (
            [{"prompt": "p", "json_schema": "{oops"}],
            "mine.jsonl:1: `json_schema` is no JSON. Write a JSON Schema there",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(tmp_path, rows, message):
    with pytest.raises(DataError, match=message) as error:
        read(write(tmp_path / "mine.jsonl", *rows))
    assert "\n" not in str(error.value) and str(error.value).startswith(str(tmp_path))


def test_one_name_in_two_tasks_of_a_file_is_no_mistake(tmp_path):
    rows = [{"id": 1, "question": f"q{kind}", "answer": "a", "category": kind} for kind in ("x", "y")]
    assert len(read(write(tmp_path / "mine.jsonl", *rows))) == 2


def test_a_file_called_like_a_suite_is_not_taken_for_it(tmp_path):
    samples = read(write(tmp_path / "general.jsonl", {"question": "Is it late?", "answer": "No"}))
    assert list(samples) == ["general_file"] and is_own(samples["general_file"][0].group)


def test_two_files_that_would_make_one_task_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "mine.jsonl", {"question": "Is it late?", "answer": "No"})
    with pytest.raises(UsageError, match="b/mine.jsonl: gives a task the same name as .*a/mine.jsonl does. Rename one"):
        file_samples([tmp_path / "a/mine.jsonl", tmp_path / "b/mine.jsonl"], SilentProgress())
    with pytest.raises(UsageError, match="a/mine.jsonl: named twice among the tasks"):
        file_samples([tmp_path / "a/mine.jsonl", tmp_path / "a/mine.jsonl"], SilentProgress())


def test_a_task_of_a_file_keeps_the_family_its_row_names(tmp_path):
    row = {"instruction": "Is snow white?", "output": "Yes", "task": "yes_no", "references": ["Yes.", "It is."]}
    [[sample]] = read(write(tmp_path / "new.jsonl", row)).values()
    assert (sample.task, sample.family, sample.references) == ("new/yes_no", "yes_no", ("Yes", "Yes.", "It is."))


def test_columns_nobody_knows_are_named_as_the_verb_takes_them(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"frage": "Ist es spät?", "satz": "Der Bus kommt um zwölf."}\n')
    with pytest.raises(DataError, match="for example --columns input=frage --columns output=satz") as caught:
        file_samples([path], SilentProgress())
    assert "columns: {" not in str(caught.value)
