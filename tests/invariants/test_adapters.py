"""What a method trains, and only that, moves; what is saved is what was live; a fresh adapter is no change at all."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn

from tests.invariants.cells import CELLS, Tuned, base, run, wake
from tests.training.runs import Folder, same
from tunesmith.errors import ModelError
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.load import load_model, save_model
from tunesmith.recipe import ModelSection
from tunesmith.training.objectives import Sft

ADAPTED = tuple(cell for cell in CELLS if cell.method != "full")
VIRTUAL = tuple(cell for cell in ADAPTED if cell.method in ("prefix", "prompt"))
OURS = tuple(cell for cell in ADAPTED if cell.section.method == "bottleneck")
LOW_RANK = tuple(cell for cell in ADAPTED if cell not in (*VIRTUAL, *OURS))


def each(cells):
    return pytest.mark.parametrize("cell", cells, ids=str)


@torch.no_grad()
def logits(one: Tuned, model=None) -> torch.Tensor:
    """(num_supervised, vocabulary) of a batch that is always the same, by the model itself or another in its place."""
    forward = Forward(one.model if model is None else model, head="hooked")
    return forward.supervised_logits(one.batch(one.examples()))


# -- every cell --------------------------------------------------------------------------------------------------------


def test_every_trainable_weight_gets_a_gradient_and_moves_and_every_other_stays(cell, one, tmp_path):
    """P1: after three steps; the base of an adapter, quantized or not, and all buffers are bitwise as they were."""
    before, frozen = one.trainable(), one.frozen()
    base_before = [weight.detach().clone() for weight in one.base_weights]
    assert all(weight.requires_grad == (cell.method == "full") for weight in one.base_weights)
    one.forward(one.batch(one.examples())).sum().backward()
    without = [name for name, p in one.model.named_parameters() if p.requires_grad and not (p.grad != 0).any()]
    one.model.zero_grad(set_to_none=True)
    run(one, Folder(tmp_path), max_steps=3)
    after = one.trainable()
    assert before.keys() == after.keys() and before
    assert without == []
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    assert same(frozen, one.frozen())
    stayed = [torch.equal(weight, was) for weight, was in zip(one.base_weights, base_before, strict=True)]
    assert all(stayed) or cell.method == "full"
    assert all(p.grad is None for p in one.model.parameters() if not p.requires_grad)


class NoGradient(Sft):
    """A loss of 0, whose gradient is 0 everywhere."""

    def losses(self, forward, batch):
        return {name: term * 0.0 for name, term in super().losses(forward, batch).items()}


def test_only_matrices_decay(one, tmp_path):
    """P13: with a gradient of 0 a step of AdamW is its decay: w ← w (1 - rate × decay) for matrices, w for the rest."""
    before = one.trainable()
    run(one, Folder(tmp_path), max_steps=1, objective=NoGradient(), learning_rate=0.25, weight_decay=0.5)
    for name, weight in one.trainable().items():
        expected = before[name] * (1 - 0.25 * 0.5) if weight.ndim >= 2 else before[name]
        assert torch.equal(weight, expected), name


def test_the_rate_of_every_weight_is_that_of_the_recipe(fresh, tmp_path):
    """P13: the first step of AdamW moves every weight with a gradient worth the name by the rate, whatever its layer."""
    one = fresh()
    before = one.trainable()
    run(one, Folder(tmp_path), max_steps=1, learning_rate=1e-3, max_grad_norm=0)
    for name, weight in one.trainable().items():
        furthest = (weight - before[name]).abs().max().item()
        assert furthest == pytest.approx(1e-3, rel=0.02), name


def test_a_saved_result_gives_the_same_logits_bitwise_when_it_is_loaded_again(one, tmp_path):
    """P4: by our loader."""
    live = logits(one)
    save_model(one.model, one.loaded.tokenizer, tmp_path)
    again = load_model(ModelSection(name_or_path=str(tmp_path)))
    assert torch.equal(logits(one, again.model), live)
    assert not again.model.training
    assert not any(module.training for module in again.model.modules() if isinstance(module, nn.Dropout))


def test_in_evaluation_nothing_is_random_and_in_training_only_dropout_is(cell, fresh):
    """P11: two forwards differ if and only if there is dropout and the model is in training."""
    field = next((name for name in type(cell.section).model_fields if name.endswith("dropout")), None)
    for rate in (0.0,) if field is None else (0.0, 0.5):
        one = fresh(section=cell.section if field is None else cell.section.model_copy(update={field: rate}))
        for training in (False, True):
            one.forward.train(training)
            assert torch.equal(logits(one), logits(one)) == (not training or rate == 0.0)


# -- every adapter -----------------------------------------------------------------------------------------------------


def bare(cell, folders):
    """The base of a cell, held as its method has it."""
    return base(folders[cell.shape], cell.section).model


@each([cell for cell in ADAPTED if cell not in VIRTUAL])
def test_a_fresh_adapter_is_the_identity(cell, fresh, folders):
    """P8: bitwise; of virtual tokens only none at all would be."""
    one = fresh(awake=False)
    assert torch.equal(logits(one), logits(one, bare(cell, folders)))
    assert not torch.equal(logits(fresh()), logits(one))


@each([cell for cell in ADAPTED if cell not in OURS])
def test_plain_peft_loads_what_was_saved(cell, fresh, folders, tmp_path):
    """P4: the same logits, bitwise, without our package."""
    one = fresh()
    live = logits(one)
    save_model(one.model, one.loaded.tokenizer, tmp_path)
    loaded = PeftModel.from_pretrained(bare(cell, folders), tmp_path).eval()
    assert torch.equal(logits(one, loaded), live)


DAMAGES = {
    "renamed": lambda tensors: {f"_orig_mod.{name}": tensor for name, tensor in tensors.items()},
    "missing": lambda tensors: dict(list(tensors.items())[1:]),
    "unexpected": lambda tensors: tensors | {"extra": torch.ones(2)},
    "empty": lambda tensors: {name: tensor[:0].contiguous() for name, tensor in tensors.items()},
}


@each(ADAPTED)
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_adapter_whose_weights_do_not_match_is_refused(cell, fresh, tmp_path, damage):
    """P4, P5: by one line; peft would load it as nothing."""
    one = fresh()
    save_model(one.model, one.loaded.tokenizer, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    save_file(DAMAGES[damage](load_file(file)), file, metadata={"format": "pt"})
    with pytest.raises(ModelError) as caught:
        load_model(ModelSection(name_or_path=str(tmp_path)))
    assert "\n" not in str(caught.value)


@each(LOW_RANK)
def test_a_merged_adapter_gives_the_live_logits(cell, fresh, tmp_path):
    """P2, P3: a quantized base merged into what its weights stand for, in floats; saved, it is a model of its own."""
    one = fresh()

    live = logits(one)
    merged = adapters.merge(one.model)
    assert not isinstance(merged, PeftModel)
    assert (logits(one, merged) - live).abs().max() <= 1e-5 * max(1.0, live.abs().max().item())
    save_model(merged, one.loaded.tokenizer, tmp_path)
    assert torch.equal(logits(one, load_model(ModelSection(name_or_path=str(tmp_path))).model), logits(one, merged))


@each((*VIRTUAL, *OURS))
def test_what_no_weight_could_hold_is_not_merged(cell, fresh):
    """P2: refused, where merging would lose it without a word."""
    with pytest.raises(ModelError, match="cannot be merged"):
        adapters.merge(fresh().model)


@each([cell for cell in LOW_RANK if cell.method == "lora" or cell.shape == "llama"])
def test_the_mean_over_many_dropout_masks_is_near_what_evaluation_gives(cell, fresh):
    """P11: dropout is scaled, not only zeroed; an adapter so small that the model is linear in it."""
    one = fresh(section=cell.section.model_copy(update={"lora_dropout": 0.3}), awake=False)
    untouched = logits(one)
    wake(one.model, 0.01)
    live = logits(one)
    one.forward.train()
    torch.manual_seed(3)
    mean = torch.stack([logits(one) for _ in range(100)]).mean(0)
    assert (mean - live).norm() < 0.2 * (live - untouched).norm()
