"""Pretraining of the built-in models: its rows, its tokenizer, and a whole run on a few sentences."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pretrain_tiny
import pytest
import torch
from pretrain_tiny import begin_words, causal_rows, common_names, corrupt, seq2seq_rows, train_tokenizer, windows
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from tunesmith.rendering.collate import IGNORE_INDEX

SENTENCES = "The fox saw Anna by the river, and Anna saw the fox. In 1923 the river was low. "


@pytest.fixture
def corpus(tmp_path):
    """The folder the script reads, with next to nothing in it."""
    folder = tmp_path / "corpus"
    (folder / "books_children").mkdir(parents=True)
    for name in ("a-book", pretrain_tiny.HELD_OUT[0]):
        (folder / "books_children" / f"{name}.txt").write_text(SENTENCES * 60)
    rows = {"id": "1", "title": "The Goat", "author": "A. Writer", "text": SENTENCES}
    for name in ("african_storybook_en.jsonl", "us_inaugural.jsonl", "books_manifest.jsonl"):
        (folder / name).write_text(json.dumps(rows) + "\n")
    return folder


@pytest.fixture
def short(monkeypatch):
    """Four steps on few texts instead of thousands."""
    monkeypatch.setattr(pretrain_tiny, "NUM_MADE_UP", 40)
    monkeypatch.setattr(pretrain_tiny, "NUM_COPYING", 20)
    for name, setup in pretrain_tiny.SETUPS.items():
        monkeypatch.setitem(pretrain_tiny.SETUPS, name, replace(setup, max_steps=4, window=48, rows_per_step=4))
    monkeypatch.setitem(pretrain_tiny.FIRST_STAGE, "max_steps", 2)


def test_every_digit_is_a_token_and_text_comes_back_to_the_letter():
    tokenizer = train_tokenizer([SENTENCES * 20], for_t5=False)
    text = 'In 1923 Anna\'s "fox" said:\n  NO — 44!'
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert all(len(tokenizer.decode([i]).strip()) == 1 for i in ids if any(c.isdigit() for c in tokenizer.decode([i])))


def test_the_t5_tokenizer_ends_a_text_and_knows_gaps():
    tokenizer = train_tokenizer([SENTENCES * 20], for_t5=True)
    ids = tokenizer("the <extra_id_3> fox")["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id and tokenizer.convert_tokens_to_ids("<extra_id_3>") in ids


def test_a_word_that_begins_a_text_is_the_same_token_as_inside_one():
    tokenizer = train_tokenizer([SENTENCES * 20], for_t5=True)
    begin_words(tokenizer)
    alone, inside = tokenizer("Anna")["input_ids"][:-1], tokenizer("saw Anna")["input_ids"][:-1]
    assert inside[-len(alone) :] == alone
    for text in ("Anna saw 1923", " two  spaces", "- a\n- b", ""):
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_windows_cut_without_overlap():
    assert windows(np.arange(11), 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_every_position_of_a_causal_row_predicts_the_next_token():
    rows = causal_rows(np.arange(48).reshape(6, 8))
    for chosen in ([0, 1], [1, 2]):
        batch = rows.collate(chosen)
        assert (batch.targets[:, :-1] == batch.input_ids[:, 1:]).all()
        assert (batch.targets[:, -1] == IGNORE_INDEX).all()
        assert sorted(batch.input_ids.flatten().tolist()) == [i for row in chosen for i in range(8 * row, 8 * row + 8)]


def test_what_is_cut_out_of_a_text_fits_back_into_its_gaps():
    first_gap, eos, ids = 1000, 0, list(range(10, 330))
    kinds = set()
    for seed in range(60):
        encoder, decoder = corrupt(ids, np.random.default_rng(seed), first_gap, eos)
        assert encoder[-1] == decoder[-1] == eos
        gaps, filling = {}, None
        for token in decoder[:-1]:
            if token >= first_gap:
                filling = gaps.setdefault(token, [])
            elif filling is not None:
                filling.append(token)
        kinds.add(bool(gaps))
        whole = [part for token in encoder[:-1] for part in (gaps[token] if token >= first_gap else [token])]
        assert (whole if gaps else whole + decoder[:-1]) == ids
        if gaps:
            assert 0.1 < sum(map(len, gaps.values())) / len(ids) < 0.2
    assert kinds == {True, False}


def test_a_sequence_row_is_the_same_whatever_batch_it_is_in():
    tokenizer = train_tokenizer([SENTENCES * 20], for_t5=True)
    rows = seq2seq_rows(np.random.default_rng(0).integers(60, 200, (6, 48)), tokenizer)
    alone, together = rows.collate([3]), rows.collate([3, 4])
    assert alone.targets[0].tolist() == [t for t in together.targets[0].tolist() if t != IGNORE_INDEX]
    assert (alone.decoder_input_ids[:, 1:] == alone.targets[:, :-1]).all()


def test_names_are_words_that_nearly_always_have_a_capital():
    assert "Anna" in common_names([SENTENCES * 40]) and "The" not in common_names([SENTENCES * 40])


@pytest.mark.parametrize("name, auto", [("gpt", AutoModelForCausalLM), ("t5", AutoModelForSeq2SeqLM)])
def test_a_run_ends_in_a_folder_that_plain_transformers_loads(name, auto, corpus, short, tmp_path):
    assert (
        pretrain_tiny.main([name, "--corpus", str(corpus), "--output", str(tmp_path / "out"), "--num-threads", "1"])
        == 0
    )
    folder = tmp_path / "out" / "model"
    model, tokenizer = auto.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert {parameter.dtype for parameter in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    assert model.config.eos_token_id == tokenizer.eos_token_id and tokenizer.pad_token_id == model.config.pad_token_id
    card = (folder / "README.md").read_text()
    assert "The Goat (A. Writer)" in card and "Held-out loss" in card and pretrain_tiny.HELD_OUT[0] in card


def test_a_finished_run_is_only_written_again(corpus, short, tmp_path):
    arguments = ["gpt", "--corpus", str(corpus), "--output", str(tmp_path / "out"), "--num-threads", "1"]
    pretrain_tiny.main(arguments)
    logs = [tmp_path / "out" / f"metrics-{stage}.jsonl" for stage in ("copying", "all")]
    weights = tmp_path / "out" / "model" / "model.safetensors"
    before = [log.read_text() for log in logs], weights.read_bytes()
    weights.unlink()
    pretrain_tiny.main(arguments)
    assert ([log.read_text() for log in logs], weights.read_bytes()) == before


def test_a_folder_without_the_texts_is_told_in_one_line(tmp_path, capsys):
    assert pretrain_tiny.main(["gpt", "--corpus", str(tmp_path), "--output", str(tmp_path / "out")]) == 3
    assert "needs books_*/*.txt" in capsys.readouterr().err
