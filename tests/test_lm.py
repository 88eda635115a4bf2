"""The scripted model, and cutting at stop strings."""

from __future__ import annotations

import pytest

from tunesmith.lm import Completion, Sampling, ScriptedModel, cut_at_stop
from tunesmith.records import Message


@pytest.mark.parametrize(
    ("stop", "expected"),
    [((), "one. two; three"), ((".",), "one"), ((";", "two"), "one. "), (("four", ""), "one. two; three")],
)
def test_text_is_cut_before_the_first_stop_string(stop, expected):
    assert cut_at_stop("one. two; three", stop) == expected


def test_a_scripted_model_answers_in_order_and_remembers():
    model = ScriptedModel(lambda turns: turns[-1].content.upper() + " END rest")
    told = {}
    asked = [[Message("user", "a b")], [Message("user", "c")]]
    answers = model.generate(asked, Sampling(stop=(" END",)), on_answer=told.__setitem__)
    assert answers == [Completion("A B", "stop", 0, 2), Completion("C", "stop", 0, 1)]
    assert (model.asked, told) == (asked, dict(enumerate(answers)))
    assert model.loglikelihood(asked[1], ["C END rest", "D"]) == [0.0, float("-inf")]
