"""What a record asks of an answer beside its references, read from the columns it brought along.

json_schema                     an answer that is JSON and fits the schema
tests + entry_point (HumanEval: test; MBPP: test_list)     a program that passes them
tokens, tags                    the named entities of a text
instruction_id_list, kwargs     verifiable instructions (IFEval, IFBench)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import DataError
from tunesmith.evaluation.entities import entities_of, is_tagged
from tunesmith.evaluation.instructions import is_instruction_row, read_checks
from tunesmith.evaluation.json_answers import check_schema
from tunesmith.records import Record

SCHEMA_COLUMNS = ("json_schema", "schema")
TEST_COLUMNS = ("tests", "test", "test_list")
SETUP_COLUMNS = ("test_setup_code", "test_imports")


def expectations_of(record: Record) -> dict[str, Any]:
    """The `Sample.expected` of a record; empty where only its references count.

    Raises:
        DataError: a schema that is none, with the row it stands in.
    """
    where = record.source or record.id
    found = {"json_schema": _schema(record.meta, where), "tests": _tests(record)}
    found["checks"] = read_checks(record.meta, where) if is_instruction_row(record.meta) else None
    found |= _entities(record.meta)
    return {kind: value for kind, value in found.items() if value is not None}


def reference_answers(record: Record) -> tuple[str, ...]:
    """What counts as right: the record's answer and its further references; a solution kept in another column."""
    given = (record.answer,) if record.answer is not None else ()
    solution = record.meta.get("canonical_solution")
    if not given and isinstance(solution, str):
        given = (solution,)
    return tuple(dict.fromkeys((*given, *record.references)))


def _schema(row: Mapping[str, Any], where: str) -> Any:
    column = next((name for name in SCHEMA_COLUMNS if row.get(name) is not None), None)
    if column is None:
        return None
    schema = row[column]
    if isinstance(schema, str):
        if column == "schema" and not schema.lstrip().startswith("{"):
            return None  # a database's, say: a column called schema need not be JSON Schema
        try:
            schema = json.loads(schema)
        except ValueError:
            raise DataError(f"{where}: `{column}` is no JSON. Write a JSON Schema there, or leave it out.") from None
    check_schema(schema, f"{where}: `{column}`")
    return schema


def _tests(record: Record) -> dict[str, str] | None:
    """``{"code", "entry_point", "prompt"}``: the tests as a program, the function they are about, what it goes on from."""
    row = record.meta
    column = next((name for name in TEST_COLUMNS if name in row), None)
    if column is None or not _is_code(row[column], column, row):
        return None
    setup = [text for name in SETUP_COLUMNS for text in _texts(row.get(name))]
    code = "\n".join([*setup, *_texts(row[column])])
    prompt = record.prompt[-1].content if record.prompt else ""
    entry_point = row.get("entry_point")
    return {"code": code, "entry_point": entry_point if isinstance(entry_point, str) else "", "prompt": prompt}


def _is_code(value: Any, column: str, row: Mapping[str, Any]) -> bool:
    """Whether a column of that name holds a program: `test` alone is too common a word to believe."""
    texts = _texts(value)
    if not any(text.strip() for text in texts):
        return False
    return column != "test" or isinstance(row.get("entry_point"), str) or any("assert" in text for text in texts)


def _texts(value: Any) -> Sequence[str]:
    texts = value if isinstance(value, list | tuple) else [value]
    return [text for text in texts if isinstance(text, str)]


def _entities(row: Mapping[str, Any]) -> dict[str, Any]:
    if not is_tagged(row):
        return {}
    tokens, tags = list(row["tokens"]), list(row["tags"])
    asked = [entity.to_dict() for entity in entities_of(tokens, tags)]
    task = {name: row[name] for name in ("types", "scheme") if name in row}
    return {"entities": asked, "tokens": tokens, "tags": tags, **task}
