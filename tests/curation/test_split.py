"""Splits: exact, stratified, whole groups, the same for the same records."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tunesmith.curation.dedup import prompt_key
from tunesmith.curation.split import group_records, split_records
from tunesmith.errors import DataError
from tunesmith.records import Message, Record, row_id


def record(k: int, question: str | None = None, task: str = "", source: str | None = None) -> Record:
    messages = (
        Message("user", question if question is not None else f"question {k}"),
        Message("assistant", f"answer {k}"),
    )
    return Record(row_id({"k": k}), messages, task=task, source=f"x:{k}" if source is None else source)


def split(records, validation=0.1, test=0.1, seed=0) -> list[str]:
    return split_records(records, validation_fraction=validation, test_fraction=test, seed=seed)


SIZES = [
    (17, 0.1, 0.1, 2, 2),
    (1000, 0.05, 0.1, 50, 100),
    (3, 0.1, 0.1, 1, 1),
    (10, 0, 0, 0, 0),
    (10, 0, 0.001, 0, 1),
    (101, 0.5, 0.25, 50, 25),
    (7, 0.4, 0.4, 3, 3),
]


@pytest.mark.parametrize(("count", "validation", "test", "num_validation", "num_test"), SIZES)
def test_the_counts_are_exact_and_no_wanted_split_is_empty(count, validation, test, num_validation, num_test):
    counts = Counter(split([record(k) for k in range(count)], validation, test))
    assert (counts["validation"], counts["test"]) == (num_validation, num_test)
    assert counts["train"] == count - num_validation - num_test > 0


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.1), (2, 0.1), (4, 0.49)])
def test_too_few_records_are_refused_with_the_way_out(count, fraction):
    with pytest.raises(
        DataError,
        match=f"{count} records are too few .* Add rows, or set data.validation_fraction or data.test_fraction to 0",
    ):
        split([record(k) for k in range(count)], fraction, fraction)


def test_one_question_asked_many_times_cannot_be_split():
    with pytest.raises(DataError, match="1 groups of records with the same question are too few"):
        split([record(k, "the same?") for k in range(50)])
    with pytest.raises(DataError, match="2 groups of records"):
        split([record(k, f"{k % 2}?") for k in range(50)])


def test_no_question_is_in_two_splits_and_the_counts_stay_exact():
    rng = random.Random(3)
    records = [record(k, f"question {rng.randrange(300)}{'?' * (k % 3)}") for k in range(1000)]
    splits = split(records)
    where = {(prompt_key(item), name) for item, name in zip(records, splits)}
    assert len(where) == len({key for key, _ in where})
    assert Counter(splits) == {"train": 800, "validation": 100, "test": 100}


def test_records_of_one_row_stay_together_also_through_others():
    records = [
        record(0, "a", source="x:1"),
        record(1, "b", source="x:1"),
        record(2, "B!", source="x:2"),
        record(3, "c", source="x:3"),
    ]
    assert group_records(records).of.tolist() == [0, 0, 0, 1]


def test_every_task_keeps_its_share():
    tasks = ["a"] * 500 + ["b"] * 300 + ["c"] * 190 + ["d"] * 10
    records = [record(k, task=task) for k, task in enumerate(tasks)]
    splits = split(records, 0.1, 0.1)
    counts = Counter((name, task) for name, task in zip(splits, tasks))
    for name in ("validation", "test"):
        assert [counts[name, task] for task in "abcd"] == [50, 30, 19, 1]


def test_the_split_depends_on_seed_and_records_and_not_on_their_order():
    records = [record(k, f"q {k % 70}", task=f"t{k % 3}") for k in range(200)]
    shuffled = random.Random(5).sample(records, len(records))

    def ids_of_test(items, seed=0):
        return {item.id for item, name in zip(items, split(items, seed=seed)) if name == "test"}

    assert ids_of_test(records) == ids_of_test(shuffled)
    assert ids_of_test(records) != ids_of_test(records, seed=1)


def test_a_big_group_is_never_held_out_when_it_does_not_fit():
    records = [record(k, "big") for k in range(900)] + [record(k) for k in range(900, 1000)]
    splits = split(records, 0.02, 0.05)
    assert set(splits[:900]) == {"train"} and Counter(splits)["test"] == 50


PASSAGES = [
    "The lighthouse was built of grey stone by two brothers who kept goats and sold cheese to the fishermen",
    "A merchant hid nine silver bells under the oak before soldiers crossed the frozen river that evening",
    "Every spring the baker paints her door another color so that children find the shop without asking",
]


def look_alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Are the two in one group, among records that have nothing to do with them?"""
    pairs = [one, other, *((" ".join(f"word{k * j}" for j in range(1, 20)), f"thing {k}") for k in range(30))]
    records = [
        Record(row_id({"k": k}), (Message("user", question), Message("assistant", said)), source=f"x:{k}")
        for k, (question, said) in enumerate(pairs)
    ]
    of = group_records(records).of
    return bool(of[0] == of[1])


ALIKE = [
    (("Where do penguins live?", "In the south"), ("Where do penguins sleep?", "in the south!")),
    (("Where do penguins live?", "In the south"), ("Where penguins live?", "In the south")),
    (("Where left-handed penguins live", "South"), ("Where blue penguins live", "South")),
    ((f"{PASSAGES[0]}. When was it?", "Long ago"), (f"{PASSAGES[0]}. Who were they?", "Two men")),
    (("Tell me", PASSAGES[1]), ("Say something else", PASSAGES[1].upper())),
    (("Tell me", f"{PASSAGES[1]} and {PASSAGES[2]}"), ("Go on", f"{PASSAGES[1]} or {PASSAGES[2]}")),
]
UNLIKE = [
    (("Where do penguins live?", "In the south"), ("Where do lions live?", "In Africa")),
    (("Is a penguin big?", "No"), ("Is the smallest lion big?", "No")),
    ((PASSAGES[0], "Yes"), (PASSAGES[1], "Yes")),
    (("Hi", "Hello"), ("Bye", "Hello")),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_records_that_look_alike_are_one_group(one, other):
    assert look_alike(one, other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_records_that_differ_in_what_they_say_are_not(one, other):
    assert not look_alike(one, other)


def test_rows_of_one_template_can_still_be_split():
    words = [a + b for a in "bdfgklmnprst" for b in ("ala", "ero", "imu", "ona", "ulo", "avi", "ede")]
    rng = random.Random(2)
    records = [
        record(
            k, "Please be so kind as to say which of these two words comes first: " + " or ".join(rng.sample(words, 2))
        )
        for k in range(800)
    ]
    groups = group_records(records)
    assert max(groups.sizes) < 20
    assert Counter(split(records)) == {"train": 640, "validation": 80, "test": 80}


def test_one_word_makes_no_other_group_even_in_a_passage_that_many_records_hold():
    passage = " ".join(PASSAGES)
    asked = [f"{passage} {question}" for question in ("Who paints?", "Who hid them?", "What was sold?", "Who came by?")]
    records = [
        Record(row_id({"k": k}), (Message("user", text), Message("assistant", "yes")), source=f"x:{k}")
        for k, text in enumerate([*asked * 4, asked[0].replace("nine", "ten"), asked[1].replace(" silver", "")])
    ]
    others = [record(k, f"Is w{k} x{k} or y{k}?") for k in range(100, 220)]
    of = group_records([*records, *others]).of
    assert of[0] == of[16] and of[1] == of[17] and len({of[0], of[1], of[2], of[3]}) == 4


def test_a_short_question_that_many_records_of_a_small_set_ask_of_other_things_is_a_template():
    def asked(questions: list[str]) -> list[Record]:
        return [Record(row_id({"q": q}), (Message("user", q), Message("assistant", "no")), source=q) for q in questions]

    others = [f"Is w{k} x{k} or y{k}?" for k in range(40)]
    red = [f"Is the {thing} red?" for thing in ("pear", "stone", "cloud", "horse", "door")]
    assert len(group_records(asked([*red, *others]))) == 45
    assert len(group_records(asked([*red[:2], *others]))) == 41


def test_planted_near_duplicates_never_cross():
    rng = random.Random(11)
    words = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("l", "mer", "nik", "sta")]
    texts = [[rng.choices(words, k=rng.randint(4, 60)), rng.choices(words, k=rng.randint(1, 30))] for _ in range(600)]
    planted = []
    for k, (question, said) in enumerate(texts):
        question = list(question)
        question[rng.randrange(len(question))] = rng.choice(words)
        planted.append([question, said] if k % 3 else [[word.upper() + ";" for word in texts[k][0]], said])
    records = [
        Record(row_id({"k": k}), (Message("user", " ".join(q)), Message("assistant", " ".join(a))), source=f"x:{k}")
        for k, (q, a) in enumerate(texts + planted)
    ]
    splits = split(records)
    assert splits[:600] == splits[600:] and set(splits) == {"train", "validation", "test"}
