"""Micro-batches that memory does not last for: cut in half, with the same gradient, and nothing lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.training.rows import LENGTHS, batch_of, forward_of, load, random_examples, rows_of
from tests.training.runs import Folder, Listening, same
from tests.training.test_loop import Stops, run, section
from tunesmith.errors import Interrupted, ResourceError
from tunesmith.model.footprint import is_out_of_memory
from tunesmith.progress import SilentProgress
from tunesmith.training.checkpoint import newest_checkpoint
from tunesmith.training.loop import Rows, accumulate, train
from tunesmith.training.objectives import Sft
from tunesmith.training.passes import Fitting, TooLarge
from tunesmith.training.precision import Weights
from tunesmith.workflows.opening import explained_memory

ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
    ),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


class Narrow(Sft):
    """Runs out of memory on more than so many rows: in the forward, or half-way through the gradient."""

    def __init__(self, most: int, error: Exception, *, in_backward: bool):
        super().__init__()
        self.most, self.error, self.in_backward, self.rows = most, error, in_backward, []

    def losses(self, forward, batch):
        self.rows.append(list(batch.record_ids))
        if len(batch.record_ids) <= self.most:
            return super().losses(forward, batch)
        if not self.in_backward:
            raise self.error
        return {"loss": Fails.apply(super().losses(forward, batch)["loss"], forward, self.error)}


class Fails(torch.autograd.Function):
    """Leaves a gradient on some weights and raises, as when memory runs out in the middle of a backward."""

    @staticmethod
    def forward(ctx, loss, module, error):
        ctx.module, ctx.error = module, error
        return loss.clone()

    @staticmethod
    def backward(ctx, _gradient):
        for parameter in list(ctx.module.parameters())[::2]:
            parameter.grad = torch.full_like(parameter, 7.0)
        raise ctx.error


@pytest.mark.parametrize(("in_backward", "precision"), [(False, "fp32"), (True, "fp32"), (True, "bf16")])
def test_a_micro_batch_is_halved_until_it_fits_and_the_gradient_is_the_same(model_folder, in_backward, precision):
    """F9: no example lost or repeated in what counts."""
    loaded = load(model_folder)
    loaded.model.requires_grad_(True)
    rows, heard = rows_of(loaded, random_examples(loaded.kind)), Listening()
    if precision == "fp32":
        loaded.model.double()  # so that nothing is left to rounding
    weights = Weights(loaded.model, precision)
    found = {}
    for name, objective in (("roomy", Sft()), ("narrow", Narrow(3, ERRORS[2], in_backward=in_backward))):
        fitting = Fitting(weights, heard)
        result = fitting.take(
            lambda cut, objective=objective: accumulate(
                forward_of(loaded), objective, [rows.collate(chosen) for chosen in cut], weights
            ),
            [list(range(8)), list(range(8, 13))],
            rows.lengths,
        )
        found[name] = result, torch.cat([master.grad.flatten() for master in weights.masters.values()])
        weights.drop_gradients()
    (one, expected), (other, gradient) = found.values()
    assert sorted(name for batch in other.batches for name in batch.record_ids) == sorted(f"r{i}" for i in range(13))
    assert max(len(batch.record_ids) for batch in other.batches) <= 3
    if precision == "fp32":
        assert other.loss == pytest.approx(one.loss, abs=1e-6)
        assert (gradient - expected).norm() <= 1e-7 * expected.norm()
    else:
        assert (gradient - expected).norm() <= 2e-2 * expected.norm()


def test_each_halving_is_told_once_and_remembered():
    heard = Listening()
    fitting = Fitting(Weights(torch.nn.Linear(2, 2), "fp32"), heard)

    def do(cut):
        for number, rows in enumerate(cut):
            if len(rows) > 2:
                raise TooLarge(number) from MemoryError()
        return cut

    lengths = [10] * 8 + [2] * 4
    assert fitting.take(do, [list(range(8))], lengths) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert fitting.max_tokens == 20
    assert len(heard.heard) == 2
    assert "Out of memory in a micro-batch of 8 rows of up to 10 tokens: it is cut in half" in heard.heard[0]
    assert fitting.take(lambda cut: cut, [list(range(8)), [8, 9, 10, 11]], lengths)[-1] == [8, 9, 10, 11]
    assert len(heard.heard) == 2


def test_a_single_row_that_does_not_fit_is_the_error_it_was():
    fitting = Fitting(Weights(torch.nn.Linear(2, 2), "fp32"), SilentProgress())

    def do(cut):
        raise TooLarge(0) from ERRORS[1]

    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        fitting.take(do, [[0, 1, 2]], [5, 5, 5])


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_way_to_run_out_of_memory_is_known(model_folders, error):
    assert is_out_of_memory(error)
    loaded = load(model_folders["llama"])
    batch = batch_of(loaded, random_examples("causal"))
    with pytest.raises(TooLarge):
        accumulate(forward_of(loaded), Narrow(1, error, in_backward=False), [batch], Weights(loaded.model, "fp32"))


def test_a_dry_run_tells_it_in_one_line(model_folders):
    with (
        pytest.raises(ResourceError, match="Out of memory. Lower train.per_device_train_batch_size"),
        explained_memory(),
    ):
        raise TooLarge(0) from ERRORS[2]
    with pytest.raises(RuntimeError, match="shapes"), explained_memory():
        raise RuntimeError("shapes do not match")


def test_other_errors_pass():
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_a_run_that_runs_out_of_memory_takes_the_same_steps(model_folder, tmp_path):
    """The schedule, the order of the rows and, to rounding, the weights; and a resumed run need not find out again."""
    loaded, heard = load(model_folder), Listening()
    loaded.model.requires_grad_(True)
    objective, folder = Narrow(2, ERRORS[0], in_backward=True), Folder(tmp_path / "narrow")
    settings = section(max_steps=5, per_device_train_batch_size=4, lr_scheduler_type="cosine", learning_rate=1e-3)
    rows = rows_of(loaded, random_examples(loaded.kind))
    train(
        forward_of(loaded), objective, rows, rows_of(loaded, random_examples(loaded.kind, seed=9)), settings,
        folder.place, progress=heard, fingerprint={},
    )  # fmt: skip
    roomy = Folder(tmp_path / "roomy")
    expected, _, _ = run(
        roomy, model_folder, max_steps=5, per_device_train_batch_size=4, lr_scheduler_type="cosine", learning_rate=1e-3,
        validation=True,
    )  # fmt: skip
    told = ("step", "epoch", "learning_rate", "num_supervised_tokens", "num_tokens")
    assert [[line.get(name) for name in told] for line in folder.metrics] == [
        [line.get(name) for name in told] for line in roomy.metrics
    ]
    for one, other in zip(folder.metrics, roomy.metrics):
        for name in {"loss", "validation_loss"} & one.keys():
            assert one[name] == pytest.approx(other[name], abs=1e-4)
    after = dict(loaded.model.named_parameters())
    assert all(torch.allclose(after[name], expected[name], atol=2e-4) for name in expected)
    assert any("Out of memory" in line for line in heard.heard)
    remembered = newest_checkpoint(tmp_path / "narrow/checkpoints", on_damage=print).state["train"]["max_batch_tokens"]
    assert remembered is not None
    assert remembered < 4 * max(LENGTHS) * 2


def test_a_run_that_was_halved_resumes_bitwise(model_folders, tmp_path):
    """What was found out about memory is in the checkpoint: without it the sums would be cut, and rounded, otherwise."""

    def halved(folder, objective, **options):
        loaded = load(model_folders["llama"])
        rows = rows_of(loaded, random_examples("causal"))
        train(
            forward_of(loaded), objective, rows, rows_of(loaded, []), section(max_steps=4, per_device_train_batch_size=4),
            folder.place, progress=SilentProgress(), fingerprint={}, **options,
        )  # fmt: skip
        return {name: p.detach().clone() for name, p in loaded.model.named_parameters()}

    narrow = lambda: Narrow(2, ERRORS[0], in_backward=False)  # noqa: E731
    whole = halved(Folder(tmp_path / "whole"), narrow())
    with pytest.raises(Interrupted):
        halved(Folder(tmp_path / "stopped"), narrow(), should_stop=Stops(2))
    assert same(whole, halved(Folder(tmp_path / "stopped"), Sft(), resume=True))


LIMITED = """
import resource, sys, torch
from pathlib import Path
from tests.training.rows import forward_of, load, random_examples, rows_of
from tests.training.runs import Listening
from tunesmith.training.objectives import Sft
from tunesmith.training.passes import Fitting, accumulate
from tunesmith.training.precision import Weights
from tunesmith.workflows.opening import explained_memory
loaded, heard = load(Path(sys.argv[1])), Listening()
loaded.model.requires_grad_(True)
rows = rows_of(loaded, random_examples("causal", (400,) * 64))
weights, forward = Weights(loaded.model, "fp32"), forward_of(loaded)
learn = lambda cut: accumulate(forward, Sft(), [rows.collate(chosen) for chosen in cut], weights)
def gradient(micro_batches):
    weights.drop_gradients()
    Fitting(weights, heard).take(learn, micro_batches, rows.lengths)
    return torch.cat([p.grad.flatten().double() for p in loaded.model.parameters()])
expected = gradient([[row, row + 1] for row in range(0, 64, 2)])
held = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (held + 24 * 2**20, resource.RLIM_INFINITY))
found = gradient([list(range(64))])
print(len(heard.heard), ((found - expected).norm() / expected.norm()).item())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS and /proc")
def test_under_a_real_limit_of_memory_the_gradient_is_the_same(model_folders):
    """F9, with the error the CPU allocator itself raises."""
    command = [sys.executable, "-c", LIMITED, str(model_folders["llama"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    halvings, distance = done.stdout.split()
    assert int(halvings) >= 1
    assert float(distance) <= 1e-6


def test_rows_know_how_many_they_are():
    assert len(Rows([3, 4], lambda rows: None)) == 2
