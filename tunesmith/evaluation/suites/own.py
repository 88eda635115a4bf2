"""The user's own questions: a run's test split, and the test files."""

from __future__ import annotations

from tunesmith.evaluation.suites.suite import OWN, SUITES, Context, Suite, Tasks


def own_questions(context: Context) -> Tasks:
    """Every question of the user's."""
    return {task: list(samples) for task, samples in context.own.items()}


SUITES.register(OWN)(
    Suite(
        OWN,
        "your own test questions",
        "Whether the model answers what it is meant to answer, on records it has not seen.",
        own_questions,
        needs_own=True,
    )
)
