"""Tunesmith: records → recipe → run folder → report.

The public names; everything else may change. They are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Message": "tunesmith.records",
    "Record": "tunesmith.records",
    "Recipe": "tunesmith.recipe",
    "load_recipe": "tunesmith.recipe_files",
    "Run": "tunesmith.run",
    "Sampling": "tunesmith.lm",
    "LanguageModel": "tunesmith.lm",
    "TunesmithError": "tunesmith.errors",
    "prepare": "tunesmith.curation.pipeline",
    "inspect_file": "tunesmith.curation.inspect",
    "run_recipe": "tunesmith.workflows.run",
    "preview": "tunesmith.workflows.preview",
    "evaluate_model": "tunesmith.workflows.evaluate",
    "open_chat": "tunesmith.workflows.chat",
    "builtin_model": "tunesmith.builtin",
    "write_report": "tunesmith.report",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tunesmith' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
