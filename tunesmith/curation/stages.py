"""Curation stages: plain functions of three shapes, filed by name, with settings read off their signatures.

    check(record, *, …) -> str | None                      a reason to drop
    rewrite(record, *, …) -> Record                        the same record saying something else
    select(records, *, …) -> Iterator[Record | Drop]       looks at all records; yields each one or a drop for it

A recipe lists them: ``curate: [{use: drop_short, min_prompt_words: 3}, {use: drop_duplicates}]``. ``seed`` is given by
parameter name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tunesmith.errors import DataError, RecipeError, UsageError, did_you_mean
from tunesmith.records import Drop, Record
from tunesmith.registry import Registry

Shape = Literal["check", "rewrite", "select"]
INJECTED = ("seed",)


@dataclass(frozen=True)
class Stage:
    """A function and the shape it has."""

    name: str
    shape: Shape
    function: Callable[..., Any]


@dataclass(frozen=True)
class BoundStage:
    """A stage with its settings, ready to run."""

    stage: Stage
    settings: Mapping[str, Any]


STAGES: Registry[Stage] = Registry("stage")
BASIC = ("normalize_text", "drop_empty", "drop_bad_order", "drop_duplicates")
LISTS: dict[str, tuple[str, ...]] = {"none": (), "basic": BASIC, "default": BASIC}


def stage(name: str, shape: Shape) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that files a function as a stage. Raises `UsageError` where the name is taken."""

    def file(function: Callable[..., Any]) -> Callable[..., Any]:
        STAGES.register(name)(Stage(name, shape, function))
        return function

    return file


def bind_stages(curate: str | Sequence[str | Mapping[str, Any]], *, path: str = "recipe") -> list[BoundStage]:
    """The stages of ``recipe.curate``, every setting checked.

    Raises `RecipeError` with all problems: unknown list, stage or setting (with the nearest name), wrong type.
    """
    problems: list[str] = []
    if isinstance(curate, str) and curate not in LISTS:
        raise RecipeError(
            path,
            [
                f"curate: no such list `{curate}`.{did_you_mean(curate, LISTS)}"
                " Use none, basic, default or a list of stages."
            ],
        )
    listed = LISTS[curate] if isinstance(curate, str) else curate
    bound = [_bind(item, f"curate[{number}]", problems) for number, item in enumerate(listed)]
    if problems:
        raise RecipeError(path, problems)
    return [item for item in bound if item is not None]


def run_stage(
    bound: BoundStage, records: Sequence[Record], *, seed: int
) -> tuple[list[Record], list[Drop], list[dict[str, Any]]]:
    """Records that are left, drops, and which fields of which records changed (never their values)."""
    wanted = inspect.signature(bound.stage.function).parameters
    given = {**bound.settings, **({"seed": seed} if "seed" in wanted else {})}
    function = functools.partial(bound.stage.function, **given)
    runners = {"check": _run_check, "rewrite": _run_rewrite, "select": _run_select}
    return runners[bound.stage.shape](bound.stage.name, function, records)


def _bind(item: Any, where: str, problems: list[str]) -> BoundStage | None:
    settings = {"use": item} if isinstance(item, str) else dict(item)
    name = settings.pop("use", None)
    if not isinstance(name, str):
        problems.append(f"{where}: a stage needs a name: {{use: drop_empty}}. Known: {', '.join(STAGES.names())}.")
        return None
    try:
        found = STAGES.get(name)
    except UsageError as error:
        problems.append(f"{where}.use: {error}")
        return None
    try:
        return BoundStage(found, _settings_model(found).model_validate(settings).model_dump())
    except ValidationError as error:
        problems += [_setting_problem(where, found, problem) for problem in error.errors()]
        return None


def _settings_model(stage: Stage) -> type[BaseModel]:
    """What may be set: the keyword-only parameters, with their types and defaults."""
    parameters = inspect.signature(stage.function, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        p.name: (p.annotation, Field(... if p.default is p.empty else p.default))
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in INJECTED
    }
    return create_model(stage.name, __config__=ConfigDict(extra="forbid"), **fields)


def _setting_problem(where: str, stage: Stage, problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = list(_settings_model(stage).model_fields)
        near = did_you_mean(name, known) or f" It has: {', '.join(known) or 'no settings'}."
        return f"{where}.{name}: stage `{stage.name}` has no such setting.{near}"
    return f"{where}.{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}."


def _run_check(name: str, function: Callable[..., str | None], records: Sequence[Record]):
    kept, drops = [], []
    for record in records:
        reason = function(record)
        if reason is None:
            kept.append(record)
        else:
            drops.append(Drop(record.id, record.source, name, reason))
    return kept, drops, []


def _run_rewrite(name: str, function: Callable[..., Record], records: Sequence[Record]):
    written = [function(record) for record in records]
    changes = [
        {"id": old.id, "source": old.source, "stage": name, "fields": fields}
        for old, new in zip(records, written)
        if new is not old and (fields := changed_fields(old, new))
    ]
    return written, [], changes


def _run_select(name: str, function: Callable[..., Iterator[Record | Drop]], records: Sequence[Record]):
    parts = list(function(records))
    kept = [part for part in parts if isinstance(part, Record)]
    if len(parts) != len(records):
        raise DataError(
            f"stage {name} was given {len(records)} records and answered for {len(parts)}:"
            " it must yield each one or a drop for it."
        )
    return kept, [part for part in parts if isinstance(part, Drop)], []


def changed_fields(old: Record, new: Record) -> list[str]:
    """Names of what differs, such as ``messages[1].content``."""
    if len(old.messages) != len(new.messages):
        return ["messages"]
    fields = [
        f"messages[{k}].{name}"
        for k, (before, after) in enumerate(zip(old.messages, new.messages))
        if before != after
        for name in ("role", "content", "reasoning", "tool_calls", "name")
        if getattr(before, name) != getattr(after, name)
    ]
    return fields + [
        name for name in ("task", "references", "tools", "meta") if getattr(old, name) != getattr(new, name)
    ]
