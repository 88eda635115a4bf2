"""Documents that share a row do not know of each other: no attention, no position, no target crosses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.invariants.cells import CAUSAL, CELLS, gradient, relative, section_of, tuned
from tunesmith.model.forward import Forward
from tunesmith.model.support import TABLE
from tunesmith.rendering.collate import IGNORE_INDEX, collate
from tunesmith.rendering.pack import best_fit

PACKS = {cell: cell.shape in CAUSAL and TABLE[cell.section.method]["decoder"].packing == "yes" for cell in CELLS}
ATTENTION = ("eager", "sdpa")


@pytest.fixture(params=ATTENTION)
def attention(request) -> str:
    return request.param


@pytest.fixture(params=[cell for cell in CELLS if PACKS[cell]], ids=str)
def cell(request):
    return request.param


@pytest.fixture
def one(fresh, attention):
    made = fresh()
    made.loaded.model.set_attn_implementation(attention)
    return made


def packed_batch(one, examples, capacity: int):
    """The rows as a run packs them, in one batch."""
    groups = best_fit([example.num_tokens for example in examples], capacity)
    rows = [tuple(examples[i] for i in group) for group in groups]
    return collate(rows, pad_token_id=one.loaded.pad_token_id)


def test_the_loss_and_gradient_of_packed_rows_are_those_of_single_rows(one):
    """L17, L18, L19, L20: best-fit rows of 40, with padding behind them; GPT-2's learned positions show unreset ones."""
    examples = one.examples()
    plain = Forward(one.model)  # which neither packs nor flattens
    loss, single = gradient(one, [one.batch([example]) for example in examples], forward=plain)
    packed_loss, packed = gradient(one, [packed_batch(one, examples, 40)])
    assert packed_loss == pytest.approx(loss, rel=1e-6)
    assert relative(single, packed) <= 1e-6


def test_another_first_document_leaves_every_bit_of_the_second_ones_logits(one):
    """L17, L18."""
    first, second = one.examples((10, 14))
    [other] = one.examples((10,), seed=7)
    other = replace(other, supervised=first.supervised)
    count = sum(second.supervised[1:])
    with torch.no_grad():
        logits = [one.forward.supervised_logits(one.batch([a, second], packed=True))[-count:] for a in (first, other)]
    assert torch.equal(*logits)


def test_another_second_document_leaves_every_bit_of_the_first_ones_logits(one):
    """L17: nor does anything reach back, padding behind the row included."""
    first, second = one.examples((10, 14))
    [other] = one.examples((14,), seed=7)
    other = replace(other, supervised=second.supervised)
    count = sum(first.supervised[1:])
    with torch.no_grad():
        logits = [one.forward.supervised_logits(one.batch([first, b], packed=True))[:count] for b in (second, other)]
    assert torch.equal(*logits)


def test_the_gradient_of_one_document_does_not_reach_anothers_tokens(one):
    """L17: not through attention either, seen from the embeddings of the first document's tokens."""
    first, second = one.examples((10, 14))
    ids = set(first.input_ids)
    second = replace(second, input_ids=[token if token not in ids else 3 for token in second.input_ids])
    first = replace(first, supervised=[False] * 10)
    seen = []
    table = one.loaded.model.get_input_embeddings()
    handle = table.register_forward_hook(
        lambda _module, _inputs, states: (
            states.requires_grad_().retain_grad() or seen.append(states) if states.shape[1] == 24 else None
        )
    )
    (-one.forward(one.batch([first, second], packed=True)).sum()).backward()
    handle.remove()
    [states] = seen
    assert not states.grad[0, :10].any()
    assert states.grad[0, 10:-1].any(-1).all()


@pytest.mark.parametrize("mistake", ["no mask", "unreset"])
def test_a_leak_would_show(folders, mistake):
    """L17, L18: on GPT-2 both mistakes change the loss a thousandfold more than the tolerance."""
    one = tuned(folders["gpt2"], section_of("full"))
    batch = one.batch(one.examples(), packed=True)
    with torch.no_grad():
        good = one.forward(batch).mean()
        inputs = {"input_ids": batch.input_ids, "use_cache": False, "position_ids": batch.position_ids}
        inputs["attention_mask"] = batch.block_mask(torch.float32)
        inputs |= (
            {"attention_mask": batch.attention_mask}
            if mistake == "no mask"
            else {"position_ids": torch.arange(batch.input_ids.shape[1])[None]}
        )
        logits = one.model(**inputs).logits[batch.supervised].log_softmax(-1)
    bad = logits.gather(1, batch.targets[batch.supervised][:, None]).mean()
    assert abs(good - bad) > 1e-3


def test_packing_conserves_every_token_and_every_target(folders):
    """L19: each document once, whole, no row too long; the first token of each is no target of the one before."""
    one = tuned(folders["llama"], section_of("full"))
    examples = one.examples(tuple(3 + (7 * i) % 29 for i in range(60)))
    batch = packed_batch(one, examples, 64)
    assert sorted(batch.record_ids) == sorted(example.record_id for example in examples)
    assert batch.input_ids.shape[1] <= 64
    learned_whole = [replace(example, supervised=[True] * len(example.input_ids)) for example in examples]
    assert packed_batch(one, learned_whole, 64).num_supervised == sum(len(e.input_ids) - 1 for e in examples)
    assert batch.num_tokens == sum(example.num_tokens for example in examples)
    assert batch.num_supervised == sum(sum(example.supervised[1:]) for example in examples)
    following = torch.roll(batch.input_ids, -1, dims=1)
    assert torch.equal(batch.targets[batch.supervised], following[batch.supervised])
    last = batch.document_ids != torch.roll(batch.document_ids, -1, dims=1)
    assert (batch.targets[last] == IGNORE_INDEX).all()
    assert (batch.targets[:, -1] == IGNORE_INDEX).all()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if not PACKS[cell]], ids=str)
def test_what_cannot_keep_documents_apart_is_never_packed(cell, folders):
    """L17, L20: an encoder-decoder, and methods that put tokens in front of a row: not a warning, but rows of their own."""
    one = tuned(folders[cell.shape], cell.section)
    assert not one.capabilities.can_pack
    assert not one.capabilities.flattens
