"""What a conversation with a run begins with."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.run_folder import write_run
from tunesmith.workflows.introduction import introduce


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    write_run(folder)
    return folder


def rows_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_rows(path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def row(text: str, task: str, num_turns: int = 1) -> dict:
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}] * num_turns
    return {"id": text, "messages": turns, "task": task}


def test_it_names_what_was_trained_most_often_first_and_requests_of_the_test(run):
    write_rows(run / "data/train.jsonl", [row("a", "animals"), row("b", "capitals"), row("c", "capitals")])
    summary = json.loads((run / "eval/summary.json").read_text())
    prompts = {
        "animals": ["x" * 101, "Is it\na bird?", "Which animal?"],
        "capitals": ["Which capital?"],
        "new": ["Untrained?"],
    }
    tasks = {}
    for name, texts in prompts.items():
        task = f"file/{name}"
        value = {"animals": 0.9, "capitals": 0.2, "new": 1.0}[name]
        tasks[task] = {"n": len(texts), "metrics": {summary["primary_metric"]: {"tuned": {"value": value}}}}
    (run / "eval/summary.json").write_text(json.dumps(summary | {"tasks": tasks}))
    from tunesmith.evaluation.runner import task_file_names

    for task, file in task_file_names(tasks).items():
        lines = [{"prompt": [{"role": "user", "content": text}]} for text in prompts[task.removeprefix("file/")]]
        write_rows(run / "eval/tuned" / file, lines)
    known = introduce(str(run))
    assert (known.tasks, known.examples) == (("capitals", "animals"), ("Which animal?", "Which capital?"))


@pytest.mark.parametrize(("num_turns", "is_single"), [(1, True), (2, False)])
def test_it_knows_whether_more_than_one_request_was_ever_seen(run, num_turns, is_single):
    write_rows(run / "data/train.jsonl", [row("a", "t"), row("b", "t", num_turns)])
    assert introduce(str(run)).is_single_turn == is_single


def test_a_run_that_was_not_compared_gives_no_examples(run):
    shutil.rmtree(run / "eval")
    known = introduce(str(run))
    assert known.tasks and known.examples == ()


def test_what_is_no_run_or_is_damaged_is_not_introduced(run, tmp_path):
    assert introduce(str(tmp_path)) is introduce("tunesmith/tiny-gpt") is None
    (run / "eval/summary.json").write_text('{"tasks": {}}')
    assert introduce(str(run)) is not None
    (run / "eval/summary.json").write_text("{")
    assert introduce(str(run)) is None
    (run / "data/train.jsonl").unlink()
    assert introduce(str(run)) is None
