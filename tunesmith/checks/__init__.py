"""Verifiable constraints on a text ("at least 300 words", "no comma", "valid JSON"): pure functions, by id.

They score IFEval's and IFBench's prompts, drop training records whose answer does not do what it was asked, and are what
fresh prompts are made of.
"""

from tunesmith.checks import (  # noqa: F401  (they file their checks)
    formats,
    ifbench_count,
    ifbench_custom,
    ifbench_format,
    ifbench_ratio,
    ifbench_repeat,
    ifbench_sentence,
    ifbench_words,
    keywords,
    lengths,
    wording,
)
from tunesmith.checks.catalog import CHECKS, BoundCheck, Check, bind_check, check, follows
from tunesmith.checks.columns import checks_of_row
from tunesmith.checks.loose import follows_loosely, loose_variants

__all__ = [
    "CHECKS",
    "BoundCheck",
    "Check",
    "bind_check",
    "check",
    "checks_of_row",
    "follows",
    "follows_loosely",
    "loose_variants",
]
