"""Noise on the input embeddings: how much, where and when."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.training.rows import batch_of, load, random_examples
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.recipe import LoraSection
from tunesmith.training.noise import lengths_of_documents, noisy_embeddings


class Watch:
    """What each table of embeddings of a model gave, by its name."""

    def __init__(self, model: nn.Module):
        self.seen: dict[str, torch.Tensor] = {}
        for name, module in model.named_modules():
            if isinstance(module, nn.Embedding):
                module.register_forward_hook(self._remember(name), always_call=True)

    def _remember(self, name):
        return lambda module, ids, embedded: self.seen.__setitem__(name, embedded.detach())


def difference(loaded, batch, *, alpha=5.0, training=True, flattens=False) -> dict[str, torch.Tensor]:
    """What the noise added to each table's answer."""
    seen = []
    forward = Forward(loaded.model, head="hooked", flattens=flattens).train(training)
    for used in (None, alpha):
        with noisy_embeddings(forward, used):
            watch = Watch(loaded.model)
            forward(batch)
        seen.append(watch.seen)
    return {name: seen[1][name] - seen[0][name] for name in seen[0]}


NOISY = {"llama": "model.embed_tokens", "gpt2": "transformer.wte", "t5": "encoder.embed_tokens"}


@pytest.mark.parametrize("shape", NOISY)
def test_noise_is_uniform_and_as_large_as_the_paper_says(model_folders, shape):
    """Jain et al. 2023, algorithm 1: uniform in ± alpha / √(L d), L without padding; on the encoder's side alone."""
    loaded = load(model_folders[shape])
    batch = batch_of(loaded, random_examples(loaded.kind, (400, 100, 25)))
    added = difference(loaded, batch)
    assert {name for name, noise in added.items() if noise.any()} == {NOISY[shape]}
    for row, length in enumerate((400, 100, 25)):
        noise, most = added[NOISY[shape]][row, :length], 5.0 / math.sqrt(length * 32)
        assert noise.abs().max() <= most * (1 + 1e-5)
        assert noise.std() == pytest.approx(most / math.sqrt(3), rel=0.08)
        assert abs(noise.mean()) < 0.1 * most
        assert noise.norm() == pytest.approx(5.0 / math.sqrt(3), rel=0.08)  # whatever the length


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
@pytest.mark.parametrize("flattens", [False, True])
def test_a_document_that_shares_its_row_has_the_noise_of_its_own_length(model_folders, shape, flattens):
    loaded = load(model_folders[shape])
    examples = random_examples("causal", (200, 20))
    added = difference(loaded, batch_of(loaded, examples, packed=not flattens), flattens=flattens)[NOISY[shape]]
    for start, length in ((0, 200), (200, 20)):
        assert added[0, start : start + length].norm() == pytest.approx(5.0 / math.sqrt(3), rel=0.1)


def test_lengths_are_those_of_the_documents(model_folders):
    loaded = load(model_folders["llama"])
    examples = random_examples("causal", (3, 2, 4))
    assert lengths_of_documents(batch_of(loaded, examples[:2])).tolist() == [[3, 3, 3], [2, 2, 1]]
    assert lengths_of_documents(batch_of(loaded, examples, packed=True)).tolist() == [[3] * 3 + [2] * 2 + [4] * 4]


def test_there_is_no_noise_where_nothing_is_learned_or_when_it_is_over(model_folder):
    loaded = load(model_folder)
    batch = batch_of(loaded, random_examples(loaded.kind))
    assert not any(noise.any() for noise in difference(loaded, batch, training=False).values())
    difference(loaded, batch)
    forward = Forward(loaded.model, head="hooked").train()
    assert torch.equal(forward(batch), forward(batch))


def test_noise_reaches_the_loss_of_an_adapter_too(model_folder):
    loaded = load(model_folder)
    model = adapters.attach(loaded.model, LoraSection(method="lora", r=2))
    forward, batch = Forward(model, head="hooked").train(), batch_of(loaded, random_examples(loaded.kind))
    plain = forward(batch)
    with noisy_embeddings(forward, 5.0):
        torch.manual_seed(0)
        one = forward(batch)
        torch.manual_seed(0)
        again = forward(batch)
    assert torch.equal(one, again)
    assert not torch.equal(one, plain)
