"""The loose way to look at an answer: what it would be without an opening or closing line, and without asterisks."""

from __future__ import annotations

from tunesmith.checks.catalog import BoundCheck


def loose_variants(answer: str) -> tuple[str, ...]:
    """The answer; without its first line, its last, and both (white space around the rest stripped); and each of the
    four without asterisks (IFEval, section 2.2). Blank ones, which follow nothing, and repetitions are left out."""
    lines = answer.split("\n")
    cut = [answer, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    variants = [*cut, *(text.replace("*", "") for text in cut)]
    return tuple(dict.fromkeys(text for text in variants if text.strip()))


def follows_loosely(bound: BoundCheck, prompt: str, answer: str) -> bool:
    """Whether any of the loose variants of an answer follows the check."""
    return any(bound.follows(prompt, variant) for variant in loose_variants(answer))
