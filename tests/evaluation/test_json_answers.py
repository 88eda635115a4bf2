"""JSON answers: strict about what JSON is, lenient about its fence, safe from schemas that would hang or fetch."""

from __future__ import annotations

import json
import time

import jsonschema
import pytest

from tunesmith.errors import DataError
from tunesmith.evaluation.json_answers import (
    NONE,
    check_schema,
    json_match,
    parse_answer,
    references_are_json,
    schema_problem,
)
from tunesmith.evaluation.scorers import with_scores

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("```\n[1, 2]\n```\n", [1, 2]),
        (" 3 ", 3),
        ("null", None),
        ("1" * 5000, float("inf")),
        ('Here it is: {"a": 1}', NONE),
        ("{'a': 1}", NONE),
        ('{"a": NaN}', NONE),
        ('{"a": 1,}', NONE),
        ("", NONE),
        ("[" * 100_000, NONE),
    ],
)
def test_what_is_json(answer, expected):
    value = parse_answer(answer)
    assert value is expected if expected is NONE else value == expected


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ('{"b": 2, "a": 1}', '{"a": 1, "b": 2}', 1.0),
        ("[1, 2]", "[2, 1]", 0.0),
        ('{"a": 1.0}', '{"a": 1}', 1.0),
        ('{"a": true}', '{"a": 1}', 0.0),
        ("no", '{"a": 1}', 0.0),
    ],
)
def test_json_values_are_compared_and_not_their_text(prediction, reference, expected):
    assert json_match(prediction, [reference]) == expected


def test_references_are_json_only_where_they_are_objects_or_arrays():
    assert references_are_json(['{"a": 1}', "[2]"])
    assert not references_are_json(["3"]) and not references_are_json(["[unknown]"]) and not references_are_json([])


@pytest.mark.parametrize(
    "value",
    [{"name": "Ada"}, {"name": "ada"}, {}, {"name": "Ada", "age": -1}, {"name": "Ada", "extra": 1}, [], "Ada", None],
)
def test_a_schema_accepts_what_jsonschema_accepts(value):
    expected = jsonschema.Draft202012Validator(PERSON).is_valid(value)
    assert (schema_problem(value, PERSON) is None) is expected


def test_the_problem_is_one_line_with_its_place():
    assert schema_problem({"name": "Ada", "age": "old"}, PERSON) == "'old' is not of type 'integer' (at age)"
    assert "\n" not in schema_problem({"name": "x\ny" * 500}, PERSON)


def test_property_patterns_are_matched():
    schema = {"patternProperties": {"^n_": {"type": "integer"}}}
    assert schema_problem({"n_a": 1, "b": "x"}, schema) is None
    assert schema_problem({"n_a": "x"}, schema) == "'x' is not of type 'integer' (at n_a)"


def test_a_pattern_that_would_take_forever_takes_no_time():
    started = time.process_time()
    assert schema_problem("a" * 50 + "!", {"pattern": "^(a+)+$"}) is not None
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "x:1: `json_schema` must be a JSON Schema, an object, got list"),
        ({"type": "objekt"}, "x:1: `json_schema` is no JSON Schema: 'objekt' is not valid"),
        ({"properties": {"a": {"$ref": "https://example.org/a.json"}}}, "nothing is fetched. Put its definition"),
        ({"pattern": "(?=a)b"}, "a pattern that could take forever on some answer: .*Write it without look-around"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_in_one_line(schema, message):
    with pytest.raises(DataError, match=message) as error:
        check_schema(schema, "x:1: `json_schema`")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"const": {"$ref": "https://example.org/a.json", "pattern": "(?=a)b"}},
        {"enum": [{"$ref": "a.json"}, "b"]},
        {"properties": {"a": {"default": {"$ref": "a.json"}, "examples": [{"pattern": "(?=a)b"}]}}},
        {"properties": {"$ref": {"type": "string"}, "patternProperties": {"type": "object", "title": "(?=a)b"}}},
    ],
)
def test_what_looks_like_a_schema_in_an_answer_to_give_is_data(schema):
    assert check_schema(schema, "x:1") is None  # it raises nothing


@pytest.mark.parametrize("keyword", ["items", "not", "allOf", "$defs", "properties"])
def test_references_are_found_in_schemas_inside_of_others(keyword):
    part = {"$ref": "a.json"}
    inner = {"allOf": [part], "$defs": {"x": part}, "properties": {"x": part}}.get(keyword, part)
    with pytest.raises(DataError, match="refers to `a.json`"):
        check_schema({"anyOf": [{keyword: inner}]}, "x:1")


def test_a_schema_that_refers_to_itself_without_end_fails_the_sample():
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    check_schema(schema, "x:1")
    assert schema_problem({}, schema).startswith("the schema cannot be followed")
    assert schema_problem({}, {"$ref": "#/nowhere"}).startswith("the schema cannot be followed")


def test_columns_follow_from_what_is_asked():
    def scores(prediction, references=(), **expected):
        [line] = with_scores([{"prediction": prediction, "references": list(references), "expected": expected}])
        return {name: value for name, value in line["scores"].items() if "json" in name or "schema" in name}

    answer = json.dumps({"name": "Ada"})
    assert scores(answer, json_schema=PERSON) == {"json_valid": 1.0, "schema_match": 1.0}
    assert scores("Ada", json_schema=PERSON) == {"json_valid": 0.0, "schema_match": 0.0}
    assert scores("{}", json=True) == {"json_valid": 1.0}
    assert scores(answer, [answer]) == {"json_valid": 1.0, "json_match": 1.0}
    assert scores(answer, ["Ada"]) == {}


def test_objects_nested_too_deeply_to_be_compared_are_not_the_same_and_stop_nothing():
    deep = '{"a":' * 450 + "1" + "}" * 450
    assert parse_answer(deep) is not NONE and json_match(deep, [deep]) == 0.0
