"""Instructions that can be checked word by word ("in exactly three sentences"): prompts no model has seen before."""

from __future__ import annotations

from tunesmith.evaluation.fresh_instructions import fresh_instruction_samples
from tunesmith.evaluation.suites.suite import INSTRUCTIONS, SUITES, Context, Suite, Tasks

ROOM = 256
"""Tokens an answer may have: a letter in four paragraphs needs more than a label does."""


def fresh_instructions(context: Context) -> Tasks:
    """Requests with one to three constraints each, made anew from the seed."""
    return fresh_instruction_samples(context.most(), seed=context.seed)


SUITES.register(INSTRUCTIONS)(
    Suite(
        INSTRUCTIONS,
        "instructions that a program can check",
        "Whether the model does what it is told in the form it is told: lengths, keywords, formats, letter case.",
        fresh_instructions,
        max_new_tokens=ROOM,
    )
)
