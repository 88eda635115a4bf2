"""The main job: one recipe from raw rows to an honest verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from tunesmith.curation.data_folder import write_prepared
from tunesmith.curation.prepared import Prepared
from tunesmith.curation.work import remove_work
from tunesmith.evaluation.verdict import verdict_sentence
from tunesmith.files import read_json, write_json
from tunesmith.lm import Sampling
from tunesmith.model.generate import LocalModel
from tunesmith.progress import Progress, SilentProgress
from tunesmith.provenance import provenance
from tunesmith.recipe import Recipe
from tunesmith.report import write_report
from tunesmith.run import Run
from tunesmith.workflows.compare import compare_base_and_tuned, refuse_unknown
from tunesmith.workflows.during import during_training
from tunesmith.workflows.opening import model_sha256, open_model
from tunesmith.workflows.prepare import (
    Examples,
    files_of,
    fitting_length,
    ledger_line,
    make_examples,
    read_data,
    recipe_inputs,
    saved_data,
    tell_losses,
)
from tunesmith.workflows.signals import StopRequest, listening
from tunesmith.workflows.tune import try_one_step, tune


def run_recipe(
    recipe: Recipe,
    run_dir: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    console: Progress = SilentProgress(),
    until: Literal["train", "report"] = "report",
    command: str = "",
) -> dict[str, Any]:
    """Do what a recipe says, in a run folder, and return where the results are.

    Sources → cleaning → split → render → train → base and tuned on the same test samples → report; ``until="train"`` ends
    after training. ``resume`` goes on where the run in the folder stopped; ``dry_run`` loads everything, takes one step in
    memory and writes nothing.
    """
    refuse_unknown(recipe.evaluate)
    if dry_run:
        return _dry_run(recipe, console)
    if resume and not Run(run_dir).exists():
        console.notice(f"{run_dir}: no run to go on with, so one begins there.")
    with (
        listening() as stop,
        Run.create(run_dir, recipe, resume=resume, overwrite=overwrite, inputs=recipe_inputs(recipe)) as run,
    ):
        prepared = _train(recipe, run, resume=resume, console=console, stop=stop, command=command)
        if until == "train":
            return {"run_dir": str(run.path), "model": str(run.model_dir), "training": read_json(run.training_file)}
        summary = compare_base_and_tuned(recipe, run, prepared.train, prepared.test, console)
        html, _ = write_report(run.path)
        run.mark_finished()
        verdict = verdict_sentence(summary) if summary is not None else None
        return {"run_dir": str(run.path), "report": str(html), "verdict": verdict, "summary": str(run.summary_file)}


def _train(recipe: Recipe, run: Run, *, resume: bool, console: Progress, stop: StopRequest, command: str) -> Prepared:
    """Data and model of the run: made, or taken from the folder where they are there already."""
    prepared = saved_data(run) if resume else None
    is_new = prepared is None
    if prepared is None:
        prepared = read_data(recipe, console, outside=[run.path], work=run.curation_dir)
    if run.training_file.is_file() and run.model_dir.is_dir() and not _wants_more_steps(recipe, run):
        return prepared
    opened = open_model(
        recipe.model,
        recipe.template.name,
        console=console,
        batch_size=recipe.evaluate.batch_size,
        merge=True,
        to_tune=recipe.adapter,
    )
    examples, left = _examples(recipe, prepared, opened, console)
    if is_new:
        tell_losses(left, left.funnel[-1:], console)
        _write_data(run, recipe, left, examples, command)
    remove_work(run.curation_dir)
    console.say(f"Training on {ledger_line(examples.train_ledger)}")
    during = during_training(opened, left.train, left.validation, recipe, run, console)
    tune(opened, examples, recipe, run, resume=resume, console=console, stop=stop, during=during)
    return left


def _examples(recipe: Recipe, prepared: Prepared, opened: LocalModel, console: Progress) -> tuple[Examples, Prepared]:
    loaded = opened.loaded
    max_length = fitting_length(recipe.train, loaded.context_length, console)
    return make_examples(recipe, prepared, loaded.tokenizer, opened.template, loaded.kind, max_length)


def _wants_more_steps(recipe: Recipe, run: Run) -> bool:
    """Whether a finished training is to be made longer by the recipe it is resumed with."""
    facts = read_json(run.training_file)
    if facts["stopped_early"]:
        return False
    if recipe.train.max_steps is not None:
        return recipe.train.max_steps > facts["num_steps"]
    return recipe.train.num_train_epochs > facts["num_epochs"] + 1e-3  # which is rounded


def _write_data(run: Run, recipe: Recipe, prepared: Prepared, examples: Examples, command: str) -> None:
    """Provenance, data and ledger; the ledger last, as its presence says that the data is complete."""
    run.write_provenance(
        provenance(
            command=command,
            seeds={"data": recipe.data.seed, "train": recipe.train.seed},
            inputs=files_of(prepared),
            model={"name_or_path": recipe.model.name_or_path, "sha256": model_sha256(recipe.model)},
            num_threads=torch.get_num_threads(),
            gpu=torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        )
    )
    write_prepared(prepared, run.data_dir)
    write_json(run.ledger_file, examples.ledgers())


def _dry_run(recipe: Recipe, console: Progress) -> dict[str, Any]:
    prepared = read_data(recipe, console)
    opened = open_model(recipe.model, recipe.template.name, console=console, merge=True, to_tune=recipe.adapter)
    examples, left = _examples(recipe, prepared, opened, console)
    console.say(f"Would train on {ledger_line(examples.train_ledger)}")
    loss = try_one_step(opened, examples, recipe, console)
    console.say(f"One step taken in memory: loss {loss:.3f}")
    answered = _answer_one(opened, left)
    return {
        "ready": True,
        "loss": loss,
        "answered": answered,
        "splits": {split: len(getattr(left, split)) for split in ("train", "validation", "test")},
        "ledger": examples.ledgers(),
    }


def _answer_one(opened: LocalModel, prepared: Prepared) -> Mapping[str, Any] | None:
    """Ask one test record for a few tokens: generation is as much of a run as training."""
    if not prepared.test:
        return None
    [completion] = opened.generate(
        [prepared.test[0].prompt], Sampling(max_new_tokens=4), tools=[prepared.test[0].tools]
    )
    return {"id": prepared.test[0].id, "finish_reason": completion.finish_reason}
