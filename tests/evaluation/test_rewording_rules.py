"""Rules for other words: what one may change, what nothing may, and what holds in which language."""

from __future__ import annotations

import random

import pytest

from tunesmith.evaluation.rephrasings import by_rules
from tunesmith.evaluation.request_parts import Request
from tunesmith.evaluation.rewording_rules import RULES
from tunesmith.evaluation.runner import Sample
from tunesmith.records import Message


def sample(text: str, *references: str, **fields) -> Sample:
    return Sample("s1", (Message("system", "Be brief."), Message("user", text)), references or ("x",), "qa", **fields)


def variants(text: str, *references: str, seed: int = 0) -> dict[str, str]:
    return {one.variant: one.prompt[-1].content for one in by_rules(sample(text, *references), seed=seed)}


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


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Sortiere diese Wörter.\n\nb, a", {"typos", "reordered"}),
        ("Sortiere die Wörter unten.\n\nb, a", {"typos"}),
        ("Was ist die Farbe von Gras in der Wiese?", set()),
        ("Ordena estas palabras.\n\nb, a", {"typos", "reordered"}),
        ("Ordena las siguientes palabras.\n\nb, a", {"typos"}),
        ("把这些词排序。\n\n乙、甲", {"reordered"}),
        ("请把以下的词排序。\n\n乙、甲", set()),
        ("この言葉を並べ替えてください。\n\nい、あ", set()),
        ("Отсортируй слова по алфавиту.\n\nб, а", {"typos"}),
        ("رتب الكلمات التالية.\n\nب، ا", set()),
    ],
)
def test_in_another_language_a_rule_does_what_holds_there_and_nothing_else(text, made):
    assert set(variants(text)) == made


@pytest.mark.parametrize("seed", range(20))
def test_a_typo_in_another_language_only_swaps_and_never_two_vowels(seed):
    before = "Kannst du bitte weisen schreiben?"
    [(one, other)] = [
        pair for pair in zip(before.split(), variants(before, seed=seed)["typos"].split()) if pair[0] != pair[1]
    ]
    [place] = [k for k in range(len(one) - 1) if one[k] != other[k] and one[k + 1] != other[k + 1]]
    assert sorted(one) == sorted(other) and not set(one[place : place + 2]) <= set("aeiou")
    assert one[0] == other[0] and one.strip("?")[-1] == other.strip("?")[-1]


def test_rules_take_their_chance_from_what_they_are_given():
    request = Request.of("Name the thing.")
    assert {rule(request, random.Random(1)) for rule in [RULES["polite"]] * 3} == {
        RULES["polite"](request, random.Random(1))
    }
