"""From a conversation to what is learned of it: each answer and its end, whole, once, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from tests.invariants.cells import base
from tests.rendering.conftest import random_talk, talk
from tests.training.rows import batch_of
from tunesmith.errors import TrainingError
from tunesmith.model.generate import LocalModel
from tunesmith.model.probe import Capabilities
from tunesmith.rendering.collate import collate
from tunesmith.rendering.examples import prepare_examples
from tunesmith.rendering.pack import best_fit
from tunesmith.rendering.templates import BUILT_IN, load_template


@pytest.fixture(params=["llama", "gpt2", "t5"])
def loaded(request, folders):
    return base(folders[request.param])


@pytest.fixture(params=BUILT_IN)
def template(request, loaded):
    return load_template(request.param, tokenizer=loaded.tokenizer, kind=loaded.kind)


def talks(count: int, seed: int = 0) -> list:
    chance = random.Random(seed)
    return [random_talk(chance, number) for number in range(count)]


def answers_of(records) -> list[str]:
    return [message.content for record in records for message in record.messages if message.role == "assistant"]


def prepared(loaded, template, records, **options):
    options = dict(kind=loaded.kind, max_length=10**6, over_length="raise") | options
    return prepare_examples(records, loaded.tokenizer, template, **options)


def learned(batch) -> list[list[int]]:
    """The targets of every unbroken stretch of supervised positions, row after row."""
    stretches = []
    for row in batch.targets.tolist():
        before = False
        for token in row:
            if token >= 0:
                stretches += [] if before else [[]]
                stretches[-1].append(token)
            before = token >= 0
    return stretches


def check_answers(loaded, template, records, batch):
    """Every answer and its one stop token, byte for byte, in order."""
    stops = set(loaded.tokenizer.convert_tokens_to_ids(list(template.stop_tokens)))
    stretches, answers = learned(batch), answers_of(records)
    assert len(stretches) == len(answers)
    for ids, answer in zip(stretches, answers):
        text = loaded.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert text == template.answer_space + answer + template.stop_tokens[0]
        assert [token in stops for token in ids] == [False] * (len(ids) - 1) + [True]


def test_the_targets_of_a_batch_spell_every_answer_and_its_end_and_nothing_else(loaded, template):
    """L7, L8, L9, L12, L14: for conversations of up to four turns, byte for byte, each end of turn once."""
    records = talks(40)
    examples, drops, ledger = prepared(loaded, template, records)
    assert drops == []
    batch = batch_of(loaded, examples)
    check_answers(loaded, template, records, batch)
    assert batch.num_supervised == ledger.num_supervised_tokens
    assert ledger.stop_token_supervised


def test_it_makes_no_difference_that_the_pad_token_is_the_end_token(loaded, template):
    """L8: targets and masks come from lengths; only the fill is another."""
    records = talks(12)
    examples, _, _ = prepared(loaded, template, records)
    usual = batch_of(loaded, examples)
    loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
    again, _, _ = prepared(loaded, template, records)
    other = batch_of(loaded, again)
    check_answers(loaded, template, records, other)
    assert torch.equal(usual.targets, other.targets)
    assert torch.equal(usual.attention_mask, other.attention_mask)
    assert torch.equal(usual.input_ids[usual.attention_mask == 1], other.input_ids[other.attention_mask == 1])


def test_packed_rows_learn_the_same(folders):
    """L7, L8, L19: the same answers and ends, whatever shares a row."""
    loaded = base(folders["gpt2"])
    template = load_template("chatml", tokenizer=loaded.tokenizer)
    records = talks(40)
    examples, _, _ = prepared(loaded, template, records)
    groups = best_fit([example.num_tokens for example in examples], 600)
    assert max(map(len, groups)) > 2
    batch = collate([tuple(examples[i] for i in group) for group in groups], pad_token_id=loaded.pad_token_id)
    order = [i for group in groups for i in group]
    check_answers(loaded, template, [records[i] for i in order], batch)


def test_the_prompt_of_every_answer_is_what_the_model_is_asked_with(loaded, template):
    """L10, L11: the same ids, in training and at inference, for every turn of every conversation."""
    model = LocalModel(loaded, template, Capabilities("full", False, False))
    for record in talks(25, seed=1):
        examples, _, _ = prepared(loaded, template, [record])
        asked = [record.messages[:i] for i, message in enumerate(record.messages) if message.role == "assistant"]
        if loaded.kind == "seq2seq":
            trained = [example.input_ids for example in examples]
        else:
            [example] = examples
            flags = [False, *example.supervised]
            starts = [i for i in range(len(example.supervised)) if flags[i + 1] and not flags[i]]
            trained = [example.input_ids[:start] for start in starts]
        assert model.prompt_ids(asked) == trained


def test_what_the_model_is_asked_with_is_the_prompt_of_training(loaded, template, monkeypatch):
    """L11: with the generation prompt, once through the template."""
    seen = []
    model = LocalModel(loaded, template, Capabilities("full", True, True))
    assert model._decoder is not None  # made before the model is exchanged
    monkeypatch.setattr(model.loaded.model, "forward", lambda **inputs: seen.append(inputs) or 1 / 0)
    record = talk("What is this?", "That.")
    examples, _, _ = prepared(loaded, template, [record])
    with pytest.raises(ZeroDivisionError):
        model.generate([record.messages[:1]])
    [example] = examples
    prompt = example.input_ids
    if loaded.kind == "causal":
        prompt = prompt[: example.supervised.index(True)]
    assert seen[0]["input_ids"].tolist() == [prompt]
    assert seen[0]["attention_mask"].tolist() == [[1] * len(prompt)]


@pytest.mark.parametrize("limit", range(8, 80, 9))
def test_no_row_without_a_target_reaches_a_batch_and_what_is_left_out_is_counted(loaded, limit):
    """L16: whatever the longest length, cut or dropped: every row that is left has something to learn."""
    template = load_template("plain", tokenizer=loaded.tokenizer, kind=loaded.kind)
    records = [*talks(20), talk("a", "b", id="short")]
    for over_length in ("truncate", "drop"):
        try:
            examples, drops, ledger = prepared(loaded, template, records, max_length=limit, over_length=over_length)
        except TrainingError as error:
            assert "nothing supervised" in str(error)
            continue
        assert (batch_of(loaded, examples).supervised.sum(1) > 0).all()
        assert ledger.num_examples + ledger.num_dropped == len(prepared(loaded, template, records)[0])
        assert sum(ledger.dropped.values()) == len(drops) == ledger.num_dropped
        for example in examples:
            assert max(len(example.input_ids), len(example.target_ids or ())) <= limit


def test_a_run_that_would_learn_nothing_is_refused(loaded, template):
    """L13."""
    records = [
        replace(record, messages=record.messages[:1]) for record in talks(5) if record.messages[0].role == "user"
    ]
    with pytest.raises(TrainingError, match="nothing supervised"):
        prepared(loaded, template, records)
