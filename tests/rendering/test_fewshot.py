"""Worked examples never give an answer away, and their choice can be repeated."""

from __future__ import annotations

import random

from tests.rendering.conftest import talk
from tunesmith.records import Message, Record
from tunesmith.rendering.fewshot import ShotPool, choose_shots


def pool(size: int = 60) -> list[Record]:
    return [talk(f"question {i}", f"answer {i}", id=f"p{i}", task="ab"[i % 2], source=f"d:{i}") for i in range(size)]


def test_an_example_is_never_the_record_itself_nor_one_that_asks_the_same():
    records = pool(8)
    records += [talk(f"  QUESTION   {i} ", f"other {i}", id=f"twin{i}", task="a") for i in range(8)]
    records += [talk("before", "x", f"question {i}", "late twin", id=f"late{i}", task="a") for i in range(8)]
    for record in records:
        for seed in range(20):
            shots = choose_shots(record, records, 3, seed=seed)
            assert shots
            questions = [m.content.lower().split()[-1] for shot in (record, *shots) for m in shot.messages[-2:-1]]
            assert len(questions) == len(set(questions))
            assert record.id not in [shot.id for shot in shots]


def test_an_example_is_never_a_relative():
    record = talk("mine", "x", id="child", parents=("root",))
    relatives = [
        talk("a", "x", id="root"),
        talk("b", "x", id="sibling", parents=("root",)),
        talk("c", "x", id="grand", parents=("child",)),
    ]
    assert choose_shots(record, relatives, 3, seed=0) == ()
    assert [shot.id for shot in choose_shots(record, [*relatives, talk("d", "x", id="stranger")], 3, seed=0)] == [
        "stranger"
    ]


def test_the_same_task_comes_first_and_others_fill_up():
    records = pool()
    for record in records[:20]:
        assert {shot.task for shot in choose_shots(record, records, 5, seed=1)} == {record.task}
    lonely = talk("alone", "x", id="lonely", task="c")
    few = [talk("one more", "y", id="c1", task="c"), *records]
    shots = choose_shots(lonely, few, 3, seed=1)
    assert shots[0].id == "c1" and len(shots) == 3


def test_the_choice_depends_on_seed_id_and_content_of_the_pool_only():
    records = pool()
    shuffled = random.Random(0).sample(records, len(records))
    record = talk("new", "x", id="n", task="a")
    chosen = choose_shots(record, records, 4, seed=3)
    assert choose_shots(record, shuffled, 4, seed=3) == chosen
    assert choose_shots(record, ShotPool.of(records), 4, seed=3) == chosen
    assert choose_shots(record, records, 4, seed=4) != chosen
    assert choose_shots(talk("new", "x", id="m", task="a"), records, 4, seed=3) != chosen
    assert len({choose_shots(talk("new", "x", id=f"m{i}"), records, 1, seed=0)[0].id for i in range(300)}) == 60


def test_only_complete_conversations_in_text_are_examples():
    unusable = [
        talk("no answer", id="1"),
        talk("empty", "", id="2"),
        talk("tools", "x", id="3", tools=({"name": "f"},)),
        Record("4", (Message("user", "u"), Message("assistant", "a"), Message("tool", "t"), Message("assistant", "b"))),
        Record("5", (Message("assistant", "a"), Message("user", "u"), Message("assistant", "b"))),
        talk("dangling", "x", "y", id="6"),
    ]
    assert choose_shots(talk("q", "a", id="q"), unusable, 3, seed=0) == ()


def test_zero_examples_are_no_examples():
    assert choose_shots(talk("q", "a"), pool(), 0, seed=0) == ()
