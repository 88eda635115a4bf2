"""Our training beside TRL's `SFTTrainer` on a CPU: tokens a second and peak memory, on the same rows, model and loss.

    python benchmarks/train_cpu.py --rows FILE --model DIR [--steps 20] [--cases 'trl/*' '*/fp32/full'] [--json]
    python benchmarks/train_cpu.py --rows FILE --model DIR --linear         does twice the tokens take twice the time?
    python benchmarks/train_cpu.py --make-model DIR --tokenizer FOLDER      a random model of the shape of SmolLM2-135M

Both get the same token ids (in the template a recipe would use), rows a step, learning rate, AdamW, clipping and loss
(on the answers). Each case is a process of its own: one step to warm up, on the same rows in every case, whose loss must
agree, then an epoch over the others, which is timed. TRL runs without gradient checkpointing (slower, smaller) and logs.

Compared are our rows, which cost no padding in any order, with TRL's padded in random order and with TRL's grouped by
length, and packed with packed. In bf16 ours computes in bfloat16 beside float32 masters, TRL in bfloat16 autocast. The
cases ``transformers/padding`` are transformers' own Trainer. ``--preprocessing`` times what comes before: rendering,
tokenizing and packing the same records, in one process each, with an empty cache.

``--linear`` trains on the same rows once, twice, four and eight times in a step (ours, in full), and fits seconds of
processor time = a + b · tokens: exit code 6 where one is further from it than 10 %. Documents of one to eight times a
length, as many tokens in all, are told beside it: attention's part grows with the length of a document.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import math
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

import numpy as np
import torch

from tunesmith.errors import TrainingError, TunesmithError, UsageError
from tunesmith.model import adapters
from tunesmith.model.forward import Forward
from tunesmith.model.fused import fuse
from tunesmith.model.load import LoadedModel, context_length, kind_of, load_model, load_tokenizer
from tunesmith.model.probe import Capabilities, probe
from tunesmith.progress import SilentProgress
from tunesmith.recipe import DataSection, FullSection, LoraSection, ModelSection, Recipe, TrainSection
from tunesmith.rendering.collate import IGNORE_INDEX, collate
from tunesmith.rendering.pack import best_fit
from tunesmith.rendering.templates import load_template
from tunesmith.rendering.tokenize import Encoded
from tunesmith.training.loop import Place, Rows, train
from tunesmith.training.objectives import Sft
from tunesmith.workflows.prepare import fitting_length, make_examples, read_data

TOOLS = (
    ("ours", "sorted"), ("trl", "padding"), ("trl", "grouped"), ("ours", "packed"), ("trl", "packed"),
    ("transformers", "padding"),
)  # fmt: skip
PAIRS = (
    ("sorted", "trl", "padding"), ("sorted", "trl", "grouped"), ("packed", "trl", "packed"),
    ("sorted", "transformers", "padding"),
)  # fmt: skip
PREPROCESSING = ("ours", "trl")
SHAPE = dict(
    vocab_size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, tie_word_embeddings=True, max_position_embeddings=2048,
)  # fmt: skip
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
FACTORS = (1, 2, 4, 8)
NUM_TRIES = 3
LINEAR_TOLERANCE = 0.1
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
    if options.worker in PREPROCESSING:
        print(json.dumps(preprocess(options.worker, options.rows, options.model)))
        return 0
    if options.worker:
        work = Work(**json.loads(Path(options.rows).read_text()))
        print(json.dumps(run_case(Case(*options.worker.split("/")), work)))
        return 0
    try:
        if options.make_model:
            make_model(Path(options.make_model), Path(options.tokenizer))
            return 0
        if options.linear:
            return show_cost(measure_cost(prepare(options)), as_json=options.json)
        if importlib.util.find_spec("trl") is None:
            raise UsageError("The benchmark compares with TRL, which is not installed. Get it with: pip install trl")
        result = measure(chosen_cases(options.cases), prepare(options))
        if options.preprocessing:
            result["preprocessing"] = measure_preprocessing(options)
    except TunesmithError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(result, indent=1)) if options.json else show(result)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", help="instruction data: any file that curation reads")
    parser.add_argument("--model", help="a decoder-only model: folder, built-in name or hub id")
    parser.add_argument("--steps", type=int, default=20, help="timed optimizer steps; fewer where the rows run out")
    parser.add_argument("--rows-per-step", type=int, default=32, help="rows per optimizer step, before packing")
    parser.add_argument("--max-length", type=int, default=512, help="longest row in tokens; longer ones are left out")
    parser.add_argument("--cases", nargs="+", default=["*"], help="patterns over TOOL/BATCHING/PRECISION/METHOD")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument("--preprocessing", action="store_true", help="time rendering, tokenizing and packing, too")
    parser.add_argument("--linear", action="store_true", help="measure how the cost grows with the tokens, and stop")
    parser.add_argument("--make-model", metavar="DIR", help="write a random model of SmolLM2-135M's shape, and stop")
    parser.add_argument("--tokenizer", metavar="FOLDER", help="vocab.json and merges.txt for it, as GPT-2 has them")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.make_model and not options.tokenizer:
        parser.error("--make-model needs --tokenizer FOLDER")
    if not options.make_model and (options.rows is None or options.model is None):
        parser.error("--rows FILE and --model DIR say what to train on, and what")
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
    data = DataSection(sources=[options.rows], validation_fraction=0.0, test_fraction=0.0, max_records=2 * num_rows)
    recipe = Recipe(
        model=ModelSection(name_or_path=options.model), data=data, curate="none",
        train=TrainSection(max_length=options.max_length),
    )  # fmt: skip
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
    rows = [(example.input_ids, example.supervised) for example in examples[:num_rows]]
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
    return worker(case, str(work), "-")


def worker(case: str, rows: str, model: str) -> dict[str, Any]:
    """What a fresh process prints as JSON."""
    command = [sys.executable, __file__, "--rows", rows, "--model", model, "--worker", case]
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
    for (precision, method), (ours, tool, theirs) in itertools.product(kinds, PAIRS):
        one = found.get(("ours", ours, precision, method))
        other = found.get((tool, theirs, precision, method))
        if one is not None and other is not None:
            ratio = {"ours": ours, "tool": tool, "theirs": theirs, "precision": precision, "method": method}
            ratio |= {name: one[name] / other[name] for name in ("tokens_per_second", "peak_memory_bytes")}
            ratios.append(ratio | {"loss_difference": one["loss_first_step"] - other["loss_first_step"]})
    return ratios


def disagreement(ratio: dict[str, Any]) -> str | None:
    """What to shout where two cases did not do the same work."""
    if abs(ratio["loss_difference"]) <= LOSS_TOLERANCE[ratio["precision"]]:
        return None
    names = f"ours/{ratio['ours']} and {ratio['tool']}/{ratio['theirs']} ({ratio['precision']}, {ratio['method']})"
    leak = " Do packed documents of one of them see each other?" if ratio["ours"] == "packed" else ""
    return f"NOT THE SAME WORK: {names} differ by {ratio['loss_difference']:+.4f} in the loss of the first step.{leak}"


def show(result: dict[str, Any]) -> None:
    """Two tables and the warnings, on stdout."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120)  # a file would cut the names of columns
    cases = Table(*Case._fields, "tokens/s", "supervised/s", "peak MiB", "first loss", "attention")
    for case in result["cases"]:
        figures = [f"{case[f'{kind}tokens_per_second']:,.0f}" for kind in ("", "supervised_")]
        figures += [f"{case['peak_memory_bytes'] / 2**20:,.0f}", f"{case['loss_first_step']:.4f}", case["attention"]]
        cases.add_row(*(case[name] for name in Case._fields), *figures)
    ratios = Table("ours", "theirs", "precision", "method", "tokens/s", "peak memory", title="Ours divided by theirs")
    for ratio in result["ratios"]:
        figures = [f"{ratio[name]:.2f}" for name in ("tokens_per_second", "peak_memory_bytes")]
        theirs = f"{ratio['tool']}/{ratio['theirs']}"
        ratios.add_row(ratio["ours"], theirs, ratio["precision"], ratio["method"], *figures)
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    console.print(f"{result['threads']} threads, torch {result['torch']}, {versions}", cases, ratios, sep="\n")
    if "preprocessing" in result:
        told = result["preprocessing"]
        rates = ", ".join(f"{tool} {told[tool]['rows_per_second']:,.0f}" for tool in PREPROCESSING)
        console.print(f"Preprocessing, rows a second: {rates}; {told['ratio']:.1f} times")
    console.print(*result["warnings"], sep="\n", style="bold red")


def measure_preprocessing(options: argparse.Namespace) -> dict[str, Any]:
    """Rows a second of both tools, from records in memory to packed ids."""
    found = {tool: worker(tool, options.rows, options.model) for tool in PREPROCESSING}
    return found | {"ratio": found["ours"]["rows_per_second"] / found["trl"]["rows_per_second"]}


def make_model(folder: Path, tokenizer: Path) -> None:
    """A random Llama of SmolLM2-135M's shape, with the first 49,152 entries of a GPT-2 vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    size = SHAPE["vocab_size"]
    missing = [name for name in ("vocab.json", "merges.txt") if not (tokenizer / name).is_file()]
    if missing:
        raise UsageError(f"--tokenizer {tokenizer}: no {' and no '.join(missing)}. Name a folder with those of GPT-2.")
    vocabulary = json.loads((tokenizer / "vocab.json").read_text("utf-8"))
    lines = (tokenizer / "merges.txt").read_text("utf-8").splitlines()
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    kept = {token: number for token, number in vocabulary.items() if number < size - 1}
    bpe = Tokenizer(models.BPE(vocab=kept, merges=merges[: size - 1 - 256]))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE, bos_token_id=None, eos_token_id=fast.eos_token_id)).save_pretrained(folder)
    fast.save_pretrained(folder)


# What a process of its own does


@dataclass(frozen=True)
class Trainee:
    """A model with what is to be trained set to require gradients, and how."""

    case: Case
    model: torch.nn.Module
    loaded: LoadedModel
    found: Capabilities
    learning_rate: float
    max_length: int


def run_case(case: Case, work: Work) -> dict[str, Any]:
    """Warm up, train, and say how long it took."""
    torch.set_num_threads(work.num_threads)
    loaded = load_model(ModelSection(name_or_path=work.model))
    section, found = LoraSection(method="lora") if case.method == "lora" else FullSection(), probe(loaded)
    model = adapters.attach(loaded.model, section)
    trainee = Trainee(case, model, loaded, found, section.usual_learning_rate, work.max_length)
    if case.tool == "ours":
        fuse(model)
    one_epoch = {"ours": train_ours, "trl": train_theirs, "transformers": train_plainly}[case.tool]
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
        Forward(trainee.model, head=trainee.found.head, flattens=trainee.found.flattens), Sft(),
        Rows([sum(lengths[i] for i in group) for group in groups], batch_of), Rows([], batch_of), section,
        Place(folder, metrics.append, lambda step, validated: None), progress=SilentProgress(), fingerprint={},
        on_step=lambda step, forward: ends.append(time.perf_counter()),
    )  # fmt: skip
    return metrics[-1]["loss"], ends[-1] - started


def measure_cost(work: Work) -> dict[str, Any]:
    """Seconds of processor time of a step over more and more tokens, and over longer and longer documents."""
    loaded = load_model(ModelSection(name_or_path=work.model))
    model, case = adapters.attach(loaded.model, FullSection()), Case("ours", "sorted", "fp32", "full")
    fuse(model)
    trainee = Trainee(case, model, loaded, probe(loaded), 1e-12, work.max_length)  # that the loss stays what it is
    rows = work.rows[: work.rows_per_step]
    tokens = [pair for ids, supervised in work.rows for pair in zip(ids, supervised, strict=True)]
    longest, total = work.max_length, len(tokens) // work.max_length * work.max_length
    if not total:
        raise UsageError(f"The rows have {len(tokens)} tokens together. Raise --rows-per-step, or lower --max-length.")
    sets = {f"x {factor}": rows * factor for factor in FACTORS}
    for length in (longest // factor for factor in reversed(FACTORS)):
        documents = [tokens[start : start + length] for start in range(0, total, length)]
        sets[f"length {length}"] = [tuple(zip(*document, strict=True)) for document in documents]
    seconds, losses = dict.fromkeys(sets, math.inf), {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, chosen) in itertools.product(range(NUM_TRIES), sets.items()):
            started = time.process_time()
            losses[name], _ = train_ours(trainee, chosen, len(chosen), Path(folder, f"{number} {name}"))
            seconds[name] = min(seconds[name], time.process_time() - started)
    sizes = {name: sum(len(ids) for ids, _ in chosen) for name, chosen in sets.items()}
    counts, taken = ([found[f"x {factor}"] for factor in FACTORS] for found in (sizes, seconds))
    slope, start = np.polyfit(counts, taken, 1)
    deviation = max(abs(one / (start + slope * count) - 1) for count, one in zip(counts, taken, strict=True))
    cases = [{"case": name, "tokens": sizes[name], "cpu_seconds": seconds[name], "loss": losses[name]} for name in sets]
    return {
        "threads": torch.get_num_threads(),
        "cases": cases,
        "cpu_seconds_fixed": start,
        "tokens_per_cpu_second": 1 / slope,
        "largest_deviation": deviation,
    }


def show_cost(found: dict[str, Any], *, as_json: bool) -> int:
    """Print it; the exit code."""
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        for case in found["cases"]:
            rate = case["tokens"] / case["cpu_seconds"]
            print(
                f"{case['case']:>12} {case['tokens']:>8,} tokens {case['cpu_seconds']:>8.2f} s {rate:>8,.0f} tokens/s"
            )
        fit = f"{found['cpu_seconds_fixed']:.2f} s + tokens / {found['tokens_per_cpu_second']:,.0f}"
        print(f"{fit}; furthest from it {found['largest_deviation']:.1%} ({found['threads']} threads)")
    return 0 if found["largest_deviation"] <= LINEAR_TOLERANCE else 6


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
    labels = [_labels(ids, supervised) for ids, supervised in rows]
    dataset = Dataset.from_dict({"input_ids": [ids for ids, _ in rows], "labels": labels})
    trainer = SFTTrainer(trainee.model, config, None, dataset, processing_class=trainee.loaded.tokenizer)
    result = trainer.train()
    trainer.accelerator.unwrap_model(trainee.model, keep_fp32_wrapper=False)  # or the next trainer would wrap it again
    return result.training_loss, result.metrics["train_runtime"]


def train_plainly(trainee: Trainee, rows: list, rows_per_step: int, folder: Path) -> tuple[float, float]:
    """One epoch with transformers' own Trainer: (loss where it is one step, the seconds it says it took)."""
    from transformers import Trainer, TrainingArguments

    def collate_rows(chosen: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids, labels = ([torch.tensor(row[name]) for row in chosen] for name in ("input_ids", "labels"))
        padded = [(ids, 0), (labels, IGNORE_INDEX), ([torch.ones_like(row) for row in ids], 0)]
        names = ("input_ids", "labels", "attention_mask")
        pad = torch.nn.utils.rnn.pad_sequence
        return {
            name: pad(tensors, batch_first=True, padding_value=value)
            for name, (tensors, value) in zip(names, padded, strict=True)
        }

    arguments = TrainingArguments(
        str(folder), use_cpu=True, bf16=trainee.case.precision == "bf16", num_train_epochs=1,
        per_device_train_batch_size=rows_per_step, learning_rate=trainee.learning_rate, lr_scheduler_type="constant",
        logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    dataset = [{"input_ids": ids, "labels": _labels(ids, supervised)} for ids, supervised in rows]
    result = Trainer(trainee.model, arguments, collate_rows, dataset).train()
    return result.training_loss, result.metrics["train_runtime"]


def _labels(ids: list[int], supervised: list[bool]) -> list[int]:
    return [token if flag else IGNORE_INDEX for token, flag in zip(ids, supervised, strict=True)]


def preprocess(tool: str, rows: str, model: str) -> dict[str, Any]:
    """Rows a second of processor time from records in memory to packed ids, libraries and tokenizer already loaded."""
    data = DataSection(sources=[rows], validation_fraction=0.0, test_fraction=0.0)
    recipe = Recipe(model=ModelSection(name_or_path=model), data=data, curate="none")
    tokenizer, config = load_tokenizer(recipe.model)
    template = load_template(recipe.template.name, tokenizer=tokenizer, kind="causal")
    max_length = fitting_length(recipe.train, context_length(config), SilentProgress())
    records = read_data(recipe, SilentProgress())
    seconds = (_prepare_ours if tool == "ours" else _prepare_theirs)(recipe, records, tokenizer, template, max_length)
    return {"rows": len(records.train), "cpu_seconds": seconds, "rows_per_second": len(records.train) / seconds}


def _prepare_ours(recipe, records, tokenizer, template, max_length: int) -> float:
    started = time.process_time()
    examples = make_examples(recipe, records, tokenizer, template, "causal", max_length)[0].train
    best_fit([len(example.input_ids) for example in examples], max_length)
    return time.process_time() - started


def _prepare_theirs(recipe, records, tokenizer, template, max_length: int) -> float:
    """What SFTTrainer does with conversations when it is made: template, tokens, assistant's tokens, packing."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    loaded = load_model(recipe.model)
    tokenizer.chat_template = template.source
    rows = [{"messages": [{"role": m.role, "content": m.content} for m in r.messages]} for r in records.train]
    rows = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_DATASETS_CACHE"] = folder
        config = SFTConfig(folder, use_cpu=True, bf16=False, max_length=max_length, packing=True, report_to="none")
        dataset = Dataset.from_list(rows)
        started = time.process_time()
        SFTTrainer(loaded.model, config, None, dataset, processing_class=tokenizer)
        return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
