"""Clusters: a request and its other wordings, made by rules, given by the user, or the same again."""

from __future__ import annotations

import pytest

from tunesmith.evaluation.rephrasings import (
    axis_of,
    by_phrasings,
    by_rules,
    given_variants,
    repeated,
    sampling_of,
)
from tunesmith.evaluation.runner import Sample, samples_from_records
from tunesmith.lm import Sampling
from tunesmith.records import Message, Record


def sample(text: str, *references: str, **fields) -> Sample:
    return Sample("s1", (Message("system", "Be brief."), Message("user", text)), references or ("x",), "qa", **fields)


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
        ({"variants": [" "]}, [("s1", "", "", "Name it.")]),
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
