"""Fresh prompts: each can be satisfied, none comes twice, and number and kind are as asked."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from tunesmith.checks import CHECKS, bind_check, follows
from tunesmith.checks.constraints import CONSTRAINTS, EVERYTHING, KEYWORDS, choose_constraints
from tunesmith.checks.example_parts import ADDED, FILLERS, WHOLE
from tunesmith.checks.fresh import fresh_prompts
from tunesmith.checks.requests import AUDIENCES, FORMS, TOPICS
from tunesmith.errors import UsageError

KINDS = sorted({constraint.kind for constraint in CONSTRAINTS.values()})


def failed(prompt):
    answer = prompt.example_answer()
    checks = zip(prompt.ids, prompt.kwargs, strict=True)
    return [id for id, kwargs in checks if not follows(id, kwargs, prompt.text, answer)]


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_every_constraint_has_an_answer_that_follows_it(id):
    for prompt in fresh_prompts(4, num_checks=1, kinds=[id], seed=1):
        assert failed(prompt) == [], (prompt.text, prompt.example_answer())


def test_every_prompt_with_several_constraints_has_an_answer_that_follows_all():
    prompts = fresh_prompts(250, num_checks=(2, 5), seed=2)
    assert [(prompt.text, failed(prompt)) for prompt in prompts if failed(prompt)] == []


def test_ten_thousand_prompts_hold_no_duplicates():
    prompts = fresh_prompts(10_000, seed=3)
    assert len({prompt.text for prompt in prompts}) == 10_000


def test_the_seed_decides_everything_and_more_prompts_begin_with_the_same():
    texts = [prompt.text for prompt in fresh_prompts(60, seed=4)]
    assert texts == [prompt.text for prompt in fresh_prompts(60, seed=4)]
    assert texts[:20] == [prompt.text for prompt in fresh_prompts(20, seed=4)]
    assert not set(texts) & {prompt.text for prompt in fresh_prompts(60, seed=5)}


@pytest.mark.parametrize(("num_checks", "counts"), [(1, {1}), (3, {3}), ((1, 3), {1, 2, 3}), ((4, 5), {4, 5})])
def test_the_number_of_checks_is_as_asked(num_checks, counts):
    assert {len(prompt.ids) for prompt in fresh_prompts(60, num_checks=num_checks)} == counts


def test_kinds_can_be_kinds_families_and_ids():
    prompts = fresh_prompts(80, kinds=["length", "change_case", "punctuation:no_comma"], seed=6)
    assert {kind for prompt in prompts for kind in prompt.kinds} == {"length", "case", "punctuation"}
    assert "format:title_case" not in {id for prompt in prompts for id in prompt.ids}
    assert {constraint.kind for constraint in choose_constraints(["format"])} == {"format"}


def test_every_constraint_and_kind_turns_up_in_a_large_draw():
    prompts = fresh_prompts(3000, seed=7)
    assert {id for prompt in prompts for id in prompt.ids} == set(CONSTRAINTS)
    counts = Counter(kind for prompt in prompts for kind in prompt.kinds)
    assert min(counts.values()) > 60
    assert set(counts) == set(KINDS)


def test_constraints_of_one_prompt_go_together():
    for prompt in fresh_prompts(500, num_checks=(2, 5), seed=8):
        chosen = [CONSTRAINTS[id] for id in prompt.ids]
        assert all(one.goes_with(other) for one, other in combinations(chosen, 2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("change_case:english_lowercase", "change_case:capital_word_frequency"),
        ("change_case:english_capital", "change_case:english_lowercase"),
        ("punctuation:no_comma", "count:punctuation"),
        ("startend:quotation", "startend:end_checker"),
        ("startend:end_checker", "detectable_content:postscript"),
        ("detectable_format:json_format", "detectable_format:title"),
        ("format:no_whitespace", "keywords:existence"),
        ("length_constraints:number_paragraphs", "detectable_format:number_bullet_lists"),
        ("count:numbers", "detectable_format:multiple_sections"),
        ("length_constraints:number_words", "count:word_count_range"),
    ],
)
def test_contradictions_never_meet(one, other):
    assert not CONSTRAINTS[one].goes_with(CONSTRAINTS[other])


def test_arguments_are_said_in_the_prompt():
    for prompt in fresh_prompts(300, kinds=["length", "keywords", "count"], seed=9):
        for kwargs in prompt.kwargs:
            for value in kwargs.values():
                shown = [value] if isinstance(value, str | int) else value
                assert all(str(part) in prompt.text for part in shown), prompt.text


def test_each_constraint_is_a_check_with_two_wordings_and_a_writer():
    for id, constraint in CONSTRAINTS.items():
        assert id in CHECKS.names()
        assert len(constraint.wordings) >= 2
        assert (id in WHOLE) == (EVERYTHING in constraint.claims)
    assert set(WHOLE) | set(ADDED) <= set(CONSTRAINTS)


def test_arguments_are_complete():
    for prompt in fresh_prompts(500, seed=10):
        assert not any(bind_check(id, kwargs).assumed for id, kwargs in zip(prompt.ids, prompt.kwargs, strict=True))


def test_keywords_stand_in_no_topic_form_or_filler():
    words = set(" ".join((*TOPICS, *AUDIENCES, *FORMS, *FILLERS)).lower().replace(".", "").replace(",", "").split())
    assert not set(KEYWORDS) & words
    assert all("," not in text and len(text.split()) <= 9 for text in FILLERS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num": 0}, "the number of prompts must be at least 1, got 0."),
        ({"num": 1, "num_checks": 0}, "a prompt can have 1 to 5 checks, got 0."),
        ({"num": 1, "num_checks": (3, 2)}, "a prompt can have 1 to 5 checks, got 3-2. Write the lower number first."),
        ({"num": 1, "num_checks": 6}, "a prompt can have 1 to 5 checks, got 6."),
        ({"num": 1, "kinds": ["lenght"]}, "no fresh prompts of the kind `lenght`. Did you mean `length`?"),
        ({"num": 1, "kinds": ["qqq"]}, "no fresh prompts of the kind `qqq`. Choose from case, content"),
        ({"num": 1, "kinds": ["change_case"], "num_checks": 2}, "no prompt with 2 checks can be made of change_case."),
        ({"num": 10**9, "kinds": ["nothing:here"]}, "no fresh prompts of the kind `nothing:here`."),
    ],
)
def test_what_cannot_be_made_is_one_line(settings, message):
    with pytest.raises(UsageError) as error:
        fresh_prompts(**settings)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_when_the_prompts_run_out_it_says_how_many_there_are(monkeypatch):
    monkeypatch.setattr("tunesmith.checks.requests.TOPICS", TOPICS[:1])
    monkeypatch.setattr("tunesmith.checks.requests.FORMS", FORMS[:1])
    with pytest.raises(UsageError, match="only 10 prompts can be made of punctuation:no_comma|only 15 prompts"):
        fresh_prompts(1000, kinds=["punctuation:no_comma"], num_checks=1)


def test_all_are_chosen_where_no_kind_is_given():
    assert choose_constraints() == list(CONSTRAINTS.values())
