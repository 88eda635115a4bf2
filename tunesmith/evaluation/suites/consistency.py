"""The same request in many wordings, and the very same one several times: does the answer stay the same?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunesmith.evaluation.rephrasings import by_model, by_phrasings, by_rules, original_of, repeated
from tunesmith.evaluation.runner import Sample
from tunesmith.evaluation.sensitivity import CLUSTER_METRICS
from tunesmith.evaluation.suites.suite import CONSISTENCY, SUITES, Context, Suite, Tasks, choose_evenly

REPEATS_TASK = f"{CONSISTENCY}/repeated"
NUM_REPEATS = 4
REPEAT_TEMPERATURE = 0.7


def rephrased_questions(context: Context) -> Tasks:
    """Some of the user's questions, each with its other wordings; and some of them asked again and again.

    A question that comes with variants of its own (columns ``variants`` or ``variant_of``) keeps those. The others are
    put in the phrasings of the recipe (``evaluate.phrasings``), rephrased by rules, and by a model where there is one.
    """
    questions = [sample for samples in context.own.values() for sample in samples]
    given = [sample for sample in questions if sample.variant_of]
    lone = choose_evenly(
        {task: [sample for sample in samples if not sample.variant_of] for task, samples in context.own.items()},
        context.num_questions // 2,
        context.seed,
    )
    originals = [sample for samples in lone.values() for sample in samples]
    asked = given + [sample for cluster in _clusters(originals, context) if len(cluster) > 1 for sample in cluster]
    again = [sample for original in originals[::2] for sample in repeated(original, NUM_REPEATS)]
    tasks = {CONSISTENCY: asked, REPEATS_TASK: again}
    return {
        task: [replace(sample, task=task, group=CONSISTENCY) for sample in samples] for task, samples in tasks.items()
    }


def _clusters(originals: Sequence[Sample], context: Context) -> list[list[Sample]]:
    clusters = {sample.id: [original_of(sample)] for sample in originals}
    for sample in originals:
        clusters[sample.id] += by_phrasings(sample, context.section.phrasings)
        clusters[sample.id] += by_rules(sample, seed=context.seed)
    if context.rephraser is not None:
        found = by_model(context.rephraser, originals)
        for sample in found.samples:
            clusters[sample.variant_of].append(replace(sample, id=f"{sample.id}-model", variant=sample.variant))
        context.tell(_told(len(found.samples), found.dropped))
    return list(clusters.values())


def _told(num_kept: int, dropped: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.most_common())
    left_out = f", {dropped.total()} left out ({reasons})" if dropped else ""
    return f"{CONSISTENCY}: {num_kept} wordings of the model kept{left_out}."


SUITES.register(CONSISTENCY)(
    Suite(
        CONSISTENCY,
        "the same request in other words",
        "Whether the answer stays the same, and right, when the same request is worded otherwise or simply repeated.",
        rephrased_questions,
        needs_own=True,
        metrics=CLUSTER_METRICS,
    )
)
