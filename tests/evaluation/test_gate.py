"""Conditions for CI: what passes, what fails and why, and what is refused."""

from __future__ import annotations

import copy
import json

import pytest

from tests.evaluation.test_summary import FAST, labels, write_answers
from tunesmith.errors import UsageError
from tunesmith.evaluation.gate import judge_all, judge_condition, judge_regression, parse_condition
from tunesmith.evaluation.summary import summarize


@pytest.fixture(scope="module")
def summary(tmp_path_factory) -> dict:
    """Tuned gains on `mine` and loses on one of the two tasks of `former`."""
    folder = tmp_path_factory.mktemp("eval")
    right = {
        "base": {"mine": 10, "former/a": 38, "former/b": 20},
        "tuned": {"mine": 40, "former/a": 15, "former/b": 22},
    }
    for system, tasks in right.items():
        for task, num_right in tasks.items():
            group = {"group": "former"} if "/" in task else {}
            write_answers(folder, system, task, *labels(num_right), **group)
    return summarize(folder, num_resamples=FAST)


@pytest.mark.parametrize(
    ("text", "option", "holds"),
    [
        ("accuracy>=0.6", "--min", True),  # 77 of 120
        ("accuracy > 0.65", "--min", False),
        ("accuracy@mine>=1", "--min", True),
        ("accuracy@former>=0.5", "--min", False),
        ("accuracy@former/b>=0.55", "--min", True),
        ("accuracy@former<=0.5", "--max", True),
        ("accuracy<6e-1", "--max", False),
    ],
)
def test_a_figure_is_held_against_its_condition(summary, text, option, holds):
    judged = judge_condition(summary, parse_condition(text, option))
    assert judged.holds is holds and judged.low < judged.found <= judged.high


def test_to_be_sure_the_interval_has_to_hold_too(summary):
    condition = parse_condition("accuracy>=0.6", "--min")
    assert judge_condition(summary, condition).holds and not judge_condition(summary, condition, sure=True).holds
    condition = parse_condition("accuracy<=0.7", "--max")
    assert judge_condition(summary, condition).holds and not judge_condition(summary, condition, sure=True).holds


def test_without_a_failure_it_is_told_how_many_there_may_be(summary):
    judged = judge_condition(summary, parse_condition("accuracy@mine>=0.9", "--min"))
    assert judged.note == "0 of 40 failed: at most 7.2 % would (95 %)"


def test_another_system_can_be_judged(summary):
    condition = parse_condition("accuracy@mine>=0.9", "--min")
    assert not judge_condition(summary, condition, "base").holds
    with pytest.raises(UsageError, match="--system bas: not among the systems that answered. Did you mean `base`?"):
        judge_condition(summary, condition, "bas")


def test_a_figure_that_is_not_there_fails(summary):
    judged = judge_condition(summary, parse_condition("perplexity<=20", "--max"))
    assert not judged.holds and judged.note == "n/a: tuned has no perplexity over all tasks"


def test_something_significantly_worse_is_a_regression(summary):
    judged = judge_regression(summary, "former")
    assert not judged.holds and judged.note.startswith("worse: former/a by accuracy -0.575 [")
    assert "the mean over its tasks by accuracy -0.263" in judged.note
    assert not judge_regression(summary, "all").holds and not judge_regression(summary, "accuracy@former/a").holds


def test_no_significant_loss_is_none_and_it_is_told_what_would_have_been_seen(summary):
    for group in ("mine", "former/b", "accuracy@former/b"):
        judged = judge_regression(summary, group)
        assert judged.holds
    assert judged.note.startswith("nothing significantly worse; a true loss of less than 0.")


def test_what_was_compared_with_nothing_fails(tmp_path):
    write_answers(tmp_path, "mine", "judge", *labels(30))
    judged = judge_regression(summarize(tmp_path, num_resamples=FAST), "all")
    assert not judged.holds and judged.note == "n/a: mine was compared with nothing there"


def test_conditions_come_back_in_the_order_given(summary):
    found = judge_all(summary, [parse_condition("f1>=0.1", "--min")], ["mine", "former"])
    assert [judged.condition for judged in found] == ["f1 >= 0.1", "no regression on mine", "no regression on former"]


@pytest.mark.parametrize(
    ("text", "option", "told"),
    [
        ("acuracy>=0.6", "--min", r'--min "acuracy>=0.6": no such metric `acuracy`. Did you mean `accuracy`\?'),
        ("accuracy", "--min", r'expected METRIC\[@TASK_OR_GROUP\], a sign and a number: "exact_match>=0.6"'),
        ("accuracy>=", "--min", "expected METRIC"),
        ("accuracy>=0.6.1", "--max", "expected METRIC"),
        ("accuracy<=0.6", "--min", "points the other way. Write --max for that"),
        ("accuracy>=0.6", "--max", "points the other way. Write --min for that"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(text, option, told):
    with pytest.raises(UsageError, match=told):
        parse_condition(text, option)


def test_an_unknown_group_is_named_with_the_nearest(summary):
    with pytest.raises(UsageError, match=r"accuracy@formr >= 0.5: no task or group `formr` .* Did you mean `former`\?"):
        judge_condition(summary, parse_condition("accuracy@formr>=0.5", "--min"))
    with pytest.raises(UsageError, match=r"--no-regression formr: no task or group `formr`"):
        judge_regression(summary, "formr")
    with pytest.raises(UsageError, match=r"--no-regression acuracy@former: no such metric"):
        judge_regression(summary, "acuracy@former")


def test_a_difference_that_is_undefined_is_no_pass(summary):
    broken = copy.deepcopy(summary)
    for row in broken["comparisons"]:
        row.update(delta=None, p=None, verdict="no difference")
    judged = judge_regression(broken, "mine")
    assert not judged.holds
    assert judged.note == "n/a: undefined for tuned or what it is compared with: accuracy on mine"


def test_too_few_samples_for_any_loss_to_be_significant_are_no_pass(tmp_path):
    for system, num_right in {"base": 5, "tuned": 0}.items():
        write_answers(tmp_path, system, "mine", *([*texts[:5]] for texts in labels(num_right)))
    judged = judge_regression(summarize(tmp_path, num_resamples=FAST), "mine")
    assert not judged.holds and judged.note == "n/a: no difference on fewer than 6 samples can be significant"


def test_a_task_that_was_never_compared_fails_and_is_named(summary):
    partly = copy.deepcopy(summary)
    partly["comparisons"] = [row for row in partly["comparisons"] if row["task"] not in ("former/a", "overall")]
    judged = judge_regression(partly, "all")
    assert not judged.holds
    assert judged.note == "n/a: never compared, so no loss could be seen: accuracy on former/a"
    assert judge_regression(partly, "mine").holds


def test_with_a_metric_only_the_tasks_that_have_it_are_looked_at(tmp_path):
    for system in ("base", "tuned"):
        write_answers(tmp_path, system, "mine", *labels(30), group="mine")
        write_answers(
            tmp_path, system, "long", ["some words of an answer here"] * 20, [["quite other words than those"]] * 20
        )
    found = summarize(tmp_path, num_resamples=FAST)
    assert judge_regression(found, "accuracy@all").holds and judge_regression(found, "all").holds


def test_figures_that_only_describe_have_no_regression(tmp_path):
    """More spread where more is right, in the consistency suite: what a better model shows."""
    wordings = {"group": "consistency", "variant": "original"}
    answers = {"base": ["Lima", "Lima", *["x"] * 38], "tuned": ["Lima" if k % 2 else "x" for k in range(40)]}
    for system, texts in answers.items():
        write_answers(tmp_path, system, "consistency", texts, [["Lima"]] * 40, **wordings)
        path = tmp_path / system / "consistency.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [
            {**row, "variant_of": f"q{k // 2}", "variant": "formal" if k % 2 else "original"}
            for k, row in enumerate(rows)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = summarize(tmp_path, num_resamples=FAST)
    spread = {row["metric"]: row["delta"] for row in found["differences"] if row["task"] == "consistency"}
    assert spread["spread"] == spread["flip_rate"] == 1
    assert not any(row["metric"] == "spread" for row in found["comparisons"])
    assert judge_regression(found, "consistency").holds
    assert not judge_condition(found, parse_condition("spread@consistency<=0.5", "--max")).holds
    with pytest.raises(UsageError, match="--no-regression spread@consistency: `spread` describes and gives no verdict"):
        judge_regression(found, "spread@consistency")


def test_a_summary_of_an_older_version_is_judged_all_the_same(summary):
    older = copy.deepcopy(summary)
    for row in older["comparisons"]:
        del row["smallest_detectable_difference"]
    judged = judge_regression(older, "mine")
    assert judged.holds and judged.note == "nothing significantly worse"


def test_a_suite_that_was_not_asked_is_named_with_the_command_that_asks_it(summary):
    with pytest.raises(
        UsageError, match="consistency` was evaluated. Ask it first: tunesmith evaluate RUN --suite cons"
    ):
        judge_regression(summary, "consistency")
