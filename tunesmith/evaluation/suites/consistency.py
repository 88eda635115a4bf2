"""The same request in many wordings, and the very same one several times: does the answer stay the same?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunesmith.evaluation.languages import ENGLISH
from tunesmith.evaluation.rephrasings import by_phrasings, by_rules, original_of, repeated, request_language
from tunesmith.evaluation.rewriting import Rewriting, by_model
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
    What none of these can word otherwise is told, and so is what the rules leave out in another language than English.
    """
    questions = [sample for samples in context.own.values() for sample in samples]
    given, lone_given = _given(questions)
    lone = choose_evenly(
        {task: [sample for sample in samples if not sample.variant_of] for task, samples in context.own.items()},
        context.most(share=0.5),
        context.seed,
    )
    originals = [sample for samples in lone.values() for sample in samples]
    clusters = _clusters(originals, context)
    alone = [cluster[0] for cluster in clusters if len(cluster) == 1]
    for text in (_told_of_languages(originals), _told_alone(alone, len(originals)), _told_lone_given(lone_given)):
        if text:
            context.tell(f"{CONSISTENCY}: {text}")
    asked = given + [sample for cluster in clusters if len(cluster) > 1 for sample in cluster]
    again = [sample for original in originals[::2] for sample in repeated(original, NUM_REPEATS)]
    tasks = {CONSISTENCY: asked, REPEATS_TASK: again}
    return {
        task: [replace(sample, task=task, group=CONSISTENCY) for sample in samples] for task, samples in tasks.items()
    }


def _given(questions: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The questions that come with other wordings, these with them; and those that name a question there is no other of."""
    sizes = Counter(sample.variant_of for sample in questions if sample.variant_of)
    clustered = [sample for sample in questions if sizes[sample.variant_of] > 1]
    return clustered, [sample for sample in questions if sizes[sample.variant_of] == 1]


def _told_lone_given(samples: Sequence[Sample]) -> str:
    """How many rows call themselves a wording of a question that no other row is; empty where there is none."""
    if not samples:
        return ""
    first = samples[0]
    return (
        f"{len(samples)} row{'s' if len(samples) > 1 else ''} left out whose `variant_of` names no other row; the first:"
        f" {first.source or first.id} (`{first.variant_of}`)."
    )


def _clusters(originals: Sequence[Sample], context: Context) -> list[list[Sample]]:
    clusters = {sample.id: [original_of(sample)] for sample in originals}
    for sample in originals:
        clusters[sample.id] += by_phrasings(sample, context.section.phrasings)
        clusters[sample.id] += by_rules(sample, seed=context.seed)
    if context.rephraser is not None:
        found = by_model(context.rephraser, originals)
        for sample in found.samples:
            clusters[sample.variant_of].append(replace(sample, id=f"{sample.id}-model", variant=sample.variant))
        context.tell(f"{CONSISTENCY}: {_told_of_model(found)}")
    return list(clusters.values())


def _told_of_model(found: Rewriting) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in found.dropped.most_common())
    left_out = f", {found.dropped.total()} left out ({reasons})" if found.dropped else ""
    unchecked = f"; in {found.num_unchecked} of them no limiting words could be checked: the language is not known"
    return f"{len(found.samples)} wordings of the model kept{left_out}{unchecked if found.num_unchecked else ''}."


def _told_of_languages(originals: Sequence[Sample]) -> str:
    """What the rules leave out in other languages than English; empty where all is English."""
    worded = [sample for sample in originals if not sample.expected]
    others = Counter(language for sample in worded if (language := request_language(sample)) != ENGLISH)
    if not others:
        return ""
    names = ", ".join(f"{language or 'unknown'} {count}" for language, count in others.most_common())
    return (
        f"{others.total()} of {len(worded)} questions are not in English, as far as a program can tell ({names}): rules give"
        " those typos and another order at most, and no formality, complexity, specificity or politeness. Wordings of your own (`variants`, evaluate.phrasings) and of a model (evaluate.rephrase_with, or --rephrase-with MODEL) hold in any"
        " language."
    )


def _told_alone(alone: Sequence[Sample], num_originals: int) -> str:
    """How many questions nothing words otherwise, and why; empty where there is none."""
    if not alone:
        return ""
    checked = sum(bool(sample.expected) for sample in alone)
    reasons = {"their answers are checked for what a rule could change": checked, "no rule fits": len(alone) - checked}
    why = ", ".join(f"{reason}: {count}" for reason, count in reasons.items() if count)
    first = alone[0].source or alone[0].id
    return (
        f"{len(alone)} of {num_originals} questions have no other wording and are left out ({why}); the first: {first}."
    )


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
