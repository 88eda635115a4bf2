"""Suites: named sources of questions. `tunesmith evaluate --suite NAME` asks them; `SUITES.register` adds one."""

from tunesmith.evaluation.suites import consistency, general, instructions, own, shots  # noqa: F401  (they register)
from tunesmith.evaluation.suites.suite import SETS, SUITES, Context, Suite, Tasks, askable, choose_suites

__all__ = ["SETS", "SUITES", "Context", "Suite", "Tasks", "askable", "choose_suites"]
