"""bf16 is for computing: what is optimized, added up and saved stays in float32."""

from __future__ import annotations

import pytest
import torch

from tests.invariants.cells import Stops, chunks, relative, run, spread
from tests.training.runs import Folder
from tunesmith.errors import Interrupted
from tunesmith.training.checkpoint import newest_checkpoint
from tunesmith.training.objectives import Sft
from tunesmith.training.passes import accumulate
from tunesmith.training.precision import Weights


def masters(folder: Folder) -> dict[str, torch.Tensor]:
    return newest_checkpoint(folder.path / "checkpoints", on_damage=print).weights


@spread
def test_small_updates_are_not_lost_in_bf16(fresh, tmp_path):
    """P10: three steps at 1e-6 move nearly every weight that float32 moves; bfloat16 weights would stay where they are."""
    moved = {}
    for precision in ("fp32", "bf16"):
        one, folder = fresh(), Folder(tmp_path / precision)
        before = one.trainable()
        run(one, folder, max_steps=3, learning_rate=1e-6, precision=precision)
        after = masters(folder)
        assert {tensor.dtype for tensor in after.values()} == {torch.float32}
        total = sum(tensor.numel() for tensor in before.values())
        finer = sum((tensor != tensor.bfloat16()).sum().item() for tensor in after.values())
        assert finer > 0.5 * total  # a master that was rounded is none
        moved[precision] = sum((after[name] != before[name]).sum().item() for name in before) / total
    assert moved["bf16"] > 0.9 * moved["fp32"]
    rounded = {name: tensor.bfloat16() for name, tensor in before.items()}
    stayed = sum((one.trainable()[name].bfloat16() == rounded[name]).sum().item() for name in before) / total
    assert stayed > 0.5


def test_what_the_model_computes_with_is_the_rounded_master(fresh, tmp_path):
    """P10: after every step, and none of them runs away from the other."""
    one, folder = fresh(), Folder(tmp_path)
    run(one, folder, max_steps=3, precision="bf16")
    live = one.trainable()
    for name, master in masters(folder).items():
        assert torch.equal(live[name], master.to(live[name].dtype))


def test_gradients_of_micro_batches_add_up_in_float32(one):
    """P10, L1: nine micro-batches in bfloat16 give what adding their gradients in float64 gives."""
    examples = one.examples()
    weights = Weights(one.model, "bf16")
    batches = [one.batch(part) for part in chunks(examples, 1)]
    count = sum(batch.num_supervised for batch in batches)
    parameters = dict(one.model.named_parameters())
    expected = {name: torch.zeros_like(master, dtype=torch.float64) for name, master in weights.masters.items()}
    for batch in batches:
        (-one.forward(batch).sum() / count).backward()
        for name in expected:
            if parameters[name].grad is not None:
                expected[name] += parameters[name].grad.double()
                parameters[name].grad = None
    accumulate(one.forward, Sft(), batches, weights)
    found = torch.cat([master.grad.double().flatten() for master in weights.masters.values()])
    assert relative(torch.cat([tensor.flatten() for tensor in expected.values()]), found) <= 1e-6


@spread
def test_a_bf16_run_is_near_the_fp32_run(fresh, tmp_path):
    """P10: the first loss to the precision of bfloat16, and the loss after four steps too."""
    losses = {}
    for precision in ("fp32", "bf16"):
        folder = Folder(tmp_path / precision)
        run(fresh(), folder, max_steps=4, learning_rate=1e-3, precision=precision)
        losses[precision] = [line["loss"] for line in folder.metrics]
    assert losses["bf16"][0] == pytest.approx(losses["fp32"][0], abs=0.02)
    assert losses["bf16"] == pytest.approx(losses["fp32"], abs=0.1)


@spread
def test_a_bf16_run_resumes_from_its_masters_bitwise(fresh, tmp_path):
    """D1, P10."""
    whole, folder = fresh(), Folder(tmp_path / "whole")
    run(whole, folder, max_steps=4, precision="bf16")
    stopped = Folder(tmp_path / "stopped")
    with pytest.raises(Interrupted):
        run(fresh(), stopped, max_steps=4, precision="bf16", should_stop=Stops(2))
    resumed = fresh()
    run(resumed, stopped, max_steps=4, precision="bf16", resume=True)
    assert all(torch.equal(tensor, masters(stopped)[name]) for name, tensor in masters(folder).items())
    assert all(torch.equal(tensor, resumed.trainable()[name]) for name, tensor in whole.trainable().items())
