"""Scoring a model, or given answers, on files of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.curation.data_folder import read_split
from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.metrics import METRICS
from tunesmith.evaluation.runner import Sample, answer_samples, score_predictions
from tunesmith.evaluation.summary import summarize, verdict_sentence
from tunesmith.files import refuse_overwriting
from tunesmith.lm import Sampling
from tunesmith.model.remote import RemoteModel
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import EvaluateSection, ModelSection
from tunesmith.records import Record
from tunesmith.run import Run
from tunesmith.workflows.compare import Asker, file_samples, tell_other_metric
from tunesmith.workflows.opening import model_sha256, open_model


def evaluate_model(
    target: str | None,
    *,
    tasks: Sequence[Path],
    output_dir: Path,
    predictions: Path | None = None,
    max_samples: int | None = None,
    num_shots: int = 0,
    metric: str | None = None,
    columns: Mapping[str, str] | None = None,
    console: Progress = SilentProgress(),
) -> dict[str, Any]:
    """Score a model (folder, run, hub id or ``openai:MODEL@URL``), or given answers, on the questions of some files.

    Writes ``eval/SYSTEM/TASK.jsonl`` and ``eval/summary.json`` below ``output_dir`` and returns the summary, with the
    result in words as ``verdict``. ``columns`` names columns that are not recognized, as in a recipe. Worked examples come
    from the training records of the run. ``metric`` is the one of the headline; by default it follows from the answers.
    """
    if metric is not None and metric not in METRICS:
        near = did_you_mean(metric, METRICS) or f" There are: {', '.join(METRICS)}."
        raise UsageError(f"--metric {metric}: no such metric.{near}")
    refuse_overwriting([*tasks, *([predictions] if predictions else [])], output_dir / "eval" / "summary.json")
    # Given answers are one per sample: a choice among the samples would leave some of them without a question.
    most = max_samples if predictions is None else None
    samples = file_samples(tasks, console, columns=columns, max_samples=most)
    eval_dir = output_dir / "eval"
    if predictions is not None:
        score_predictions(predictions, samples, eval_dir)
        system = "predictions"
    else:
        assert target is not None
        system = _ask(target, samples, eval_dir, max_samples, num_shots, console)
    summary = summarize(eval_dir, systems=[system], tasks=samples, metric=metric)
    tell_other_metric(metric, summary, console)
    return {**summary, "verdict": verdict_sentence(summary)}


def _ask(
    target: str,
    samples: dict[str, list[Sample]],
    eval_dir: Path,
    max_samples: int | None,
    num_shots: int,
    console: Progress,
) -> str:
    pool = _shot_pool(target, num_shots)
    system = "tuned" if is_run(target) else re.sub(r"[^\w.-]+", "_", Path(target.partition("@")[0]).name) or "model"
    section = EvaluateSection(max_samples=max_samples)
    if target.startswith("openai:"):
        sampling = Sampling(max_new_tokens=section.max_new_tokens)
        total = sum(len(asked) for asked in samples.values())
        with console.bar(f"Asking {target}", total, "sample") as bar:
            model = RemoteModel.from_target(target)
            answer_samples(system, model, samples, sampling, eval_dir, on_done=bar.advance, identity=target)
        return system
    opened = open_model(ModelSection(name_or_path=target), "auto", console=console, batch_size=section.batch_size)
    asker = Asker(section, samples, pool, eval_dir, 0, console)
    identity = model_sha256(ModelSection(name_or_path=target))
    asker.ask(system, opened, num_shots=num_shots, stop=opened.template.stop_strings, identity=identity)
    return system


def is_run(target: str) -> bool:
    """Whether a name is that of a run folder."""
    return Run(target).exists()


def _shot_pool(target: str, num_shots: int) -> list[Record]:
    if num_shots == 0:
        return []
    if not is_run(target):
        raise UsageError("--num-shots takes its worked examples from a run's training records, so it needs a RUN.")
    return read_split(Run.open(target).train_file)
