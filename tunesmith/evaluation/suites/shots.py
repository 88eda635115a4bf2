"""The curve over worked examples: what examples in the prompt would have given, and what they cost in context tokens."""

from __future__ import annotations

from tunesmith.evaluation.suites.suite import SHOTS, SUITES, Context, Suite, Tasks, choose_evenly


def shot_questions(context: Context) -> Tasks:
    """Some of the user's questions, as many of each task."""
    return choose_evenly(context.own, context.most(), context.seed)


SUITES.register(SHOTS)(
    Suite(
        SHOTS,
        "worked examples in the prompt",
        "How many worked examples in its prompt the base model needs to do as well as the tuned one without any.",
        shot_questions,
        needs_own=True,
        num_shots=lambda section: section.num_shots,
    )
)
