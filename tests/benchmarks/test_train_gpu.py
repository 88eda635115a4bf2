"""The GPU benchmark's arithmetic, and that it runs, on a CPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Qwen2Config, Qwen2ForCausalLM

from tunesmith.rendering.tokenize import Encoded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_gpu.py"
specification = importlib.util.spec_from_file_location("train_gpu", SCRIPT)
train_gpu = importlib.util.module_from_spec(specification)
specification.loader.exec_module(train_gpu)


def test_the_formula_counts_what_torch_counts():
    """A forward and backward over one row, all of it supervised; attention as torch counts it, which is without the mask."""
    shape, length = train_gpu.SHAPES["tiny"], 24
    model = Qwen2ForCausalLM(Qwen2Config(**shape, attn_implementation="eager"))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.randint(0, 384, (1, length))).logits.sum().backward()
    row = Encoded("r", [0] * length, [True] * (length + 1), "", "")
    counted = train_gpu.num_flops(shape, [row])
    attention = 2 * 6 * shape["hidden_size"] * length**2  # of both layers; a causal mask halves it
    assert counted + attention == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_only_supervised_positions_count_for_the_head():
    shape = train_gpu.SHAPES["tiny"]
    learned, read = (Encoded("r", [0] * 10, [flag] * 10, "", "") for flag in (True, False))
    difference = train_gpu.num_flops(shape, [learned]) - train_gpu.num_flops(shape, [read])
    assert difference == 6 * shape["hidden_size"] * shape["vocab_size"] * 9


def test_it_runs_on_a_tiny_shape(capsys):
    given = ["--shape", "tiny", "--tools", "ours", "--steps", "2", "--rows-per-step", "4", "--median-length", "24"]
    given += ["--peak-tflops", "1", "--json"]
    assert train_gpu.main(given) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["tokens_per_second"] > 0 and found["mfu"] == pytest.approx(found["flops_per_second"] / 1e12)
    assert 5 < found["loss_first_step"] < 7


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(capsys):
    assert train_gpu.main(["--shape", "0.5b"]) == 5
    assert "no GPU here" in capsys.readouterr().err
