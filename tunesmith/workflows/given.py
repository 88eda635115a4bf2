"""Judging given answers; and what a person may ask for, there and where a model is asked (`tunesmith.workflows.evaluate`).

No torch: scoring what somebody else's model answered needs nothing of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import UsageError
from tunesmith.evaluation.measurements import ALL
from tunesmith.evaluation.metrics import check_metric_names
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.runner import score_predictions
from tunesmith.evaluation.suites import choose_suites
from tunesmith.evaluation.suites.suite import CONSISTENCY
from tunesmith.evaluation.summary import summarize
from tunesmith.evaluation.verdict import verdict_sentence
from tunesmith.files import refuse_overwriting
from tunesmith.progress import Progress, SilentProgress
from tunesmith.report import write_report
from tunesmith.run import Run


@dataclass(frozen=True)
class Wish:
    """What the person asked for on the command line; None where nothing was said.

    Attributes:
        tasks: files of questions. suites: names of suites and sets. against: a second model to compare with.
        columns: names of columns that are not recognized, as in a recipe.
        rephrase_with: a model that words questions otherwise, for the suite consistency.
        shots: files of records to take worked examples from; by default a run's training records.
        template: the chat template of every model that is no run; by default its own, else that of the first.
        metric: the one of the headline. metrics: those every task shows.
        run_code: programs a model wrote may be run.
        alone: a run is asked without its base and baselines.
    """

    tasks: Sequence[Path] = ()
    suites: Sequence[str] = ()
    against: str | None = None
    rephrase_with: str | None = None
    max_samples: int | None = None
    max_new_tokens: int | None = None
    shots: Sequence[Path] = ()
    num_shots: int | None = None
    template: str | None = None
    metric: str | None = None
    metrics: Sequence[str] = ()
    columns: Mapping[str, str] | None = None
    run_code: bool = False
    alone: bool = False

    def changes_how(self) -> str | None:
        """The first option that would make a run's own figures something else, or None."""
        said = {
            "--max-samples": self.max_samples,
            "--max-new-tokens": self.max_new_tokens,
            "--shots": self.shots or None,
            "--num-shots": self.num_shots,
            "--against": self.against,
            "--rephrase-with": self.rephrase_with,
            "--metric": self.metric,
            "--metrics": self.metrics or None,
        }
        return next((name for name, value in said.items() if value is not None), None)


def missing(option: str, asked: str, wish: Wish) -> UsageError:
    """The whole command, from what was typed; ``asked``: the model, or the given answers."""
    typed = [*(f"--tasks {path}" for path in wish.tasks), *(f"--suite {name}" for name in wish.suites)]
    example = f"tunesmith evaluate {asked} {' '.join(typed) or '--tasks questions.jsonl'} --output scores"
    other = "" if typed or asked.startswith("--") else " (or --suite NAME for --tasks FILE)"
    is_known = Path(asked).exists() or asked.startswith(("openai:", "tunesmith/", "--"))
    unknown = "" if is_known else f"{asked}: no run or model folder of this name here, so it is taken for a hub id. "
    return UsageError(f"{unknown}{option} is missing. For example: {example}{other}")


def is_run(target: str) -> bool:
    """Whether a name is that of a run folder."""
    return Run(target).exists()


def checked_wish(**wishes: Any) -> Wish:
    """The wish, where every suite and metric it names is known; the rest shows while working."""
    wish = Wish(**wishes)
    suites, _ = choose_suites(wish.suites)
    if wish.rephrase_with is not None and CONSISTENCY not in (suite.name for suite in suites):
        raise UsageError("--rephrase-with: only the suite consistency asks in other words. Add --suite consistency.")
    check_metric_names([wish.metric] if wish.metric is not None else [], "--metric", judged=True)
    check_metric_names(wish.metrics, "--metrics")
    return wish


def score_given(
    predictions: Path, *, output_dir: Path | None, console: Progress = SilentProgress(), **wishes: Any
) -> dict[str, Any]:
    """Score answers somebody else's model gave; what is written and returned is as with `evaluate_model`."""
    wish = checked_wish(**wishes)
    if output_dir is None:
        raise missing("--output DIR", f"--predictions {predictions}", wish)
    eval_dir = output_dir / "eval"
    refuse_overwriting([*wish.tasks, predictions], eval_dir / "summary.json")
    # Given answers are one per sample: a choice among the samples would leave some of them without a question.
    samples = file_samples(wish.tasks, console, columns=wish.columns)
    score_predictions(predictions, samples, eval_dir, run_code=wish.run_code)
    metrics = {ALL: wish.metrics} if wish.metrics else None
    summary = summarize(eval_dir, systems=["predictions"], tasks=samples, metric=wish.metric, metrics=metrics)
    tell_other_metric(wish.metric, summary, console)
    return reported(told(summary, output_dir), output_dir)


def told(summary: dict[str, Any], output_dir: Path) -> dict[str, Any]:
    """With the result in words, and the folder it is in."""
    return {**summary, "verdict": verdict_sentence(summary), "output": str(output_dir)}


def reported(found: dict[str, Any], output_dir: Path) -> dict[str, Any]:
    """With the page of the result written, and where it is."""
    html, _ = write_report(output_dir)
    return found | {"report": str(html)}


def tell_other_metric(wanted: str | None, summary: Mapping[str, Any], console: Progress) -> None:
    """Warn where the headline is not of the metric asked for: accuracy and macro-F1 need a task with labels."""
    if wanted not in (None, summary["primary_metric"]):
        console.warn(f"No task has {wanted}, so the headline is {summary['primary_metric']}.")
