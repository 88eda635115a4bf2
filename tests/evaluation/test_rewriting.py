"""Requests rephrased by a model: what passes, and what is left out."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.request_parts import Request
from tunesmith.evaluation.rewriting import by_model, problem_of
from tunesmith.evaluation.runner import Sample
from tunesmith.lm import ScriptedModel
from tunesmith.records import Message


def sample(text: str, *references: str, **fields) -> Sample:
    return Sample("s1", (Message("system", "Be brief."), Message("user", text)), references or ("x",), "qa", **fields)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("List exactly 3 towns in Peru.", "Please name exactly 3 towns in Peru.", None),
        ("List exactly 3 towns in Peru.", "", "too short or too long"),
        ("List exactly 3 towns in Peru.", "list exactly 3 towns in Peru!", "the same words"),
        ("List exactly 3 towns in Peru.", "Sure: name exactly 3 towns in Peru.", "talk around it"),
        ("List exactly 3 towns in Peru.", "Name exactly four towns in Peru.", "numbers or quoted text changed"),
        ("List exactly 3 towns in Peru.", "Name exactly 3 towns somewhere.", "a name is missing"),
        ("List exactly 3 towns in Peru.", "Name some 3 towns in Peru.", "a limit is missing"),
        ("Sort these:", "Put these in order.", "the colon before the text is missing"),
        ("List exactly 3 towns in Peru.", "Name exactly 3 towns in Peru like Lima.", "gives the answer away"),
    ],
)
def test_a_rewriting_is_checked(before, after, problem):
    assert problem_of(Request.of(before), after, ("Lima",)) == problem


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("Nenne mindestens drei Vögel.", "Zähle bitte mindestens drei Vögel auf.", None),
        ("Wer hat das Buch geschrieben?", "Von wem ist das Buch geschrieben?", None),
        ("Wer hat das Buch nicht gelesen?", "Von wem ist das Buch gelesen?", "a limit is missing"),
        ("Wer hat das Buch gelesen?", "Who has read this Buch?", "another language"),
        ("¿Cuál es el color del cielo sin nubes?", "Dime de qué color es el cielo.", "a limit is missing"),
        ("¿Cuál es el color del cielo?", "Claro, dime cuál es el color del cielo.", "talk around it"),
        ("用不超过十个字介绍北京的历史。", "请介绍一下北京的历史吧，谢谢您。", "a limit is missing"),
        ("介绍北京的历史。", "请您介绍一下北京的历史。", None),
        ("介绍北京的历史。", "请", "too short or too long"),
        ("翻译：", "请翻译这个", "the colon before the text is missing"),
    ],
)
def test_a_rewriting_in_another_language_is_checked_by_its_own_words(before, after, problem):
    assert problem_of(Request.of(before), after) == problem


def test_what_the_words_of_a_language_unknown_cannot_tell_is_counted():
    model = ScriptedModel(lambda turns: "Luetteletko linnut?")
    found = by_model(model, [sample("Luettele linnut.")], ["polite"])
    assert (len(found.samples), found.num_unchecked) == (1, 1)


def test_a_model_sees_the_instruction_alone_and_what_fails_is_dropped():
    model = ScriptedModel(
        lambda turns: "Arrange these words, please." if "politely" in turns[0].content else "Sort these words."
    )
    found = by_model(model, [sample("Sort these words.\n\nzebra, ape")])
    assert [(one.variant, one.prompt[-1].content) for one in found.samples] == [
        ("polite", "Arrange these words, please.\n\nzebra, ape")
    ]
    assert found.dropped == {"the same words": 4}
    assert not any("zebra" in turns[0].content for turns in model.asked)


def test_a_model_that_says_the_same_again_gives_one_wording():
    found = by_model(ScriptedModel(lambda turns: "Please put these words in order."), [sample("Sort these words.")])
    assert len(found.samples) == 1 and found.dropped == {"said before": 4}
