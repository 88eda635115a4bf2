"""Our full tuning beside TRL's on a GPU: tokens a second, model FLOPs utilization and peak memory, in bf16.

    python benchmarks/train_gpu.py [--shape 0.5b 1.5b] [--tools ours trl trl-liger] [--rows-per-step 16] [--json]

Random models of the shapes of Qwen2.5-0.5B and -1.5B, and made-up rows whose lengths are spread as those of instruction
data are; the last two thirds of each are learned. Every case is a process of its own; its first steps warm up. TRL runs
with ``padding_free`` where flash attention is installed, with Liger's kernels where they are, and says so where not.

The work of a step is counted by formula, not by what a tool happens to compute: 6 FLOPs for every weight of the layers and
every token, 6 for every weight of the head and every *supervised* token, 6 · heads · width · length² a layer for causal
attention. Utilization is that by the dense bf16 peak of the device.

Never run on a GPU yet: none was at hand. On a CPU ``--shape tiny`` runs to its end, which tells that it works and nothing else.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from tunesmith.model.forward import Forward
from tunesmith.model.fused import fuse
from tunesmith.progress import SilentProgress
from tunesmith.recipe import TrainSection
from tunesmith.rendering.collate import IGNORE_INDEX, collate
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import Place, Rows, train
from tunesmith.training.objectives import Sft

SHAPES: dict[str, dict[str, Any]] = {
    "0.5b": dict(
        hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        vocab_size=151_936, tie_word_embeddings=True,
    ),
    "1.5b": dict(
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2,
        vocab_size=151_936, tie_word_embeddings=True,
    ),
    "tiny": dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=384, tie_word_embeddings=True,
    ),
}  # fmt: skip
TOOLS = ("ours", "trl", "trl-liger")
DENSE_BF16_PEAK = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12, "L4": 121e12}
"""FLOP/s of a device whose name holds the key, without sparsity, from its maker's data sheet; the first that fits."""
NUM_WARM_UP_STEPS = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the cases one after another; the exit code."""
    options = parse(arguments)
    if options.worker:
        print(json.dumps(run_case(options.worker, options.shape[0], options)))
        return 0
    if not torch.cuda.is_available() and options.shape != ["tiny"]:
        print("Error: no GPU here. --shape tiny tries the script itself on a CPU.", file=sys.stderr)
        return 5
    results = []
    for shape in options.shape:
        for tool in options.tools:
            missing = missing_package(tool)
            if missing is None:
                results.append(run_apart(tool, shape, options))
            else:
                print(f"{shape} {tool}: left out, {missing} is not installed", file=sys.stderr)
    print(json.dumps(results, indent=1) if options.json else table(results))
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=["0.5b", "1.5b"])
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--steps", type=int, default=10, help="timed optimizer steps")
    parser.add_argument("--rows-per-step", type=int, default=16, help="rows per optimizer step, in one micro-batch")
    parser.add_argument("--median-length", type=int, default=512, help="tokens of a row")
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 peak of a device that is not in the table")
    parser.add_argument("--json", action="store_true", help="JSON on stdout instead of a table")
    parser.add_argument("--worker", choices=TOOLS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def missing_package(tool: str) -> str | None:
    """The package a tool needs and does not find."""
    needed = {"ours": (), "trl": ("trl",), "trl-liger": ("trl", "liger_kernel")}[tool]
    return next((name for name in needed if importlib.util.find_spec(name) is None), None)


def run_apart(tool: str, shape: str, options: argparse.Namespace) -> dict[str, Any]:
    """The case in a fresh process, or the line in which it says why it failed."""
    given = ["--steps", str(options.steps), "--rows-per-step", str(options.rows_per_step)]
    given += ["--median-length", str(options.median_length), "--shape", shape, "--worker", tool]
    given += ["--peak-tflops", str(options.peak_tflops)] if options.peak_tflops else []
    done = subprocess.run([sys.executable, __file__, *given], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    return {"tool": tool, "shape": shape, "error": (done.stderr.strip() or "no message").splitlines()[-1]}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| shape | tool | tokens/s | MFU | peak GiB | first loss |", "|---|---|---|---|---|---|"]
    for found in results:
        if "error" in found:
            lines.append(f"| {found['shape']} | {found['tool']} | failed: {found['error']} | | | |")
            continue
        mfu = "n/a" if found["mfu"] is None else f"{found['mfu']:.1%}"
        numbers = f"{found['tokens_per_second']:,.0f} | {mfu} | {found['peak_memory_bytes'] / 2**30:.1f}"
        lines.append(f"| {found['shape']} | {found['tool']} | {numbers} | {found['loss_first_step']:.4f} |")
    return "\n".join(lines)


# The arithmetic


def make_rows(num_rows: int, median_length: int, vocabulary: int) -> list[Encoded]:
    """Rows of random ids; lengths are log-normal with σ = 0.7, from 16 to four times the median."""
    generator = np.random.default_rng(0)
    lengths = np.exp(generator.normal(math.log(median_length), 0.7, num_rows)).clip(16, 4 * median_length).astype(int)
    rows = []
    for number, length in enumerate(lengths.tolist()):
        ids = generator.integers(0, vocabulary, length).tolist()
        rows.append(Encoded(str(number), ids, [i >= length // 3 for i in range(length)], "", ""))
    return rows


def num_flops(shape: dict[str, Any], rows: Sequence[Encoded]) -> float:
    """Floating-point operations that one forward and backward over the rows cannot do without."""
    width, heads = shape["hidden_size"], shape["num_attention_heads"]
    head_width = width // heads
    of_keys = 2 * width * head_width * shape["num_key_value_heads"]
    layer = 2 * width * width + of_keys + 3 * width * shape["intermediate_size"]
    num_tokens = sum(len(row.input_ids) for row in rows)
    num_supervised = sum(sum(row.supervised[1:]) for row in rows)
    squares = sum(len(row.input_ids) ** 2 for row in rows)
    layers = shape["num_hidden_layers"] * (6 * layer * num_tokens + 6 * heads * head_width * squares)
    return layers + 6 * width * shape["vocab_size"] * num_supervised


def peak_flops(options: argparse.Namespace) -> float | None:
    """FLOP/s of the device, or None where nobody knows."""
    if options.peak_tflops:
        return options.peak_tflops * 1e12
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    return next((peak for key, peak in DENSE_BF16_PEAK.items() if key in name), None)


# What a process of its own does


def run_case(tool: str, shape: str, options: argparse.Namespace) -> dict[str, Any]:
    """Warm up, train, and say how long it took."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**SHAPES[shape], max_position_embeddings=8192)).to(device)
    per_step = options.rows_per_step
    rows = make_rows(per_step * (NUM_WARM_UP_STEPS + options.steps), options.median_length, SHAPES[shape]["vocab_size"])
    with tempfile.TemporaryDirectory() as folder:
        run = train_ours if tool == "ours" else train_theirs
        loss, ends = run(model, rows, per_step, Path(folder), use_liger=tool == "trl-liger")
    timed, seconds = rows[NUM_WARM_UP_STEPS * per_step :], ends[-1] - ends[NUM_WARM_UP_STEPS - 1]
    peak, flops = peak_flops(options), num_flops(SHAPES[shape], timed)
    return {
        "tool": tool, "shape": shape, "tokens_per_second": sum(len(row.input_ids) for row in timed) / seconds,
        "flops_per_second": flops / seconds, "mfu": None if peak is None else flops / seconds / peak,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else 0, "loss_first_step": loss,
    }  # fmt: skip


def train_ours(
    model, rows: list[Encoded], per_step: int, folder: Path, *, use_liger: bool
) -> tuple[float, list[float]]:
    """(loss of the first step, when each step ended), rows in the order given by the seed."""
    assert not use_liger
    fuse(model)
    section = TrainSection(
        per_device_train_batch_size=per_step, learning_rate=1e-5, warmup_ratio=0.0, lr_scheduler_type="constant",
        precision="bf16", logging_steps=1, save_steps=10**6,
    )  # fmt: skip
    metrics, ends = [], []

    def ended(_step: int, _model) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        ends.append(time.perf_counter())

    def batch_of(chosen):
        return collate([(rows[i],) for i in chosen], pad_token_id=0)

    train(
        Forward(model, head="fused", flattens=True), Sft(), Rows([len(row.input_ids) for row in rows], batch_of),
        Rows([], batch_of), section, Place(folder, metrics.append, lambda step, validated: None), progress=SilentProgress(),
        fingerprint={}, on_step=ended,
    )  # fmt: skip
    return metrics[0]["loss"], ends


def train_theirs(
    model, rows: list[Encoded], per_step: int, folder: Path, *, use_liger: bool
) -> tuple[float, list[float]]:
    """The same with TRL's trainer."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_given, **_named):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    has_flash = importlib.util.find_spec("flash_attn") is not None
    if has_flash:
        model.set_attn_implementation("flash_attention_2")
    config = SFTConfig(
        str(folder), bf16=True, use_cpu=not torch.cuda.is_available(), gradient_checkpointing=False, num_train_epochs=1,
        per_device_train_batch_size=per_step, learning_rate=1e-5, lr_scheduler_type="constant", max_grad_norm=1.0,
        max_length=8192, padding_free=has_flash, use_liger_kernel=use_liger, logging_steps=1, save_strategy="no",
        report_to="none", disable_tqdm=True,
    )  # fmt: skip
    labels = [[i if flag else IGNORE_INDEX for i, flag in zip(row.input_ids, row.supervised)] for row in rows]
    dataset = Dataset.from_dict({"input_ids": [row.input_ids for row in rows], "labels": labels})
    words = Tokenizer(models.WordLevel({"<eos>": 0}, unk_token="<eos>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<eos>")
    trainer = SFTTrainer(model, config, None, dataset, processing_class=tokenizer, callbacks=[Clock()])
    trainer.train()
    return next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry), ends


if __name__ == "__main__":
    sys.exit(main())
