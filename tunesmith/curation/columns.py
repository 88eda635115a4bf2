"""The explicit column map of a source: our name for a column → the file's, or a sentence with ``{column}`` in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tunesmith.curation.turns import plain_text
from tunesmith.errors import RowError, UsageError, did_you_mean

# What says which convention a row follows, and what may stand beside any convention.
CONTENT_NAMES = (
    "messages",
    "conversations",
    "prompt",
    "completion",
    "instruction",
    "input",
    "context",
    "output",
    "response",
    "question",
    "choices",
    "rationale",
    "answer",
    "source",
    "target",
    "text",
    "chosen",
    "rejected",
    "turns",
    "reference",
    "instances",
)
SIDE_NAMES = ("system", "history", "tools", "task", "category")


def check_columns(columns: Mapping[str, str], *, said: str = "columns.") -> None:
    """Make sure that the map uses our names. Raises `UsageError` with the nearest one; ``said``: how a name was given."""
    for name in columns:
        if name not in CONTENT_NAMES + SIDE_NAMES:
            near = (
                did_you_mean(name, CONTENT_NAMES + SIDE_NAMES)
                or f" Use some of: {', '.join(CONTENT_NAMES + SIDE_NAMES)}."
            )
            raise UsageError(f"{said}{name}: no such column name of ours.{near}")


def map_columns(row: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row under our names, and the columns that the map does not mention.

    A map of content (``input``, ``output`` …) decides alone what the row says; a map of side columns (``task``,
    ``system`` …) only adds to what is recognized. Raises `RowError` ``missing_column``.
    """
    mapped = {ours: _value(row, theirs, ours) for ours, theirs in columns.items()}
    used = {name for theirs in columns.values() for name in _names(row, theirs)}
    rest = {name: value for name, value in row.items() if name not in used}
    decides = any(name in CONTENT_NAMES for name in columns)
    beside = {name: value for name, value in rest.items() if name not in mapped and (name in SIDE_NAMES or not decides)}
    return {**beside, **mapped}, {name: value for name, value in rest.items() if name not in beside}


def _names(row: Mapping[str, Any], theirs: str) -> list[str]:
    return [theirs] if theirs in row else re.findall(r"\{([^{}]+)\}", theirs)


def _value(row: Mapping[str, Any], theirs: str, ours: str) -> Any:
    names = _names(row, theirs) or [theirs]
    missing = next((name for name in names if name not in row), None)
    if missing is not None:
        raise RowError("missing_column", f"there is no column `{missing}` for `{ours}`.{did_you_mean(missing, row)}")
    if theirs in row:
        return row[theirs]
    return re.sub(r"\{([^{}]+)\}", lambda match: plain_text(row[match[1]], f"column `{match[1]}`"), theirs)
