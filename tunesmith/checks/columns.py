"""The two columns in which IFEval's and IFBench's files name what is checked: ``instruction_id_list`` and ``kwargs``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.checks.catalog import bind_check
from tunesmith.errors import UsageError

IDS, ARGUMENTS = "instruction_id_list", "kwargs"


def checks_of_row(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``[{"id", "kwargs"}]`` of a row, without the arguments that are null; each one can be bound.

    Raises:
        UsageError: the columns are not two lists of one length, or name what does not exist.
    """
    ids, kwargs = row.get(IDS), row.get(ARGUMENTS)
    kwargs = [{} for _ in ids] if isinstance(ids, list) and kwargs is None else kwargs
    if not isinstance(ids, list) or not isinstance(kwargs, list) or not ids:
        raise UsageError(f"`{IDS}` and `{ARGUMENTS}` must be lists, with at least one id.")
    if len(ids) != len(kwargs):
        raise UsageError(
            f"`{IDS}` has {len(ids)}, `{ARGUMENTS}` {len(kwargs)}. Give one object for each id, {{}} where it needs none."
        )
    return [_check(id, arguments) for id, arguments in zip(ids, kwargs)]


def _check(id: Any, kwargs: Any) -> dict[str, Any]:
    if not isinstance(id, str) or not isinstance(kwargs, Mapping | None):
        raise UsageError(f"an id must be text and its kwargs an object, got {id!r} and {kwargs!r}.")
    given = {name: value for name, value in (kwargs or {}).items() if value is not None}
    bind_check(id, given)
    return {"id": id, "kwargs": given}
