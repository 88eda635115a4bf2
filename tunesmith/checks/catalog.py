"""Every check by its id: a pure function of an answer, with arguments read off its signature, and a sentence for people.

    @check("length_constraints:number_words", "Use {relation} {num_words} words.")
    def number_words(answer: str, *, num_words: int = 100, relation: Relation = "at least") -> bool: …

``prompt`` is given to a function that has a parameter of that name. The ids, arguments and verdicts are those of IFEval
(Zhou et al. 2023, arXiv:2311.07911) and IFBench (Pyatkin et al. 2025, arXiv:2507.02833). Where their checkers draw an
argument that is missing at random, on every run anew, ours takes the default of the signature, always the same one.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tunesmith.errors import UsageError, did_you_mean
from tunesmith.records import canonical_json
from tunesmith.registry import Registry


@dataclass(frozen=True)
class Check:
    """A function of an answer, and the sentence that asks for what it checks, with ``{argument}`` in it."""

    id: str
    template: str
    function: Callable[..., bool]


@dataclass(frozen=True)
class BoundCheck:
    """A check with its arguments, ready to be asked.

    Attributes:
        arguments: all of them, with the defaults of those that were missing.
        assumed: names of those that were missing.
    """

    check: Check
    arguments: Mapping[str, Any]
    assumed: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.check.id

    def follows(self, prompt: str, answer: str) -> bool:
        """Whether an answer does what the check asks for; a blank one never does."""
        if not answer.strip():
            return False
        given = {"prompt": prompt} if "prompt" in _parameters(self.check.function) else {}
        return bool(self.check.function(answer, **given, **self.arguments))

    def describe(self) -> str:
        """What is asked, as a sentence."""
        return self.check.template.format_map({name: _shown(value) for name, value in self.arguments.items()})


CHECKS: Registry[Check] = Registry("check")


def check(id: str, template: str) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    """A decorator that files a function as a check. Raises `UsageError` where the id is taken."""

    def file(function: Callable[..., bool]) -> Callable[..., bool]:
        CHECKS.register(id)(Check(id, template, function))
        return function

    return file


def bind_check(id: str, kwargs: Mapping[str, Any] | None = None) -> BoundCheck:
    """The check of that id with its arguments, each of them validated; those that are None count as missing.

    Raises:
        UsageError: no such check or argument (with the nearest name), a wrong value, or a missing argument without which
            nothing is asked.
    """
    return _bind(id, canonical_json({name: value for name, value in (kwargs or {}).items() if value is not None}))


@functools.lru_cache(maxsize=4096)
def _bind(id: str, kwargs: str) -> BoundCheck:
    if id not in CHECKS.names():
        near = (
            did_you_mean(id, CHECKS.names())
            or " The ids are those of IFEval and IFBench, such as punctuation:no_comma."
        )
        raise UsageError(f"no such check `{id}`.{near}")
    found, given = CHECKS.get(id), json.loads(kwargs)
    try:
        arguments = argument_model(found).model_validate(given)
    except ValidationError as error:
        raise UsageError(" ".join(_problem(found, problem) for problem in error.errors())) from None
    values = {name: getattr(arguments, name) for name in type(arguments).model_fields}
    return BoundCheck(found, values, tuple(name for name in values if name not in given))


def follows(id: str, kwargs: Mapping[str, Any] | None, prompt: str, answer: str) -> bool:
    """Whether an answer follows one check (strictly; see `tunesmith.checks.loose` for the other way)."""
    return bind_check(id, kwargs).follows(prompt, answer)


@functools.cache
def argument_model(check: Check) -> type[BaseModel]:
    """What may be said: the keyword-only parameters with their types and defaults."""
    parameters = inspect.signature(check.function, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        p.name: (p.annotation, Field(... if p.default is p.empty else p.default))
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name != "prompt"
    }
    return create_model(check.id, __config__=ConfigDict(extra="forbid"), **fields)


@functools.cache
def _parameters(function: Callable[..., bool]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _shown(value: Any) -> str:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return ", ".join(map(str, value)) if is_list else str(value)


def _problem(check: Check, problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    known = list(argument_model(check).model_fields)
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(name, known) or f" It has: {', '.join(known) or 'none'}."
        return f"check `{check.id}` has no argument `{name}`.{near}"
    if problem["type"] == "missing":
        return f"check `{check.id}` needs `{name}`."
    return f"check `{check.id}`: `{name}`: {problem['msg'][0].lower()}{problem['msg'][1:]}, got {problem['input']!r}."
