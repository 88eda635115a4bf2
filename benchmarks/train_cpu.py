"""Our training beside TRL's `SFTTrainer` on a CPU: tokens a second and peak memory, on the same rows, model and loss.

    python benchmarks/train_cpu.py --rows FILE --model DIR [--steps 20] [--cases 'trl/*' '*/fp32/full'] [--json]

Both get the same token ids (in the template a recipe would use), rows a step, learning rate, AdamW, clipping and loss
(on the answers). Each case is a process of its own: one step to warm up, on the same rows in every case, whose loss must
agree, then an epoch over the others, which is timed. TRL runs without gradient checkpointing (slower, smaller) and logs.

Compared are our rows, sorted by length within a step, with TRL's padded in random order and with TRL's grouped by
length, and packed with packed. In bf16 ours computes in bfloat16 beside float32 masters, TRL in bfloat16 autocast.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tunesmith.errors import TrainingError, TunesmithError, UsageError
from tunesmith.model import adapters
from tunesmith.model.forward import Forward, Head
from tunesmith.model.load import LoadedModel, context_length, kind_of, load_model, load_tokenizer
from tunesmith.model.probe import probe
from tunesmith.progress import SilentProgress
from tunesmith.recipe import DataSection, FullSection, LoraSection, ModelSection, Recipe, TrainSection
from tunesmith.rendering.collate import IGNORE_INDEX, collate
from tunesmith.rendering.pack import best_fit
from tunesmith.rendering.templates import load_template
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import Place, Rows, train
from tunesmith.training.objectives import Sft
from tunesmith.workflows.prepare import fitting_length, make_examples, read_data

TOOLS = (("ours", "sorted"), ("trl", "padding"), ("trl", "grouped"), ("ours", "packed"), ("trl", "packed"))
PAIRS = (("sorted", "padding"), ("sorted", "grouped"), ("packed", "packed"))
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
LOSS_TOLERANCE = {"fp32": 1e-3, "bf16": 3e-2}
"""Largest difference of the first step's loss that counts as the same work, in nats per token."""


class Case(NamedTuple):
    """One training to time; its name is the four joined by slashes."""

    tool: str
    batching: str
    precision: str
    method: str


@dataclass(frozen=True)
class Work:
    """What every case trains on: (ids, supervised) per row; the first ``rows_per_step`` of them warm up.

    A packed step has ``packed_rows_per_step`` rows of at most ``max_length`` tokens: about as many tokens as the others.
    """

    model: str
    rows: list[tuple[list[int], list[bool]]]
    rows_per_step: int
    packed_rows_per_step: int
    max_length: int
    num_threads: int


def main(arguments: list[str] | None = None) -> int:
    """Run the cases one after another; the exit code."""
    options = parse(arguments)
    if options.worker:
        work = Work(**json.loads(Path(options.rows).read_text()))
        print(json.dumps(run_case(Case(*options.worker.split("/")), work)))
        return 0
    try:
        if importlib.util.find_spec("trl") is None:
            raise UsageError("The benchmark compares with TRL, which is not installed. Get it with: pip install trl")
        result = measure(chosen_cases(options.cases), prepare(options))
    except TunesmithError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(result, indent=1)) if options.json else show(result)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", required=True, help="instruction data: any file that curation reads")
    parser.add_argument("--model", required=True, help="a decoder-only model: folder, built-in name or hub id")
    parser.add_argument("--steps", type=int, default=20, help="timed optimizer steps; fewer where the rows run out")
    parser.add_argument("--rows-per-step", type=int, default=32, help="rows per optimizer step, before packing")
    parser.add_argument("--cases", nargs="+", default=["*"], help="patterns over TOOL/BATCHING/PRECISION/METHOD")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if min(options.steps, options.rows_per_step) < 1:
        parser.error("--steps and --rows-per-step must be at least 1")
    return options


def chosen_cases(patterns: list[str]) -> list[Case]:
    """The cases whose names fit a pattern, ours and theirs in turn."""
    cases = [Case(*tool, *kind) for kind in itertools.product(("fp32", "bf16"), ("full", "lora")) for tool in TOOLS]
    chosen = [case for case in cases if any(fnmatch("/".join(case), pattern) for pattern in patterns)]
    if not chosen:
        raise UsageError(f"--cases {' '.join(patterns)}: no such case. Names are like {'/'.join(cases[0])}.")
    return chosen


def prepare(options: argparse.Namespace) -> Work:
    """Read, render and tokenize once, so that every case trains on the very same ids."""
    per_step, num_rows = options.rows_per_step, options.rows_per_step * (1 + options.steps)
    data = DataSection(sources=[options.rows], validation_fraction=0.0, test_fraction=0.0, max_records=num_rows)
    recipe = Recipe(model=ModelSection(name_or_path=options.model), data=data, curate="none")
    tokenizer, config = load_tokenizer(recipe.model)
    if kind_of(config) != "causal":
        raise UsageError(f"{options.model}: SFTTrainer trains no encoder-decoder. Name a decoder-only model.")
    template = load_template(recipe.template.name, tokenizer=tokenizer, kind="causal")
    max_length = fitting_length(recipe.train, context_length(config), SilentProgress())
    examples = make_examples(recipe, read_data(recipe, SilentProgress()), tokenizer, template, "causal", max_length)[
        0
    ].train
    if len(examples) < 2 * per_step:
        raise UsageError(f"{options.rows}: {len(examples)} usable rows of {2 * per_step}. Lower --rows-per-step.")
    rows = [(example.input_ids, example.supervised) for example in examples]
    packed = max(1, round(per_step * sum(len(ids) for ids, _ in rows) / len(rows) / max_length))
    return Work(options.model, rows, per_step, packed, max_length, torch.get_num_threads())


def measure(cases: list[Case], work: Work) -> dict[str, Any]:
    """Every case in a process of its own, and what follows from them."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.json"
        path.write_text(json.dumps(asdict(work)))
        for number, case in enumerate(cases, start=1):
            print(f"{number}/{len(cases)} {'/'.join(case)}", file=sys.stderr, flush=True)
            results.append(case._asdict() | run_apart("/".join(case), path))
    ratios, packages = compare(results), ("transformers", "peft", "accelerate", "trl")
    return {
        "threads": work.num_threads,
        "torch": torch.__version__,
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "cases": results,
        "ratios": ratios,
        "warnings": [warning for ratio in ratios if (warning := disagreement(ratio)) is not None],
    }


def run_apart(case: str, work: Path) -> dict[str, Any]:
    """The case in a fresh process, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--rows", str(work), "--model", "-", "--worker", case]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise TrainingError(f"{case} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours divided by theirs, for each pair of batchings that was run; of the loss, the difference."""
    found = {tuple(result[name] for name in Case._fields): result for result in results}
    kinds = dict.fromkeys((case[2], case[3]) for case in found)
    ratios = []
    for (precision, method), (ours, theirs) in itertools.product(kinds, PAIRS):
        one = found.get(("ours", ours, precision, method))
        other = found.get(("trl", theirs, precision, method))
        if one is not None and other is not None:
            ratio = {"ours": ours, "theirs": theirs, "precision": precision, "method": method}
            ratio |= {name: one[name] / other[name] for name in ("tokens_per_second", "peak_memory_bytes")}
            ratios.append(ratio | {"loss_difference": one["loss_first_step"] - other["loss_first_step"]})
    return ratios


def disagreement(ratio: dict[str, Any]) -> str | None:
    """What to shout where two cases did not do the same work."""
    if abs(ratio["loss_difference"]) <= LOSS_TOLERANCE[ratio["precision"]]:
        return None
    names = f"ours/{ratio['ours']} and trl/{ratio['theirs']} ({ratio['precision']}, {ratio['method']})"
    leak = " Do packed documents of one of them see each other?" if ratio["ours"] == "packed" else ""
    return f"NOT THE SAME WORK: {names} differ by {ratio['loss_difference']:+.4f} in the loss of the first step.{leak}"


def show(result: dict[str, Any]) -> None:
    """Two tables and the warnings, on stdout."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    cases = Table(*Case._fields, "tokens/s", "supervised/s", "peak MiB", "first loss", "attention")
    for case in result["cases"]:
        figures = [f"{case[f'{kind}tokens_per_second']:,.0f}" for kind in ("", "supervised_")]
        figures += [f"{case['peak_memory_bytes'] / 2**20:,.0f}", f"{case['loss_first_step']:.4f}", case["attention"]]
        cases.add_row(*(case[name] for name in Case._fields), *figures)
    ratios = Table("ours", "theirs", "precision", "method", "tokens/s", "peak memory", title="Ours divided by theirs")
    for ratio in result["ratios"]:
        figures = [f"{ratio[name]:.2f}" for name in ("tokens_per_second", "peak_memory_bytes")]
        ratios.add_row(*(ratio[name] for name in ("ours", "theirs", "precision", "method")), *figures)
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    console.print(f"{result['threads']} threads, torch {result['torch']}, {versions}", cases, ratios, sep="\n")
    console.print(*result["warnings"], sep="\n", style="bold red")


# What a process of its own does


@dataclass(frozen=True)
class Trainee:
    """A model with what is to be trained set to require gradients, and how."""

    case: Case
    model: torch.nn.Module
    loaded: LoadedModel
    head: Head
    learning_rate: float
    max_length: int


def run_case(case: Case, work: Work) -> dict[str, Any]:
    """Warm up, train, and say how long it took."""
    torch.set_num_threads(work.num_threads)
    loaded = load_model(ModelSection(name_or_path=work.model))
    section, head = LoraSection(method="lora") if case.method == "lora" else FullSection(), probe(loaded).head
    model = adapters.attach(loaded.model, section)
    trainee = Trainee(case, model, loaded, head, section.usual_learning_rate, work.max_length)
    one_epoch = train_ours if case.tool == "ours" else train_theirs
    warm_up, timed = work.rows[: work.rows_per_step], work.rows[work.rows_per_step :]
    with tempfile.TemporaryDirectory() as folder:
        loss, _ = one_epoch(trainee, warm_up, len(warm_up), Path(folder, "warm_up"))
        rows_per_step = work.packed_rows_per_step if case.batching == "packed" else work.rows_per_step
        _, seconds = one_epoch(trainee, timed, rows_per_step, Path(folder, "timed"))
    return {
        "tokens_per_second": sum(len(ids) for ids, _ in timed) / seconds,
        "supervised_tokens_per_second": sum(sum(supervised) for _, supervised in timed) / seconds,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT,
        "loss_first_step": loss,
        "attention": loaded.config._attn_implementation,
    }


def train_ours(trainee: Trainee, rows: list, rows_per_step: int, folder: Path) -> tuple[float, float]:
    """One epoch with our loop: (loss where it is one step, seconds until the last step's end)."""
    examples = [Encoded(str(i), ids, supervised, "", "") for i, (ids, supervised) in enumerate(rows)]
    lengths = [len(ids) for ids, _ in rows]
    is_packed = trainee.case.batching == "packed"
    groups = best_fit(lengths, trainee.max_length) if is_packed else [[i] for i in range(len(rows))]

    def batch_of(chosen):
        packed = [tuple(examples[i] for i in groups[number]) for number in chosen]
        return collate(packed, pad_token_id=trainee.loaded.pad_token_id)

    section = TrainSection(
        per_device_train_batch_size=rows_per_step, learning_rate=trainee.learning_rate, warmup_ratio=0.0,
        lr_scheduler_type="constant", precision=trainee.case.precision, logging_steps=10**6, save_steps=10**6,
    )  # fmt: skip
    metrics, ends, started = [], [], time.perf_counter()
    train(
        Forward(trainee.model, head=trainee.head), Sft(),
        Rows([sum(lengths[i] for i in group) for group in groups], batch_of), Rows([], batch_of), section,
        Place(folder, metrics.append, lambda step: None), progress=SilentProgress(), fingerprint={},
        on_step=lambda step, forward: ends.append(time.perf_counter()),
    )  # fmt: skip
    return metrics[-1]["loss"], ends[-1] - started


def train_theirs(trainee: Trainee, rows: list, rows_per_step: int, folder: Path) -> tuple[float, float]:
    """One epoch with TRL's: (loss where it is one step, the seconds it says it took)."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    case = trainee.case
    config = SFTConfig(
        str(folder), use_cpu=True, bf16=case.precision == "bf16", gradient_checkpointing=False, num_train_epochs=1,
        per_device_train_batch_size=rows_per_step, learning_rate=trainee.learning_rate, lr_scheduler_type="constant",
        max_grad_norm=1.0, max_length=trainee.max_length, packing=case.batching == "packed", logging_strategy="no",
        train_sampling_strategy="group_by_length" if case.batching == "grouped" else "random", save_strategy="no",
        report_to="none", disable_tqdm=True,
    )  # fmt: skip
    labels = [[token if flag else IGNORE_INDEX for token, flag in zip(ids, supervised)] for ids, supervised in rows]
    dataset = Dataset.from_dict({"input_ids": [ids for ids, _ in rows], "labels": labels})
    trainer = SFTTrainer(trainee.model, config, None, dataset, processing_class=trainee.loaded.tokenizer)
    result = trainer.train()
    trainer.accelerator.unwrap_model(trainee.model, keep_fp32_wrapper=False)  # or the next trainer would wrap it again
    return result.training_loss, result.metrics["train_runtime"]


if __name__ == "__main__":
    sys.exit(main())
