"""Samples, answers on disk and answers from a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tunesmith.errors import DataError, ModelError, ResourceError, UsageError
from tunesmith.evaluation.baselines import majority_answer
from tunesmith.evaluation.runner import Sample, answer_samples, samples_from_records, score_predictions, task_file_names
from tunesmith.files import read_jsonl
from tunesmith.lm import Completion, NoAnswers, Sampling, ScriptedModel
from tunesmith.records import Message, Record

GREEDY = Sampling(max_new_tokens=8)


def record(k: int, task: str = "qa", **fields) -> Record:
    messages = (Message("system", "Be brief."), Message("user", f"question {k}"), Message("assistant", f"answer {k}"))
    return Record(f"id{k}", messages, task=task, source=f"rows.jsonl:{k}", **fields)


def samples_of(*tasks: str, n: int = 3) -> dict[str, list[Sample]]:
    return samples_from_records(record(k, task) for task in tasks for k in range(n))


def echo() -> ScriptedModel:
    return ScriptedModel(lambda conversation: conversation[-1].content.replace("question", "answer"))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# -- samples -----------------------------------------------------------------------------------------------------------


def test_a_record_becomes_its_question_and_all_its_answers():
    fields = {"references": ("answer 1", "one", "1"), "meta": {"id": "q-1"}, "tools": ({"name": "f"},)}
    [sample] = samples_from_records([record(1, **fields)])["qa"]
    assert [turn.content for turn in sample.prompt] == ["Be brief.", "question 1"]
    assert sample.references == ("answer 1", "one", "1")
    assert (sample.id, sample.source, sample.key, sample.tools) == ("id1", "rows.jsonl:1", "q-1", ({"name": "f"},))


def test_records_without_a_task_are_called_all_and_none_is_called_overall():
    assert list(samples_from_records([record(1, ""), record(2, "overall")])) == ["all", "overall (task)"]


def test_a_record_without_an_answer_is_refused_with_its_source():
    with pytest.raises(DataError, match=r"^rows.jsonl:7: no answer to compare with. Add one, or leave the row out.$"):
        samples_from_records([Record("x", (Message("user", "question"),), source="rows.jsonl:7")])


def test_the_choice_of_samples_depends_on_the_seed_and_not_on_the_order():
    records = [record(k) for k in range(50)]
    chosen = samples_from_records(records, max_samples=10, seed=1)["qa"]
    assert len(chosen) == 10
    assert [sample.id for sample in chosen] == sorted((sample.id for sample in chosen), key=lambda name: int(name[2:]))
    backwards = samples_from_records([*reversed(records), record(99, "other")], max_samples=10, seed=1)["qa"]
    assert {sample.id for sample in backwards} == {sample.id for sample in chosen}
    other = samples_from_records(records, max_samples=10, seed=2)["qa"]
    assert {sample.id for sample in other} != {sample.id for sample in chosen}
    assert samples_from_records(records, max_samples=50)["qa"] == samples_from_records(records)["qa"]


# -- answers -----------------------------------------------------------------------------------------------------------


def test_each_line_holds_the_question_the_answer_and_its_scores(tmp_path):
    answer_samples("base", echo(), samples_of("qa"), GREEDY, tmp_path)
    first, *_ = rows = lines(tmp_path / "base" / "qa.jsonl")
    assert len(rows) == 3
    known = ["id", "task", "source", "prompt", "references"]
    assert list(first) == [*known, "prediction", "finish_reason", "num_completion_tokens", "scores"]
    assert first["prompt"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "question 0"}]
    assert (first["prediction"], first["references"], first["finish_reason"]) == ("answer 0", ["answer 0"], "stop")
    names = {"exact_match", "verbatim_match", "f1", "rouge1", "rouge2", "rougeL", "bleu", "chrf"}
    assert set(first["scores"]) == names
    assert first["scores"]["exact_match"] == 1.0


def test_a_killed_evaluation_goes_on_with_the_next_task(tmp_path):
    samples, done = samples_of("a", "b"), []
    answer_samples("base", echo(), {"a": samples["a"]}, GREEDY, tmp_path, identity="w")
    lm = echo()
    answer_samples("base", lm, samples, GREEDY, tmp_path, on_done=done.append, identity="w")
    assert len(lm.asked) == 3 and sum(done) == 6
    again = echo()
    answer_samples("base", again, samples, GREEDY, tmp_path, identity="w")
    assert again.asked == []


def test_the_samples_of_a_group_are_named_after_it_and_say_so(tmp_path):
    samples = samples_from_records([record(1, "qa"), record(2, "")], group="unseen")
    assert {task: (sample.family, sample.group) for task, [sample] in samples.items()} == {
        "unseen": ("unseen", "unseen"), "unseen/qa": ("qa", "unseen")
    }  # fmt: skip
    answer_samples("base", echo(), samples, GREEDY, tmp_path)
    [path] = (tmp_path / "base").glob("unseen_qa-*.jsonl")
    assert [(row["task"], row["group"]) for row in lines(path)] == [("unseen/qa", "unseen")]


def test_answers_without_every_score_of_today_are_scored_again_and_not_asked(tmp_path):
    answer_samples("base", echo(), samples_of("qa"), GREEDY, tmp_path)
    path = tmp_path / "base" / "qa.jsonl"
    rows = [{**row, "scores": {"exact_match": 1.0}} for row in lines(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lm = echo()
    answer_samples("base", lm, samples_of("qa"), GREEDY, tmp_path)
    assert lm.asked == [] and "verbatim_match" in lines(path)[0]["scores"]


def _cut(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))


def _break(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


def _reorder(path: Path) -> None:
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))


def _change_reference(path: Path) -> None:
    path.write_text(path.read_text().replace('"references": ["answer 1"]', '"references": ["answer 9"]'))


def _change_prompt(path: Path) -> None:
    path.write_text(path.read_text().replace("question 2", "question 3"))


def _forget_scores(path: Path) -> None:
    path.write_text("".join(json.dumps({**row, "scores": {}}) + "\n" for row in lines(path)))


def _fail(path: Path) -> None:
    path.write_text(path.read_text().replace('"finish_reason": "stop"', '"finish_reason": "failed"', 1))


DAMAGES = [
    (_cut, 1), (_break, 3), (_reorder, 0), (_change_reference, 0), (_change_prompt, 1), (_forget_scores, 0), (_fail, 1),
    (os.remove, 3),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "num_asked"), DAMAGES)
def test_of_a_partial_or_stale_task_file_only_what_has_no_answer_is_asked(tmp_path, damage, num_asked):
    answer_samples("base", echo(), samples_of("a", "b"), GREEDY, tmp_path)
    whole = (tmp_path / "base" / "a.jsonl").read_bytes()
    damage(tmp_path / "base" / "a.jsonl")
    lm = echo()
    answer_samples("base", lm, samples_of("a", "b"), GREEDY, tmp_path)
    assert len(lm.asked) == num_asked
    assert (tmp_path / "base" / "a.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("sampling", "identity"),
    [(GREEDY, "other weights"), (Sampling(max_new_tokens=9), "w"), (Sampling(8, stop=("\n",)), "w")],
)
def test_answers_of_other_weights_or_other_sampling_are_not_kept(tmp_path, sampling, identity):
    answer_samples("tuned", echo(), samples_of("a", "b"), GREEDY, tmp_path, identity="w")
    lm = echo()
    answer_samples("tuned", lm, samples_of("a"), sampling, tmp_path, identity=identity)
    assert len(lm.asked) == 3
    assert not (tmp_path / "tuned" / "b.jsonl").exists()  # what the old system said is gone, not mixed in


def test_a_damaged_description_of_the_system_makes_it_answer_again(tmp_path):
    answer_samples("base", echo(), samples_of("a"), GREEDY, tmp_path)
    (tmp_path / "base" / "system.json").write_text("{")
    lm = echo()
    answer_samples("base", lm, samples_of("a"), GREEDY, tmp_path)
    assert len(lm.asked) == 3


def test_a_baseline_answers_like_a_model(tmp_path):
    done = []
    baseline = majority_answer([record(7)])
    answer_samples("majority_answer", baseline, samples_of("qa"), GREEDY, tmp_path, on_done=done.append)
    assert [row["prediction"] for row in lines(tmp_path / "majority_answer" / "qa.jsonl")] == ["answer 7"] * 3
    assert sum(done) == 3


def test_tools_reach_the_model_and_the_file(tmp_path):
    seen = []

    class WithTools(ScriptedModel):
        def generate(self, conversations, sampling=GREEDY, *, tools=None, on_answer=None):
            seen.append(tools)
            return super().generate(conversations, sampling, tools=tools, on_answer=on_answer)

    samples = samples_from_records([record(1, tools=({"name": "f"},)), record(2)])
    answer_samples("base", WithTools(lambda conversation: "x"), samples, GREEDY, tmp_path)
    assert seen == [[({"name": "f"},), ()]]
    assert lines(tmp_path / "base" / "qa.jsonl")[0]["tools"] == [{"name": "f"}]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "base").write_text("a file where the folder should be")
    with pytest.raises(ResourceError, match="base/system.json: a part of the path is a file, not a folder"):
        answer_samples("base", echo(), samples_of("a"), GREEDY, tmp_path)


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["closed_qa"], ["closed_qa.jsonl"]),
        (["Sci/Tech"], ["Sci_Tech-*.jsonl"]),
        (["../../etc"], ["_.._etc-*.jsonl"]),
        (["QA", "qa"], ["QA-*.jsonl", "qa-*.jsonl"]),
        (["a b", "a_b"], ["a_b-*.jsonl", "a_b-*.jsonl"]),
        (["x" * 300], ["x" * 60 + "-*.jsonl"]),
        (["问答"], ["问答.jsonl"]),
        (["问" * 200], ["问" * 60 + "-*.jsonl"]),
    ],
)
def test_every_task_has_a_safe_file_of_its_own(tasks, expected):
    names = list(task_file_names(tasks).values())
    assert len({name.casefold() for name in names}) == len(tasks)
    assert all(Path(name).match(pattern) for name, pattern in zip(names, expected, strict=True))
    assert all(len(name.encode()) < 255 for name in names)


# -- answers from a file -----------------------------------------------------------------------------------------------


def predictions(tmp_path: Path, rows: list) -> Path:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def own_keys() -> dict[str, list[Sample]]:
    return samples_from_records(record(k, meta={"key": 1000 + k}) for k in range(3))


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": f"id{k}", "prediction": f"answer {k}"} for k in (2, 0, 1)],
        [{"key": 1000 + k, "response": f"answer {k}"} for k in (1, 2, 0)],
        [{"key": str(1000 + k), "output": f"answer {k}"} for k in range(3)],
        [{"prompt": f"question {k}", "completion": f"answer {k}"} for k in (2, 1, 0)],
        [{"prompt": [turn.to_dict() for turn in record(k).prompt], "answer": f"answer {k}"} for k in range(3)],
        [{"id": "unknown", "prompt": f"question {k}", "text": f"answer {k}"} for k in range(3)],
    ],
)
def test_predictions_are_joined_by_id_or_key_or_else_by_the_exact_prompt(tmp_path, rows):
    score_predictions(predictions(tmp_path, rows), own_keys(), tmp_path / "eval")
    written = lines(tmp_path / "eval" / "predictions" / "qa.jsonl")
    assert [row["prediction"] for row in written] == ["answer 0", "answer 1", "answer 2"]
    assert all(row["scores"]["exact_match"] == 1.0 for row in written)


def test_the_lines_carry_the_name_the_predictions_use(tmp_path):
    rows = [{"key": 1000 + k, "prediction": "x"} for k in range(3)]
    score_predictions(predictions(tmp_path, rows), own_keys(), tmp_path, system="gpt")
    names = [(row["id"], row["record_id"]) for row in lines(tmp_path / "gpt" / "qa.jsonl")]
    assert names == [(1000, "id0"), (1001, "id1"), (1002, "id2")]


GOOD = [{"id": f"id{k}", "prediction": "x"} for k in range(3)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (GOOD[:2], ".jsonl: no prediction for 1 of 3 samples, the first of them rows.jsonl:2. Add a row for each."),
        ([*GOOD, GOOD[1]], ".jsonl:4: a second prediction for the sample that .*ctions.jsonl:2 answers. Keep one."),
        ([*GOOD, {"id": "id9", "prediction": ""}], ".jsonl:4: fits no sample by `id`, `key` or exact `prompt`."),
        ([{"prediction": "x"}, *GOOD], ".jsonl:1: fits no sample"),
        ([{"id": "id1"}, *GOOD], ".jsonl:1: no prediction in this row. Put the answer under `prediction`."),
        ([GOOD[0], {"id": "id1", "response": None}], ".jsonl:2: `response` must be text, got NoneType."),
        ([GOOD[0], "{broken", *GOOD[1:]], ".jsonl:2: .*Correct the line: every sample needs its prediction."),
        ([], ".jsonl: no prediction for 3 of 3 samples"),
    ],
)
def test_predictions_that_do_not_fit_the_samples_are_told_by_line(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        score_predictions(predictions(tmp_path, rows), own_keys(), tmp_path / "eval")
    assert not (tmp_path / "eval").exists()


def test_a_name_that_two_samples_share_needs_the_prompt_as_well(tmp_path):
    samples = samples_from_records([record(1, "a", meta={"id": 0}), record(2, "b", meta={"id": 0})])
    with pytest.raises(DataError, match=r"predictions.jsonl:1: fits 2 different samples. Give `prompt` beside `id`."):
        score_predictions(predictions(tmp_path, [{"id": 0, "prediction": "x"}] * 2), samples, tmp_path)
    rows = [{"id": 0, "prompt": f"question {k}", "prediction": f"answer {k}"} for k in (2, 1)]
    score_predictions(predictions(tmp_path, rows), samples, tmp_path)
    assert lines(tmp_path / "predictions" / "b.jsonl")[0]["prediction"] == "answer 2"


def test_equal_samples_take_their_predictions_in_turn(tmp_path):
    samples = samples_from_records([record(1), record(1)])
    rows = [{"id": "id1", "prediction": "first"}, {"id": "id1", "prediction": "second"}]
    score_predictions(predictions(tmp_path, rows), samples, tmp_path)
    assert [row["prediction"] for row in lines(tmp_path / "predictions" / "qa.jsonl")] == ["first", "second"]


def test_predictions_are_not_overwritten_by_their_own_scores(tmp_path):
    (tmp_path / "gpt").mkdir()
    path = predictions(tmp_path / "gpt", GOOD)
    with pytest.raises(UsageError, match="this output is the input"):
        score_predictions(path, own_keys(), tmp_path, system="gpt")
    assert len(lines(path)) == 3


def test_tool_calls_in_a_prompt_can_be_joined(tmp_path):
    called = Message("assistant", "", tool_calls=({"name": "f", "arguments": {"x": 1}},))
    turns = (Message("user", "question"), called, Message("tool", "42"), Message("assistant", "answer"))
    path = predictions(tmp_path, [{"id": "t", "prediction": "answer"}])
    score_predictions(path, samples_from_records([Record("t", turns)]), tmp_path)
    assert lines(tmp_path / "predictions" / "all.jsonl")[0]["scores"]["exact_match"] == 1.0


def test_an_answer_cut_at_its_limit_says_so(tmp_path):
    cut = [Completion("cut", "length")] * 3
    answer_samples("base", lambda samples, _on_answer: cut, samples_of("qa"), GREEDY, tmp_path)
    assert lines(tmp_path / "base" / "qa.jsonl")[0]["finish_reason"] == "length"


def test_the_choice_of_samples_does_not_depend_on_where_the_file_lies():
    here, there = (
        [
            Record(str(i), (Message("user", f"q{i}"), Message("assistant", "a")), source=f"{folder}/x.jsonl:{i}")
            for i in range(40)
        ]
        for folder in ("here", "there")
    )
    chosen = [[s.id for s in samples_from_records(records, max_samples=7)["all"]] for records in (here, there)]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 7


def test_questions_that_fail_again_stay_failed_samples_where_others_were_answered(tmp_path):
    """Asking again after some samples failed must give the same result, not an error."""

    def refuses(samples, keep):
        raise NoAnswers("m: HTTP 400 (filtered).", [Completion("", "failed", note="filtered") for _ in samples])

    def answers(samples, keep):
        return [
            Completion("", "failed", note="filtered") if k else Completion("yes", "stop") for k, _ in enumerate(samples)
        ]

    samples = {"qa": [Sample(f"s{k}", (Message("user", f"Is it {k}?"),), ("yes",), "qa") for k in range(3)]}
    with pytest.raises(ModelError, match="filtered.*0 of 3 answers are kept"):
        answer_samples("m", refuses, samples, Sampling(), tmp_path)
    for ask in (answers, refuses):
        answer_samples("m", ask, samples, Sampling(), tmp_path)
        assert [row["finish_reason"] for row in read_jsonl(tmp_path / "m" / "qa.jsonl")] == ["stop", "failed", "failed"]
