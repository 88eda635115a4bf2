"""Base and tuned on the same questions, with the baselines that show whether a figure means anything."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.evaluation.answers import read_answers
from tunesmith.evaluation.measurements import ALL
from tunesmith.evaluation.metrics import check_metric_names
from tunesmith.evaluation.novelty import novelty_of, summarize_by_novelty
from tunesmith.evaluation.questions import file_samples
from tunesmith.evaluation.runner import Sample, samples_from_records
from tunesmith.evaluation.shot_curve import summarize_curve
from tunesmith.evaluation.suites import SUITES, Context, Suite, choose_suites
from tunesmith.evaluation.suites.general import general_paragraphs
from tunesmith.evaluation.suites.suite import GENERAL
from tunesmith.evaluation.summary import summarize
from tunesmith.evaluation.systems import BASE, TUNED, main_pair
from tunesmith.files import write_json, write_jsonl
from tunesmith.progress import Progress, SilentProgress
from tunesmith.recipe import EvaluateSection, ModelSection, Recipe
from tunesmith.records import Record
from tunesmith.run import Run
from tunesmith.workflows.asking import Asker, Questions, Rephraser, System, base_with_shots, gather, refuse_no_model
from tunesmith.workflows.given import tell_other_metric
from tunesmith.workflows.opening import fair_template, model_sha256, open_to_ask


def compare_base_and_tuned(
    recipe: Recipe, run: Run, train: Sequence[Record], test: Sequence[Record], console: Progress
) -> dict[str, Any] | None:
    """Ask base, tuned and baselines the questions of the recipe's suites, and write ``eval/``; None where there are none.

    Answers that are there already are kept, so an interrupted comparison goes on where it stopped. The base is asked with
    its own chat template where it has one, else with the recipe's; both stop at the same strings and see as many worked
    examples as the tuned model was trained with. ``evaluate.base_num_shots`` adds the base with more of them.
    """
    section = recipe.evaluate
    own = load_samples(section, test, seed=recipe.data.seed, console=console)
    questions = questions_of(section, own, train, recipe.data.seed, console, run.eval_dir)
    if not questions.tasks:
        console.notice("Nothing to compare on: data.test_fraction is 0 and evaluate.tasks is empty.")
        return None
    asker = Asker(section, questions, train, run.eval_dir, recipe.data.seed, console)
    stop = ask_base(recipe, asker)
    ask_tuned(recipe, run, asker, stop)
    asker.ask_baselines()
    summary = summarize_asked(asker, section.metric, console)
    tell_other_metric(section.metric, summary, console)
    return summary


def refuse_unknown(section: EvaluateSection) -> None:
    """Raise for a file nobody can read, a suite, a metric or a model there is not: told before any work."""
    choose_suites(section.suites)
    check_metric_names([section.metric] if section.metric is not None else [], "evaluate.metric", judged=True)
    for task, names in section.metrics.items():
        check_metric_names(names, f"evaluate.metrics.{task}")
    if section.general is not None:
        general_paragraphs(Path(section.general))
    if section.rephrase_with is not None:
        refuse_no_model(section.rephrase_with)
    load_samples(section, (), seed=0)


def questions_of(
    section: EvaluateSection,
    own: Mapping[str, Sequence[Sample]],
    shots: Sequence[Record],
    seed: int,
    console: Progress,
    eval_dir: Path,
) -> Questions:
    """The questions of the suites that a section names; what a model was asked to rephrase is kept in ``eval_dir``.

    ``shots`` are the records that worked examples may be drawn from.
    """
    suites, num_questions = choose_suites(section.suites)
    target = section.rephrase_with
    rephraser = Rephraser(target, section, eval_dir / "rephrasings.jsonl", console) if target is not None else None
    return gather(suites, Context(own, shots, section, seed, num_questions, rephraser, console.notice), console)


def summarize_asked(asker: Asker, metric: str | None, console: Progress) -> dict[str, Any]:
    """Score what was answered, and write ``eval/summary.json`` with the curves under their names."""
    questions = asker.questions
    asked = {system: tasks for system, tasks in asker.answered.items() if tasks}
    summary = summarize(
        asker.eval_dir,
        systems=list(asked),
        tasks_of=asked,
        seed=asker.seed,
        metric=metric,
        metrics={**questions.metrics, **asker.section.metrics},
    )
    for suite, _ in questions.curves:
        summary[suite.name] = summarize_curve(
            asker.eval_dir / suite.name,
            systems=asker.curved,
            num_shots=suite.num_shots(asker.section),
            metric=summary["primary_metric"],
            seed=asker.seed,
        )
    summary |= _by_novelty(asker, asked, summary["primary_metric"])
    summary["suites"] = {suite.name: _described(suite, questions.notes) for suite in questions.suites}
    summary["asked"] = {system: manner.to_dict() for system, manner in asker.asked.items()}
    summary["forgetting"] = forgetting_sentence(summary)
    summary["undefined"] = _undefined(summary, asked)
    write_json(asker.eval_dir / "summary.json", summary)
    _tell_unknown_tasks(asker.section.metrics, summary, console)
    return summary


def _described(suite: Suite, notes: Sequence[str]) -> dict[str, Any]:
    """What the summary says of a suite; ``notes``: what it left out, and why."""
    own = [note.removeprefix(f"{suite.name}: ") for note in notes if note.startswith(f"{suite.name}: ")]
    return {"title": suite.title, "meaning": suite.meaning} | ({"notes": own} if own else {})


def forgetting_sentence(summary: Mapping[str, Any]) -> str | None:
    """What tuning did to general text, in words; None where it was not asked of two systems."""
    pair = main_pair(list(dict.fromkeys((row["a"], row["b"]) for row in summary["comparisons"])))
    found = summary["groups"].get(GENERAL, {"metrics": {}, "comparisons": []})
    rows = {(row["a"], row["b"]): row for row in found["comparisons"] if row["metric"] == "bits_per_byte"}
    if pair not in rows or rows[pair]["delta"] is None:
        return None
    (a, b), row = pair, rows[pair]
    values = found["metrics"]["bits_per_byte"]
    sure = "" if row["low"] is None else f", 95 % interval {row['low']:+.3f} to {row['high']:+.3f}"
    figures = f"{values[b]['value']:.3f} bits per byte against {values[a]['value']:.3f}, {row['delta']:+.3f}{sure}"
    verb = {"worse": "predicts general text worse than", "better": "predicts general text better than"}.get(
        row["verdict"]
    )
    if verb is None:
        return f"On general text no difference between {b} and {a} could be shown ({figures})."
    lost = ": some of what the base could do may be forgotten" if (a, row["verdict"]) == (BASE, "worse") else ""
    return f"{b} {verb} {a} ({figures}){lost}."


def _undefined(summary: Mapping[str, Any], asked: Mapping[str, Sequence[str]]) -> list[str]:
    """Why a figure is n/a or is not compared, a sentence each."""
    found = summary["groups"].get(GENERAL, {"metrics": {}, "comparisons": []})
    values = found["metrics"].get("bits_per_byte", {})
    lacking = [system for system, tasks in asked.items() if GENERAL in tasks and system not in values]
    compared = {(row["a"], row["b"], row["metric"]) for row in found["comparisons"]}
    unlike = sorted(
        (a, b) for a, b, metric in compared if metric == "bits_per_byte" and (a, b, "perplexity") not in compared
    )
    return [
        *(f"{system}: n/a on general text, as an API and an encoder-decoder give no likelihood." for system in lacking),
        *(
            f"{a} and {b} count tokens of different tokenizers, so their perplexities are not compared; bits per byte are."
            for a, b in unlike
        ),
    ]


def _by_novelty(asker: Asker, asked: Mapping[str, Sequence[str]], metric: str) -> dict[str, Any]:
    """The user's own questions by what is new about them to a model trained on the run's records."""
    novelties = novelty_of(asker.questions.own, asker.train)
    if not novelties:
        return {}
    write_jsonl(asker.eval_dir / "novelty.jsonl", (novelty.to_dict() for novelty in novelties))
    own = asker.questions.own
    answered = {
        system: read_answers(asker.eval_dir / system, list(own))
        for system, tasks in asked.items()
        if own.keys() <= {*tasks}
    }
    return {"generalization": summarize_by_novelty(answered, novelties, metric=metric, seed=asker.seed)}


def _tell_unknown_tasks(metrics: Mapping[str, Sequence[str]], summary: Mapping[str, Any], console: Progress) -> None:
    """Warn where metrics were chosen for a task that nobody was asked."""
    known = [ALL, *summary["tasks"], *summary["groups"]]
    for name in metrics:
        if name not in known and name not in SUITES.names():
            near = did_you_mean(name, known) or f" There are: {', '.join(known[1:])}."
            console.warn(f"evaluate.metrics.{name}: no such task or test file, so it chooses nothing.{near}")


def load_samples(
    section: EvaluateSection, test: Sequence[Record], *, seed: int, console: Progress = SilentProgress()
) -> dict[str, list[Sample]]:
    """The run's own test split and the files of ``evaluate.tasks``, by task; a file's tasks carry its name."""
    own = samples_from_records(test, max_samples=section.max_samples, seed=seed)
    of_files = file_samples(section.tasks, console, max_samples=section.max_samples, seed=seed)
    twice = sorted(own.keys() & of_files.keys())
    if twice:
        where = of_files[twice[0]][0].source.rpartition(":")[0]
        raise UsageError(f"{where}: the run's own test split has a task called {twice[0]} too. Rename the file.")
    return {**own, **of_files}


def ask_base(recipe: Recipe, asker: Asker) -> tuple[str, ...]:
    """Ask the base; returns the strings at which every system of the comparison stops."""
    base = open_base(recipe, asker.console)
    asker.ask_all(base)
    for system in base_with_shots(base, recipe.evaluate):
        asker.ask_own(system)
    stop = base.stop
    del base
    gc.collect()
    return stop


def open_base(recipe: Recipe, console: Progress) -> System:
    """The base of a recipe as a fair rival: with its own template where it has one."""
    as_it_is = recipe.model.model_copy(update={"add_tokens": ()})
    opened = open_to_ask(as_it_is, recipe.template.name, recipe.evaluate, console)
    model = replace(opened, template=fair_template(opened.loaded, opened.template))
    return System(BASE, model, model_sha256(recipe.model), opened.template.stop_strings, recipe.template.num_shots)


def ask_tuned(recipe: Recipe, run: Run, asker: Asker, stop: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Ask the tuned model as it lies on disk: what is judged is what is shipped. Returns its stop strings."""
    section = ModelSection(name_or_path=str(run.model_dir), trust_remote_code=recipe.model.trust_remote_code)
    tuned = open_to_ask(section, "own", recipe.evaluate, asker.console)
    stop = tuned.template.stop_strings if stop is None else stop
    asker.ask_all(System(TUNED, tuned, model_sha256(section), stop, recipe.template.num_shots))
    return stop
