"""Curation stages: plain functions of three shapes, filed by name, with settings read off their signatures.

    check(record, *, …) -> str | None                      a reason to drop
    rewrite(record, *, …) -> Record | (Record, spans)      the same record saying something else
    select(records, *, …) -> Iterator[Record | Drop]       looks at all records; yields each one or a drop for it

A recipe lists them: ``curate: [default, {use: drop_short, min_prompt_words: 3}]``, where ``default`` stands for all stages of
the list of that name. Checks and rewrites see
one record at a time and may run in other processes; a selection gets a sequence it can read again and again. ``seed``,
``key`` and ``held_out`` (see `Injected`) are given by parameter name. The spans of a rewrite say where it changed the
text before: ``{field, start, end, type}``.
"""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tunesmith.errors import DataError, TunesmithError, UsageError, did_you_mean
from tunesmith.recipe_files import recipe_error
from tunesmith.records import Drop, Record
from tunesmith.registry import Registry
from tunesmith.validation import Problem, Where

Shape = Literal["check", "rewrite", "select"]
INJECTED = ("seed", "key", "held_out")


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
# What is right for most data. Masking personal data changes what is said, so it is one line to add and not in here.
DEFAULT = (
    *("fix_text", "strip_markup", "strip_no_input", "normalize_text"),
    *("drop_empty", "drop_bad_order", "drop_placeholders", "drop_boilerplate", "drop_refusals", "drop_echoes"),
    *("drop_truncated", "drop_unclosed_code", "drop_repetitive", "drop_duplicates", "drop_near_duplicates"),
)
LISTS: dict[str, tuple[str, ...]] = {"none": (), "basic": BASIC, "default": DEFAULT}


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
    if isinstance(curate, str) and curate not in LISTS:
        near = did_you_mean(curate, LISTS)
        told = f"no such list `{curate}`.{near} Use none, basic, default or a list of stages."
        raise recipe_error(path, [(("curate",), told)])
    problems: list[Problem] = []
    listed = [curate] if isinstance(curate, str) else curate
    bound = [
        _bind(item, ("curate", number), problems)
        for number, named in enumerate(listed)
        for item in (LISTS.get(named, (named,)) if isinstance(named, str) else (named,))
    ]
    if problems:
        raise recipe_error(path, problems)
    return [item for item in bound if item is not None]


@dataclass(frozen=True)
class Injected:
    """What stages are given by parameter name besides their settings.

    Attributes:
        seed: decides every choice.
        key: the secret that surrogates are made with.
        held_out: paths of the files that are only tested on, whose records go before their duplicates elsewhere.
    """

    seed: int
    key: bytes | None = field(default=None, repr=False)
    held_out: tuple[str, ...] = ()


def wants(bound: BoundStage, name: str) -> bool:
    """Whether the stage asks for something of `Injected`."""
    return name in _parameters(bound.stage.function)


@functools.cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def needs_key(bound: BoundStage) -> bool:
    """Whether what the stage makes depends on the key: where a stage has a mode, placeholders do not."""
    return wants(bound, "key") and bound.settings.get("mode") != "placeholder"


def is_importable(bound: BoundStage) -> bool:
    """Whether another process can find the stage's function: not one made inside a function, or typed at a prompt."""
    function = bound.stage.function
    module = sys.modules.get(function.__module__)
    found = functools.reduce(lambda thing, name: getattr(thing, name, None), function.__qualname__.split("."), module)
    return found is function and (function.__module__ != "__main__" or hasattr(module, "__file__"))


def given_function(bound: BoundStage, injected: Injected) -> Callable[..., Any]:
    """The stage's function, every setting in place."""
    by_name = {name: getattr(injected, name) for name in INJECTED if wants(bound, name)}
    return functools.partial(bound.stage.function, **bound.settings, **by_name)


def run_stage(
    bound: BoundStage, records: Sequence[Record], injected: Injected
) -> tuple[list[Record], list[Drop], list[dict[str, Any]]]:
    """Records that are left, drops, and which fields of which records changed (never their values).

    Raises `DataError` where the stage itself fails, with the record it failed at.
    """
    function = given_function(bound, injected)
    if bound.stage.shape == "select":
        parts = list(select(bound.stage.name, function, records))
        return [p for p in parts if isinstance(p, Record)], [p for p in parts if isinstance(p, Drop)], []
    runners = {"check": _run_check, "rewrite": _run_rewrite}
    return runners[bound.stage.shape](bound.stage.name, function, records)


def select(name: str, function: Callable[..., Any], records: Sequence[Record]) -> Iterator[Record | Drop]:
    """What a selection yields. Raises `DataError` where it did not answer for each record."""
    count = 0
    for part in function(records):
        count += 1
        yield part
    if count != len(records):
        raise DataError(
            f"stage {name} was given {len(records)} records and answered for {count}:"
            " it must yield each one or a drop for it."
        )


def _bind(item: Any, where: Where, problems: list[Problem]) -> BoundStage | None:
    settings = {"use": item} if isinstance(item, str) else dict(item)
    name = settings.pop("use", None)
    if not isinstance(name, str):
        known = ", ".join(STAGES.names())
        problems.append((where, f"a stage needs a name: {{use: drop_empty}}. Known: {known}."))
        return None
    try:
        found = STAGES.get(name)
    except UsageError as error:
        near = did_you_mean(name, [*LISTS, *STAGES.names()])
        problems.append(((*where, "use"), f"no such stage `{name}`.{near}" if near else str(error)))
        return None
    try:
        return BoundStage(found, _settings_model(found).model_validate(settings).model_dump())
    except ValidationError as error:
        problems += [((*where, *problem["loc"]), _setting_problem(found, problem)) for problem in error.errors()]
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


def _setting_problem(stage: Stage, problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = list(_settings_model(stage).model_fields)
        near = did_you_mean(name, known) or f" It has: {', '.join(known) or 'no settings'}."
        return f"stage `{stage.name}` has no such setting.{near}"
    if problem["type"] == "missing":
        return f"stage `{stage.name}` needs it: {{use: {stage.name}, {name}: …}}."
    if problem["type"] == "check":  # says it all itself, see `tunesmith.curation.constraints`
        return problem["msg"]
    if problem["type"] == "sequence_str":
        return f"must be a list: [{problem['input']}]."
    return f"{problem['msg'][0].lower()}{problem['msg'][1:]}."


def _run_check(name: str, function: Callable[..., str | None], records: Sequence[Record]):
    kept, drops = [], []
    for record in records:
        reason = _call(name, function, record)
        if reason is None:
            kept.append(record)
        else:
            drops.append(Drop(record.id, record.source, name, reason))
    return kept, drops, []


def _run_rewrite(name: str, function: Callable[..., Any], records: Sequence[Record]):
    written, changes = [], []
    for old in records:
        answer = _call(name, function, old)
        new, spans = answer if isinstance(answer, tuple) else (answer, [])
        written.append(new)
        if new is not old and (fields := changed_fields(old, new)):
            change = {"id": old.id, "source": old.source, "stage": name, "fields": fields}
            changes.append(change | ({"spans": spans} if spans else {}))
    return written, [], changes


def _call(name: str, function: Callable[..., Any], record: Record) -> Any:
    """The stage's answer for one record; its failure named by where it stands, without the record's text."""
    try:
        return function(record)
    except TunesmithError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        raise DataError(
            f"{record.source}: stage {name} failed with {type(error).__name__} at {where}."
            " Leave the stage out, or look at the row."
        ) from error


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
