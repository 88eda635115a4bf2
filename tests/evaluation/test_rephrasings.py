"""Other words for the same request: what a rule may change, and what nothing may."""

from __future__ import annotations

import random

import pytest

from tunesmith.evaluation.rephrasings import (
    RULES,
    Request,
    axis_of,
    by_model,
    by_phrasings,
    by_rules,
    given_variants,
    problem_of,
    repeated,
    sampling_of,
)
from tunesmith.evaluation.runner import Sample, samples_from_records
from tunesmith.lm import Sampling, ScriptedModel
from tunesmith.records import Message, Record


def sample(text: str, *references: str, **fields) -> Sample:
    return Sample("s1", (Message("system", "Be brief."), Message("user", text)), references or ("x",), "qa", **fields)


def variants(text: str, *references: str, seed: int = 0) -> dict[str, str]:
    return {one.variant: one.prompt[-1].content for one in by_rules(sample(text, *references), seed=seed)}


@pytest.mark.parametrize(
    ("text", "instruction", "rest"),
    [
        ("Name it.", "Name it.", ""),
        ("Sort these words.\n\nb, a", "Sort these words.", "\n\nb, a"),
        ("Upper case, please: buy page", "Upper case, please:", " buy page"),
        ("At 10:30 what is it?", "At 10:30 what is it?", ""),
        ("word " * 61 + "\n\nWhat is it?", "", "word " * 61 + "\n\nWhat is it?"),
    ],
)
def test_a_request_is_divided_into_instruction_and_text_to_work_on(text, instruction, rest):
    request = Request.of(text)
    assert (request.instruction, request.rest) == (instruction, rest)


def test_every_rule_keeps_the_text_to_work_on_and_every_other_turn():
    text = 'Please don\'t forget to sort these lovely words in the order of a dictionary.\n\nzoo, yard, 12 "old" ice'
    found = by_rules(sample(text), seed=1)
    assert {one.variant for one in found} == set(RULES)
    assert all('zoo, yard, 12 "old" ice' in one.prompt[-1].content for one in found)
    assert all(one.prompt[0].content == "Be brief." and one.references == ("x",) for one in found)
    assert all(one.variant_of == "s1" and one.id == f"s1~{one.variant}" for one in found)


def test_rules_give_the_same_every_time_and_another_seed_gives_others():
    text = "Please describe the wonderful garden behind the little house of the baker."
    assert variants(text) == variants(text)
    assert any(variants(text, seed=seed) != variants(text) for seed in range(1, 5))


def test_formal_writes_short_forms_out_and_casual_draws_them_together():
    assert variants("What's the thing you don't like?")["formal"].endswith("What is the thing you do not like?")
    assert variants("Name what you do not like.")["casual"].endswith("Name what you don't like.")
    assert variants('Say "don\'t" to the man.')["formal"].endswith('Say "don\'t" to the man.')


def test_the_order_changes_only_where_no_word_says_where_the_other_part_stands():
    assert variants("Sort these words.\n\nb, a")["reordered"] == "b, a\n\nSort these words."
    for text in (
        "Sort the words below.\n\nb, a",
        "Sort the following.\n\nb, a",
        "Sort:\n\nb, a",
        "Sort it\nb, a",
        "Sort it.",
    ):
        assert "reordered" not in variants(text)


@pytest.mark.parametrize("seed", range(40))
def test_typos_are_few_and_never_in_what_must_stay(seed):
    text = (
        'Write the wonderful sentence about Germany with `variable` and "quoted words" and 2nd, using exactly seventeen'
        " letters of chocolate.\n\nchocolate sentence"
    )
    changed = variants(text, "seventeen", seed=seed)["typos"]
    before, after = text.split(), changed.split()
    assert len(before) == len(after)
    different = [(one, other) for one, other in zip(before, after) if one != other]
    assert 1 <= len(different) <= 3
    assert {one.strip(",.") for one, _ in different} <= {
        "Write",
        "wonderful",
        "about",
        "using",
        "exactly",
        "letters",
    } - {"Write"}
    assert all(one[0] == other[0] and one[-1] == other[-1] for one, other in different)


def test_a_request_without_a_word_that_may_be_mistyped_has_no_typos():
    assert "typos" not in variants("Is it red?")
    assert "typos" not in variants("Say JSON 12 'wonderful'")


def test_a_request_in_another_language_is_only_put_in_another_order():
    assert set(variants("Sortiere diese W\u00f6rter.\n\nb, a")) == {"reordered"}


def test_a_request_with_checks_or_without_words_is_left_as_it_is():
    assert by_rules(sample("Write the text.", expected={"checks": [{"id": "x"}]}), seed=0) == []
    assert by_rules(sample("  "), seed=0) == []
    assert by_rules(Sample("s", (Message("system", "Hi."),), ("x",)), seed=0) == []


def test_phrasings_of_the_users_hold_the_request():
    [one] = by_phrasings(sample("Name it."), ["Hello! {prompt} Thanks."])
    assert (one.variant, one.prompt[-1].content) == ("given-1", "Hello! Name it. Thanks.")


def test_a_repeated_request_is_the_same_and_answered_with_chance_each_time_with_another_seed():
    again = repeated(sample("Name it."), 2)
    assert [one.prompt for one in again] == [sample("Name it.").prompt] * 2
    assert [sampling_of(one, Sampling(seed=9), 0.7) for one in again] == [
        Sampling(temperature=0.7, seed=1), Sampling(temperature=0.7, seed=2)
    ]  # fmt: skip
    assert sampling_of(sample("Name it."), Sampling(seed=9), 0.7) == Sampling(seed=9)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({}, [("s1", "", "", "Name it.")]),
        (
            {"variants": ["Say it.", "Say it."]},
            [("s1", "s1", "original", "Name it."), ("s1~given-1", "s1", "given-1", "Say it.")],
        ),
        ({"variant_of": "s0", "variant": "formal"}, [("s1", "s0", "formal", "Name it.")]),
        ({"variant_of": 7}, [("s1", "7", "given", "Name it.")]),
        ({"variants": "Say it."}, [("s1", "", "", "Name it.")]),
    ],
)
def test_a_row_may_bring_other_wordings_or_say_what_it_rephrases(row, found):
    got = given_variants(sample("Name it."), row)
    assert [(one.id, one.variant_of, one.variant, one.prompt[-1].content) for one in got] == found


@pytest.mark.parametrize(
    ("variant", "axis"),
    [
        ("original", None),
        ("repeat-1", None),
        ("formal", "formality"),
        ("typos", "typos"),
        ("given-2", "given"),
        ("politeness", "politeness"),
    ],
)
def test_each_variant_lies_along_an_axis(variant, axis):
    assert axis_of(variant) == axis


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


def test_rules_take_their_chance_from_what_they_are_given():
    request = Request.of("Name the thing.")
    assert {rule(request, random.Random(1)) for rule in [RULES["polite"]] * 3} == {
        RULES["polite"](request, random.Random(1))
    }


def record(number: int, **meta) -> Record:
    return Record(f"r{number}", (Message("user", f"Ask {number}."), Message("assistant", "x")), task="qa", meta=meta)


def test_the_wordings_of_a_file_are_clusters_and_are_chosen_whole():
    records = [
        record(1, id="one", variants=["Say one."]),
        record(2, id="two"),
        record(3, id="three", variant_of="two", variant="formal"),
        record(4, id=4),
        record(5, variant_of=4),
    ]
    [samples] = samples_from_records(records).values()
    assert [(one.id, one.variant_of, one.variant) for one in samples] == [
        ("r1", "r1", "original"), ("r1~given-1", "r1", "given-1"), ("r2", "r2", "original"), ("r3", "r2", "formal"),
        ("r4", "r4", "original"), ("r5", "r4", "given"),
    ]  # fmt: skip
    for seed in range(5):
        [chosen] = samples_from_records(records, max_samples=2, seed=seed).values()
        assert len(chosen) == 4 and len({one.variant_of for one in chosen}) == 2


def test_rows_without_wordings_stay_alone():
    [samples] = samples_from_records([record(1), record(2, id="a")]).values()
    assert [(one.variant_of, one.variant) for one in samples] == [("", "")] * 2
