"""Heads that copy before anything is learned."""

from __future__ import annotations

import copying_heads
import pytest
import torch
from pretrain_tiny import tiny_gpt, tiny_t5


@pytest.fixture
def names():
    """(16, 40) tokens in no order."""
    return torch.randint(300, 4096, (16, 40), generator=torch.Generator().manual_seed(0))


def cost(logits: torch.Tensor, targets: torch.Tensor) -> float:
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()


@torch.no_grad()
def test_an_untrained_llama_expects_what_followed_the_same_token_before(names):
    torch.manual_seed(0)
    logits = tiny_gpt()(torch.cat([names, names], dim=1)).logits
    first, second = cost(logits[:, :39], names[:, 1:]), cost(logits[:, 40:-1], names[:, 1:])
    assert second < first - 0.2


@torch.no_grad()
def test_without_the_heads_it_expects_nothing_in_particular(names, monkeypatch):
    monkeypatch.setattr(copying_heads, "start_llama", lambda model: None)
    torch.manual_seed(0)
    logits = tiny_gpt()(torch.cat([names, names], dim=1)).logits
    assert cost(logits[:, 40:-1], names[:, 1:]) > cost(logits[:, :39], names[:, 1:]) - 0.05


@torch.no_grad()
def test_the_first_head_of_llama_looks_one_token_back(names):
    torch.manual_seed(0)
    model = tiny_gpt()
    model.set_attn_implementation("eager")
    seen = model(names, output_attentions=True).attentions[0][:, 0]
    assert seen.diagonal(-1, dim1=-2, dim2=-1).mean() > 0.95


@torch.no_grad()
def test_an_untrained_t5_expects_in_the_answer_what_follows_in_the_text(names):
    torch.manual_seed(0)
    decoder = torch.cat([torch.ones(16, 1, dtype=torch.long), names[:, :-1]], dim=1)
    logits = tiny_t5()(input_ids=names, decoder_input_ids=decoder).logits[:, 1:]
    assert cost(logits, names[:, 1:]) < cost(logits, names.roll(1, 0)[:, 1:]) - 0.3
