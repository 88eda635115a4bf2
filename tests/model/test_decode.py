"""Rows that join and leave a batch: each is answered as if it were alone, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from tests.model.families import save_family
from tests.model.test_generate import answering, conversations, ends_at_different_times
from tests.models import VOCABULARY, save_tiny, tiny_tokenizer
from tunesmith.lm import Sampling
from tunesmith.model import decode
from tunesmith.model.decode import Decoder, Slots, decoder_for
from tunesmith.model.generate import LocalModel

SAMPLING = Sampling(max_new_tokens=24)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each shape, and one that sees a window only, with logits far apart."""
    root = tmp_path_factory.mktemp("sharp")
    folders = {shape: save_tiny(shape, root / shape, scale=3.0) for shape in ("llama", "gpt2", "t5")}
    return {shape: answering(folder) for shape, folder in (folders | {"window": windowed(root / "window")}).items()}


def windowed(folder: Path) -> Path:
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=7, max_position_embeddings=512, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    model = MistralForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0 if parameter.ndim > 1 else 1.0)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def few_at_a_time(model: LocalModel, num_rows: int, **changes) -> LocalModel:
    return LocalModel(model.loaded, model.template, model.capabilities, num_rows, **changes)


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5", "window"])
def test_more_prompts_than_rows_are_answered_as_alone(models, monkeypatch, shape):
    """D6: joining late, behind rows of any length, in a cache that moves, shrinks and grows."""
    model, asked = models[shape], conversations(12)
    asked = [*asked, *asked[4:7]]
    monkeypatch.setattr(decode, "SPARE_COLUMNS", 3)
    ends = ends_at_different_times(model, conversations(12), SAMPLING)
    monkeypatch.setattr(model.loaded.model.generation_config, "eos_token_id", ends)
    alone = [model.generate([one], SAMPLING)[0] for one in asked]
    for num_rows in (2, 5):
        few = few_at_a_time(model, num_rows)
        assert few._decoder is not None
        assert few.generate(asked, SAMPLING) == alone
    assert len({answer.num_completion_tokens for answer in alone}) > 3


@pytest.mark.parametrize("shape", ["llama", "t5"])
def test_the_next_prompts_join_before_the_first_are_all_done(models, monkeypatch, shape):
    model, asked = models[shape], conversations(12)
    ends = ends_at_different_times(model, asked, SAMPLING)
    monkeypatch.setattr(model.loaded.model.generation_config, "eos_token_id", ends)
    few = few_at_a_time(model, 4)
    assert few._decoder is not None
    steps, reads = [], []
    monkeypatch.setattr(
        Decoder, "step", lambda self, slots, do=Decoder.step: steps.append(len(slots.live)) or do(self, slots)
    )
    monkeypatch.setattr(
        Decoder, "read", lambda self, prompts, do=Decoder.read: reads.append(len(steps)) or do(self, prompts)
    )
    few.generate(asked, SAMPLING)
    assert max(steps) == 4 and len(reads) > 3
    assert len(steps) < len(asked) // 4 * SAMPLING.max_new_tokens


@pytest.mark.parametrize("shape", ["llama", "gpt2", "t5"])
def test_rooms_of_each_prompt_are_kept_to(models, shape):
    prompts = models[shape].prompt_ids(conversations(8))
    decoder = few_at_a_time(models[shape], 3)._decoder
    rooms = [1, 2, 3, 4, 5, 6, 7, 8]
    found = dict(decoder.answers(prompts, rooms, SAMPLING, lambda ids: False))
    assert {number: len(ids) for number, ids in found.items()} == dict(enumerate(rooms))


def test_keys_and_values_stay_within_their_bytes(models, monkeypatch):
    model, asked = models["llama"], conversations(12)
    sizes = []
    monkeypatch.setattr(Slots, "moved", lambda self, *size, do=Slots.moved: sizes.append(size) or do(self, *size))
    decoder = few_at_a_time(model, 12, cache_bytes=200_000)
    expected = model.generate(asked, SAMPLING)
    sizes.clear()
    assert decoder.generate(asked, SAMPLING) == expected
    per_column = 2 * 2 * 2 * 8 * 4  # layers, keys and values, heads, width, bytes
    assert all(slots == 1 or slots * columns * per_column <= 200_000 for slots, columns, _ in sizes)
    assert max(slots for slots, *_ in sizes) > min(slots for slots, *_ in sizes)


def test_long_prompts_are_read_few_at_a_time(models, monkeypatch):
    model, read = models["gpt2"], []
    decoder = few_at_a_time(model, 12)._decoder
    monkeypatch.setattr(decode, "PREFILL_TOKENS", 100)
    do = decoder.read
    monkeypatch.setattr(decoder, "read", lambda prompts: read.append([len(ids) for ids in prompts]) or do(prompts))
    prompts = model.prompt_ids(conversations(12))
    dict(decoder.answers(prompts, [4] * 12, SAMPLING, lambda ids: False))
    assert all(len(lengths) == 1 or len(lengths) * max(lengths) <= 100 for lengths in read) and len(read) > 3


def test_a_sampled_answer_depends_on_its_prompt_and_the_seed_alone(models):
    model, asked = models["llama"], conversations(8)
    sampling = Sampling(max_new_tokens=8, temperature=1.5, top_p=0.9, seed=5)
    together = model.generate(asked, sampling)
    assert together == [model.generate([one], sampling)[0] for one in asked]
    assert together[::-1] == few_at_a_time(model, 3).generate(asked[::-1], sampling)
    assert together != model.generate(asked, Sampling(max_new_tokens=8, temperature=1.5, top_p=0.9, seed=6))


def test_the_same_prompt_asked_twice_is_drawn_twice(models):
    sampling = Sampling(max_new_tokens=12, temperature=2.0)
    first, second = models["llama"].generate(conversations(5)[-1:] * 2, sampling)
    assert first != second


def test_tokens_are_drawn_as_often_as_they_are_probable():
    """Against the exact probabilities, with and without a nucleus (Holtzman et al. 2020)."""
    logits = torch.tensor([[2.0, 0.0, 1.0, -1.0]])
    row = decode.Row(0, 1, 0, torch.Generator().manual_seed(0))
    for top_p, kept in ((1.0, [0, 1, 2, 3]), (0.7, [0, 2])):
        sampling = Sampling(temperature=2.0, top_p=top_p)
        drawn = [decode._tokens([row], logits, sampling)[0] for _ in range(4000)]
        p = torch.softmax(logits[0] / 2.0, 0)
        expected = [float(p[token] / p[kept].sum()) if token in kept else 0.0 for token in range(4)]
        assert [drawn.count(token) / 4000 for token in range(4)] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("family", ["mamba", "recurrent_gemma", "bart"])
def test_what_would_be_answered_otherwise_than_alone_is_left_to_generate(tmp_path, family):
    """A state, and positions that are counted over the whole batch."""
    loaded = save_family(family, tmp_path)
    assert decoder_for(loaded, max_rows=4) is None


def test_what_a_cache_holds_beside_keys_and_values_is_noticed(models, monkeypatch):
    monkeypatch.setattr(decode, "_plain", lambda cache: [object()])
    assert decoder_for(models["llama"].loaded, max_rows=4) is None
