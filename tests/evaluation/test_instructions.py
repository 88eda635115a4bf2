import json

import pytest

from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.instructions import (
    CHECK_SCORES,
    assumed_arguments,
    instruction_samples,
    is_instruction_row,
    read_checks,
    score_checks,
)

ROW = {
    "key": 7,
    "prompt": "Say hi in two words, without a comma.",
    "instruction_id_list": ["length_constraints:number_words", "punctuation:no_comma"],
    "kwargs": [{"num_words": 3, "relation": "less than", "keywords": None}, {"num_words": None}],
}
CHECKS = [
    {"id": "length_constraints:number_words", "kwargs": {"num_words": 3, "relation": "less than"}},
    {"id": "punctuation:no_comma", "kwargs": {}},
]


@pytest.fixture
def prompts(tmp_path):
    def write(*rows):
        path = tmp_path / "asked.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path

    return write


def test_a_row_becomes_a_question_with_its_checks(prompts):
    (sample,) = instruction_samples(prompts(ROW))
    assert sample.prompt[0].content == ROW["prompt"]
    assert (sample.key, sample.task, sample.group, sample.references) == ("7", "asked", "asked", ())
    assert sample.expected == {"checks": CHECKS}
    assert sample.source.endswith("asked.jsonl:1")


def test_a_row_without_kwargs_has_checks_without_arguments(prompts):
    (sample,) = instruction_samples(prompts({"prompt": "Hi", "instruction_id_list": ["punctuation:no_comma"]}))
    assert sample.expected == {"checks": [{"id": "punctuation:no_comma", "kwargs": {}}]}


def test_only_rows_that_name_instructions_are_instruction_rows():
    assert is_instruction_row(ROW)
    assert not is_instruction_row({"prompt": "Hi", "response": "Hi"})
    assert not is_instruction_row({"prompt": "Hi", "instruction_id_list": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": None}, "asked.jsonl:2: no prompt in this row. Put the text that is asked under `prompt`."),
        ({"prompt": " "}, "asked.jsonl:2: no prompt in this row."),
        ({"key": [1]}, "asked.jsonl:2: `key` must be a number or a text, got list."),
        ({"kwargs": [{}]}, "asked.jsonl:2: `instruction_id_list` has 2, `kwargs` 1. Give one object for each id"),
        ({"kwargs": {}}, "asked.jsonl:2: `instruction_id_list` and `kwargs` must be lists"),
        ({"instruction_id_list": []}, "asked.jsonl:2: `instruction_id_list` and `kwargs` must be lists, with at least"),
        (
            {"instruction_id_list": ["punctuation:no_coma"] * 2},
            "asked.jsonl:2: no such check `punctuation:no_coma`. Did",
        ),
        ({"kwargs": [{"num_word": 3}, {}]}, "has no argument `num_word`. Did you mean `num_words`?"),
        ({"kwargs": [{"num_words": "x"}, {}]}, "asked.jsonl:2: check `length_constraints:number_words`: `num_words`: "),
        ({"kwargs": [3, {}]}, "asked.jsonl:2: an id must be text and its kwargs an object, got"),
        ({"key": 7}, "asked.jsonl:2: the key 7 is taken by "),
    ],
)
def test_a_bad_row_is_one_line_with_its_place(prompts, change, message):
    with pytest.raises(DataError) as caught:
        instruction_samples(prompts(ROW, {**ROW, "key": 8, **change}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_json_and_an_empty_file_are_told(prompts, tmp_path):
    with pytest.raises(DataError, match="asked.jsonl: no prompts in it. A row needs `key`, `prompt`"):
        instruction_samples(prompts())
    (tmp_path / "broken.jsonl").write_text('{"prompt": \n')
    with pytest.raises(DataError, match="broken.jsonl:1: .*Correct the line."):
        instruction_samples(tmp_path / "broken.jsonl")


@pytest.mark.parametrize(
    ("answer", "strict", "loose"),
    [
        ("Hi there.", (1, 2), (1, 2)),
        ("Hi, there.", (0, 1), (0, 1)),
        ("Here it is:\nHi there.", (0, 1), (1, 2)),
        ("", (0, 0), (0, 0)),
        (" \n", (0, 0), (0, 0)),
    ],
)
def test_prompts_and_instructions_are_counted_strictly_and_loosely(answer, strict, loose):
    scores, details = score_checks(ROW["prompt"], answer, CHECKS)
    assert tuple(scores) == CHECK_SCORES
    assert (scores["prompt_level_strict"], scores["num_followed_strict"]) == strict
    assert (scores["prompt_level_loose"], scores["num_followed_loose"]) == loose
    assert scores["num_asked"] == 2
    assert scores["inst_level_strict"] == strict[1] / 2
    assert [check["id"] for check in details["checks"]] == ROW["instruction_id_list"]
    assert sum(check["loose"] for check in details["checks"]) == loose[1]


def test_what_was_taken_for_a_missing_argument_is_told_and_never_changes():
    checks = [{"id": "keywords:letter_frequency", "kwargs": {"let_frequency": 2}}]
    verdicts = [score_checks("", "see", checks) for _ in range(5)]
    assert all(verdict == verdicts[0] for verdict in verdicts)
    assert verdicts[0][1]["checks"][0]["assumed"] == {"letter": "e", "let_relation": "at least"}


def test_a_file_that_lacks_arguments_is_told_of_in_one_line(prompts):
    row = {"prompt": "Hi", "instruction_id_list": ["keywords:letter_frequency"], "kwargs": [{"let_frequency": 2}]}
    note = assumed_arguments(instruction_samples(prompts(ROW, row)))
    assert note.startswith("arguments are missing (checks: 1); IFEval's checker draws them at random, here they are")
    assert note.endswith("asked.jsonl:2: keywords:letter_frequency with letter 'e', let_relation 'at least'.")
    assert assumed_arguments(instruction_samples(prompts(ROW))) is None


def test_an_unknown_check_is_refused():
    with pytest.raises(UsageError, match="no such check `x:y`"):
        score_checks("", "a", [{"id": "x:y", "kwargs": {}}])


def test_checks_are_read_from_any_row():
    assert read_checks(ROW, "here:1") == CHECKS


@pytest.mark.parametrize(
    ("answer", "figures"),
    [
        # Of the published checker (see tests/checks/test_ifeval.py), over the 541 prompts with their 834 instructions.
        (lambda prompt: prompt, (134, 161, 300, 342)),
        (lambda prompt: "", (0, 0, 0, 0)),
    ],
)
def test_ifeval_as_published_gives_the_published_checkers_figures(shared, answer, figures):
    samples = instruction_samples(shared / "data" / "tasks" / "ifeval_prompts.jsonl")
    scores = [
        score_checks(text, answer(text), sample.expected["checks"])[0]
        for sample in samples
        for text in [sample.prompt[0].content]
    ]
    names = ("prompt_level_strict", "prompt_level_loose", "num_followed_strict", "num_followed_loose")
    assert (len(samples), sum(score["num_asked"] for score in scores)) == (541, 834)
    assert tuple(sum(score[name] for score in scores) for name in names) == figures
