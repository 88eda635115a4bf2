"""What is said of the answers beside their scores: how many are none, and whether all systems were asked alike."""

from __future__ import annotations

from tunesmith.evaluation.answers import asked_sentence, cautions, count_answers


def row(prediction: str, finish_reason: str = "stop", **fields) -> dict:
    return {"prediction": prediction, "finish_reason": finish_reason, "expected": None, **fields}


def test_answers_that_are_none_are_counted_by_why():
    lines = [row("yes"), row(""), row("so lo", "length"), row("", "prompt_too_long")]
    lines += [row("", "failed", failure="HTTP 500.")] * 2 + [row("", "failed", failure="no answer in time.")]
    scored_only = row("", expected={"likelihood": True})
    found = count_answers({"a": lines, "b": [scored_only]})
    assert found == {
        "n": 7, "num_cut": 1, "num_empty": 5, "num_failed": 3, "num_too_long": 1, "failure": "HTTP 500."
    }  # fmt: skip


def test_whatever_makes_a_score_too_low_is_told_with_its_number():
    counts = {"n": 1200, "num_cut": 1100, "num_empty": 24, "num_failed": 20, "num_too_long": 4, "failure": "HTTP 500."}
    assert cautions({"answers": {"mine": counts}}) == [
        "mine: 20 of 1,200 samples failed and count as wrong (HTTP 500). The same command asks them again.",
        "mine: 4 of 1,200 prompts were longer than the model's context and count as wrong.",
        "mine: 1,100 of 1,200 answers were cut at the length limit, so the score may be too low.",
    ]
    assert cautions({"answers": {"mine": {"n": 3, "num_cut": 0}}}) == cautions({}) == []


def test_whether_systems_were_asked_alike_is_told_in_one_line():
    plain = {"template": "plain", "template_sha256": "p", "stop": [], "num_shots": 0}
    own = {"template": "own", "template_sha256": "o", "stop": [], "num_shots": 1}
    api = {"template": None, "template_sha256": None, "stop": [], "num_shots": 0}
    assert asked_sentence({"a": plain}) is None
    assert asked_sentence({"a": plain, "b": plain}) == "All were asked alike: with the template plain."
    assert asked_sentence({"a": plain, "b": own, "c": api}) == (
        "Not all were asked alike: a with the template plain; b with its own chat template and 1 worked example; "
        "c through an API, which applies its own template. To ask all with one template: --template NAME."
    )
