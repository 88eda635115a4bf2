"""A finished run folder made up for tests: every file of the contract, all of them agreeing with one another."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tunesmith.evaluation.scorers import with_scores
from tunesmith.evaluation.summary import summarize

CAPITALS = {
    "France": "Paris",
    "Japan": "Tokyo",
    "Kenya": "Nairobi",
    "Peru": "Lima",
    "Norway": "Oslo",
    "Egypt": "Cairo",
    "Canada": "Ottawa",
    "Cuba": "Havana",
    "Nepal": "Kathmandu",
    "Ghana": "Accra",
    "Fiji": "Suva",
    "Chile": "Santiago",
    "Poland": "Warsaw",
    "Iraq": "Baghdad",
}
ANIMALS = {
    "cat": "mammal",
    "eagle": "bird",
    "shark": "fish",
    "penguin": "bird",
    "whale": "mammal",
    "salmon": "fish",
    "bat": "mammal",
}
PASSAGE = (
    "The Premier League is the highest level of the English football league system. Contested by 20 clubs, it operates "
    "on a system of promotion and relegation with the English Football League. Seasons typically run from August to May, "
    "with each team playing 38 matches: every other team twice, once at home and once away. Most games are played on "
    "weekend afternoons. "
)
WORDS = [
    "tea",
    "paper",
    "river",
    "garden",
    "bicycle",
    "library",
    "market",
    "winter",
    "lantern",
    "harbor",
    "violin",
    "orchard",
]
TASKS = ("open_qa", "classification", "summarization", "closed_qa", "brainstorming", "information_extraction")


@dataclass(frozen=True)
class Skill:
    """How often each system answers right, and how much of a wrong answer is still right words."""

    tuned: float = 0.62
    base: float = 0.18
    nearest_example: float = 0.22
    majority_answer: float = 0.1
    base_3_shot: float = 0.35


def write_run(
    path: Path,
    *,
    tasks: Sequence[str] = TASKS,
    samples_per_task: int = 30,
    skill: Skill = Skill(),
    systems: Sequence[str] = ("base", "tuned", "base_3_shot", "majority_answer", "nearest_example"),
    num_steps: int = 240,
    kind: str = "causal",
    validation: bool = True,
    num_resamples: int = 400,
    test_files: Mapping[str, Sequence[str]] = {},
    skills: Mapping[str, Skill] = {},
    metric: str | None = None,
) -> Path:
    """Write a whole run folder at ``path`` and return it. Equal arguments give equal bytes.

    ``test_files`` are further groups of the evaluation, by their stem; ``skills`` are those of some tasks (or families),
    where they differ from ``skill``.
    """
    counts = {"train": 4389, "validation": 258 if validation else 0, "test": len(tasks) * samples_per_task}
    _write(path / "recipe.yaml", yaml.safe_dump(_recipe(kind, validation), sort_keys=False))
    _write_json(path / "provenance.json", _provenance(path.name))
    _write_data(path / "data", tasks, samples_per_task, counts)
    _write_json(path / "data/ledger.json", _ledger(counts, validation))
    metrics = _metrics(num_steps, validation, tasks)
    _write_lines(path / "metrics.jsonl", metrics)
    _write_json(path / "training.json", _training(metrics, num_steps, kind, validation))
    write_evaluation(
        path / "eval",
        tasks=tasks,
        samples_per_task=samples_per_task,
        skill=skill,
        systems=systems,
        num_resamples=num_resamples,
        test_files=test_files,
        skills=skills,
        metric=metric,
    )
    return path


def write_evaluation(
    eval_dir: Path,
    *,
    tasks: Sequence[str],
    samples_per_task: int,
    systems: Sequence[str],
    skill: Skill = Skill(),
    num_resamples: int = 400,
    test_files: Mapping[str, Sequence[str]] = {},
    skills: Mapping[str, Skill] = {},
    metric: str | None = None,
) -> None:
    """Write the answers of every system and the summary that follows from them."""
    grouped = {"": tasks, **test_files}
    names = {f"{group}/{family}" if group else family: family for group in grouped for family in grouped[group]}
    for system in systems:
        for task, family in names.items():
            group = task.removesuffix(family).rstrip("/")
            rows = _answers(system, task, samples_per_task, skills.get(task, skills.get(family, skill)))
            scored = [{**row, **({"group": group} if group else {})} for row in with_scores(rows)]
            _write_lines(eval_dir / system / f"{task.replace('/', '_')}.jsonl", scored)
    summarize(eval_dir, systems=systems, tasks=names, num_resamples=num_resamples, metric=metric)


# ── data ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _samples(task: str, count: int) -> list[tuple[str, str, str]]:
    """(id, prompt, expected answer) of a task's test records."""
    made = []
    for k in range(count):
        rng = random.Random(f"{task}/{k}")
        prompt, answer = _sample(task, rng)
        made.append((hashlib.sha256(f"{task}/{k}".encode()).hexdigest()[:16], prompt, answer))
    return made


def _sample(task: str, rng: random.Random) -> tuple[str, str]:
    task = task.rpartition("/")[2]
    country, animal, word = rng.choice(sorted(CAPITALS)), rng.choice(sorted(ANIMALS)), rng.choice(WORDS)
    if task.startswith("classification"):
        return f"Is a {animal} a mammal, a bird or a fish? Answer with one word.", ANIMALS[animal]
    if task.startswith("summarization"):
        return (
            f"Summarize in one sentence.\n\n{PASSAGE * rng.randint(1, 3)}",
            "Twenty clubs play each other twice a season in England's top league.",
        )
    if task.startswith("brainstorming"):
        return f"Give three uses of a {word}.", "\n".join(
            f"{n}. {use} the {word}" for n, use in enumerate(rng.sample(["Draw", "Share", "Mend", "Carry"], 3), 1)
        )
    if task.startswith("information_extraction"):
        return f"{PASSAGE}\nHow many matches does each team play?", "38 matches"
    return f"What is the capital of {country}?", f"The capital of {country} is {CAPITALS[country]}."


def _write_data(folder: Path, tasks: Sequence[str], samples_per_task: int, counts: Mapping[str, int]) -> None:
    dropped = {"no_answer": 31, "broken_json": 3, "content_not_text": 4}
    duplicates, empty, too_long = 140, 12, _too_long(counts)
    left = {split: count - too_long.get(split, 0) for split, count in counts.items()}
    records = sum(counts.values()) + duplicates + empty
    read = {
        "num_in": records + sum(dropped.values()),
        "num_kept": records,
        "num_out": records,
        "num_dropped": sum(dropped.values()),
        "reasons": dropped,
    }

    def stage(name: str, num_in: int, reasons: Mapping[str, int]) -> dict[str, Any]:
        num_dropped = sum(reasons.values())
        return {
            "stage": name,
            "unit": "records",
            "num_in": num_in,
            "num_out": num_in - num_dropped,
            "num_dropped": num_dropped,
            "reasons": dict(reasons),
        }

    _write_json(
        folder / "funnel.json",
        [
            {"stage": "read", "unit": "rows", **read, "num_dropped_parts": 2, "part_reasons": {"empty_part": 2}},
            stage("normalize_text", records, {}),
            stage("drop_empty", records, {"empty_answer": empty}),
            stage("drop_duplicates", records - empty, {"duplicate": duplicates}),
            {**stage("split", sum(counts.values()), {}), **counts},
            {**stage("render", sum(counts.values()), {"too_long": sum(too_long.values())}), **left},
        ],
    )
    by_stage = {
        "read": {**dropped, "empty_part": 2},
        "drop_empty": {"empty_answer": empty},
        "drop_duplicates": {"duplicate": duplicates},
        "render": {"too_long": sum(too_long.values())},
    }
    _write_lines(folder / "dropped.jsonl", _dropped_rows(by_stage))
    _write_lines(
        folder / "test.jsonl", (_record(*sample, task) for task in tasks for sample in _samples(task, samples_per_task))
    )
    for split in ("train", "validation"):
        _write_lines(
            folder / f"{split}.jsonl",
            (
                _record(f"{split}-{k}", "What is the capital of Peru?", "Lima.", tasks[k % len(tasks)])
                for k in range(min(5 * len(tasks), left[split]))
            ),
        )
    _write_lines(folder / "changes.jsonl", [])
    _write(folder / "card.md", "# Data\n")


def _too_long(counts: Mapping[str, int]) -> dict[str, int]:
    return {"train": 21, "validation": 1} if counts["validation"] else {"train": 21}


def _dropped_rows(stages: Mapping[str, Mapping[str, int]]) -> Iterable[dict[str, str]]:
    rng = random.Random(1)
    for stage, reasons in stages.items():
        for reason, count in reasons.items():
            for line in sorted(rng.sample(range(1, 5015), count)):
                yield {
                    "id": f"{rng.getrandbits(64):016x}",
                    "source": f"data/dolly.jsonl:{line}",
                    "stage": stage,
                    "reason": reason,
                    "detail": f"it was {reason}",
                }


def _record(id: str, prompt: str, answer: str, task: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {
        "id": id,
        "messages": messages,
        "task": task,
        "source": "data/dolly.jsonl:1",
        "content_sha256": "0" * 64,
        "parents": [],
    }


def _ledger(counts: Mapping[str, int], validation: bool) -> dict[str, Any]:
    def part(records: int, truncated: int, cut: int, dropped: int) -> dict[str, Any]:
        examples = records - dropped
        tokens, supervised = examples * 214, examples * 61
        return {
            "num_records": records,
            "num_examples": examples,
            "num_tokens": tokens,
            "num_supervised_tokens": supervised,
            "supervised_share": supervised / tokens if tokens else None,
            "num_truncated": truncated,
            "num_answers_cut": cut,
            "num_dropped": dropped,
            "dropped": {"too_long": dropped} if dropped else {},
            "num_escaped": 0,
            "num_few_shots": 0,
            "stop_token_supervised": records > 0,
            "max_length": 1021 if records else None,
            "median_length": 142.0 if records else None,
        }

    too_long = _too_long(counts)
    return {
        "train": part(counts["train"], 37, 9, too_long["train"]),
        "validation": part(counts["validation"], 2 if validation else 0, 0, too_long.get("validation", 0)),
    }


# ── what was run ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _recipe(kind: str, validation: bool) -> dict[str, Any]:
    return {
        "model": {
            "name_or_path": "models/llama-160m" if kind == "causal" else "models/flan-t5-small",
            "revision": None,
            "trust_remote_code": False,
        },
        "data": {
            "sources": [{"path": "data/dolly.jsonl", "weight": 1.0, "split": None, "columns": {}, "task": None}],
            "on_bad_row": "drop",
            "max_records": None,
            "validation_fraction": 0.05 if validation else 0.0,
            "test_fraction": 0.1,
            "seed": 0,
        },
        "curate": "basic",
        "template": {"name": "chatml", "num_shots": 0},
        "adapter": {
            "method": "lora",
            "r": 16,
            "lora_alpha": 32.0,
            "lora_dropout": 0.05,
            "target_modules": "all-linear",
        },
        "train": {
            "objective": "sft",
            "num_train_epochs": 3.0,
            "max_steps": None,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 4,
            "max_length": 1024,
            "over_length": "truncate",
            "optimizer": "adamw",
            "learning_rate": 2e-4,
            "lr_scheduler_type": "cosine",
            "warmup_ratio": 0.03,
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "precision": "fp32",
            "logging_steps": 10,
            "eval_steps": None,
            "save_steps": None,
            "early_stopping_patience": None,
            "seed": 7,
        },
        "evaluate": {
            "tasks": [],
            "metric": None,
            "max_samples": 200,
            "max_new_tokens": 128,
            "batch_size": 16,
            "base_num_shots": [0, 3],
        },
        "output_dir": None,
    }


def _provenance(name: str) -> dict[str, Any]:
    return {
        "tunesmith": "0.2.0",
        "python": "3.11.9",
        "platform": "Linux-6.1-x86_64",
        "packages": {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "sacrebleu": "2.5.1"},
        "threads": 2,
        "cpu": "AMD EPYC 7B13",
        "gpu": None,
        "command": f"tunesmith run recipes/dolly-lora.yaml --output-dir runs/{name}",
        "started_at": "2026-11-20T09:12:04Z",
        "finished_at": "2026-11-20T10:24:51Z",
        "seeds": {"data": 0, "train": 7},
        "inputs": [{"path": "data/dolly.jsonl", "sha256": "9f2c" + "4b7e" * 15, "size_bytes": 3_104_227}],
        "model": {"name_or_path": "models/llama-160m", "sha256": "71aa" + "03cd" * 15},
        "git": {"commit": "4f1c2d9e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d", "dirty": False},
    }


def _metrics(num_steps: int, validation: bool, tasks: Sequence[str]) -> list[dict[str, Any]]:
    rng, rows = random.Random(0), []

    def by_task(loss: float) -> dict[str, float]:
        return {task: loss * (0.7 + 0.15 * k) + rng.gauss(0, 0.05) for k, task in enumerate(tasks)}

    for step in range(1, num_steps + 1):
        progress = step / num_steps
        rate = 2e-4 * (progress / 0.03 if progress < 0.03 else (1 + math.cos(math.pi * (progress - 0.03) / 0.97)) / 2)
        loss = 1.45 + 2.2 * math.exp(-5 * progress) + rng.gauss(0, 0.06)
        rows.append(
            {
                "step": step,
                "epoch": round(3 * progress, 4),
                "loss": loss,
                "learning_rate": rate,
                "grad_norm": 0.6 + 1.8 * math.exp(-6 * progress) + abs(rng.gauss(0, 0.08)),
                "num_supervised_tokens": 1950 + rng.randint(-90, 90),
                "num_tokens": 6840 + rng.randint(-200, 200),
                "tokens_per_second": 1480.0 + rng.gauss(0, 25),
                "seconds": 18.0 * step,
                "task_losses": by_task(loss),
            }
        )
        if validation and step % max(1, num_steps // 12) == 0:
            rows.append(
                {
                    "step": step,
                    "validation_loss": 1.52 + 2.0 * math.exp(-5 * progress) + 0.05 * progress,
                    "num_supervised_tokens": 15677,
                    "task_losses": by_task(1.52 + 2.0 * math.exp(-5 * progress)),
                }
            )
    return rows


def _training(metrics: Sequence[Mapping[str, Any]], num_steps: int, kind: str, validation: bool) -> dict[str, Any]:
    measured = [row for row in metrics if "validation_loss" in row]
    best = (
        min(measured, key=lambda row: row["validation_loss"]) if validation else {"step": None, "validation_loss": None}
    )
    return {
        "method": "lora",
        "num_parameters": 162_417_408,
        "num_trainable_parameters": 2_359_296,
        "kind": kind,
        "architecture": "LlamaForCausalLM" if kind == "causal" else "T5ForConditionalGeneration",
        "precision": "fp32",
        "num_steps": num_steps,
        "num_epochs": 3.0,
        "seconds": 4320.5,
        "tokens_per_second": 1481.3,
        "peak_memory_bytes": 2_914_000_000,
        "best_step": best["step"],
        "best_validation_loss": best["validation_loss"],
        "final_train_loss": [row["loss"] for row in metrics if "loss" in row][-1],
        "stopped_early": False,
        "stop_reason": "epochs",
        "num_skipped_steps": 0,
    }


# ── evaluation ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _answers(system: str, task: str, count: int, skill: Skill) -> list[dict[str, Any]]:
    rows = []
    for id, prompt, expected in _samples(task, count):
        rng = random.Random(f"{system}/{task}/{id}")
        prediction = expected if rng.random() < getattr(skill, system) else _wrong(expected, system, rng)
        finish = "length" if system == "base" and rng.random() < 0.3 else "stop"
        rows.append(
            {
                "id": id,
                "task": task,
                "source": "data/dolly.jsonl:1",
                "prompt": [{"role": "user", "content": prompt}],
                "prediction": prediction,
                "references": [expected],
                "finish_reason": finish,
            }
        )
    return rows


def _wrong(expected: str, system: str, rng: random.Random) -> str:
    words = expected.split()
    if system == "tuned":
        return " ".join(words[: max(1, len(words) // 2)]) + " probably"
    filler = rng.choice(
        [
            "Once upon a time there was a little girl named Lily.",
            "I am not sure.",
            "The question is:",
            words[0] + " is a kind of thing that people like.",
        ]
    )
    return filler * rng.randint(1, 2)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    _write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    _write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
