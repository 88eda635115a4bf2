"""The forward and the loss: the same number whichever way the rows are batched, padded or packed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import torch

from tests.training.rows import batch_of, forward_of, load, random_examples
from tunesmith.model.forward import Forward
from tunesmith.rendering.collate import IGNORE_INDEX, Batch, collate
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import accumulate
from tunesmith.training.objectives import Sft
from tunesmith.training.precision import Weights


def gradient(loaded, batches) -> torch.Tensor:
    """All gradients of one step as one vector."""
    loaded.model.zero_grad(set_to_none=True)
    loaded.model.eval()
    loaded.model.requires_grad_(True)
    accumulate(forward_of(loaded), Sft(), batches, Weights(loaded.model, "fp32"))
    return torch.cat([p.grad.flatten() for p in loaded.model.parameters() if p.grad is not None])


def chunks(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


def test_unsupervised_tokens_after_the_answer_leave_the_loss_bitwise_unchanged(model_folders):
    """L7: a token that is not supervised is no target; behind the last supervised one it is nothing at all."""
    loaded = load(model_folders["llama"])
    [example] = random_examples("causal", (20,))
    supervised = [6 <= position < 12 for position in range(20)]
    losses = []
    for seed in range(4):
        tail = torch.randint(2, 380, (8,), generator=torch.Generator().manual_seed(seed)).tolist()
        row = replace(example, input_ids=[*example.input_ids[:12], *tail], supervised=supervised)
        losses.append(forward_of(loaded)(batch_of(loaded, [row])))
    assert all(torch.equal(losses[0], other) for other in losses)
    assert len(losses[0]) == 6


class PredictsFromInput(torch.nn.Module):
    """A model that is certain the next token is what ``look(ids, position)`` says."""

    def __init__(self, offset: int):
        super().__init__()
        self.offset = offset

    def forward(self, input_ids, attention_mask, use_cache=False):
        ids = torch.roll(input_ids, -self.offset, dims=1)
        return SimpleNamespace(logits=torch.nn.functional.one_hot(ids, 400).float() * 50)


def test_targets_are_shifted_exactly_once():
    """L15: predicting the true next token costs nothing, repeating the current one costs a lot."""
    batch = collate([(example,) for example in random_examples("causal")], pad_token_id=0)
    next_token = Forward(PredictsFromInput(1))(batch)
    same_token = Forward(PredictsFromInput(0))(batch)
    assert -next_token.mean() < 1e-6
    assert -same_token.mean() > 10


def test_no_model_ever_receives_labels(model_folder, monkeypatch):
    """Ours are called targets: a model that saw ``labels`` would shift or average on its own."""
    loaded = load(model_folder)
    seen = []
    original = type(loaded.model).forward
    monkeypatch.setattr(
        type(loaded.model),
        "forward",
        lambda self, *args, **kwargs: seen.append(kwargs) or original(self, *args, **kwargs),
    )
    for head in ("full", "hooked", "kept") if loaded.kind == "causal" else ("full", "hooked"):
        forward = forward_of(loaded)
        forward.head = head
        forward(batch_of(loaded, random_examples(loaded.kind)))
    assert len(seen) >= 2
    assert not any("labels" in kwargs for kwargs in seen)


def test_no_forward_uses_a_cache(model_folder):
    """With a cache transformers builds a mask of its own, and packed documents see each other."""
    loaded = load(model_folder)
    seen = []
    loaded.model.register_forward_pre_hook(lambda _module, _args, kwargs: seen.append(kwargs), with_kwargs=True)
    forward_of(loaded)(batch_of(loaded, random_examples(loaded.kind)))
    assert [kwargs["use_cache"] for kwargs in seen] == [False]


def test_log_probabilities_are_float32_whatever_the_model_computes_in(model_folders):
    loaded = load(model_folders["llama"])
    batch = batch_of(loaded, random_examples("causal"))
    loaded.model.bfloat16()
    logits = forward_of(loaded).supervised_logits(batch)
    reference = logits.float().log_softmax(-1).gather(1, batch.targets[batch.supervised][:, None])[:, 0]
    assert logits.dtype == torch.bfloat16
    assert torch.allclose(forward_of(loaded)(batch), reference, atol=1e-6)


def test_seq2seq_answers_are_shifted_right_behind_the_start_token(model_folders):
    loaded = load(model_folders["t5"])
    [example] = random_examples("seq2seq", (8,))
    batch = batch_of(loaded, [example])
    assert batch.targets[0].tolist() == example.target_ids
    assert batch.decoder_input_ids[0].tolist() == [0, *example.target_ids[:-1]]


# -- packing -----------------------------------------------------------------------------------------------------------


def _leaky(batch: Batch, mistake: str) -> Batch:
    if mistake == "no block mask":
        return replace(batch, document_ids=None)
    positions = torch.arange(batch.input_ids.shape[1]).expand_as(batch.input_ids)
    leaky = replace(batch)
    object.__setattr__(
        leaky, "__class__", type("Unreset", (Batch,), {"position_ids": property(lambda self: positions)})
    )
    return leaky


def test_no_target_crosses_from_one_document_to_the_next():
    """L19."""
    one = Encoded("a", [5, 6, 7], [True] * 3, text="", supervised_text="")
    two = Encoded("b", [8, 9], [True] * 2, text="", supervised_text="")
    batch = collate([(one, two)], pad_token_id=0)
    assert batch.targets.tolist() == [[6, 7, IGNORE_INDEX, 9, IGNORE_INDEX]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.document_ids.tolist() == [[1, 1, 1, 2, 2]]
