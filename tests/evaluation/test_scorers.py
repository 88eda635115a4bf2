"""Each line gets the scores its question asks for, and no others."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.scorers import SCORERS, is_scored, score_answers, with_scores
from tunesmith.evaluation.texts import TEXT_SCORES

TEXTS = {*TEXT_SCORES, "bleu", "chrf"}


def line(prediction="x", references=(), **fields):
    return {"prediction": prediction, "references": list(references), **fields}


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        (line(references=["a cat"]), TEXTS),
        (line(references=["18"]), TEXTS | {"number_match"}),
        (line(references=['{"a": 1}']), TEXTS | {"json_valid", "json_match"}),
        (line(expected={"json_schema": {}}), {"json_valid", "schema_match"}),
        (line(expected={"likelihood": True}, references=["a text"]), set()),
        (line(), set()),
    ],
)
def test_scores_follow_from_the_question_alone(asked, columns):
    for prediction in ("x", "", "18", "{}", "#### 3\n```json\n[]\n```"):
        [found] = score_answers([{**asked, "prediction": prediction}])
        assert set(found.scores) == columns


def test_lines_of_different_kinds_are_scored_together_each_in_its_place():
    lines = [line("18", ["18"]), line("{}", expected={"json": True}), line("cat", ["a cat"])]
    first, second, third = score_answers(lines)
    assert first.scores["number_match"] == 1.0 and "number_match" not in third.scores
    assert second.scores == {"json_valid": 1.0} and third.scores["exact_match"] == 1.0


def test_scores_a_line_has_already_are_kept():
    scores = {"nll": 3.5, "num_tokens": 2, "num_bytes": 9}
    asked = line(expected={"likelihood": True}, scores=scores)
    assert with_scores([asked])[0]["scores"] == scores and is_scored(asked)


def test_a_line_of_an_older_version_is_seen_to_lack_a_score():
    [scored] = with_scores([line("18", ["18"])])
    assert is_scored(scored)
    older = {name: value for name, value in scored["scores"].items() if name != "number_match"}
    assert not is_scored({**scored, "scores": older})
    assert not is_scored(line("18", ["18"]))


def test_details_stand_in_a_line_only_where_there_are_some():
    good, bad = with_scores([line(text, expected={"json_schema": {"type": "array"}}) for text in ("[]", "{}")])
    assert "details" not in good
    assert bad["details"] == {"json_schema": "{} is not of type 'array' (at the top)"}


def test_every_scorer_gives_the_columns_it_promises():
    asked = [
        line("1", ["1"], expected={"json": True, "entities": [], "tests": {"code": "pass"}}, prompt=[]),
        line("1", ["1"], expected={"checks": [{"id": "punctuation:no_comma", "kwargs": {}}]}, prompt=[]),
    ]
    for name, scorer in SCORERS.items():
        mine = [one for one in asked if scorer.applies(one)]
        assert mine, name
        for one, found in zip(mine, scorer.score(mine)):
            assert set(found.scores) >= set(scorer.columns(one))
