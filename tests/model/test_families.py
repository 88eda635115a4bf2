"""Many families of the installed transformers: what the probe finds, and that training and answering follow from it."""

from __future__ import annotations

import pytest
import torch

from tests.model.families import FAMILIES, save_family
from tests.model.test_generate import conversations
from tests.training.rows import batch_of, random_examples
from tunesmith.lm import Sampling
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.generate import LocalModel
from tunesmith.model.probe import probe
from tunesmith.recipe import LoraSection
from tunesmith.rendering.templates import load_template
from tunesmith.training.loop import accumulate
from tunesmith.training.objectives import Sft
from tunesmith.training.precision import Weights

SCALES_LOGITS = {"gemma2", "cohere", "granite", "recurrent_gemma"}
"""Whose head does not have the last word."""
CANNOT_PACK = {"bloom", "mistral", "ministral", "gemma2", "gemma3_text", "mamba", "recurrent_gemma"}
pytestmark = pytest.mark.slow


def test_there_are_at_least_25_families():
    assert len(FAMILIES) >= 25


@pytest.mark.parametrize("family", FAMILIES)
def test_the_probe_finds_what_the_table_says(family, tmp_path):
    loaded = save_family(family, tmp_path)
    found = probe(loaded)
    if loaded.kind == "seq2seq":
        head = "fused" if "t5" in family else "hooked"  # the others add a bias behind their head
        assert (found.head, found.can_pack, found.can_batch_prompts) == (head, False, True)
    else:
        head = "kept" if family in SCALES_LOGITS else "fused"
        assert (found.head, found.can_pack, found.can_batch_prompts) == (head, family not in CANNOT_PACK, True)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_answers_do_not_depend_on_the_batch(family, tmp_path):
    loaded = save_family(family, tmp_path)
    model = LocalModel(loaded, load_template("plain", tokenizer=loaded.tokenizer), probe(loaded))
    asked = list(conversations(5))
    together = model.generate(asked, Sampling(max_new_tokens=5))
    assert together == [model.generate([one], Sampling(max_new_tokens=5))[0] for one in asked]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_lora_step_does_not_depend_on_how_its_rows_are_cut(family, tmp_path):
    loaded = save_family(family, tmp_path)
    found = probe(loaded)
    targets = ("in_proj", "x_proj") if family == "mamba" else "all-linear"  # peft refuses its other layers
    model = adapters.attach(loaded.model, LoraSection(method="lora", r=4, target_modules=targets)).eval()
    examples = random_examples(loaded.kind, (5, 12, 9, 7))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(0.01 if "lora_B" in name else 0.0)
    gradients = []
    for size in (4, 1):
        model.zero_grad(set_to_none=True)
        batches = [batch_of(loaded, examples[i : i + size]) for i in range(0, 4, size)]
        accumulate(Forward(model, head=found.head, flattens=found.flattens), Sft(), batches, Weights(model, "fp32"))
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert gradients[0].norm() > 0
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 1e-4
