"""One loss however the rows are cut: the mean over the supervised tokens of the whole step."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from tests.invariants.cells import Cell, chunks, gradient, relative, run
from tests.models import SHAPES
from tests.training.runs import Folder
from tunesmith.model.forward import Forward
from tunesmith.rendering.collate import IGNORE_INDEX
from tunesmith.training.objectives import Sft
from tunesmith.training.validation import validate


def own_log_probabilities(one, example) -> list[float]:
    """What the bare model thinks of the learned tokens of one example: written down again, without our forward.

    Virtual tokens in front make the logits longer than the row.
    """
    ids = torch.tensor([example.input_ids])
    with torch.no_grad():
        if example.target_ids is None:
            logits = one.model(input_ids=ids).logits[0, -len(example.input_ids) :]
            learned = [(t - 1, token) for t, token in enumerate(example.input_ids) if t and example.supervised[t]]
        else:
            start = one.loaded.model.config.decoder_start_token_id
            shifted = torch.tensor([[start, *example.target_ids[:-1]]])
            logits = one.model(input_ids=ids, decoder_input_ids=shifted).logits[0, -len(example.target_ids) :]
            learned = list(enumerate(example.target_ids))
        return [float(logits[at].double().log_softmax(-1)[token]) for at, token in learned]


def test_the_loss_of_a_batch_is_the_token_mean_of_the_bare_models_single_rows(one):
    """L1, L15, L21: shifted once, padding of prompts and answers not counted, every token counting the same."""
    examples = one.examples()
    reference = [value for example in examples for value in own_log_probabilities(one, example)]
    with torch.no_grad():
        found = one.forward(one.batch(examples))
    assert found.shape == (len(reference),)
    assert abs(found.double().mean() - math.fsum(reference) / len(reference)) <= 1e-6


def test_accumulated_gradients_equal_the_gradient_of_one_batch(one):
    """L1, L3: in micro-batches of 1, 2, 4 and 7 of nine rows, the last one short; the loss is the same number too."""
    examples = one.examples()
    loss, whole = gradient(one, [one.batch(examples)])
    for size in (1, 2, 4, 7):
        cut_loss, cut = gradient(one, [one.batch(part) for part in chunks(examples, size)])
        assert relative(whole, cut) <= 1e-6
        assert cut_loss == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("cell", [Cell(shape, "full") for shape in SHAPES], ids=str)
def test_a_mean_of_means_would_be_far_off(cell, one):
    """L1: what the test above is for cannot hide in its tolerance."""
    examples = one.examples()
    _, whole = gradient(one, [one.batch(examples)])
    parts = [gradient(one, [one.batch(part)])[1] for part in chunks(examples, 4)]
    assert relative(whole, torch.stack(parts).mean(0)) > 1e-2


def test_a_step_has_the_same_loss_and_gradient_norm_however_many_micro_batches_it_has(fresh, cut_small, tmp_path):
    """L4: through the loop, with 8 rows at once, one at a time, and in between."""
    lines = []
    for size, count, num_tokens in ((8, 1, 1000), (1, 8, 1), (2, 4, 45)):
        folder = Folder(tmp_path / f"{size}")
        cut_small(num_tokens)
        run(fresh(), folder, per_device_train_batch_size=size, gradient_accumulation_steps=count, max_steps=1)
        lines.append(folder.metrics[0])
    for line in lines[1:]:
        assert line["loss"] == pytest.approx(lines[0]["loss"], rel=1e-6)
        assert line["grad_norm"] == pytest.approx(lines[0]["grad_norm"], rel=1e-5)
        assert line["num_supervised_tokens"] == lines[0]["num_supervised_tokens"]


def test_the_validation_loss_does_not_depend_on_the_batch_size(one):
    """L5: over batches of 1, 2, 4, 8 and all rows, equal to the mean of the single tokens."""
    examples = one.examples()
    reference = [value for example in examples for value in own_log_probabilities(one, example)]
    for size in (1, 2, 4, 8, len(examples)):
        batches = [one.batch(part) for part in chunks(examples, size)]
        found = validate(one.forward, Sft(), [lambda batch=batch: batch for batch in batches])
        assert abs(found.loss + math.fsum(reference) / len(reference)) <= 1e-6
        assert found.num_supervised_tokens == len(reference)


def test_the_loss_that_is_logged_weighs_every_token_the_same(fresh, tmp_path):
    """L1, for the number that is printed: the mean over steps of unequal token counts, at a rate that changes nothing."""
    folder, one = Folder(tmp_path), fresh()
    reference = [value for example in one.examples() for value in own_log_probabilities(one, example)]
    run(one, folder, num_train_epochs=1, logging_steps=100, learning_rate=1e-12)
    assert folder.metrics[0]["loss"] == pytest.approx(-math.fsum(reference) / len(reference), abs=2e-6)
    assert folder.metrics[0]["num_supervised_tokens"] == len(reference)


def without_targets(batch):
    return replace(batch, targets=torch.full_like(batch.targets, IGNORE_INDEX))


def test_rows_with_nothing_supervised_add_nothing(one):
    """L16: alone they have loss 0 and gradient 0, not the mean of an empty set; beside others they change no bit."""
    examples = one.examples()
    learned = one.batch(examples[:4])
    empty = without_targets(one.batch(examples[4:]))
    loss, nothing = gradient(one, [empty])
    assert loss == 0.0
    assert not nothing.any()
    alone_loss, alone = gradient(one, [learned])
    beside_loss, beside = gradient(one, [learned, empty])
    assert alone_loss == beside_loss
    assert torch.equal(alone, beside)
    assert validate(one.forward, Sft(), [lambda: empty]).loss is None


def test_padding_changes_nothing_whatever_id_it_is_filled_with(one):
    """L7, L8, L21: a short row alone and beside a long one; and the id that stands in the padding is never read."""
    short, long = one.examples((6, 30))
    batch = one.batch([short, long])
    with torch.no_grad():
        alone, beside = one.forward(one.batch([short])), one.forward(batch)
        ids, mask = batch.input_ids.clone(), batch.attention_mask
        ids[mask == 0] = 123
        decoder = batch.decoder_input_ids
        if decoder is not None:
            decoder = decoder.masked_fill(batch.decoder_attention_mask == 0, 123)
        refilled = one.forward(replace(batch, input_ids=ids, decoder_input_ids=decoder))
    assert (alone - beside[: len(alone)]).abs().max() <= 5e-6
    assert abs(alone.mean() - beside[: len(alone)].mean()) <= 1e-6
    assert torch.equal(beside, refilled)


def test_only_supervised_positions_have_a_gradient(one):
    """L7: the logits of a prompt, of padding, of anything not learned pull on no weight."""
    seen, examples = [], one.examples()
    head = one.loaded.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _module, _inputs, logits: logits.retain_grad() or seen.append(logits))
    batch = one.batch(examples)
    batch_logits = Forward(one.model, head="full")
    (-batch_logits(batch).sum()).backward()
    handle.remove()
    [logits] = seen
    pulled = logits.grad[:, -batch.targets.shape[1] :].abs().sum(-1) > 0
    assert torch.equal(pulled, batch.supervised)
    assert not logits.grad[:, : -batch.targets.shape[1]].any()
    wanted = [sum(e.supervised[1:]) if e.target_ids is None else len(e.target_ids) for e in examples]
    assert batch.supervised.sum(1).tolist() == wanted


def test_every_way_to_run_the_head_gives_the_same_loss_and_gradient(one):
    """L22: on supervised positions only, by the model itself, by a hook or in one with the loss, or on all of them."""
    examples = one.examples()
    batches = [one.batch(part) for part in chunks(examples, 4)]
    loss, whole = gradient(one, batches, forward=Forward(one.model, head="full"))
    heads = ["hooked", "fused"] + (["kept"] if Forward(one.model).can_keep else [])
    for head in heads:
        other_loss, other = gradient(one, batches, forward=Forward(one.model, head=head))
        assert other_loss == pytest.approx(loss, rel=1e-6)
        assert relative(whole, other) <= 1e-6
