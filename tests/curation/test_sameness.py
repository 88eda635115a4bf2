"""The last word on near-duplicates: tables of pairs that are the same, and near-misses that are not."""

from __future__ import annotations

import pytest

from tunesmith.curation.sameness import Said, same_answer, same_question

PASSAGE = (
    "The lighthouse at the northern end of the island was built of grey stone by two brothers, who kept goats and sold"
    " cheese to the fishermen. In winter the road was closed for weeks and nobody came but the doctor on his sledge."
)
LONG = "They were two brothers who kept goats, sold cheese to fishermen and, when the road was closed, saw only the doctor."
STORY = " ".join([PASSAGE] * 2)


def question(one: str, other: str, answer: str = "yes") -> bool:
    said = Said(answer)
    return same_question(Said(one), Said(other), answers=(said, said))


def answer(one: str, other: str) -> bool:
    return same_answer(Said(one), Said(other))


SAME_QUESTIONS = [
    ("What is the capital of France?", "what is the CAPITAL of france", "Paris"),
    ("What is the capital of France?", "What is  capital of France ?!", "Paris"),
    ("Name three dogs that bark", "Name three dog's that bark", "x"),
    ("Organise the list", "Organize the list", "x"),
    ("I'm here — why?", "I’m here - why", "x"),
    (f"Summarize: {PASSAGE}", f"{PASSAGE} In short?", LONG),
]
OTHER_QUESTIONS = [
    ("What is the capital of France?", "What is the capital of Spain?", "I do not know"),
    ("What is 3 + 4?", "What is 3 - 4?", "x"),
    ("What is 3 - 4?", "What is 3 * 4?", "x"),
    ("What is 12 in words?", "What is 1.2 in words?", "x"),
    ("Is -5 odd?", "Is 5 odd?", "yes"),
    ("Is it true?", "Is it not true?", "yes"),
    ("Does he follow her?", "Does she follow him?", "yes"),
    ("Name a fruit that is red", "Name a fruit that is green", "apple"),
    (f"{PASSAGE} Who came in winter?", f"{PASSAGE} Who kept goats?", "yes"),
    (f"Summarize: {PASSAGE}", f"{PASSAGE} In short?", "A lighthouse"),
    (f"{PASSAGE} Tell it to Anna.", f"{PASSAGE} Tell it to Maria.", LONG),
    (f"{PASSAGE} Use 20 words.", f"{PASSAGE} Use 30 words.", LONG),
    ("Does the cat chase the dog?", "Does the dog chase the cat?", "no"),
]


@pytest.mark.parametrize(("one", "other", "given"), SAME_QUESTIONS)
def test_details_do_not_make_another_question(one, other, given):
    assert question(one, other, given) and question(other, one, given)


@pytest.mark.parametrize(("one", "other", "given"), OTHER_QUESTIONS)
def test_a_number_sign_name_negation_or_other_word_makes_another_question(one, other, given):
    assert not question(one, other, given) and not question(other, one, given)


SAME_ANSWERS = [
    ("Paris", "paris."),
    ("Yes, it is.", "yes it is"),
    (STORY, STORY.replace("cheese", "milk")),
    (LONG, LONG.replace("the doctor", "doctor")),
]
OTHER_ANSWERS = [
    ("Paris", "Rome"),
    ("5", "-5"),
    ("3.14", "314"),
    ("50%", "50"),
    ("C", "C++"),
    ("a < b", "a > b"),
    ("Yes", "Yes, often"),
    (LONG, LONG.replace("goats", "sheep")),
    (STORY, STORY.replace("nobody came", "everybody came")),
    (STORY, STORY + " In 1901 it burned down."),
    (STORY, STORY.replace("by two brothers", "by Anton Berg")),
    ("```\nx[0].y\n```", "```\nx(0).y\n```"),
    ("return a.b;", "return a,b;"),
    ("", "x"),
]


@pytest.mark.parametrize(("one", "other"), SAME_ANSWERS)
def test_details_do_not_make_another_answer(one, other):
    assert answer(one, other) and answer(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER_ANSWERS)
def test_a_number_sign_name_negation_or_bracket_of_code_makes_another_answer(one, other):
    assert not answer(one, other) and not answer(other, one)


def test_texts_too_different_to_be_aligned_are_not_the_same():
    assert not answer(" ".join(f"a{k}" for k in range(900)), " ".join(f"b{k}" for k in range(900)))
