"""Judging a run, a model, or given answers: on the questions of suites, and on files of one's own."""

from __future__ import annotations

import gc
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunesmith.curation.data_folder import read_split
from tunesmith.errors import DataError, ModelError, UsageError
from tunesmith.evaluation.measurements import ALL
from tunesmith.evaluation.questions import file_samples, shot_records
from tunesmith.evaluation.runner import Sample
from tunesmith.evaluation.suites.suite import GENERAL, OWN, SHOTS
from tunesmith.evaluation.systems import BASE, TUNED, system_name
from tunesmith.files import refuse_overwriting
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import EvaluateSection, Recipe
from tunesmith.records import Record
from tunesmith.rendering.fewshot import ShotPool
from tunesmith.run import Run
from tunesmith.workflows.asking import Asker, base_with_shots, open_system, refuse_no_model
from tunesmith.workflows.compare import (
    ask_tuned,
    load_samples,
    open_base,
    questions_of,
    summarize_asked,
)
from tunesmith.workflows.given import (
    Wish,
    checked_wish,
    is_run,
    missing,
    reported,
    score_given,
    tell_other_metric,
    told,
)

LONGEST_ANSWER = 512
"""Tokens of an answer where no recipe says: a model nobody tuned for short ones may be asked for a page of text."""


def evaluate_model(
    target: str | None,
    *,
    output_dir: Path | None = None,
    predictions: Path | None = None,
    console: Progress = SilentProgress(),
    **wishes: Any,
) -> dict[str, Any]:
    """Score a model (folder, run, hub id or ``openai:MODEL@URL``), or given answers, and compare it with another.

    Writes ``eval/SYSTEM/TASK.jsonl`` and ``eval/summary.json`` below ``output_dir`` and returns the summary, with the
    result in words as ``verdict`` and the folder as ``output``. A run is asked its own test questions beside its base; its
    figures go into the run itself where no ``output_dir`` is given, and what it has been asked before stays in them. The
    other ``wishes`` are those of `Wish`.
    """
    if predictions is not None:
        return score_given(predictions, output_dir=output_dir, console=console, **wishes)
    wish = checked_wish(**wishes)
    if wish.rephrase_with is not None:
        refuse_no_model(wish.rephrase_with)
    assert target is not None
    if is_run(target):
        return _evaluate_run(Run.open(target), wish, output_dir, console)
    if not wish.tasks and not wish.suites:
        raise missing("--tasks FILE", target, wish)
    if output_dir is None:
        raise missing("--output DIR", target, wish)
    return _evaluate_other(target, wish, output_dir, console)


# -- a run -------------------------------------------------------------------------------------------------------------


def _evaluate_run(run: Run, wish: Wish, output_dir: Path | None, console: Progress) -> dict[str, Any]:
    """The tuned model beside its base, or beside the model it is to be compared with."""
    if wish.template is not None:
        raise UsageError(
            f"--template: a run is asked as it was trained. To ask its model otherwise: tunesmith evaluate {run.model_dir} …"
        )
    if not run.model_dir.is_dir():
        raise ModelError(f"{run.path}: no model in it yet. Train it first: tunesmith train {run.recipe_file} --resume")
    if output_dir is not None:
        return reported(_ask_run(run, _section_of(run, wish), wish, output_dir, console), output_dir)
    option = wish.changes_how()
    if option is not None:
        raise UsageError(
            f"{option} would change the run's own figures. Give the result a folder of its own: --output DIR."
        )
    with run:
        found = _ask_run(run, _section_of(run, wish), wish, run.path, console)
        if run.is_finished:
            found = reported(found, run.path)
        return found | {"next": _next_command(run, found)}


def _next_command(run: Run, summary: Mapping[str, Any]) -> str:
    """What one does with the figures: hold on to them in CI, or ask more."""
    name = shlex.quote(str(run.path))
    if GENERAL in summary["groups"]:
        return f"tunesmith gate {name} --no-regression {GENERAL}"
    return f"tunesmith evaluate {name} --suite quick"


def _section_of(run: Run, wish: Wish) -> EvaluateSection:
    """How the run is asked: as its recipe says, where the person did not say otherwise."""
    section = run.recipe.evaluate
    changes: dict[str, Any] = {
        "metric": wish.metric or section.metric,
        "metrics": {ALL: tuple(wish.metrics)} if wish.metrics else section.metrics,
        "run_code": wish.run_code or section.run_code,
    }
    if wish.suites:
        kept = section.suites if wish.changes_how() is None else ()
        changes["suites"] = tuple(dict.fromkeys([*kept, *wish.suites]))
    for name in ("max_samples", "max_new_tokens", "rephrase_with"):
        if getattr(wish, name) is not None:
            changes[name] = getattr(wish, name)
    return section.model_copy(update=changes)


def _ask_run(run: Run, section: EvaluateSection, wish: Wish, output_dir: Path, console: Progress) -> dict[str, Any]:
    num_shots = run.recipe.template.num_shots if wish.num_shots is None else wish.num_shots
    template = run.recipe.template.model_copy(update={"num_shots": num_shots})
    recipe = run.recipe.model_copy(update={"evaluate": section, "template": template})
    seed, train = recipe.data.seed, read_split(run.train_file)
    own = _own_questions(run, section, wish, output_dir, seed, console)
    shots = _shots(wish, own, num_shots, console) if wish.shots else None
    questions = questions_of(section, own, train if shots is None else shots, seed, console, output_dir / "eval")
    if not questions.tasks and not questions.curves:
        raise UsageError(f"{run.path}: it kept no test records, so there is nothing to ask. Give --tasks FILE.")
    asker = Asker(section, questions, train, output_dir / "eval", seed, console, shots)
    refuse_overwriting(wish.tasks, asker.eval_dir / "summary.json")
    stop = ask_tuned(recipe, run, asker)
    if wish.against is not None:
        name = _other_name(wish.against, {BASE, TUNED, *asker.answered})
        _ask_next(asker, name, wish.against, wish)
        asker.put_first(name)
    elif not wish.alone:
        _ask_base_if_there(recipe, asker, stop)
    if not wish.alone:
        asker.ask_baselines()
    summary = summarize_asked(asker, section.metric, console)
    # The recipe's metric is of the run's own questions: of others nobody asked for it.
    tell_other_metric(wish.metric if wish.tasks else section.metric, summary, console)
    return told(summary, output_dir)


def _own_questions(
    run: Run, section: EvaluateSection, wish: Wish, output_dir: Path, seed: int, console: Progress
) -> dict[str, list[Sample]]:
    """The run's own test questions, and the files that were named; those files alone for a result apart from the run."""
    named = {Path(task).resolve() for task in section.tasks}
    apart = output_dir != run.path
    new = [task for task in wish.tasks if apart or task.resolve() not in named]
    given = file_samples(new, console, columns=wish.columns, max_samples=section.max_samples, seed=seed)
    if apart and given:
        return given
    own = load_samples(_with_files_here(run, section), read_split(run.test_file), seed=seed, console=console)
    twice = sorted(own.keys() & given.keys())
    if twice:
        raise UsageError(
            f"--tasks: the run has a task called {twice[0]} already. Rename the file, or give --output DIR."
        )
    return {**own, **given}


def _with_files_here(run: Run, section: EvaluateSection) -> EvaluateSection:
    """The section, where every file of questions that the run's recipe names is there."""
    missing = next((task for task in section.tasks if not Path(task).exists()), None)
    if missing is not None:
        raise DataError(
            f"{run.recipe_file}: evaluate.tasks names {missing}, and there is no such file here. Paths are taken from the "
            "folder in which the run was started: go there, or ask other questions: --tasks FILE --output DIR."
        )
    return section


def _ask_base_if_there(recipe: Recipe, asker: Asker, stop: tuple[str, ...]) -> None:
    """Ask the run's base; without it (a run that came from another machine) there is the tuned model alone."""
    try:
        base = open_base(recipe, asker.console)
    except (DataError, ModelError) as error:
        asker.console.warn(f"The base is not asked: {error} Give another with --against MODEL.")
        return
    base = replace(base, stop=stop)
    asker.ask_all(base)
    for system in base_with_shots(base, recipe.evaluate):
        asker.ask_own(system)
    asker.put_first(BASE, TUNED)


# -- any other model ---------------------------------------------------------------------------------------------------


def _evaluate_other(target: str, wish: Wish, output_dir: Path, console: Progress) -> dict[str, Any]:
    """A model that is no run of ours, alone or beside another, which then comes first in the tables."""
    models = {system_name(target): target}
    if wish.against is not None:
        models[_other_name(wish.against, {BASE, TUNED, *models})] = wish.against
    found = ask_models(models, wish, output_dir, console)
    return reported(told(found, output_dir), output_dir)


def _other_name(target: str, taken: Collection[str]) -> str:
    name = system_name(target)
    while name in taken:
        name = f"{name}_2"
    return name


def ask_models(models: Mapping[str, str], wish: Wish, output_dir: Path, console: Progress) -> dict[str, Any]:
    """Ask models (name → what to open), none of them a run, the same questions; gives the summary.

    The first decides how the others are asked (`System.like`), and comes last in the tables.
    """
    refuse_overwriting(wish.tasks, output_dir / "eval" / "summary.json")
    section = EvaluateSection(
        suites=tuple(wish.suites) or (OWN,),
        max_samples=wish.max_samples,
        max_new_tokens=wish.max_new_tokens or LONGEST_ANSWER,
        metric=wish.metric,
        metrics={ALL: tuple(wish.metrics)} if wish.metrics else {},
        run_code=wish.run_code,
        rephrase_with=wish.rephrase_with,
    )
    own = file_samples(wish.tasks, console, columns=wish.columns, max_samples=section.max_samples)
    shots = _shots(wish, own, wish.num_shots or 0, console)
    questions = questions_of(section, own, shots, 0, console, output_dir / "eval")
    if not questions.tasks and not questions.curves:
        raise UsageError("None of these suites has a question to ask. Give --tasks FILE with questions of your own.")
    asker = Asker(section, questions, [], output_dir / "eval", 0, console, shots)
    for name, target in models.items():
        _ask_next(asker, name, target, wish)
    asker.put_first(*list(models)[1:])
    summary = summarize_asked(asker, section.metric, console)
    tell_other_metric(section.metric, summary, console)
    return summary


def _ask_next(asker: Asker, name: str, target: str, wish: Wish) -> None:
    """Ask a model as the first was asked, where there is one."""
    gc.collect()
    system = open_system(target, asker.section, asker.console, wish.template or "auto")
    system = replace(system, name=name, num_shots=wish.num_shots or 0)
    first = next(iter(asker.asked.values()), None)
    if first is not None:
        system = system.like(first, same_template=wish.template is not None)
    asker.ask_all(system)


def _shots(wish: Wish, questions: Mapping[str, Sequence[Sample]], num_shots: int, console: Progress) -> list[Record]:
    """The records of the files that worked examples are to be taken from.

    Raises:
        UsageError: there are none, or fewer than are wanted.
    """
    wanting = "--num-shots" if num_shots else "--suite shots" if SHOTS in wish.suites else None
    if not wish.shots and wanting is not None:
        raise UsageError(
            f"{wanting} takes its worked examples from a run's training records, or from a file of yours, never from the "
            "questions: --shots FILE."
        )
    records = shot_records(wish.shots, wish.tasks, questions, console, columns=wish.columns)
    num_usable = len(ShotPool.of(records).records)
    if wish.shots and num_usable < num_shots:
        raise UsageError(
            f"--num-shots {num_shots}: {wish.shots[0]} has {num_usable} records that make an example. Lower it."
        )
    return records
