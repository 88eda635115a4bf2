"""What pydantic finds wrong, in words: where, what is allowed, what was written, and what the field is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tunesmith.errors import did_you_mean

Where = tuple[str | int, ...]
Problem = tuple[Where, str]
Advise = Callable[
    [Where, list[str]], str
]  # (path of an unknown key, names that could stand there) -> what to write instead


class FieldError(ValueError):
    """What a validator of a whole section finds wrong with one field (or an item) of it."""

    def __init__(self, where: Where, text: str):
        self.where, self.text = where, text
        super().__init__(f"{dotted(where)}: {text}")


def problems_in(error: ValidationError, model: type[BaseModel], advise: Advise) -> list[Problem]:
    """Every problem once, in the order of the fields; the branches of a union are told as one problem."""
    problems: dict[Where, str] = {}
    # A list that is too short is told first by the items of it that are wrong, which pydantic does not count.
    inner_first = sorted(error.errors(), key=lambda detail: detail["type"] == "too_short")
    for detail in inner_first:
        where, owner, field, allowed = _locate(model, detail["loc"])
        if detail["type"] == "too_short" and any(known[: len(where)] == where for known in problems):
            continue
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, FieldError):
            where, text = (*where, *cause.where), cause.text
        elif detail["type"] == "extra_forbidden":
            text = "no such field." + advise(where, list(owner.model_fields) if owner is not None else [])
        else:
            text = _words(detail, field, allowed, where)
        problems.setdefault((*where, "method") if detail["type"].startswith("union_tag") else where, text)
    return list(problems.items())


def booleans_for_numbers(values: Any, annotation: Any, where: Where = ()) -> Iterator[Problem]:
    """``max_steps: yes`` is true, and pydantic takes true for 1: say so instead."""
    models = _models(annotation)
    if isinstance(values, Mapping) and models:
        for model in (
            models if len(models) == 1 else [choice for choice in models if _tag(choice) == values.get("method")]
        ):
            for name, field in model.model_fields.items():
                yield from booleans_for_numbers(values.get(name), field.annotation, (*where, name))
    elif isinstance(values, list) and get_origin(annotation) is tuple:
        for index, value in enumerate(values):
            yield from booleans_for_numbers(value, get_args(annotation)[0], (*where, index))
    elif isinstance(values, bool) and {int, float} & set(_branches(annotation)):
        yield where, f"must be {allowed_words(annotation)}, got {_got(values)}."


def dotted(where: Where) -> str:
    """``("data", "sources", 0, "path")`` as ``data.sources[0].path``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _locate(model: type[BaseModel], loc: tuple) -> tuple[Where, type[BaseModel] | None, FieldInfo | None, Any]:
    """The path without pydantic's union branches; the owner of its last key, the field, and what may stand there."""
    where: Where = ()
    annotation, owner, field = model, None, None
    for part in loc:
        models = _models(annotation)
        branch = next((choice for choice in models if len(models) > 1 and _tag(choice) == part), None)
        if branch is not None:
            annotation = branch
            continue
        if not models and _item(annotation, part) is None:
            break
        where = (*where, part)
        if models:
            owner = models[0]
            field = owner.model_fields.get(part)
        annotation = _item(annotation, part) if not models else None if field is None else field.annotation
    return where, owner, field, annotation


def _item(annotation: Any, part: str | int) -> Any:
    """What may stand inside a list or a mapping; None where it is neither."""
    kind = get_origin(annotation)
    if kind is dict:
        return get_args(annotation)[1]
    return get_args(annotation)[0] if kind is tuple and isinstance(part, int) else None


def _words(detail: Mapping[str, Any], field: FieldInfo | None, annotation: Any, where: Where) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "missing" or value is None and field is not None and field.is_required():
        return f"missing. {_purpose(field)}".strip()
    if kind == "value_error":
        return str(context["error"])
    if kind == "union_tag_not_found":
        return f"missing. Say {allowed_words(Literal[tuple(_tags(field))])}.{_owners(value, field)}"
    if kind == "union_tag_invalid":
        tags = _tags(field)
        near = did_you_mean(context["tag"], tags)
        return f"must be {allowed_words(Literal[tuple(tags)])}, got {_got(context['tag'])}.{near}"
    if kind == "too_short":
        return f"must hold at least {context['min_length']}, got {context['actual_length']}. {_purpose(field)}".strip()
    bounds = [(word, context[key]) for key, word in _BOUNDS.items() if key in context]
    if bounds:
        return f"must be {bounds[0][0]} {_number(bounds[0][1])}, got {_got(value)}. {_purpose(field)}".strip()
    near = did_you_mean(value, literals(annotation)) if isinstance(value, str) else ""
    return f"must be {allowed_words(annotation)}, got {_got(value)}.{near or ' ' + _purpose(field)}".strip()


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
    dict: "a mapping",
}


def allowed_words(annotation: Any) -> str:
    """A type as a person says it: ``a whole number``, ``cosine, linear or constant``, ``text or a list of text``."""
    choices: list[str] = []
    for branch in _branches(annotation):
        if get_origin(branch) is Literal:
            choices += [str(choice) for choice in get_args(branch)]
        elif get_origin(branch) is tuple:
            choices.append(f"a list of {_plural(get_args(branch)[0])}")
        elif branch is not type(None):
            choices.append(_NAMES.get(get_origin(branch) or branch, "a mapping"))
    choices = list(dict.fromkeys(choices))
    return " or ".join([", ".join(choices[:-1])] * (len(choices) > 1) + choices[-1:])


def _plural(annotation: Any) -> str:
    names = {str: "texts", int: "whole numbers", float: "numbers"}
    return " or ".join(names.get(branch, "mappings") for branch in _branches(annotation))


def _got(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "…")
    return {list: "a list", tuple: "a list", dict: "a mapping"}.get(
        type(value), f"a {type(value).__name__} (put it in quotes)"
    )


def _number(value: float) -> str:
    return f"{value:g}"


def _purpose(field: FieldInfo | None) -> str:
    """What a field is for and what it is by default: nearly always the fix."""
    if field is None or not field.description:
        return ""
    default = field.default
    plain = default is not PydanticUndefined and isinstance(default, (str, int, float))
    return (
        f"By default {default}: {field.description[0].lower()}{field.description[1:]}" if plain else field.description
    )


def _branches(annotation: Any) -> tuple:
    """The types of a union, or the one type there is."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [branch for branch in _branches(annotation) if isinstance(branch, type) and issubclass(branch, BaseModel)]


def literals(annotation: Any) -> list[str]:
    """The words a field may hold; empty where it is no closed set."""
    return [choice for branch in _branches(annotation) if get_origin(branch) is Literal for choice in get_args(branch)]


def _owners(values: Any, field: FieldInfo | None) -> str:
    """To which branches of a union the first key belongs that was written without saying which branch is meant."""
    for name in values if isinstance(values, Mapping) and field is not None else ():
        owners = [_tag(model) for model in _models(field.annotation) if name in model.model_fields]
        if owners:
            return f" `{name}` belongs to {', '.join(owners)}."
    return ""


def _tag(model: type[BaseModel]) -> str:
    return get_args(model.model_fields["method"].annotation)[0]


def _tags(field: FieldInfo | None) -> list[str]:
    return [_tag(model) for model in _models(field.annotation)] if field is not None else []
