"""From records to examples: every record is an example or a counted drop, and the ledger says so."""

from __future__ import annotations

import gc
import random
from collections import Counter

import pytest

from tests.rendering.conftest import BRACKETS, GEMMA, QWEN3, random_talk, talk
from tunesmith.errors import ModelError, RowError, TrainingError
from tunesmith.records import Message, Record
from tunesmith.rendering.examples import prepare_examples
from tunesmith.rendering.fewshot import choose_shots
from tunesmith.rendering.render import render
from tunesmith.rendering.templates import load_template
from tunesmith.rendering.tokenize import encode_prompt


def prepare(records, tokenizer, template, **options):
    options = {"kind": "causal", "max_length": 500, "over_length": "drop"} | options
    return prepare_examples(records, tokenizer, template, **options)


MIXED = [
    talk("cat", "the bird", id="good"),
    talk("long", "x " * 900, id="long", source="d:2"),
    talk("only a question", id="unanswered", source="d:3"),
    Record("order", (Message("user", "a"), Message("user", "b"), Message("assistant", "c")), source="d:4"),
    talk("a", "<|endoftext|> b <|endoftext|>", id="escaped"),
]


def test_every_record_is_an_example_or_a_counted_drop_and_the_ledger_adds_up(with_chatml_tokens, own):
    template = load_template("own", tokenizer=own(with_chatml_tokens, GEMMA.replace("{{ bos_token }}", "")))
    examples, drops, ledger = prepare(MIXED, with_chatml_tokens, template)
    assert [example.record_id for example in examples] == ["good", "escaped"]
    assert {drop.id: (drop.reason, drop.source, drop.stage) for drop in drops} == {
        "long": ("too_long", "d:2", "tokenize"),
        "unanswered": ("nothing_supervised", "d:3", "tokenize"),
        "order": ("wrong_role_order", "d:4", "render"),
    }
    assert ledger.num_records == len(MIXED) == ledger.num_examples + ledger.num_dropped
    assert ledger.dropped == Counter(drop.reason for drop in drops)
    assert ledger.num_tokens == sum(len(example.input_ids) for example in examples)
    assert ledger.num_supervised_tokens == sum(sum(example.supervised) for example in examples)
    assert ledger.supervised_share == ledger.num_supervised_tokens / ledger.num_tokens
    assert ledger.num_escaped == 2 and ledger.stop_token_supervised
    assert ledger.max_length == max(len(example.input_ids) for example in examples)
    assert ledger.to_dict()["dropped"]["too_long"] == 1


def test_what_a_caller_keeps_from_the_garbage_collector_stays_so(byte_level):
    """The suite's own `conftest` does; what is only kept while examples are made is given back."""
    template, frozen = load_template("plain", tokenizer=byte_level), gc.get_freeze_count()
    assert frozen > 0
    prepare(MIXED[:1], byte_level, template)
    assert gc.get_freeze_count() > 0.9 * frozen
    gc.unfreeze()
    prepare(MIXED[:1], byte_level, template)
    assert gc.get_freeze_count() == 0
    gc.freeze()


def test_answers_cut_are_counted_and_do_not_count_against_the_stop_token(byte_level):
    template = load_template("plain", tokenizer=byte_level)
    examples, drops, ledger = prepare(MIXED[:2], byte_level, template, over_length="truncate")
    assert (ledger.num_truncated, ledger.num_answers_cut, ledger.num_dropped) == (1, 1, 0)
    assert ledger.stop_token_supervised
    _, _, ledger = prepare(MIXED[1:2], byte_level, template, over_length="truncate")
    assert not ledger.stop_token_supervised


def test_a_too_long_row_stops_the_run_where_the_recipe_says_so(byte_level):
    with pytest.raises(RowError, match="^d:2: .* tokens, and train.max_length is 500. Raise it"):
        prepare(MIXED, byte_level, load_template("plain", tokenizer=byte_level), over_length="raise")


def test_a_run_with_nothing_to_learn_is_refused_with_the_count_per_reason(byte_level):
    template = load_template("plain", tokenizer=byte_level)
    with pytest.raises(TrainingError) as caught:
        prepare([*MIXED[1:3], talk("again", id="q")], byte_level, template)
    assert "nothing supervised: none of the 3 records gives a token to learn (nothing_supervised 2, too_long 1)" in str(
        caught.value
    )
    assert "larger train.max_length" in str(caught.value) and "\n" not in str(caught.value)


def test_no_records_are_no_examples_and_no_error(byte_level):
    examples, drops, ledger = prepare([], byte_level, load_template("plain", tokenizer=byte_level))
    assert (examples, drops, ledger.num_records, ledger.supervised_share, ledger.median_length) == (
        [],
        [],
        0,
        None,
        None,
    )
    assert not ledger.stop_token_supervised


def test_a_record_can_give_several_examples(with_chatml_tokens, own):
    template = load_template("own", tokenizer=own(with_chatml_tokens, QWEN3))
    turns = [
        Message("user", "a"),
        Message("assistant", "b", reasoning="x"),
        Message("user", "c"),
        Message("assistant", "d", reasoning="y"),
    ]
    record = Record("r", tuple(turns))
    examples, _, ledger = prepare([record], with_chatml_tokens, template)
    assert [example.record_id for example in examples] == ["r", "r"]
    assert (ledger.num_records, ledger.num_examples) == (1, 2)


def test_the_result_does_not_depend_on_how_records_are_batched(byte_level, own, monkeypatch):
    template = load_template("own", tokenizer=own(byte_level, BRACKETS))
    chance = random.Random(7)
    records = [random_talk(chance, number) for number in range(300)]
    expected = prepare(records, byte_level, template)
    for size in (1, 7):
        monkeypatch.setattr("tunesmith.rendering.examples.BATCH_RECORDS", size)
        assert prepare(records, byte_level, template) == expected


def test_shots_stand_in_the_prompt_are_not_learned_and_are_the_same_when_asked(byte_level):
    template = load_template("plain", tokenizer=byte_level)
    pool = [talk(f"question {i}", f"answer {i}.", id=f"p{i}") for i in range(20)]
    examples, _, ledger = prepare(pool[:10], byte_level, template, num_shots=2, shot_pool=pool, seed=5)
    plain, _, _ = prepare(pool[:10], byte_level, template)
    for record, example, alone in zip(pool, examples, plain):
        shots = choose_shots(record, pool, 2, seed=5)
        prompt = encode_prompt(record.messages[:1], byte_level, template, kind="causal", shots=shots)
        assert example.input_ids[: len(prompt)] == prompt
        assert not any(example.supervised[: len(prompt)])
        assert example.supervised_text == alone.supervised_text == render(record, template)[0].supervised_text
        assert all(shot.answer in example.text for shot in shots)
        assert record.answer not in example.text[: example.text.rindex(record.answer)]
    assert ledger.num_few_shots == 0


def test_fewer_shots_than_asked_for_are_counted(byte_level):
    pool = [talk(f"question {i}", f"answer {i}", id=f"p{i}") for i in range(3)]
    _, _, ledger = prepare(pool, byte_level, load_template("plain", tokenizer=byte_level), num_shots=3, shot_pool=pool)
    assert ledger.num_few_shots == 3


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_nothing_but_answers_is_learned(kind, t5_like, byte_level):
    """L7: the learned tokens of a row are as many as its answers have, counted another way."""
    tokenizer = t5_like if kind == "seq2seq" else byte_level
    template = load_template("plain", tokenizer=tokenizer)
    records = [talk("cat", "the bird", "Paris is big", "owl and bird", system="help", id=str(i)) for i in range(5)]
    examples, _, ledger = prepare(records, tokenizer, template, kind=kind)
    per_answer = [
        len(tokenizer(answer, add_special_tokens=False)["input_ids"]) + 1 for answer in ("the bird", "owl and bird")
    ]
    assert ledger.num_supervised_tokens == 5 * sum(per_answer)


def test_a_template_that_turns_bad_in_the_middle_stops_the_run(byte_level, own):
    source = BRACKETS + "{% if messages[0].content == 'trigger' %}{{ ''.__class__.mro }}{% endif %}"
    template = load_template("own", tokenizer=own(byte_level, source))
    with pytest.raises(ModelError, match="template `own` was stopped: access to attribute '__class__'"):
        prepare([talk("a", "b"), talk("trigger", "b"), talk("c", "d")], byte_level, template)
    assert prepare([talk("a", "b")], byte_level, template)[2].num_examples == 1
