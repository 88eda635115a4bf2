"""Answers that should be JSON: whether they are, whether they fit a JSON Schema, whether they say what a reference says.

A whole answer counts as JSON, or the one fenced block (```` ```json ````) it consists of; JSON with words around it does
not: what reads the answer would fail on them. NaN and Infinity are no JSON (RFC 8259).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2
import referencing
from jsonschema import SchemaError, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, extend, validator_for

from tunesmith.errors import DataError
from tunesmith.evaluation.lines import Line, Scored, expected

FENCE = re.compile(r"\s*```[ \t]*(?:json|JSON)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
NONE = object()
MAX_SHOWN = 200
OF_DATA = ("const", "enum", "default", "examples")  # keywords whose values are answers, not schemas
BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")


def parse_answer(text: str) -> Any:
    """The JSON value of an answer, or `NONE` where it is not JSON."""
    fenced = FENCE.fullmatch(text)
    try:
        return json.loads(fenced[1] if fenced else text, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError):
        return NONE


def _refuse(word: str) -> None:
    raise ValueError(word)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)  # Python refuses to make longer ones exact


def json_match(prediction: str, references: Sequence[str]) -> float:
    """1.0 where the answer is the same JSON value as a reference: order of keys and white space do not count.

    Values nested too deeply to be walked are never the same.
    """
    value = parse_answer(prediction)
    try:
        return float(value is not NONE and any(_equal(value, parse_answer(text)) for text in references))
    except RecursionError:
        return 0.0


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other  # Python calls True and 1 equal
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == other


def references_are_json(references: Sequence[str]) -> bool:
    """Whether every reference is a JSON object or array: a number or a word is JSON too, but nobody asked for it."""
    return bool(references) and all(
        text.lstrip()[:1] in ("{", "[") and parse_answer(text) is not NONE for text in references
    )


def check_schema(schema: Any, where: str) -> None:
    """Refuse what is no JSON Schema, refers to another document, or has a pattern that cannot be matched in linear time.

    Raises:
        DataError: with ``where`` in front.
    """
    if not isinstance(schema, dict | bool):
        raise DataError(f"{where} must be a JSON Schema, an object, got {type(schema).__name__}. Correct the row.")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        path = "/".join(map(str, error.absolute_path)) or "the top"
        raise DataError(f"{where} is no JSON Schema: {_short(error.message)} (at {path}). Correct the row.") from None
    except RecursionError:
        raise DataError(f"{where} is nested too deeply to be a JSON Schema. Correct the row.") from None
    for part in _schemas_in(schema):
        _check_part(part, where)


def _schemas_in(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and those inside of it; what only looks like one, in ``const``, ``enum`` and their like, is data."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword, value in schema.items():
        if keyword in OF_DATA:
            continue
        is_named = keyword in BY_NAME and isinstance(value, dict)
        for part in value.values() if is_named else value if isinstance(value, list) else [value]:
            yield from _schemas_in(part)


def _check_part(part: Mapping[str, Any], where: str) -> None:
    reference = part.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        raise DataError(f"{where} refers to `{_short(reference)}`; nothing is fetched. Put its definition in $defs.")
    patterns = [part["pattern"]] if isinstance(part.get("pattern"), str) else []
    if isinstance(part.get("patternProperties"), dict):
        patterns += part["patternProperties"]
    for pattern in patterns:
        try:
            _compiled(pattern)
        except re2.error:
            raise DataError(
                f"{where} has a pattern that could take forever on some answer: `{_short(pattern)}`. Write it without "
                "look-around and back-references."
            ) from None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def schema_problem(value: Any, schema: Any) -> str | None:
    """Why a JSON value does not fit a schema, in one line with the place; None where it does."""
    try:
        error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value))
    except (RecursionError, referencing.exceptions.Unresolvable) as error:
        return f"the schema cannot be followed: {type(error).__name__}"
    if error is None:
        return None
    return f"{_short(error.message)} (at {'/'.join(map(str, error.absolute_path)) or 'the top'})"


def json_columns(line: Line) -> tuple[str, ...]:
    """What can be said of an answer as JSON: nothing, unless a schema, JSON, or a reference in JSON asks for it."""
    has_schema = expected(line, "json_schema") is not None
    # The reference of named entities is written as JSON, but they may be given in other forms.
    has_references = expected(line, "entities") is None and references_are_json(line["references"])
    if not (has_schema or has_references or expected(line, "json")):
        return ()
    return ("json_valid", *(["schema_match"] * has_schema), *(["json_match"] * has_references))


def score_json(lines: Sequence[Line]) -> list[Scored]:
    """Whether each answer is JSON, fits its schema, and equals a reference that is JSON."""
    return [_score(line, json_columns(line)) for line in lines]


def _score(line: Line, columns: Sequence[str]) -> Scored:
    value = parse_answer(line["prediction"])
    scores, details = {"json_valid": float(value is not NONE)}, {}
    if "schema_match" in columns:
        problem = "the answer is not JSON" if value is NONE else schema_problem(value, expected(line, "json_schema"))
        scores["schema_match"] = float(problem is None)
        details = {"json_schema": problem} if problem is not None else {}
    if "json_match" in columns:
        scores["json_match"] = json_match(line["prediction"], line["references"])
    return Scored(scores, details)


def _short(text: str) -> str:
    return " ".join(text.split())[:MAX_SHOWN]


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Validator:
    schema = json.loads(schema_text)
    kind = extend(
        validator_for(schema, default=Draft202012Validator),
        {"pattern": _pattern, "patternProperties": _pattern_properties},
    )
    # An empty registry: nothing is fetched from anywhere.
    return kind(schema, registry=referencing.Registry())


def _pattern(validator: Validator, pattern: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if validator.is_type(value, "string") and not _compiled(pattern).search(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Validator, patterns: Mapping[str, Any], value: Any, schema: Mapping) -> Any:
    if not validator.is_type(value, "object"):
        return
    for pattern, part in patterns.items():
        for name in value:
            if _compiled(pattern).search(name):
                yield from validator.descend(value[name], part, path=name, schema_path=pattern)
