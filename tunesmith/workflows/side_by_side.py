"""Several systems on the same samples, held against the first: `tunesmith compare`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunesmith.errors import DataError, UsageError
from tunesmith.evaluation.answers import common_samples, read_answers, systems_in
from tunesmith.evaluation.metrics import check_metric_names
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.runner import score_predictions, task_file_names
from tunesmith.evaluation.seeds import summarize_seeds
from tunesmith.evaluation.summary import summarize
from tunesmith.evaluation.systems import BASE, BASELINES, TUNED, is_untrained, system_name
from tunesmith.evaluation.verdict import verdict_sentence
from tunesmith.files import missing_path, read_json, refuse_overwriting, write_json, write_jsonl
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe_files import recipe_differences
from tunesmith.report import write_report
from tunesmith.run import Run
from tunesmith.workflows.given import Wish, is_run

PREDICTIONS, ANSWERS = "predictions", "answers"
Ask = Callable[[Mapping[str, str], Wish, Path, Progress], dict[str, Any]]
"""`tunesmith.workflows.evaluate.ask_models`, which takes torch; holding given answers side by side does not."""


@dataclass(frozen=True)
class Target:
    """One of the things compared: its name in tables, and the folder where its answers lie, None where it is to be asked."""

    given: str
    name: str
    folder: Path | None


def compare_systems(
    targets: Sequence[str],
    *,
    predictions: bool = False,
    output_dir: Path | None = None,
    ask: Ask | None = None,
    console: Progress = SilentProgress(),
    **wishes: Any,
) -> dict[str, Any]:
    """Hold each system against the first, on the samples that all of them answered.

    A target is a run (its tuned model's answers), an output folder of `evaluate`, the folder of one system in it
    (``eval/SYSTEM``), a file of answers (``predictions``), or a model to ask. With ``tasks`` a run is asked their
    questions, as a model is; the first that is asked decides how the others are (``ask``). The ``wishes`` are those of
    `Wish`. Writes ``eval/SYSTEM/TASK.jsonl`` and ``eval/summary.json`` below ``output_dir``, without which nothing is
    kept, and returns the summary with ``verdict`` ({system: in words}), ``left_out`` ({system: how many of its samples
    another did not answer}), ``asked`` ({system: how}, of those of which it is known), ``output`` and with one the page,
    ``report``.

    Raises:
        UsageError: fewer than two targets, or questions or an output are missing.
        DataError: no sample in common.
    """
    wish = Wish(**wishes)
    if len(targets) < 2:
        raise UsageError("Give at least two to compare: tunesmith compare A B. The others are held against the first.")
    check_metric_names([wish.metric] if wish.metric else [], "--metric", judged=True)
    if predictions and not wish.tasks:
        raise UsageError("--predictions A B needs the questions they answer: --tasks FILE.")
    found = _resolve(targets, predictions=predictions, is_asked=bool(wish.tasks))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if predictions:
            answered = _score(found, wish, scratch, console)
        else:
            found = _asked(found, wish, output_dir, ask, console)
            answered = {target.name: read_answers(target.folder) for target in found}
        common, left_out = _common(answered, console)
        eval_dir = (output_dir or scratch) / "eval"
        _write(common, eval_dir, [target.folder or Path(target.given) for target in found])
        summary = summarize(eval_dir, systems=list(common), metric=wish.metric, against=found[0].name)
    asked = {target.name: how for target in found if (how := _manner(target)) is not None}
    sentences = {name: verdict_sentence(summary, (found[0].name, name)) for name in list(common)[1:]}
    told = {**summary, "verdict": sentences, "left_out": left_out, "asked": asked}
    told["output"] = str(output_dir) if output_dir else None
    return told | ({"report": str(write_report(output_dir)[0])} if output_dir else {})


def _manner(target: Target) -> dict[str, Any] | None:
    """How a system was asked, where the summary beside its answers says so."""
    summary = target.folder.parent / "summary.json" if target.folder is not None else None
    known = read_json(summary).get("asked", {}) if summary is not None and summary.is_file() else {}
    return known.get(target.folder.name) if known else None


def _resolve(targets: Sequence[str], *, predictions: bool, is_asked: bool) -> list[Target]:
    if predictions:
        return [Target(given, name, None) for given, name in zip(targets, unique_names(targets))]
    folders = [_answers_of(given, is_asked=is_asked) for given in targets]
    for given, folder in zip(targets, folders):
        if folder is None and not is_asked:
            raise _needs_tasks(given)
    return [Target(given, name, folder) for given, name, folder in zip(targets, unique_names(targets), folders)]


def _needs_tasks(given: str) -> DataError | UsageError:
    if is_run(given):
        return DataError(f"{given}: a run without answers of its tuned model. Give questions to ask it: --tasks FILE.")
    if "/" in given and not given.startswith("openai:") and not Path(given).exists():
        return missing_path(given)
    return UsageError(f"{given}: holds no answers, so it has to be asked. Give the questions: --tasks FILE.")


def _answers_of(given: str, *, is_asked: bool) -> Path | None:
    """The folder of one system's answers, or None where there are none (or new ones are wanted of a run)."""
    path = Path(given)
    if _is_system(path):
        return path
    if not any(path.glob("eval/*/*.jsonl")) or (is_run(given) and is_asked):
        return None
    systems = systems_in(path / "eval")
    real = [name for name in systems if name not in BASELINES]
    tuned = [TUNED] if TUNED in real else [name for name in real if not is_untrained(name)] or real
    if is_run(given) and TUNED not in real:
        return None
    if len(tuned) != 1:
        which = ", ".join(str(path / "eval" / name) for name in tuned or systems)
        raise UsageError(f"{given}: holds the answers of several systems. Name one of them: {which}.")
    return path / "eval" / tuned[0]


def _is_system(path: Path) -> bool:
    """Whether a folder holds the answers of one system."""
    return any(path.glob("*.jsonl")) and ((path / "system.json").is_file() or path.resolve().parent.name == "eval")


def unique_names(targets: Sequence[str]) -> list[str]:
    """What each is called: the last part of its path, behind a folder that tells it apart where others end so too."""
    parts = [_name_parts(given) for given in targets]
    names = [_short_name(words, parts) for words in parts]
    return [
        f"{name}_{names[:place].count(name) + 1}" if name in names[:place] else name for place, name in enumerate(names)
    ]


def _short_name(words: list[str], parts: Sequence[list[str]]) -> str:
    alike = [other for other in parts if other[-1] == words[-1] and other != words]
    if not alike:
        return words[-1]
    depths = range(2, len(words) + 1)
    telling = (words[-k] for k in depths if all(len(other) < k or other[-k] != words[-k] for other in alike))
    if (folder := next(telling, None)) is not None:
        return f"{folder}_{words[-1]}"
    depth = next((k for k in depths if all(other[-k:] != words[-k:] for other in alike)), len(words))
    return "_".join(words[-depth:])


def _name_parts(given: str) -> list[str]:
    if given.startswith("openai:"):
        return [system_name(given)]
    path = Path(given)
    words = list(path.resolve().parts)
    words = [*words[:-2], words[-1]] if _is_system(path) and words[-2] == "eval" else words
    words = [*words[:-1], Path(words[-1]).name.split(".jsonl")[0].removesuffix(".json").removesuffix(".csv")]
    return [re.sub(r"[^\w.-]+", "_", word) or "root" for word in words if word != "/"] or ["root"]


# -- answers -----------------------------------------------------------------------------------------------------------


def _score(
    found: Sequence[Target], wish: Wish, scratch: Path, console: Progress
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The answers of each file, scored on the questions."""
    samples = file_samples(wish.tasks, console, columns=wish.columns)
    for target in found:
        score_predictions(target.given, samples, scratch / PREDICTIONS, system=target.name, run_code=wish.run_code)
    return {target.name: read_answers(scratch / PREDICTIONS / target.name, samples) for target in found}


def _asked(
    found: Sequence[Target], wish: Wish, output_dir: Path | None, ask: Ask | None, console: Progress
) -> list[Target]:
    """The targets, those without answers asked the questions below ``output_dir``, where their folders lie then."""
    models = {target.name: _model_of(target.given) for target in found if target.folder is None}
    if not models:
        return list(found)
    if output_dir is None:
        given = next(target.given for target in found if target.folder is None)
        raise UsageError(f"{given}: has to be asked, and its answers need a folder: --output DIR.")
    assert ask is not None, "whoever compares models says how they are asked"
    ask(models, wish, output_dir / "asked", console)
    folder = output_dir / "asked" / "eval"
    return [replace(target, folder=target.folder or folder / target.name) for target in found]


def _model_of(given: str) -> str:
    return str(Run.open(given).model_dir) if is_run(given) else given


def _common(answered: Mapping[str, Any], console: Progress) -> tuple[dict[str, Any], dict[str, int]]:
    """The lines on common samples; what is left out is told."""
    common, left_out = common_samples(answered)
    names = list(answered)
    if not common[names[0]]:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        raise DataError(f"{listed}: no sample in common. Ask them the same questions: --tasks FILE.")
    num_common = sum(map(len, common[names[0]].values()))
    for name, count in left_out.items():
        if count:
            console.warn(
                f"{name}: {count:,} of its {count + num_common:,} samples are left out, for another did not answer them."
            )
    return common, left_out


def _write(common: Mapping[str, Any], eval_dir: Path, sources: Sequence[Path]) -> None:
    """The lines of each system, each sample under the id that the first calls it by; what was there before goes."""
    first = next(iter(common.values()))
    files = task_file_names(first)
    for name, tasks in common.items():
        folder = eval_dir / name
        inputs = [path for source in sources for path in ([source] if source.is_file() else source.glob("*.jsonl"))]
        refuse_overwriting(inputs, [*folder.glob("*.jsonl"), *(folder / file for file in files.values())])
        for stale in folder.glob("*.jsonl"):
            stale.unlink()
        write_json(folder / "system.json", {"system": name, "identity": ANSWERS, "sampling": None})
        for task, rows in tasks.items():
            named = [{**row, "id": like["id"]} for row, like in zip(rows, first[task], strict=True)]
            write_jsonl(folder / files[task], named)


# -- over seeds --------------------------------------------------------------------------------------------------------

FREE_BETWEEN_SEEDS = ("output_dir", "evaluate.", "data.num_workers", "train.num_threads")


def compare_seeds(
    targets: Sequence[str], *, metric: str | None = None, console: Progress = SilentProgress()
) -> dict[str, Any]:
    """Runs of one recipe with several seeds: mean, spread and a verdict over them (`tunesmith.evaluation.seeds`).

    Raises:
        UsageError: fewer than two, or their recipes differ in more than the seed.
    """
    if len(targets) < 2:
        raise UsageError("Give at least two runs of one recipe: tunesmith compare RUN1 RUN2 RUN3 --seeds.")
    check_metric_names([metric] if metric else [], "--metric", judged=True)
    _refuse_other_recipes(targets)
    names = unique_names(targets)
    tuned, base = {}, {}
    for given, name in zip(targets, names):
        folder = Path(given) / "eval"
        if not any((folder / TUNED).glob("*.jsonl")):
            raise DataError(f"{given}: no answers of a tuned model. Run `tunesmith evaluate {given}` first.")
        tuned[name] = read_answers(folder / TUNED)
        if any((folder / BASE).glob("*.jsonl")):
            base[f"base of {name}"] = read_answers(folder / BASE)
    base = base if len(base) == len(tuned) else {}
    common, left_out = _common({**tuned, **base}, console)
    summary = summarize_seeds(
        {name: common[name] for name in names},
        {name: common[f"base of {name}"] for name in names} if base else {},
        metric=metric,
    )
    return {**summary, "left_out": left_out}


def _refuse_other_recipes(targets: Sequence[str]) -> None:
    runs = [Run.open(given) for given in targets if is_run(given)]
    for run in runs[1:]:
        differences = recipe_differences(runs[0].recipe, run.recipe)
        other = [line for line in differences if not _is_free(line.partition(":")[0])]
        if other:
            told = "; ".join(other[:3]) + (f" (and {len(other) - 3} more)" if len(other) > 3 else "")
            raise UsageError(
                f"{runs[0].path} and {run.path} differ in more than the seed: {told}. Compare them without --seeds."
            )


def _is_free(field: str) -> bool:
    return field.endswith(".seed") or field.startswith(FREE_BETWEEN_SEEDS)
