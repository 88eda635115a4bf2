"""Answers are kept as they come: whatever stops an evaluation, nothing that was answered is asked again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.evaluation.test_runner import GREEDY, echo, lines, samples_of
from tests.model.test_remote import Double, completion
from tunesmith.errors import ModelError
from tunesmith.evaluation.answer_store import AnswerStore, question_keys
from tunesmith.evaluation.runner import PARTIAL, answer_samples
from tunesmith.lm import FAILED, Completion, Sampling, ScriptedModel, TextLikelihood

EVALUATION = """
import sys
from tunesmith.evaluation.runner import answer_samples, samples_from_records
from tunesmith.lm import Sampling
from tunesmith.model.remote import RemoteModel
from tunesmith.records import Message, Record
turns = [(Message("user", f"question {k}"), Message("assistant", f"answer {k}")) for k in range(24)]
records = [Record(f"id{k}", messages, task="ab"[k % 2]) for k, messages in enumerate(turns)]
model = RemoteModel("m", sys.argv[1], concurrency=2)
answer_samples("remote", model, samples_from_records(records), Sampling(8), sys.argv[2], identity="m")
"""


class Stops(ScriptedModel):
    """Answers so many questions, then breaks off."""

    def __init__(self, num_answers: int, error: BaseException):
        super().__init__(lambda conversation: conversation[-1].content.replace("question", "answer"))
        self.num_answers, self.error = num_answers, error

    def generate(self, conversations, sampling=GREEDY, *, tools=None, on_answer=None):
        left = self.num_answers - len(self.asked)
        answers = super().generate(conversations[:left], sampling, on_answer=on_answer)
        if left < len(conversations):
            raise self.error
        return answers


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(url: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", EVALUATION, url, str(folder)], cwd=Path(__file__).parents[2])


def test_an_evaluation_that_is_killed_asks_nothing_again_and_ends_with_the_same_files(tmp_path):
    """Real processes, SIGKILL, and a server that counts. What was under way when one died was not answered yet."""
    served: list[str] = []

    def reply(body, number):
        time.sleep(0.02)
        question = body["messages"][-1]["content"]
        served.append(question)
        return 200, completion(question.replace("question", "answer"))

    double = Double(reply)
    assert start(double.url, tmp_path / "whole").wait(60) == 0
    assert sorted(Counter(served).values()) == [1] * 24
    served.clear()
    process = start(double.url, tmp_path / "killed")
    while len(served) < 17:  # in the middle of the second task
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "remote" / "b.jsonl").exists()
    assert start(double.url, tmp_path / "killed").wait(60) == 0
    assert content(tmp_path / "killed" / "remote") == content(tmp_path / "whole" / "remote")
    assert (
        len(served) <= 24 + 4
    )  # twice at most what was under way, or had come and was not written, when it was killed
    double.server.shutdown()
    double.server.server_close()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("m: gone.")], ids=lambda error: type(error).__name__)
def test_after_a_stop_the_rest_is_asked_and_nothing_else(tmp_path, error):
    samples = samples_of("a", "b")
    answer_samples("base", echo(), samples, GREEDY, tmp_path / "whole")
    with pytest.raises(type(error)):
        answer_samples("base", Stops(4, error), samples, GREEDY, tmp_path / "stopped")
    lm, done = echo(), []
    answer_samples("base", lm, samples, GREEDY, tmp_path / "stopped", on_done=done.append)
    assert len(lm.asked) == 2 and sum(done) == 6
    assert content(tmp_path / "stopped" / "base") == content(tmp_path / "whole" / "base")


def test_a_model_that_fails_says_how_many_answers_are_kept_and_how_to_go_on(tmp_path):
    with pytest.raises(ModelError, match=r"^m: gone\. 2 of 3 answers are kept: the same command asks the rest\.$"):
        answer_samples("base", Stops(2, ModelError("m: gone.")), samples_of("a"), GREEDY, tmp_path)


@pytest.mark.parametrize(
    "settings", [{"identity": "other"}, {"sampling": Sampling(9)}, {"sampling": Sampling(8, temperature=0.5)}]
)
def test_kept_answers_of_another_model_or_sampling_are_not_used(tmp_path, settings):
    with pytest.raises(KeyboardInterrupt):
        answer_samples("base", Stops(2, KeyboardInterrupt()), samples_of("a"), GREEDY, tmp_path)
    lm = echo()
    answer_samples("base", lm, samples_of("a"), **{"sampling": GREEDY, "eval_dir": tmp_path, **settings})
    assert len(lm.asked) == 3


@pytest.mark.parametrize("rest", [b'{"key": "3", "te', b"\x00\xff", b'{"key": "3"}\n', b'[]\n{"key": 1, "text": 2}\n'])
def test_what_is_no_whole_answer_is_left_out_and_written_over(tmp_path, rest):
    path = tmp_path / "some" / PARTIAL
    with AnswerStore(path) as store:
        store.add("1", Completion("one", "stop", 3, 4))
        store.add("2", Completion("", "length", likelihood=TextLikelihood(-1.5, 2, 3)))
    path.write_bytes(path.read_bytes() + rest)
    with AnswerStore(path) as store:
        assert store.missing(["1", "3", "2"]) == [1]
        store.add("3", Completion("three", "stop"))
        known = dict(store.answers)
    again = AnswerStore(path)
    assert again.answers == known and known["2"].likelihood == TextLikelihood(-1.5, 2, 3)
    assert known["1"] == Completion("one", "stop", 3, 4)


def test_a_question_that_failed_is_asked_again(tmp_path):
    class Refuses(ScriptedModel):
        def generate(self, conversations, sampling=GREEDY, *, tools=None, on_answer=None):
            return [
                Completion("", FAILED) if turns[-1].content.endswith("1") else Completion("x", "stop")
                for turns in conversations
            ]

    samples = samples_of("a")
    answer_samples("base", Refuses(lambda turns: ""), samples, GREEDY, tmp_path)
    assert [row["finish_reason"] for row in lines(tmp_path / "base" / "a.jsonl")] == ["stop", FAILED, "stop"]
    lm = echo()
    answer_samples("base", lm, samples, GREEDY, tmp_path)
    assert [turns[-1].content for turns in lm.asked] == ["question 1"]


def test_more_samples_ask_only_for_those(tmp_path):
    answer_samples("base", echo(), samples_of("a", n=3), GREEDY, tmp_path)
    lm = echo()
    answer_samples("base", lm, samples_of("a", n=5), GREEDY, tmp_path)
    assert len(lm.asked) == 2
    answer_samples("base", echo(), samples_of("a", n=5), GREEDY, tmp_path / "whole")
    assert content(tmp_path / "base") == content(tmp_path / "whole" / "base")


def test_equal_questions_are_told_apart_and_other_ones_have_other_names():
    question = {"id": "1", "prompt": "p"}
    keys = question_keys("a", [question, question, question | {"prompt": "q"}]) + question_keys("b", [question])
    assert max(Counter(keys).values()) == 1
    assert question_keys("a", [question, question]) == keys[:2]


def test_a_finished_evaluation_leaves_only_task_files(tmp_path):
    answer_samples("base", echo(), samples_of("a"), GREEDY, tmp_path)
    assert set(content(tmp_path / "base")) == {"a.jsonl", "system.json"}
    assert json.loads((tmp_path / "base" / "system.json").read_text())["system"] == "base"
